//! When a plugin that fails is given another instance, and when it is left alone.
//!
//! A message that kills whoever reads it can be sent again and again. Each new instance costs time, so they
//! come with growing pauses; after enough failures the plugin is not called at all for a while.

use crate::config::Quarantine;
use bellhop_core::time::Instant;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One for each plugin's name, shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Not to be called before this, microseconds; 0: no quarantine.
    closed_until: AtomicU64,
    quarantines: AtomicU64,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    since: Instant,
    count: u32,
    /// It has been in quarantine and has not done well since.
    on_trial: bool,
}

/// What one more failure came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sentence {
    /// Not before this may it have another instance.
    Pause(Duration),
    /// It is left alone.
    Quarantine {
        /// For so long.
        pause: Duration,
        /// Nobody has been told yet.
        is_new: bool,
    },
}

impl Health {
    /// Whether it may be called.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        let until = self.closed_until.load(Relaxed);
        until == 0 || now.as_micros() >= until
    }

    /// Whether it is left alone, for the gauge.
    pub(crate) fn is_quarantined(&self, now: Instant) -> bool {
        !self.is_open(now)
    }

    /// How often it was left alone.
    pub(crate) fn quarantines(&self) -> u64 {
        self.quarantines.load(Relaxed)
    }

    /// A call went well: a trial is over.
    pub(crate) fn did_well(&self) {
        if self.closed_until.load(Relaxed) == 0 {
            return;
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.on_trial = false;
        failures.count = 0;
        self.closed_until.store(0, Relaxed);
    }

    /// A new version has come: the past is forgotten.
    pub(crate) fn pardon(&self) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = Failures::default();
        self.closed_until.store(0, Relaxed);
    }

    /// A call failed.
    pub(crate) fn failed(&self, now: Instant, rule: &Quarantine) -> Sentence {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(failures.since) > rule.within {
            failures.since = now;
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        if rule.is_reached(failures.count) || failures.on_trial {
            let until = now.after(rule.pause).as_micros().max(1);
            let is_new = self.closed_until.swap(until, Relaxed) < now.as_micros().max(1);
            failures.on_trial = true;
            failures.count = 0;
            if is_new {
                self.quarantines.fetch_add(1, Relaxed);
            }
            return Sentence::Quarantine {
                pause: rule.pause,
                is_new,
            };
        }
        Sentence::Pause(pause(failures.count))
    }
}

/// None for the first failures, so that a single bad message opens no gap; then doubling.
fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(FREE);
    if doublings == 0 {
        return Duration::ZERO;
    }
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

const FREE: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Quarantine = Quarantine {
        failures: 10,
        within: Duration::from_secs(10),
        pause: Duration::from_secs(30),
    };

    fn quarantine(is_new: bool) -> Sentence {
        let pause = RULE.pause;
        Sentence::Quarantine { pause, is_new }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(1_000_000).after(Duration::from_millis(millis))
    }

    #[test]
    fn the_first_failures_cost_no_pause_and_later_ones_twice_as_much_each() {
        let health = Health::default();
        let pauses: Vec<_> = (0..8).map(|_| health.failed(at(0), &RULE)).collect();
        let millis = |n| Sentence::Pause(Duration::from_millis(n));
        assert_eq!(pauses[..4], [millis(0); 4]);
        assert_eq!(pauses[4..], [millis(1), millis(2), millis(4), millis(8)]);
    }

    #[test]
    fn repeated_failures_end_in_quarantine_and_one_on_trial_is_enough() {
        let health = Health::default();
        for _ in 0..9 {
            health.failed(at(0), &RULE);
        }
        assert!(health.is_open(at(1)));
        assert_eq!(health.failed(at(1), &RULE), quarantine(true));
        assert_eq!(health.failed(at(1), &RULE), quarantine(false));
        assert!(!health.is_open(at(2)) && health.is_quarantined(at(2)));
        assert!(health.is_open(at(30_001)));
        assert_eq!(health.failed(at(30_002), &RULE), quarantine(true));
        assert_eq!(health.quarantines(), 2);
    }

    #[test]
    fn one_good_call_ends_the_trial() {
        let health = Health::default();
        for _ in 0..10 {
            health.failed(at(0), &RULE);
        }
        assert!(health.is_open(at(30_001)));
        health.did_well();
        assert_eq!(
            health.failed(at(30_002), &RULE),
            Sentence::Pause(Duration::ZERO)
        );
    }

    #[test]
    fn failures_far_apart_are_not_counted_together() {
        let health = Health::default();
        for n in 0..100 {
            assert_eq!(
                health.failed(at(n * 11_000), &RULE),
                Sentence::Pause(Duration::ZERO)
            );
        }
    }
}
