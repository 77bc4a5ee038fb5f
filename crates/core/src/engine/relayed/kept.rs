//! Subscriptions that are relayed and outlive the program: they are put on disk a moment after they change, and taken back at
//! the start. Then the PBX is asked about each in its turn, for nobody knows what it has done meanwhile: it may have been
//! restarted, or have ended one because nobody answered its NOTIFY.

use super::super::Engine;
use crate::outbox::{Changed, Outbox, Persist};
use crate::registrar::{Aor, Device};
use crate::share::Tag;
use crate::time::Now;
use bellhop_wire::NameAddr;
use std::sync::Arc;

impl Engine {
    /// Serves what is due on the board: some are over, and some stand otherwise than is on disk. Nobody waits for that.
    pub(in super::super) fn relayed_due(&self, now: Now, out: &mut Outbox) {
        let board = &self.shared.subscriptions;
        for tag in board.due(self.shard, now.instant) {
            if let Some(device) = self.device_of_relayed(now, tag) {
                board.is_of_device(tag, device);
            }
            out.persists.push(Persist {
                ticket: None,
                what: Changed::Relayed(tag),
            });
        }
    }

    /// Takes back those of this shard; each stands in line to be asked about.
    pub(in super::super) fn restore_relayed(&mut self, now: Now) {
        let board = Arc::clone(&self.shared.subscriptions);
        let most = self.config.subscriptions.most;
        let is_own = |call_id: &[u8]| self.is_home_of_call(call_id);
        for number in board.restore((self.shard, now), most, is_own) {
            self.shares.line.join_relayed(number);
        }
    }

    /// The device that is registered where one came from: its connection may be gone when it is to be told something.
    fn device_of_relayed(&self, now: Now, tag: Tag) -> Option<Device> {
        let (remote, flow) = self.shared.subscriptions.place_of(tag)?;
        let by = self.who_watches(&remote)?;
        self.shared.location.device_at(now.instant, &by, &flow)
    }

    /// Whose address a From or To is, if it is one of ours.
    pub(in super::super) fn who_watches(&self, address: &[u8]) -> Option<Aor> {
        let address = NameAddr::parse(address).ok()?;
        Aor::new(&address.uri, self.names.domain_of(&address.uri)?)
    }
}
