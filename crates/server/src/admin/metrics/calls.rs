//! Calls of two legs, counted.

use super::text::Text;
use crate::cdr::Ledger;
use bellhop_core::b2bua::Tally;
use std::sync::atomic::Ordering;

/// Writes how many there are of whom, and how many there might not be.
pub(super) fn write(text: &mut Text, tally: &Tally) {
    let (early, confirmed) = tally.live();
    text.gauge("bellhop_calls", "Calls of two legs that live.");
    text.sample(&[("state", "early")], early);
    text.sample(&[("state", "confirmed")], confirmed);
    text.gauge(
        "bellhop_upstream_calls",
        "Calls of two legs to and from an upstream.",
    );
    for (upstream, count) in tally.of_upstreams() {
        text.sample(&[("upstream", &upstream)], count);
    }
    text.counter(
        "bellhop_calls_refused_total",
        "Calls that were one too many, by the limit that they met.",
    );
    for (limit, count) in tally.refused() {
        text.sample(&[("limit", limit.word())], count);
    }
}

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
