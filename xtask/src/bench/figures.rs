//! What one run of storm says, and the medians of several.

use serde::{Deserialize, Serialize};

/// One run, as `storm --json` prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Transactions a second asked for; for a search the greatest that was sustained.
    pub(super) offered: f64,
    /// Transactions a second that succeeded.
    pub(super) achieved: f64,
    /// Transactions begun.
    pub(super) started: u64,
    /// Transactions without success.
    pub(super) failed: u64,
    /// Messages sent again by storm.
    pub(super) retransmits: u64,
    /// How late storm's own clock was served at worst, milliseconds.
    pub(super) lag_ms: f64,
    /// Latency of one half, milliseconds.
    pub(super) p50_ms: f64,
    /// Latency of 99 in 100, milliseconds.
    pub(super) p99_ms: f64,
    /// CPU microseconds of the server, user and system, for one transaction.
    pub(super) cpu_us_transaction: f64,
    /// The part of it spent in user space, 0 to 1.
    pub(super) user_share: f64,
    /// Greatest sum of the server's resident sizes, MiB.
    pub(super) rss_peak_mb: f64,
    /// Its proportional set size at the end, MiB: shared pages count once.
    pub(super) pss_mb: f64,
}

impl Sample {
    /// Reads the last line that storm printed.
    ///
    /// # Errors
    /// It is not what storm prints with `--json` and `--pid`.
    pub(super) fn read(output: &str) -> Result<Self, String> {
        let line = output.lines().last().unwrap_or_default();
        serde_json::from_str(line).map_err(|error| format!("storm printed {line:?}: {error}"))
    }

    /// Whether storm was kept from its core, so that the run says nothing about the server.
    pub(super) fn is_disturbed(&self) -> bool {
        self.lag_ms > MOST_LAG_MS
    }
}

/// All runs of one server in one row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Runs {
    /// Every run that counts.
    pub(super) samples: Vec<Sample>,
    /// Runs thrown away and repeated because storm was disturbed.
    pub(super) repeated: u32,
    /// Runs that count although storm was disturbed: the repetitions were too.
    pub(super) disturbed: u32,
}

impl Runs {
    /// The median of a figure over the runs; 0 without any.
    pub(super) fn median(&self, of: fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of).collect())
    }

    /// Transactions without success, in all runs.
    pub(super) fn failed(&self) -> u64 {
        self.samples.iter().map(|s| s.failed).sum()
    }

    /// Transactions begun, in all runs.
    pub(super) fn started(&self) -> u64 {
        self.samples.iter().map(|s| s.started).sum()
    }
}

/// The middle value, or the mean of the two in the middle; 0 for none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len().div_euclid(2);
    let upper = values.get(half).copied().unwrap_or_default();
    if values.len().is_multiple_of(2) && half > 0 {
        let lower = values.get(half.saturating_sub(1)).copied();
        return f64::midpoint(lower.unwrap_or(upper), upper);
    }
    upper
}

/// More than this, and a run is repeated.
const MOST_LAG_MS: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![4.0, 1.0, 9.0, 2.0]), 3.0);
        assert_eq!(median(vec![7.0]), 7.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn storms_line_is_read_and_what_is_none_is_shown() {
        let sample = Sample::read(&format!("progress\n{LINE}\n")).unwrap();
        assert_eq!((sample.offered, sample.failed), (12_000.0, 3));
        assert_eq!((sample.cpu_us_transaction, sample.pss_mb), (52.25, 40.1));
        assert!(!sample.is_disturbed());
        let error = Sample::read("storm: address in use").unwrap_err();
        assert!(error.contains("address in use"), "{error}");
        assert!(Sample::read("").is_err());
    }

    #[test]
    fn a_run_with_a_lag_above_ten_milliseconds_is_disturbed() {
        let with = |lag_ms| Sample {
            lag_ms,
            ..Sample::default()
        };
        assert!(!with(10.0).is_disturbed());
        assert!(with(10.1).is_disturbed());
    }

    #[test]
    fn failures_are_of_all_runs() {
        let sample = |failed| Sample {
            failed,
            started: 10,
            ..Sample::default()
        };
        let runs = Runs {
            samples: vec![sample(1), sample(0), sample(4)],
            ..Runs::default()
        };
        assert_eq!((runs.failed(), runs.started()), (5, 30));
    }

    const LINE: &str = r#"{"label":"","mode":"register","offered":12000.0,"achieved":11998.2,"seconds":5.0,"started":60000,"ok":59997,"failed":3,"c4xx":0,"c5xx":0,"timeouts":3,"retransmits":2,"challenges":60000,"sent":120000,"received":119990,"lost_at_send":0,"lag_ms":2.31,"own_cpu_s":2.1,"p50_ms":0.96,"p90_ms":2.0,"p99_ms":7.3,"p99_9_ms":9.0,"max_ms":11.0,"cpu_s":3.1,"user_share":0.55,"cpu_us_transaction":52.25,"cpu_us_message":13.0,"processes":5,"rss_peak_mb":80.0,"pss_mb":40.1}"#;
}
