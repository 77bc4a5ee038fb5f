//! When the PBX is asked: our SUBSCRIBEs of a shard stand in line, and only the first takes a turn of those that they share
//! with our registrations. However many phones ask for whatever, no registration waits for more than one of each shard.

use super::Engine;
use crate::outbox::Outbox;
use crate::time::Now;

impl Engine {
    /// A source waits for its turn at the PBX.
    pub(super) fn source_in_turn(&mut self, now: Now, number: u64) {
        self.shares.stand_in_line(number);
        self.reserve_turn(now);
    }

    /// The turn of whoever is the first in line now.
    pub(super) fn turn_came(&mut self, now: Now, out: &mut Outbox) {
        if let Some(number) = self.shares.line.take() {
            self.source_due(now, number, out);
        }
        self.reserve_turn(now);
    }

    fn reserve_turn(&mut self, now: Now) {
        if self.shares.line.wants_turn() {
            let interval = self.config.registrar.leases.interval();
            let at = self.shared.leases.reserve(now.instant, interval);
            self.shares.turn_at(at);
        }
    }
}
