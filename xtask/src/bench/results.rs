//! What the bench found, as it is kept in `bench/results`.

use super::figures::{Runs, Sample};
use super::machine::Machine;
use super::rows::Row;
use serde::{Deserialize, Serialize};

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Results {
    /// What it ran on and with.
    pub(super) machine: Machine,
    /// Runs of each server and row.
    pub(super) pairs: u32,
    /// Seconds of each run.
    pub(super) seconds: u32,
    /// Whether both servers wrote a line for each registration, call and subscription.
    pub(super) is_logged: bool,
    /// One for each row measured.
    pub(super) rows: Vec<RowResult>,
    /// The memory of bindings, if it was measured.
    pub(super) memory: Option<Memory>,
    /// Seconds that all of it took.
    pub(super) took_s: u64,
    /// Load averages at the end.
    pub(super) load_after: String,
}

/// One row's figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RowResult {
    /// The row's name.
    pub(super) name: String,
    /// What it sends.
    pub(super) title: String,
    /// Transactions offered a second.
    pub(super) rate: u32,
    /// Messages in and out of the server for one.
    pub(super) messages: u32,
    /// Our figures.
    pub(super) bellhop: Measured,
    /// Kamailio's.
    pub(super) kamailio: Measured,
    /// Those of a program that only receives and sends as many datagrams.
    pub(super) floor: Measured,
}

/// One server in one row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    /// CPU microseconds a transaction, user and system: the median.
    pub(super) cpu_us: f64,
    /// The part of it in user space: the median.
    pub(super) user_share: f64,
    /// Median of the runs' medians of latency, milliseconds.
    pub(super) p50_ms: f64,
    /// Median of the runs' 99th percentiles, milliseconds.
    pub(super) p99_ms: f64,
    /// Transactions begun in all runs.
    pub(super) started: u64,
    /// Transactions without success in all runs.
    pub(super) failed: u64,
    /// Greatest resident size: the median, MiB.
    pub(super) rss_peak_mb: f64,
    /// The runs themselves.
    pub(super) runs: Runs,
    /// The greatest sustained rate and what was measured at it, if it was searched.
    pub(super) greatest: Option<Greatest>,
}

/// The greatest rate of short steps, and whether it lasts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Greatest {
    /// The best step of the search.
    pub(super) step: Sample,
    /// The same rate, offered to a fresh server for longer than a transaction lives.
    pub(super) held: Sample,
}

/// What bindings cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Bindings added between the two readings.
    pub(super) bindings: u32,
    /// Our readings.
    pub(super) bellhop: Growth,
    /// Kamailio's.
    pub(super) kamailio: Growth,
}

/// A server's size before and after; shared pages count once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Growth {
    /// MiB after a few thousand registrations have warmed it.
    pub(super) before_mb: f64,
    /// MiB with all bindings.
    pub(super) after_mb: f64,
}

impl RowResult {
    /// An empty result for a row.
    pub(super) fn of(row: &Row) -> Self {
        Self {
            name: row.name.to_owned(),
            title: row.title.to_owned(),
            rate: row.rate,
            messages: row.messages,
            ..Self::default()
        }
    }

    /// Our CPU time over Kamailio's; `None` if one was not measured.
    pub(super) fn ratio(&self) -> Option<f64> {
        ratio(self.bellhop.cpu_us, self.kamailio.cpu_us)
    }

    /// Our greatest rate over Kamailio's; `None` too if one of them does not last.
    pub(super) fn rate_ratio(&self) -> Option<f64> {
        let bellhop = self.bellhop.greatest.as_ref()?;
        let kamailio = self.kamailio.greatest.as_ref()?;
        let lasts = bellhop.lasts() && kamailio.lasts();
        ratio(bellhop.step.offered, kamailio.step.offered).filter(|_| lasts)
    }
}

impl Measured {
    /// The medians of the runs.
    pub(super) fn of(runs: Runs, greatest: Option<Greatest>) -> Self {
        Self {
            cpu_us: runs.median(|s| s.cpu_us_transaction),
            user_share: runs.median(|s| s.user_share),
            p50_ms: runs.median(|s| s.p50_ms),
            p99_ms: runs.median(|s| s.p99_ms),
            started: runs.started(),
            failed: runs.failed(),
            rss_peak_mb: runs.median(|s| s.rss_peak_mb),
            runs,
            greatest,
        }
    }
}

impl Greatest {
    /// Whether fewer than one in a thousand failed.
    pub(super) fn lasts(&self) -> bool {
        self.held.started > 0 && self.held.failed.saturating_mul(1_000) <= self.held.started
    }
}

impl Memory {
    /// Bytes that one binding added.
    pub(super) fn bytes_each(&self, growth: Growth) -> f64 {
        (growth.after_mb - growth.before_mb) * MIB / f64::from(self.bindings.max(1))
    }
}

fn ratio(ours: f64, theirs: f64) -> Option<f64> {
    (ours > 0.0 && theirs > 0.0).then(|| ours / theirs)
}

const MIB: f64 = 1_048_576.0;

#[cfg(test)]
mod tests {
    use super::super::rows::ROWS;
    use super::*;

    #[test]
    fn a_server_is_shown_by_the_medians_of_its_runs() {
        let sample = |cpu_us_transaction, p99_ms| Sample {
            cpu_us_transaction,
            p99_ms,
            started: 10,
            failed: 1,
            ..Sample::default()
        };
        let runs = Runs {
            samples: vec![sample(30.0, 1.0), sample(10.0, 9.0), sample(20.0, 2.0)],
            ..Runs::default()
        };
        let measured = Measured::of(runs, None);
        assert_eq!((measured.cpu_us, measured.p99_ms), (20.0, 2.0));
        assert_eq!((measured.started, measured.failed), (30, 3));
    }

    #[test]
    fn ratios_are_ours_over_theirs_and_absent_without_both() {
        let mut row = RowResult::of(&ROWS[0]);
        assert_eq!((row.ratio(), row.rate_ratio()), (None, None));
        row.bellhop.cpu_us = 26.0;
        row.kamailio.cpu_us = 52.0;
        assert_eq!(row.ratio(), Some(0.5));
        let at = |offered, failed| {
            let step = Sample {
                offered,
                ..Sample::default()
            };
            let held = Sample {
                started: 1_000,
                failed,
                ..Sample::default()
            };
            Some(Greatest { step, held })
        };
        row.bellhop.greatest = at(46_000.0, 1);
        assert_eq!(row.rate_ratio(), None);
        row.kamailio.greatest = at(23_000.0, 0);
        assert_eq!(row.rate_ratio(), Some(2.0));
        row.bellhop.greatest = at(46_000.0, 2);
        assert_eq!(row.rate_ratio(), None);
    }

    #[test]
    fn a_binding_costs_the_growth_over_their_number() {
        let memory = Memory {
            bindings: 1_024,
            ..Memory::default()
        };
        let growth = Growth {
            before_mb: 10.0,
            after_mb: 11.0,
        };
        assert_eq!(memory.bytes_each(growth), 1_024.0);
    }

    #[test]
    fn what_is_kept_reads_back_the_same() {
        let results = Results {
            pairs: 3,
            rows: vec![RowResult::of(&ROWS[0])],
            memory: Some(Memory::default()),
            ..Results::default()
        };
        let text = serde_json::to_string_pretty(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
    }
}
