//! What the thread that writes has done, for whoever asks.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// What a store is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Why nothing can be written now; `None`: all is well.
    pub trouble: Option<String>,
    /// Groups that are on disk.
    pub commits: u64,
    /// Keys in them.
    pub written: u64,
    /// How long they took together, fsync included.
    pub took: Duration,
    /// How long the longest of them took.
    pub longest: Duration,
    /// Groups that could not be written.
    pub failed: u64,
    /// Tickets that were told so, or found no room.
    pub refused: u64,
    /// Keys that are taken down but not on disk yet.
    pub waiting: usize,
    /// Values of the largest table.
    pub records: u64,
    /// Values of the table beside it that is counted, if there is one.
    pub beside: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Meters {
    trouble: Mutex<Option<String>>,
    commits: AtomicU64,
    written: AtomicU64,
    took: AtomicU64,
    longest: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    pub(crate) waiting: AtomicUsize,
    records: AtomicU64,
    beside: AtomicU64,
}

impl Meters {
    pub(crate) fn committed(&self, keys: usize, took: Duration, (records, beside): (u64, u64)) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Relaxed);
        self.written.fetch_add(count(keys), Relaxed);
        self.took.fetch_add(took, Relaxed);
        self.longest.fetch_max(took, Relaxed);
        self.records.store(records, Relaxed);
        self.beside.store(beside, Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(crate) fn refused(&self, tickets: usize) {
        self.refused.fetch_add(count(tickets), Relaxed);
    }

    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(crate) fn status(&self) -> Status {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        Status {
            trouble: trouble.clone(),
            commits: self.commits.load(Relaxed),
            written: self.written.load(Relaxed),
            took: Duration::from_micros(self.took.load(Relaxed)),
            longest: Duration::from_micros(self.longest.load(Relaxed)),
            failed: self.failed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            records: self.records.load(Relaxed),
            beside: self.beside.load(Relaxed),
        }
    }
}

fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}
