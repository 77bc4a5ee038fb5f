//! Relayed subscriptions that outlive the program, as calls do (`kept::lasting`): nobody waits for the disk, and
//! whoever writes asks a moment later how one stands.

use super::super::kept::saved::CallKey;
use super::saved::SavedBond;
use crate::engine::Engine;
use crate::outbox::{Changed, Outbox, Persist};
use crate::time::Now;

impl Engine {
    /// How a relayed subscription stands, to be written; `None`: it is over, and is to be forgotten.
    pub fn save_bond(&self, now: Now, key: CallKey) -> Option<SavedBond> {
        SavedBond::of(now, self.calls.bond_tagged(key.tag())?)
    }

    /// Whether there is such a relayed subscription.
    pub fn has_bond(&self, key: CallKey) -> bool {
        let bond = self.calls.bond_tagged(key.tag());
        bond.is_some_and(|bond| bond.key() == Some(key))
    }

    /// All relayed subscriptions that are to be kept.
    pub fn kept_bonds(&self) -> Vec<CallKey> {
        self.calls.bonds.keys().collect()
    }

    /// Takes back one that an earlier program had, if it is one of this shard's, its time is not over and there is room.
    /// To be called before anything else.
    pub fn restore_bond(&mut self, now: Now, saved: &SavedBond) -> bool {
        let (Some((a, _)), Some(key)) = (saved.pairs.first(), saved.key()) else {
            return false;
        };
        if !self.is_home_of_call(&a.call_id) || self.calls.bond_tagged(key.tag()).is_some() {
            return false;
        }
        if !self.has_room_for_bond() {
            return false;
        }
        let users = self.auth.users();
        let Some(bond) = saved.restored(now, |name| users.find(name).cloned()) else {
            return false;
        };
        let id = self.calls.reserve();
        self.calls.begin_bond(id, bond);
        true
    }

    /// Whether there may be one more.
    pub(super) fn has_room_for_bond(&self) -> bool {
        let shards = usize::from(self.config.registrar.leases.shards).max(1);
        self.calls.bonds.len() < self.config.subscriptions.most.div_ceil(shards)
    }

    /// Says that one stands otherwise than is written of it.
    pub(in super::super) fn bond_changed(&self, id: u64, out: &mut Outbox) {
        if !self.is_durable() {
            return;
        }
        if let Some(key) = self.calls.bonds.key(id) {
            out.persists.push(Persist {
                ticket: None,
                what: Changed::Bond(key),
            });
        }
    }

    /// Forgets one, with all its dialogs.
    pub(super) fn end_bond(&mut self, id: u64, out: &mut Outbox) {
        self.bond_changed(id, out);
        self.calls.forget_bond(id);
    }

    /// Forgets those whose time has come.
    pub(in super::super) fn bonds_due(&mut self, now: Now, out: &mut Outbox) {
        while let Some(id) = self.calls.bonds.due(now.instant) {
            self.end_bond(id, out);
        }
    }
}
