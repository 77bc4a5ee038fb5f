//! What is kept of watchers and of our subscriptions at the PBX for after a restart. A shard puts down how one
//! stands while it has its lock, and whoever writes to the disk reads that when it writes: so two workers that
//! serve one shard cannot have one written in the wrong order.

use super::{Dialog, Key};
use crate::flow::Flow;
use crate::hex;
use crate::registrar::{Aor, Device};
use crate::upstream::Place;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What one is called: the tag that we have in its dialog, 16 digits that nobody else has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag([u8; 16]);

/// A watcher, as it outlives the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedWatcher {
    /// What it watches. Never empty; of a list, the list and one of its members, whose kind of body all have.
    pub keys: Vec<Key>,
    /// Its dialog. No NOTIFY has a higher CSeq number than this one, nor a body a higher version.
    pub dialog: Dialog,
    /// Where its SUBSCRIBE came from; a connection is not kept, for it ends with the program.
    pub flow: Flow,
    /// The device that was registered there.
    pub device: Option<Device>,
    /// Whose it is.
    pub by: Option<Aor>,
    /// Its Event header.
    pub event: Box<[u8]>,
    /// Our Record-Route entry.
    pub record: Box<[u8]>,
    /// The resource as it calls it.
    pub resource: Box<[u8]>,
    /// When it ends, since the Unix epoch.
    pub until: Duration,
}

/// A subscription of ours at the PBX, as it outlives the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSource {
    /// Of what.
    pub key: Key,
    /// In whose name.
    pub by: Aor,
    /// Its dialog. No SUBSCRIBE has a higher CSeq number than this one.
    pub dialog: Dialog,
    /// The target of the PBX that has it; `None`: an earlier program did not say.
    pub place: Option<Place>,
}

/// All of them, of all shards.
#[derive(Debug)]
pub struct Saves {
    watchers: Part<SavedWatcher>,
    sources: Part<SavedSource>,
}

/// Those of one kind.
#[derive(Debug)]
struct Part<T>(Mutex<HashMap<Tag, Arc<T>, RandomState>>);

impl Tag {
    /// The tag that is written so; `None`: it is none of ours.
    pub fn of(text: &[u8]) -> Option<Self> {
        let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        text.iter().all(is_digit).then_some(())?;
        Some(Self(text.try_into().ok()?))
    }

    /// The tag that has the digits of this number.
    pub(crate) fn of_number(number: u64) -> Self {
        Self(hex::of_u64(number))
    }

    /// The number that has its digits.
    pub(crate) fn number(&self) -> u64 {
        let mut octets = [0; 8];
        // It has digits only.
        let _ = hex::read(&self.0, &mut octets);
        u64::from_be_bytes(octets)
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl SavedWatcher {
    /// What it is called.
    pub fn tag(&self) -> Option<Tag> {
        Tag::of(&self.dialog.local_tag)
    }
}

impl SavedSource {
    /// What it is called.
    pub fn tag(&self) -> Option<Tag> {
        Tag::of(&self.dialog.local_tag)
    }
}

impl Saves {
    /// How a watcher stands.
    pub fn watcher(&self, tag: Tag) -> Option<Arc<SavedWatcher>> {
        self.watchers.find(tag)
    }

    /// How a subscription of ours stands.
    pub fn source(&self, tag: Tag) -> Option<Arc<SavedSource>> {
        self.sources.find(tag)
    }

    /// Puts down how a watcher stands; gives what it is called.
    pub fn put_watcher(&self, watcher: SavedWatcher) -> Option<Tag> {
        let tag = watcher.tag()?;
        self.watchers.put(tag, watcher);
        Some(tag)
    }

    /// Puts down how a subscription of ours stands; gives what it is called.
    pub fn put_source(&self, source: SavedSource) -> Option<Tag> {
        let tag = source.tag()?;
        self.sources.put(tag, source);
        Some(tag)
    }

    /// A watcher is gone; whether it was there.
    pub fn drop_watcher(&self, tag: Tag) -> bool {
        self.watchers.drop(tag)
    }

    /// A subscription of ours is gone; whether it was there.
    pub fn drop_source(&self, tag: Tag) -> bool {
        self.sources.drop(tag)
    }

    /// All watchers.
    pub fn watchers(&self) -> Vec<Arc<SavedWatcher>> {
        self.watchers.all()
    }

    /// All subscriptions of ours.
    pub fn sources(&self) -> Vec<Arc<SavedSource>> {
        self.sources.all()
    }
}

impl Default for Saves {
    fn default() -> Self {
        Self {
            watchers: Part::new(),
            sources: Part::new(),
        }
    }
}

impl<T> Part<T> {
    fn new() -> Self {
        // The tags are drawn by us: nobody chooses any that collide.
        Self(Mutex::new(HashMap::with_hasher(RandomState::with_seeds(
            1, 2, 3, 4,
        ))))
    }

    fn find(&self, tag: Tag) -> Option<Arc<T>> {
        self.lock().get(&tag).cloned()
    }

    fn put(&self, tag: Tag, saved: T) {
        let saved = Arc::new(saved);
        // What was there is let go when the lock is free again.
        let _before = self.lock().insert(tag, saved);
    }

    fn drop(&self, tag: Tag) -> bool {
        let gone = self.lock().remove(&tag);
        gone.is_some()
    }

    fn all(&self) -> Vec<Arc<T>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Tag, Arc<T>, RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_draw_as_tags_is_one() {
        assert_eq!(
            Tag::of(b"0123456789abcdef").unwrap().as_str(),
            "0123456789abcdef"
        );
        for bad in [
            "",
            "0123456789abcde",
            "0123456789abcdeg",
            "0123456789ABCDEF",
        ] {
            assert_eq!(Tag::of(bad.as_bytes()), None, "{bad}");
        }
        for number in [0, 7 << 48 | 9, u64::MAX] {
            let tag = Tag::of_number(number);
            assert_eq!(
                (tag.number(), Tag::of(tag.as_str().as_bytes())),
                (number, Some(tag))
            );
        }
    }
}
