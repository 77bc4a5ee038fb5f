//! Subscriptions that are relayed, counted.

use super::text::Text;
use bellhop_core::{
    share::Held,
    subscription::{Board, Cause, PACKAGES, Standing},
    time::Instant,
};

/// Writes what is told from here.
pub(super) fn write_held(text: &mut Text, held: &Held, now: Instant) {
    let (_, count, bytes) = held.list(now, 0);
    text.gauge("bellhop_published", "States that plugins have published.");
    text.sample(&[], count);
    text.gauge("bellhop_published_bytes", "Octets of their bodies.");
    text.sample(&[], bytes);
    text.gauge(
        "bellhop_mailboxes_kept",
        "Mailboxes of which the PBX has told unasked, and whose last count is kept.",
    );
    text.sample(&[], held.mailboxes());
}

/// Writes what is counted.
pub(super) fn write(text: &mut Text, board: &Board) {
    let tally = board.tally();
    text.gauge(
        "bellhop_subscriptions",
        "Subscriptions that are relayed, by event package and state.",
    );
    for (event, counts) in PACKAGES.iter().chain([&"other"]).zip(tally.live) {
        for (standing, count) in Standing::ALL.iter().zip(counts) {
            text.sample(&[("event", event), ("state", standing.word())], count);
        }
    }
    text.counter(
        "bellhop_subscriptions_ended_total",
        "Subscriptions that are over, by why.",
    );
    for (cause, count) in Cause::ALL.iter().zip(tally.gone) {
        text.sample(&[("reason", cause.word())], count);
    }
    text.gauge(
        "bellhop_shared_subscriptions",
        "Subscriptions of ours at the PBX, each for all who watch the same.",
    );
    text.sample(&[], tally.shared);
    text.counter(
        "bellhop_subscriptions_untracked_total",
        "SUBSCRIBEs that were relayed without being kept in sight, for there was no room.",
    );
    text.sample(&[], tally.untracked);
}
