//! Whose messages have made a plugin fail. Such a source's next messages are asked about on a thread of their
//! own, and after more failures not at all: one peer that knows what makes a plugin fail takes neither a
//! worker's time nor the plugin from all others.

use crate::config::Quarantine;
use ahash::RandomState;
use bellhop_core::time::Instant;
use hashbrown::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One for each plugin's name, shared by all workers. Bounded: who finds no room is not told apart.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// How many are held: only then is there anything to look up.
    held: AtomicUsize,
    by_key: Mutex<HashMap<Key, Record, RandomState>>,
    keys: RandomState,
}

/// Who sent a message: the user whose digest was right in it, or else the address it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

/// How a source's messages are to be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As all others'.
    Good,
    /// Beside the worker.
    Suspect,
    /// Not at all.
    LeftAlone,
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    since: Instant,
    count: u32,
    last: Instant,
    is_suspect: bool,
    /// Not to be asked about before this.
    closed_until: Instant,
    /// It was left alone and has not done well since.
    on_trial: bool,
}

impl Sources {
    /// Whose a message is.
    pub(crate) fn key(&self, user: Option<&str>, address: IpAddr) -> Key {
        Key(match user {
            Some(user) => self.keys.hash_one(user),
            None => self.keys.hash_one(address.to_canonical()),
        })
    }

    /// Whether no source has failed of late.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.load(Relaxed) == 0
    }

    /// How many are asked about beside the workers, or not at all.
    pub(crate) fn suspects(&self, now: Instant, rule: &Quarantine) -> usize {
        let all = self.lock();
        let is_one = |record: &&Record| record.standing(now, rule) != Standing::Good;
        all.values().filter(is_one).count()
    }

    /// How this source stands.
    pub(crate) fn standing(&self, now: Instant, key: Key, rule: &Quarantine) -> Standing {
        let mut all = self.lock();
        match all.get(&key) {
            Some(record) if record.is_over(now, rule) => {
                all.remove(&key);
                self.held.store(all.len(), Relaxed);
                Standing::Good
            }
            Some(record) => record.standing(now, rule),
            None => Standing::Good,
        }
    }

    /// A message of this source's made the plugin fail; what is new about how it stands.
    pub(crate) fn failed(&self, now: Instant, key: Key, rule: &Quarantine) -> Option<Standing> {
        let mut all = self.lock();
        if !all.contains_key(&key) && all.len() >= MOST {
            all.retain(|_, record| !record.is_over(now, rule));
            if all.len() >= MOST {
                return None;
            }
        }
        let record = all.entry(key).or_default();
        let before = record.standing(now, rule);
        if now.since(record.since) > rule.within {
            record.since = now;
            record.count = 0;
        }
        record.last = now;
        record.count = record.count.saturating_add(1);
        record.is_suspect |= record.count >= INLINE;
        if rule.is_reached(record.count) || record.on_trial {
            record.closed_until = now.after(rule.pause);
            record.on_trial = true;
            record.count = 0;
        }
        let after = record.standing(now, rule);
        self.held.store(all.len(), Relaxed);
        (after != before).then_some(after)
    }

    /// One of its messages was asked about without harm: a trial is over.
    pub(crate) fn did_well(&self, key: Key) {
        if let Some(record) = self.lock().get_mut(&key) {
            record.on_trial = false;
        }
    }

    /// A new version has come: the past is forgotten.
    pub(crate) fn pardon(&self) {
        self.lock().clear();
        self.held.store(0, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Record, RandomState>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn standing(&self, now: Instant, rule: &Quarantine) -> Standing {
        if now < self.closed_until {
            Standing::LeftAlone
        } else if self.is_suspect && !self.is_over(now, rule) {
            Standing::Suspect
        } else {
            Standing::Good
        }
    }

    /// Nothing has been held against it for long enough.
    fn is_over(&self, now: Instant, rule: &Quarantine) -> bool {
        now.since(self.last.max(self.closed_until)) > rule.within
    }
}

/// Failures on a worker before a source's messages are asked about elsewhere.
const INLINE: u32 = 3;
const MOST: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RULE: Quarantine = Quarantine {
        failures: 5,
        within: Duration::from_secs(10),
        pause: Duration::from_secs(30),
    };

    fn at(millis: u64) -> Instant {
        Instant::from_micros(1_000_000).after(Duration::from_millis(millis))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_source_is_asked_about_elsewhere_after_three_failures_and_left_alone_after_more() {
        let sources = Sources::default();
        let (bad, other) = (sources.key(None, address(1)), sources.key(None, address(2)));
        let said: Vec<_> = (0..5).map(|n| sources.failed(at(n), bad, &RULE)).collect();
        let (suspect, alone) = (Some(Standing::Suspect), Some(Standing::LeftAlone));
        assert_eq!(said, [None, None, suspect, None, alone]);
        assert_eq!(sources.standing(at(5), bad, &RULE), Standing::LeftAlone);
        assert_eq!(sources.standing(at(5), other, &RULE), Standing::Good);
        assert_eq!(sources.suspects(at(5), &RULE), 1);
        // Tried again elsewhere, and one failure is enough.
        assert_eq!(sources.standing(at(30_005), bad, &RULE), Standing::Suspect);
        assert_eq!(sources.failed(at(30_006), bad, &RULE), alone);
        sources.did_well(bad);
        assert_eq!(sources.failed(at(60_007), bad, &RULE), None);
    }

    #[test]
    fn a_source_that_does_nothing_wrong_for_long_enough_is_as_all_others() {
        let sources = Sources::default();
        let bad = sources.key(Some("bad"), address(1));
        for n in 0..3 {
            sources.failed(at(n), bad, &RULE);
        }
        assert_eq!(sources.standing(at(10_002), bad, &RULE), Standing::Suspect);
        assert!(!sources.is_empty());
        assert_eq!(sources.standing(at(10_003), bad, &RULE), Standing::Good);
        assert!(sources.is_empty());
    }

    #[test]
    fn a_source_that_goes_on_failing_stays_suspect_where_nothing_is_left_alone() {
        let sources = Sources::default();
        let never = Quarantine {
            failures: 0,
            ..RULE
        };
        let bad = sources.key(None, address(1));
        for n in 0..100 {
            sources.failed(at(n * 1_000), bad, &never);
            let standing = sources.standing(at(n * 1_000), bad, &never);
            assert_eq!(standing == Standing::Suspect, n >= 2, "{n}");
        }
    }

    #[test]
    fn a_user_is_told_from_others_at_the_same_address() {
        let sources = Sources::default();
        let key = |user| sources.key(user, address(1));
        assert_ne!(key(Some("a")), key(Some("b")));
        assert_ne!(key(Some("a")), key(None));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(sources.key(None, mapped), key(None));
    }

    #[test]
    fn there_is_room_for_a_thousand_and_for_more_when_theirs_is_over() {
        let sources = Sources::default();
        let key = |n: u32| sources.key(None, IpAddr::from(n.to_be_bytes()));
        for n in 0..2_000 {
            sources.failed(at(0), key(n), &RULE);
        }
        assert_eq!(sources.lock().len(), MOST);
        sources.failed(at(10_001), key(3_000), &RULE);
        assert_eq!(sources.lock().len(), 1);
    }
}
