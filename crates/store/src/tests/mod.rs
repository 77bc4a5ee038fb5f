//! The store with files, with a pretend disk, and under its thread.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod bonds;
mod calls;
mod disk;
mod files;
mod groups;
mod held;
mod relayed;
mod shares;

use super::*;
use bellhop_core::{
    flow::{Flow, ListenerId, Transport},
    registrar::{Aor, Bindings, Location, Record},
    time::{Instant, Now},
};
use std::{path::PathBuf, sync::Arc, time::Duration};

const UNIX: Duration = Duration::from_secs(1_800_000_000);

/// It does not move: what these tests are about does not depend on it.
fn now() -> Now {
    Now {
        instant: Instant::from_micros(1_000_000),
        unix: UNIX,
    }
}

fn aor(user: usize) -> Aor {
    Aor::parse_text(&format!("sip:{user}@example.org")).unwrap()
}

fn key(user: usize) -> Key {
    Key::Bindings(aor(user))
}

/// A location service and what keeps it.
fn site() -> (Arc<Location>, Arc<Kept>) {
    site_with(&[("udp", Transport::Udp), ("tcp", Transport::Tcp)])
}

fn site_with(listeners: &[(&str, Transport)]) -> (Arc<Location>, Arc<Kept>) {
    let location = Arc::new(Location::new(1_000_000, [1, 2, 3, 4]));
    let names = listeners.iter().map(|(name, by)| ((*name).to_owned(), *by));
    let kept = Kept::new(Arc::clone(&location), Names::new(names), now);
    (location, Arc::new(kept))
}

/// Binds a user of listener `listener` to one contact.
fn bind(location: &Location, user: usize, listener: u16, contact: &str) {
    let transport = match listener {
        0 => Transport::Udp,
        _ => Transport::Tcp,
    };
    let record = Record {
        contact: contact.as_bytes(),
        params: b"",
        call_id: b"1@phone",
        path: b"",
        instance: None,
        reg_id: None,
        q: 1000,
        cseq: 1,
        expires: UNIX + Duration::from_secs(3600),
        updated: UNIX,
        flow: Flow {
            listener: ListenerId(listener),
            transport,
            remote: ([192, 0, 2, 1], 5060).into(),
            connection: None,
        },
    };
    assert_eq!(location.restore(now(), &aor(user), &[record]), Some(1));
}

fn contacts(location: &Location, user: usize) -> Vec<String> {
    let mut found = Bindings::new();
    location.lookup(now().instant, &aor(user), &mut found);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    found.iter().map(|b| text(b.contact())).collect()
}

/// Writes what the keys of some users stand for now.
fn write(file: &File, kept: &Kept, users: std::ops::Range<usize>) -> Result<u64, Cannot> {
    let mut values = Vec::new();
    for user in users {
        let mut value = Vec::new();
        let is_there = kept.record(&key(user), &mut value);
        values.push((key(user), is_there.then_some(value)));
    }
    let written = file.write(values.iter().map(|(key, value)| (key, value.as_deref())));
    written.map(|(records, _)| records)
}

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("bellhop-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.redb")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
