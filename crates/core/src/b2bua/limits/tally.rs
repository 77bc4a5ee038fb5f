//! How many calls there are of whom, over all shards. A place that a call takes is a value: it is given back when
//! the call is dropped, however that comes about, so no count can be left behind.

use ahash::RandomState;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many calls of one kind there may be at a time; `None`: as many as like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// Calls that one user makes, by the name that he has proved.
    pub per_user: Option<u32>,
    /// Calls that come from one outside address.
    pub per_source: Option<u32>,
    /// Calls of the upstreams of these names, to them and from them.
    pub per_upstream: Vec<(String, u32)>,
}

/// The calls of all shards, counted.
#[derive(Debug, Default)]
pub struct Tally {
    stripes: [Mutex<HashMap<Key, u32>>; STRIPES],
    spread: RandomState,
    early: AtomicUsize,
    confirmed: AtomicUsize,
    refused: [AtomicU64; Limit::ALL.len()],
}

/// What calls are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    User(Box<str>),
    Source(IpAddr),
    Upstream(Box<str>),
}

/// Why a call was one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `most` of [`super::super::B2buaConfig`].
    All,
    /// Of a user.
    User,
    /// Of an address.
    Source,
    /// Of an upstream.
    Upstream,
}

/// One call's place in one count.
#[derive(Debug)]
pub(crate) struct Place {
    tally: Arc<Tally>,
    key: Key,
}

/// One call's place among all, by how far it is.
#[derive(Debug)]
pub(crate) struct Stage {
    tally: Arc<Tally>,
    is_confirmed: bool,
}

impl Tally {
    /// Calls that nobody has answered yet, and calls that were answered and are not over.
    pub fn live(&self) -> (usize, usize) {
        (
            self.early.load(Ordering::Relaxed),
            self.confirmed.load(Ordering::Relaxed),
        )
    }

    /// Live calls to and from each upstream that has any, by its name.
    pub fn of_upstreams(&self) -> Vec<(Box<str>, u32)> {
        let mut all = Vec::new();
        for stripe in &self.stripes {
            let stripe = lock(stripe);
            all.extend(stripe.iter().filter_map(|(key, count)| match key {
                Key::Upstream(name) => Some((name.clone(), *count)),
                Key::User(_) | Key::Source(_) => None,
            }));
        }
        all.sort();
        all
    }

    /// Calls that were one too many since the start, by why.
    pub fn refused(&self) -> [(Limit, u64); Limit::ALL.len()] {
        Limit::ALL.map(|limit| (limit, self.refusals(limit).load(Ordering::Relaxed)))
    }

    /// Whether no call takes a place anywhere.
    pub fn is_empty(&self) -> bool {
        self.live() == (0, 0) && self.stripes.iter().all(|stripe| lock(stripe).is_empty())
    }

    pub(crate) fn count_refusal(&self, limit: Limit) {
        self.refusals(limit).fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a place, if there are fewer than `most` taken.
    pub(crate) fn take(self: &Arc<Self>, key: Key, most: Option<u32>) -> Option<Place> {
        let mut stripe = lock(self.stripe(&key)?);
        let taken = stripe.get(&key).copied().unwrap_or(0);
        if most.is_some_and(|most| taken >= most) {
            return None;
        }
        stripe.insert(key.clone(), taken.saturating_add(1));
        drop(stripe);
        Some(Place {
            tally: Arc::clone(self),
            key,
        })
    }

    /// Counts a call that begins.
    pub(crate) fn begin(self: &Arc<Self>) -> Stage {
        self.early.fetch_add(1, Ordering::Relaxed);
        Stage {
            tally: Arc::clone(self),
            is_confirmed: false,
        }
    }

    fn stripe(&self, key: &Key) -> Option<&Mutex<HashMap<Key, u32>>> {
        let hash = usize::try_from(self.spread.hash_one(key) >> 32).unwrap_or(0);
        self.stripes.get(hash % STRIPES)
    }

    fn refusals(&self, limit: Limit) -> &AtomicU64 {
        let [all, user, source, upstream] = &self.refused;
        match limit {
            Limit::All => all,
            Limit::User => user,
            Limit::Source => source,
            Limit::Upstream => upstream,
        }
    }
}

impl Limit {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::All, Self::User, Self::Source, Self::Upstream];

    /// For tools.
    pub const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::User => "user",
            Self::Source => "source",
            Self::Upstream => "upstream",
        }
    }
}

impl CallLimits {
    pub(crate) fn of_upstream(&self, name: &str) -> Option<u32> {
        let mut named = self.per_upstream.iter();
        let found = named.find(|(upstream, _)| upstream == name);
        found.map(|(_, most)| *most)
    }
}

impl Place {
    pub(crate) fn is_of_upstream(&self, name: &str) -> bool {
        matches!(&self.key, Key::Upstream(upstream) if **upstream == *name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(stripe) = self.tally.stripe(&self.key) else {
            return;
        };
        let mut stripe = lock(stripe);
        match stripe.get_mut(&self.key) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                stripe.remove(&self.key);
            }
        }
    }
}

impl Stage {
    /// The call has been answered.
    pub(crate) fn confirm(&mut self) {
        if !std::mem::replace(&mut self.is_confirmed, true) {
            self.tally.confirmed.fetch_add(1, Ordering::Relaxed);
            self.tally.early.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let count = match self.is_confirmed {
            true => &self.tally.confirmed,
            false => &self.tally.early,
        };
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A panic of somebody who held it leaves a count as it was or as it is to be.
fn lock(stripe: &Mutex<HashMap<Key, u32>>) -> MutexGuard<'_, HashMap<Key, u32>> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

const STRIPES: usize = 16;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn user(name: &str) -> Key {
        Key::User(name.into())
    }

    #[test]
    fn a_place_beyond_the_limit_is_not_to_be_had_until_one_is_given_back() {
        let tally = Arc::new(Tally::default());
        let mut places: Vec<_> = (0..2).map(|_| tally.take(user("a"), Some(2))).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(tally.take(user("a"), Some(2)).is_none());
        assert!(
            tally.take(user("b"), Some(2)).is_some(),
            "others have theirs"
        );
        places.pop();
        assert!(tally.take(user("a"), Some(2)).is_some());
    }

    #[test]
    fn a_call_is_early_or_confirmed_until_it_is_gone() {
        let tally = Arc::new(Tally::default());
        let (mut one, other) = (tally.begin(), tally.begin());
        one.confirm();
        one.confirm();
        assert_eq!(tally.live(), (1, 1));
        drop(one);
        drop(other);
        assert!(tally.is_empty());
    }

    #[test]
    fn many_threads_never_have_more_places_than_there_are_and_leave_none_behind() {
        let tally = Arc::new(Tally::default());
        let most = 5;
        let high = AtomicUsize::new(0);
        let held = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (tally, high, held) = (&tally, &high, &held);
                scope.spawn(move || {
                    let mut chance = thread + 1;
                    let mut places = Vec::new();
                    for _ in 0..20_000 {
                        chance = chance
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1);
                        if chance >> 63 == 0 {
                            if let Some(place) = tally.take(user("a"), Some(most)) {
                                let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                                high.fetch_max(now, Ordering::SeqCst);
                                places.push((place, tally.begin()));
                            }
                        } else if places.pop().is_some() {
                            held.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                    held.fetch_sub(places.len(), Ordering::SeqCst);
                });
            }
        });
        assert!(tally.is_empty(), "{:?}", tally.live());
        assert!(
            high.load(Ordering::SeqCst) >= 2,
            "nobody was there at a time"
        );
    }
}
