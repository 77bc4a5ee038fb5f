//! Calls that outlive the program: when they are written, and how they are taken back.
//!
//! Nobody waits for the disk. That a call stands otherwise than before is said at once, and written a moment later
//! with all others; whoever writes asks then how it stands. What is on disk of a call is so a second old at most: a
//! call that began later is lost with the program, and one that ended later comes back and is found to be over as
//! soon as an end is asked for anything.

use super::super::call::{Call, End, State};
use super::super::limits::room::Rooms;
use super::super::record::draft::Draft;
use super::super::table::Alarm;
use super::leg::SPAN;
use super::saved::{CallKey, SavedCall};
use crate::engine::{Engine, call_id_of_slot, slot_of_call};
use crate::outbox::{Changed, Outbox, Persist};
use crate::time::Now;

impl Engine {
    /// How a call stands, to be written; `None`: it is over, and is to be forgotten.
    pub fn save_call(&self, now: Now, key: CallKey) -> Option<SavedCall> {
        let (call, _) = self.calls.tagged(key.tag())?;
        SavedCall::of(now, call)
    }

    /// Whether there is such a call.
    pub fn has_call(&self, key: CallKey) -> bool {
        self.calls.tagged(key.tag()).is_some()
    }

    /// All calls that are to be kept.
    pub fn kept_calls(&self) -> Vec<CallKey> {
        let is_kept = |call: &&Call| call.state != State::Early;
        let calls = self.calls.all().filter(is_kept);
        calls.filter_map(Call::key).collect()
    }

    /// Takes back a call that an earlier program had, if it is one of this shard's. To be called before anything else.
    pub fn restore_call(&mut self, now: Now, saved: &SavedCall) -> bool {
        if !self.is_home_of_call(&saved.a.leg.call_id) || self.has_call(saved.key()) {
            return false;
        }
        let users = self.auth.users();
        let (tally, config) = (&self.shared.tally, &self.config);
        let rooms = |draft: Option<&Draft>| Rooms::again(tally, config, draft);
        let call = saved.restored(now, rooms, |name| users.find(name).cloned());
        let id = self.calls.reserve();
        self.calls.name(saved.a.leg.local_tag, id, End::A);
        self.calls.name(saved.b.leg.local_tag, id, End::B);
        self.calls.put(id, Box::new(call));
        let longest = self.config.b2bua.as_ref().and_then(|b2bua| b2bua.longest);
        let left = match saved.is_ending {
            // Whoever has not been told is told.
            true => Some(std::time::Duration::ZERO),
            false => longest.map(|longest| {
                let lasted = now.unix.saturating_sub(saved.answered);
                longest.saturating_sub(lasted)
            }),
        };
        if let Some(left) = left {
            self.calls
                .set_alarm(id, Alarm::Longest, now.instant.after(left));
        }
        self.care_again(now, id);
        true
    }

    /// As [`Engine::call_changed`], of the call of this number.
    pub(in crate::b2bua) fn changed(&self, id: u64, out: &mut Outbox) {
        if let Some(call) = self.calls.peek(id) {
            self.call_changed(call, out);
        }
    }

    /// Says that a call stands otherwise than is written of it.
    pub(in crate::b2bua) fn call_changed(&self, call: &Call, out: &mut Outbox) {
        if !self.is_durable() {
            return;
        }
        if let Some(key) = call.key() {
            out.persists.push(Persist {
                ticket: None,
                what: Changed::Call(key),
            });
        }
    }

    /// As [`Engine::call_changed`], of a request that has gone over or an answer to one: if it may have moved anything that
    /// is kept, or its number is one before which that must be written.
    pub(in crate::b2bua) fn went_over(&self, call: &Call, is_refresh: bool, out: &mut Outbox) {
        let is_due = || {
            let legs = call.pairs.iter().flat_map(|pair| [&pair.a, &pair.b]);
            let mut seqs = legs.map(|leg| leg.seq);
            seqs.any(|seq| seq.is_multiple_of(SPAN))
        };
        if call.state == State::Confirmed && (is_refresh || is_due()) {
            self.call_changed(call, out);
        }
    }

    /// A Call-ID for the leg beside the one with this Call-ID: what comes in either comes to one shard.
    pub(in crate::b2bua) fn call_id_beside(&mut self, call_id: &[u8]) -> Box<[u8]> {
        let slot = slot_of_call(call_id);
        Box::new(call_id_of_slot(self.entropy.next_u64(), slot))
    }
}
