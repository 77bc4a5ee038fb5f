//! What keeps a captured request from being used again: the last count of each nonce (RFC 7616 3.4,
//! `nc`), in bounded memory.

use super::fingerprint::Fingerprint;
use super::nonce::Nonce;
use crate::time::Instant;
use lru::LruCache;
use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The last nonce count that was accepted for each nonce in use. Shared by all shards.
///
/// It holds a bounded number of nonces, and of those that are too old only such as were used within the
/// life of a nonce. One that goes could be used again from its first count on, so the time of the newest
/// that went is kept as a watermark: a nonce that is not known and not newer than it is stale. Only right
/// digests get in.
pub struct ReplayGuard {
    stripes: Box<[Mutex<Stripe>]>,
    /// The most that one stripe holds.
    each: usize,
}

struct Stripe {
    seen: LruCache<u128, Seen, ahash::RandomState>,
    watermark: Option<u64>,
}

#[derive(Clone, Copy)]
struct Seen {
    issued: u64,
    count: u32,
    at: Instant,
    fingerprint: Option<Fingerprint>,
}

impl ReplayGuard {
    /// Enough nonces for 100,000 phones, at about 100 bytes each.
    pub const DEFAULT_CAPACITY: usize = 1 << 17;

    /// A guard that remembers about `capacity` nonces (rounded up to a multiple of 16).
    pub fn new(capacity: usize) -> Self {
        // Keys are codes that nobody outside can choose.
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let stripe = || Stripe {
            // A cache with a bound of its own has the room for it from the start, and scatters the few that
            // there are over all of it.
            seen: LruCache::unbounded_with_hasher(hasher.clone()),
            watermark: None,
        };
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::new(stripe())).collect(),
            each: capacity.div_ceil(STRIPES).max(1),
        }
    }

    /// Whether a request with a right digest over this nonce and count may pass: its count is above
    /// the last, or it is the very request that was accepted last, sent again within the time that a
    /// client retransmits (64*T1, RFC 3261 17.1.2.2). Nonces made before `expired`, milliseconds since the
    /// Unix epoch, are good for nothing any more.
    pub(super) fn admit(
        &self,
        now: Instant,
        expired: u64,
        nonce: &Nonce,
        count: u32,
        fingerprint: Option<Fingerprint>,
    ) -> bool {
        let Some(stripe) = self.stripes.get(nonce.id as usize % STRIPES) else {
            return false;
        };
        let mut stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Seen {
            issued: nonce.issued,
            count,
            at: now,
            fingerprint,
        };
        let is_old = stripe.watermark.is_some_and(|mark| nonce.issued <= mark);
        let mut is_first = false;
        let seen = if is_old {
            stripe.seen.get_mut(&nonce.id)
        } else {
            let first = || {
                is_first = true;
                new
            };
            Some(stripe.seen.get_or_insert_mut(nonce.id, first))
        };
        match seen {
            None => return false,
            Some(_) if is_first => stripe.forget(self.each, expired),
            Some(seen) if count > seen.count => *seen = new,
            Some(seen) => {
                let again = fingerprint.is_some() && seen.fingerprint == fingerprint;
                return again && count == seen.count && now.since(seen.at) <= RETRANSMITTING;
            }
        }
        true
    }

    /// How many nonces are remembered.
    pub fn len(&self) -> usize {
        let len = |stripe: &Mutex<Stripe>| {
            let stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            stripe.seen.len()
        };
        self.stripes.iter().map(len).sum()
    }

    /// Whether no nonce is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Stripe {
    /// Lets the longest unused nonces go: one if there are too many, and some of those that are too old,
    /// more than come in, so that all go in time and none has to wait for it.
    fn forget(&mut self, most: usize, expired: u64) {
        for _ in 0..GO_AT_ONCE {
            let is_to_go = |seen: &Seen| self.seen.len() > most || seen.issued < expired;
            if !self.seen.peek_lru().is_some_and(|(_, seen)| is_to_go(seen)) {
                break;
            }
            if let Some((_, gone)) = self.seen.pop_lru() {
                self.watermark = self.watermark.max(Some(gone.issued));
            }
        }
    }
}

impl fmt::Debug for ReplayGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayGuard")
            .field("nonces", &self.len())
            .finish()
    }
}

/// Each has its own lock; a nonce is always in the same one.
const STRIPES: usize = 16;

/// Nonces that may go when one comes.
const GO_AT_ONCE: usize = 4;

