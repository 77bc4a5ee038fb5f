//! When the PBX is asked: our SUBSCRIBEs of a shard, and its questions about those that are relayed, stand in line, and only
//! the first takes a turn. Their pace is not that of our registrations: however many phones ask for whatever, no registration
//! waits for them.

use super::Engine;
use crate::lease::interval;
use crate::outbox::Outbox;
use crate::share::Stander;
use crate::time::Now;
use std::time::Duration;

impl Engine {
    /// A source waits for its turn at the PBX.
    pub(super) fn source_in_turn(&mut self, now: Now, number: u64) {
        self.shares.stand_in_line(number);
        self.reserve_turn(now);
    }

    /// The turn of whoever is the first in line now.
    pub(super) fn turn_came(&mut self, now: Now, out: &mut Outbox) {
        while let Some(first) = self.shares.line.take() {
            match first {
                Stander::Source(number) => self.source_due(now, number, out),
                // What was relayed may be over by now.
                Stander::Relayed(shown) if !self.look_at_relayed(now, shown, out) => continue,
                Stander::Relayed(_) => {}
            }
            break;
        }
        self.reserve_turn(now);
    }

    /// Takes a turn for whoever is first, unless there is one or nobody waits.
    pub(super) fn reserve_turn(&mut self, now: Now) {
        self.reserve_turn_after(now, Duration::ZERO);
    }

    /// As [`Engine::reserve_turn`]; it is not used before so long.
    pub(super) fn reserve_turn_after(&mut self, now: Now, wait: Duration) {
        if self.shares.line.wants_turn() {
            let rate = self.config.subscriptions.resync_rate;
            let at = self
                .shared
                .subscriptions
                .pace
                .reserve(now.instant, interval(rate));
            self.shares.turn_at(at.max(now.instant.after(wait)));
        }
    }
}
