//! Registrations of our own at the PBX, counted.

use super::text::Text;
use bellhop_core::lease::{Count, Slots};

/// Writes what is counted.
pub(super) fn write(text: &mut Text, slots: &Slots) {
    let counts = slots.counts();
    text.gauge(
        "bellhop_leases",
        "Registrations of ours at the PBX: all that live, those that it has, those that wait for their turn.",
    );
    for (state, count) in [
        ("all", counts.leases),
        ("held", counts.held),
        ("queued", counts.queued),
    ] {
        text.sample(&[("state", state)], count);
    }
    text.gauge(
        "bellhop_lease_registrar_up",
        "0 while the PBX does not answer REGISTERs.",
    );
    text.sample(&[], u8::from(!slots.is_silent()));
    let total = |count: Count| counts.totals.get(count as usize).copied().unwrap_or(0);
    text.counter(
        "bellhop_phone_registers_total",
        "REGISTERs of phones that were answered without the PBX, and before it had heard of them.",
    );
    text.sample(&[("result", "absorbed")], total(Count::Absorbed));
    text.sample(&[("result", "later")], total(Count::Later));
    text.counter(
        "bellhop_lease_registers_total",
        "REGISTERs of ours to the PBX, copies left out, and what came of them.",
    );
    for (result, count) in [
        ("sent", Count::Sent),
        ("granted", Count::Granted),
        ("refused", Count::Refused),
        ("silent", Count::Silent),
    ] {
        text.sample(&[("result", result)], total(count));
    }
    text.counter(
        "bellhop_lease_resyncs_total",
        "How often all leases were registered anew, for the PBX had been away.",
    );
    text.sample(&[], total(Count::Resyncs));
}
