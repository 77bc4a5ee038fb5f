//! A pretend disk in memory: it can fail, and a crash leaves only what was synced.

use crate::{Cannot, File};
use redb::StorageBackend;
use std::{
    io,
    sync::{Arc, Mutex},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    fails: bool,
    syncs: usize,
}

impl Disk {
    pub(super) fn open(&self) -> Result<File, Cannot> {
        let disk = self.clone();
        File::opened(|builder| Ok(builder.create_with_backend(disk)?))
    }

    pub(super) fn fail(&self, fails: bool) {
        self.0.lock().unwrap().fails = fails;
    }

    pub(super) fn syncs(&self) -> usize {
        self.0.lock().unwrap().syncs
    }

    /// What another program finds after the power has gone.
    pub(super) fn after_crash(&self) -> Self {
        let synced = self.0.lock().unwrap().synced.clone();
        Self(Arc::new(Mutex::new(Inner {
            bytes: synced.clone(),
            synced,
            ..Inner::default()
        })))
    }

    fn working<T>(&self, run: impl FnOnce(&mut Inner) -> T) -> Result<T, io::Error> {
        let mut inner = self.0.lock().unwrap();
        match inner.fails {
            true => Err(io::Error::from(io::ErrorKind::StorageFull)),
            false => Ok(run(&mut inner)),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let inner = self.0.lock().unwrap();
        let at = offset as usize;
        out.copy_from_slice(&inner.bytes[at..at + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.working(|inner| inner.bytes.resize(len as usize, 0))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.working(|inner| {
            inner.syncs += 1;
            inner.synced.clone_from(&inner.bytes);
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let at = offset as usize;
        self.working(|inner| inner.bytes[at..at + data.len()].copy_from_slice(data))
    }
}
