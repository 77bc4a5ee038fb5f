//! How fast the PBX is spoken to: one clock for all shards, which take turns on it.

use crate::time::Instant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Turns, one each interval; none is saved up, so that no second has more of them than another.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Microseconds: the next turn that nobody has.
    next: AtomicU64,
}

impl Pace {
    /// Takes the next turn; gives when it is.
    pub(crate) fn reserve(&self, now: Instant, interval: Duration) -> Instant {
        let interval = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
        let taken = |next: u64| Some(next.max(now.as_micros()).saturating_add(interval));
        let before = self
            .next
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, taken)
            .unwrap_or_default();
        Instant::from_micros(before.max(now.as_micros()))
    }

    /// Whether the next turn is now.
    pub(super) fn is_free(&self, now: Instant) -> bool {
        self.next.load(Ordering::Acquire) <= now.as_micros()
    }

    /// A turn has been used, later than it was perhaps: the next one keeps its distance from that.
    pub(super) fn used(&self, now: Instant, interval: Duration) {
        let interval = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
        let next = now.as_micros().saturating_add(interval);
        self.next.fetch_max(next, Ordering::AcqRel);
    }
}

/// The time between two turns of so many a second: a fiftieth more than the rate needs, for what leaves a second apart may
/// arrive a little less than that apart, and the PBX is to hear no more than the rate in any second.
pub(crate) fn interval(rate: u32) -> Duration {
    let second = Duration::from_millis(1_020);
    second.checked_div(rate.max(1)).unwrap_or(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_was_used_late_is_followed_by_none_at_once() {
        let pace = Pace::default();
        let at = |micros| Instant::from_micros(micros);
        let interval = Duration::from_micros(100);
        assert!(pace.is_free(at(50)));
        assert_eq!(pace.reserve(at(50), interval), at(50));
        assert!(!pace.is_free(at(149)) && pace.is_free(at(150)));
        pace.used(at(190), interval);
        assert_eq!(pace.reserve(at(190), interval), at(290));
        pace.used(at(290), interval);
        assert_eq!(pace.reserve(at(300), interval), at(390));
    }

    #[test]
    fn turns_are_an_interval_apart_whoever_takes_them_and_idle_time_saves_none_up() {
        let pace = Pace::default();
        let at = |micros| Instant::from_micros(micros);
        let interval = Duration::from_micros(100);
        let first: Vec<_> = (0..3).map(|_| pace.reserve(at(50), interval)).collect();
        assert_eq!(first, [at(50), at(150), at(250)]);
        let later: Vec<_> = (0..2).map(|_| pace.reserve(at(1_000), interval)).collect();
        assert_eq!(later, [at(1_000), at(1_100)]);
    }
}
