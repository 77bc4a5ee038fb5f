//! The registrations that are watched and whose home this shard is.

use super::{Key, Registration};
use crate::registrar::Aor;
use crate::time::Instant;
use crate::transaction::Timers;
use ahash::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// Those of one shard: no more than there are watchers.
#[derive(Debug)]
pub(crate) struct Registrations {
    live: HashMap<u64, Registration, RandomState>,
    by_aor: HashMap<Aor, u64, RandomState>,
    /// When one is to be looked at.
    pub(crate) timers: Timers<u64>,
    last: u64,
}

impl Registrations {
    pub(super) fn new(seed: u64) -> Self {
        let hasher = || RandomState::with_seeds(!seed, 3, seed, 4);
        Self {
            live: HashMap::with_hasher(hasher()),
            by_aor: HashMap::with_hasher(hasher()),
            timers: Timers::new(),
            last: 0,
        }
    }

    /// The registration of a key, made if there is none. Gives its number and whether it is new.
    pub(crate) fn begin(&mut self, now: Instant, key: &Arc<Key>) -> (u64, bool) {
        if let Some(number) = self.by_aor.get(&key.resource) {
            return (*number, false);
        }
        self.last = self.last.wrapping_add(1);
        self.by_aor.insert(key.resource.clone(), self.last);
        let registration = Registration::new(now, Arc::clone(key));
        self.live.insert(self.last, registration);
        (self.last, true)
    }

    /// The number of an AoR's registration.
    pub(crate) fn of(&self, aor: &Aor) -> Option<u64> {
        self.by_aor.get(aor).copied()
    }

    /// The registration of this number.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Registration> {
        self.live.get_mut(&number)
    }

    /// Forgets it.
    pub(crate) fn end(&mut self, number: u64) {
        self.timers.cancel(&number);
        if let Some(registration) = self.live.remove(&number) {
            self.by_aor.remove(&registration.key.resource);
        }
    }

    /// Has it looked at then, and not before.
    pub(crate) fn wake(&mut self, number: u64, at: Option<Instant>) {
        match at {
            Some(at) => self.timers.set(number, at),
            None => {
                self.timers.cancel(&number);
            }
        }
    }
}
