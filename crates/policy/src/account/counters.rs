//! What became of a plugin's calls, and how long they took: counted without a lock.

use crate::error::Fault;
use bellhop_core::policy::Verdict;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A hook of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the hook of its name")]
pub enum HookName {
    Register,
    Request,
    Route,
    Failure,
    Response,
    Dialog,
    Timer,
}

impl HookName {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 7] = [
        Self::Register,
        Self::Request,
        Self::Route,
        Self::Failure,
        Self::Response,
        Self::Dialog,
        Self::Timer,
    ];

    /// The contract's name: `on-register`, ..
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "on-register",
            Self::Request => "on-request",
            Self::Route => "on-route",
            Self::Failure => "on-failure",
            Self::Response => "on-response",
            Self::Dialog => "on-dialog",
            Self::Timer => "on-timer",
        }
    }
}

/// One plugin's counters, a set for each hook.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    hooks: [Hook; HookName::ALL.len()],
}

#[derive(Debug, Default)]
struct Hook {
    verdicts: [AtomicU64; VERDICTS.len()],
    faults: [AtomicU64; Fault::KINDS],
    edits: AtomicU64,
    nanos: AtomicU64,
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
}

/// What a hook's calls came to, as it was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookStatus {
    /// Which hook.
    pub hook: HookName,
    /// Calls by verdict; a hook without verdicts counts `continue`.
    pub verdicts: Vec<(&'static str, u64)>,
    /// Failures by kind.
    pub faults: Vec<(&'static str, u64)>,
    /// Edits that took effect.
    pub edits: u64,
    /// How long calls took.
    pub latency: Histogram,
}

/// A latency histogram, cumulative as Prometheus has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Upper bounds in microseconds, and how many calls took no longer.
    pub buckets: Vec<(u64, u64)>,
    /// How many calls there were.
    pub count: u64,
    /// How long they took together.
    pub sum: Duration,
}

impl Counters {
    /// A call that came to a verdict, with so many edits.
    pub(crate) fn decided(&self, hook: HookName, verdict: &Verdict, edits: usize) {
        let Some(counts) = self.hooks.get(hook as usize) else {
            return;
        };
        if let Some(counter) = counts.verdicts.get(number(verdict)) {
            counter.fetch_add(1, Relaxed);
        }
        if edits > 0 {
            let edits = u64::try_from(edits).unwrap_or(u64::MAX);
            counts.edits.fetch_add(edits, Relaxed);
        }
    }

    /// A call that failed, or did not even begin.
    pub(crate) fn failed(&self, hook: HookName, fault: &Fault) {
        let hook = self.hooks.get(hook as usize);
        if let Some(counter) = hook.and_then(|hook| hook.faults.get(fault.number())) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// How long a call took.
    pub(crate) fn took(&self, hook: HookName, time: Duration) {
        let Some(hook) = self.hooks.get(hook as usize) else {
            return;
        };
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < micros);
        if let Some(bucket) = hook.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        hook.nanos.fetch_add(nanos, Relaxed);
    }

    /// What was counted for the hooks that were ever called.
    pub(crate) fn status(&self) -> Vec<HookStatus> {
        let all = HookName::ALL.into_iter().zip(&self.hooks);
        all.map(|(name, hook)| hook.status(name))
            .filter(|hook| hook.latency.count > 0 || hook.faults.iter().any(|(_, n)| *n > 0))
            .collect()
    }
}

impl Hook {
    fn status(&self, hook: HookName) -> HookStatus {
        let read = |counters: &[AtomicU64]| -> Vec<u64> {
            counters
                .iter()
                .map(|counter| counter.load(Relaxed))
                .collect()
        };
        let named =
            |names: &[&'static str], counts: Vec<u64>| names.iter().copied().zip(counts).collect();
        let mut count = 0_u64;
        let mut buckets = Vec::new();
        for (at, n) in read(&self.buckets).into_iter().enumerate() {
            count = count.saturating_add(n);
            buckets.extend(BOUNDS_US.get(at).map(|bound| (*bound, count)));
        }
        HookStatus {
            hook,
            verdicts: named(&VERDICTS, read(&self.verdicts)),
            faults: named(&Fault::names(), read(&self.faults)),
            edits: self.edits.load(Relaxed),
            latency: Histogram {
                buckets,
                count,
                sum: Duration::from_nanos(self.nanos.load(Relaxed)),
            },
        }
    }
}

const fn number(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Continue => 0,
        Verdict::Accept { .. } => 1,
        Verdict::Reply(_) => 2,
        Verdict::Challenge(_) => 3,
        Verdict::Route(_) => 4,
        Verdict::Drop => 5,
    }
}

const VERDICTS: [&str; 6] = ["continue", "accept", "reply", "challenge", "route", "drop"];
const BOUNDS_US: [u64; 14] = [
    1, 2, 4, 8, 16, 32, 64, 128, 512, 2_048, 8_192, 32_768, 262_144, 2_097_152,
];

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_all_calls() {
        let counters = Counters::default();
        for micros in [1, 3, 3, 5_000_000] {
            counters.took(HookName::Request, Duration::from_micros(micros));
        }
        let status = counters.status();
        let latency = &status[0].latency;
        assert_eq!(latency.buckets[..3], [(1, 1), (2, 1), (4, 3)]);
        assert_eq!(latency.buckets.last(), Some(&(2_097_152, 3)));
        assert_eq!(latency.count, 4);
        assert_eq!(latency.sum, Duration::from_micros(5_000_007));
    }

    #[test]
    fn a_hook_that_was_never_called_is_not_told_of() {
        let counters = Counters::default();
        counters.failed(HookName::Timer, &Fault::Deadline);
        let status = counters.status();
        assert_eq!(status.len(), 1);
        assert_eq!(status[0].hook, HookName::Timer);
        assert_eq!(status[0].faults[0], ("deadline", 1));
    }
}