const RETRANSMITTING: Duration = Duration::from_secs(32);

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_micros(1_000_000);

    fn nonce(issued: u64) -> Nonce {
        // All in one stripe.
        let id = u128::from(issued) << 64;
        Nonce { issued, id }
    }

    fn admit(guard: &ReplayGuard, issued: u64, count: u32) -> bool {
        guard.admit(START, 0, &nonce(issued), count, None)
    }

    #[test]
    fn a_count_must_be_above_the_last() {
        let guard = ReplayGuard::new(100);
        assert!(admit(&guard, 1, 1));
        assert!(!admit(&guard, 1, 1));
        assert!(admit(&guard, 1, 5), "gaps are allowed");
        assert!(!admit(&guard, 1, 4), "below the last");
        assert!(admit(&guard, 1, u32::MAX));
        assert!(!admit(&guard, 1, 0));
    }

    #[test]
    fn the_counts_of_two_nonces_have_nothing_to_do_with_each_other() {
        let guard = ReplayGuard::new(100);
        assert!(admit(&guard, 1, 7));
        assert!(admit(&guard, 2, 1));
    }

    #[test]
    fn the_same_request_passes_again_for_as_long_as_it_may_be_retransmitted() {
        let guard = ReplayGuard::new(100);
        let again = |after: u64, print: u8| {
            let now = START.after(Duration::from_millis(after));
            guard.admit(now, 0, &nonce(1), 3, Some([print; 16]))
        };
        assert!(again(0, 1));
        assert!(again(500, 1));
        assert!(again(32_000, 1));
        assert!(!again(32_001, 1), "no client retransmits that long");
    }

    #[test]
    fn another_request_with_the_same_count_does_not_pass() {
        let guard = ReplayGuard::new(100);
        assert!(guard.admit(START, 0, &nonce(1), 3, Some([1; 16])));
        assert!(!guard.admit(START, 0, &nonce(1), 3, Some([2; 16])));
        assert!(!guard.admit(START, 0, &nonce(1), 3, None));
        assert!(guard.admit(START, 0, &nonce(1), 4, Some([1; 16])));
        assert!(
            !guard.admit(START, 0, &nonce(1), 3, Some([1; 16])),
            "not the last"
        );
    }

    #[test]
    fn what_is_pushed_out_cannot_be_used_again() {
        let guard = ReplayGuard::new(16 * 4);
        for issued in 1..=100 {
            assert!(admit(&guard, issued, 1));
        }
        assert_eq!(guard.len(), 4, "all of one stripe");
        for issued in 1..=100 {
            assert!(!admit(&guard, issued, 1), "nonce {issued}");
        }
        assert!(admit(&guard, 100, 2), "still remembered");
        assert!(!admit(&guard, 96, 2), "at the watermark");
        assert!(admit(&guard, 101, 1), "above the watermark");
    }

    #[test]
    fn the_watermark_is_the_newest_that_was_pushed_out() {
        let guard = ReplayGuard::new(16);
        for issued in [50, 10, 60] {
            assert!(admit(&guard, issued, 1), "nonce {issued}");
        }
        // 50 and then 10 were pushed out.
        assert!(!admit(&guard, 10, 2));
        assert!(!admit(&guard, 50, 2));
        assert!(admit(&guard, 51, 1));
    }

    #[test]
    fn nonces_that_are_too_old_go_and_cannot_be_used_again() {
        let guard = ReplayGuard::new(16 * 1_000);
        let at = |issued: u64, count| guard.admit(START, issued - 50, &nonce(issued), count, None);
        for issued in 100..1_000 {
            assert!(at(issued, 1));
            assert!(guard.len() <= 51, "{} at {issued}", guard.len());
        }
        // The clock on the wall was set back: they are young again.
        for issued in [100, 500, 948] {
            assert!(!guard.admit(START, 0, &nonce(issued), 2, None));
        }
        assert!(guard.admit(START, 0, &nonce(960), 2, None), "still known");
    }

    #[test]
    fn a_nonce_in_use_stays_for_as_long_as_it_is_good() {
        let guard = ReplayGuard::new(16 * 1_000);
        for (count, issued) in (1..).zip(100..150) {
            assert!(guard.admit(START, issued - 50, &nonce(issued), 1, None));
            assert!(guard.admit(START, issued - 50, &nonce(100), 1 + count, None));
        }
        assert!(!guard.admit(START, 99, &nonce(100), 2, None));
    }
}
