//! Calls of two legs, counted.

use super::text::Text;
use crate::cdr::Ledger;
use std::sync::atomic::Ordering;

/// Writes what has become of their records.
pub(super) fn write_records(text: &mut Text, ledger: &Ledger) {
    let counters = ledger.counters();
    text.counter(
        "bellhop_call_records_total",
        "Records of calls that are over, by what came of them.",
    );
    for (result, counter) in [("written", &counters.written), ("lost", &counters.lost)] {
        text.sample(&[("result", result)], counter.load(Ordering::Relaxed));
    }
}
