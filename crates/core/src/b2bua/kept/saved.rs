//! A call as it outlives the program: what both ends' dialogs are, and nothing that is under way in them.
//!
//! Whoever writes to the disk asks for it when it writes ([`crate::engine::Engine::save_call`]), so a call that
//! is over by then costs nothing, and no copy of any call is kept.

use super::super::call::{Ack, Call, End, Half, Pair, State};
use super::super::leg::Leg;
use super::super::limits::room::Rooms;
use super::super::record::draft::Draft;
use super::care::SavedCare;
use super::leg::{SavedLeg, lasting, room};
use super::record::SavedRecord;
use crate::auth::User;
use crate::engine::slot_of_call;
use crate::flow::Flow;
use crate::hex;
use crate::time::Now;
use smallvec::smallvec;
use std::sync::Arc;
use std::time::Duration;

/// What a call, or a subscription of two dialogs, is called in the store: its slot, by which its shard is found however
/// many there are, and our tag on the leg of who is called, or notifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey([u8; LENGTH]);

/// A call that was answered, as it outlives the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCall {
    /// When it was answered, since the Unix epoch.
    pub answered: Duration,
    /// When it stood so, since the Unix epoch.
    pub at: Duration,
    /// It is over, and an end of it has not been told.
    pub is_ending: bool,
    /// Who called.
    pub a: SavedEnd,
    /// Who was called.
    pub b: SavedEnd,
    /// What is to be told of it when it is over; `None`: it has been, or nothing is.
    pub record: Option<SavedRecord>,
    /// Session timers and keep-alive.
    pub care: Option<SavedCare>,
}

/// One end of a call, and our dialog with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedEnd {
    /// The dialog.
    pub leg: SavedLeg,
    /// Where its last message came from.
    pub flow: Flow,
    /// The CSeq numbers of its last INVITE, and of ours for it on the other leg.
    pub invite: (u32, u32),
    /// The INVITE of ours whose ACK waits for the other end's.
    pub waits: Option<u32>,
    /// A BYE may still go there.
    pub is_open: bool,
    /// The name of whose it is.
    pub user: Option<Box<str>>,
}

impl CallKey {
    /// Of the call with this Call-ID at who called, and this tag of ours at who is called; or subscribed, and notifies.
    pub(crate) fn new(call_id: &[u8], tag: u64) -> Self {
        let [.., a, b, c] = hex::of_u32(u32::from(slot_of_call(call_id)));
        let mut text = [0; LENGTH];
        let digits = [a, b, c].into_iter().chain(hex::of_u64(tag));
        for (place, digit) in text.iter_mut().zip(digits) {
            *place = digit;
        }
        Self(text)
    }

    /// The key that is written so; `None`: it is none of ours.
    pub fn of(text: &[u8]) -> Option<Self> {
        let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        text.iter().all(is_digit).then_some(())?;
        Some(Self(text.try_into().ok()?))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The shard of its call, of so many.
    pub fn shard(&self, shards: usize) -> usize {
        let mut slot = [0; 2];
        let [a, b, c, ..] = self.0;
        // It has digits only.
        let _ = hex::read(&[b'0', a, b, c], &mut slot);
        crate::engine::shard_of_slot(u16::from_be_bytes(slot), shards)
    }

    /// Our tag on the leg of who is called, or notifies.
    pub(crate) fn tag(&self) -> u64 {
        let mut tag = [0; 8];
        let (_, digits) = self.0.split_at(SLOT);
        let _ = hex::read(digits, &mut tag);
        u64::from_be_bytes(tag)
    }
}

impl SavedCall {
    /// What it is called.
    pub fn key(&self) -> CallKey {
        CallKey::new(&self.a.leg.call_id, self.b.leg.local_tag)
    }

    /// A call as it stands; `None`: it is not, or not yet, one that is kept.
    pub(super) fn of(now: Now, call: &Call) -> Option<Self> {
        if call.state == State::Early {
            return None;
        }
        let pair = call.pairs.first()?;
        Some(Self {
            answered: call.answered,
            at: now.unix,
            is_ending: call.state == State::Ending,
            a: SavedEnd::of(&call.a, &pair.a),
            b: SavedEnd::of(&call.b, &pair.b),
            care: call.care.as_deref().map(|care| SavedCare::of(now, care)),
            record: call
                .draft
                .as_deref()
                .map(|draft| SavedRecord::of(now, draft)),
        })
    }

    /// The call that goes on from it; `rooms` gives the places that it takes, `user` finds whose an end is.
    pub(super) fn restored(
        &self,
        now: Now,
        rooms: impl FnOnce(Option<&Draft>) -> Rooms,
        user: impl Fn(&str) -> Option<Arc<User>>,
    ) -> Call {
        let since = now.unix.saturating_sub(self.at);
        let room = room(since);
        let draft = self.record.as_ref();
        let draft = draft.map(|record| Box::new(record.restored(now, since)));
        let care = self.care.as_ref();
        Call {
            state: match self.is_ending {
                true => State::Ending,
                false => State::Confirmed,
            },
            context: 0,
            a: self.a.half(&user),
            b: self.b.half(&user),
            pairs: smallvec![Pair {
                a: self.a.leg.restored(room),
                b: self.b.leg.restored(room),
            }],
            b_tag: self.b.leg.local_tag,
            invite: 0,
            care: care.map(|care| Box::new(care.restored(now, since))),
            reliable: None,
            rooms: Box::new(rooms(draft.as_deref())),
            draft,
            answered: self.answered,
        }
    }
}

impl SavedEnd {
    fn of(half: &Half, leg: &Leg) -> Self {
        Self {
            leg: SavedLeg::of(leg),
            flow: lasting(half.flow),
            invite: half.invite,
            waits: match half.ack {
                Ack::Waits(seq) => Some(seq),
                Ack::None | Ack::Sent(_) => None,
            },
            is_open: half.is_open,
            user: half.user.as_ref().map(|user| user.name.as_str().into()),
        }
    }

    fn half(&self, user: impl Fn(&str) -> Option<Arc<User>>) -> Half {
        Half {
            is_open: self.is_open,
            invite: self.invite,
            ack: self.waits.map_or(Ack::None, Ack::Waits),
            ..Half::new(self.flow, self.user.as_deref().and_then(user))
        }
    }
}

impl Call {
    /// What it is called in the store.
    pub(super) fn key(&self) -> Option<CallKey> {
        let pair = self.pairs.first()?;
        Some(CallKey::new(&pair.leg(End::A).call_id, self.b_tag))
    }
}

/// Digits of a slot.
const SLOT: usize = 3;
const LENGTH: usize = SLOT + 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_its_shard_and_its_tag_and_is_read_as_it_is_written() {
        let key = CallKey::new(b"call-1", 0x00ab_cdef_0123_4567);
        assert_eq!(key.as_str().len(), LENGTH);
        assert_eq!(CallKey::of(key.as_str().as_bytes()), Some(key));
        assert_eq!(key.tag(), 0x00ab_cdef_0123_4567);
        for shards in 1..50 {
            let line = b"BYE sip:a SIP/2.0\r\nCall-ID: call-1\r\n\r\n";
            assert_eq!(key.shard(shards), crate::engine::shard_of(line, shards));
        }
        for bad in ["", "000", "00000000000000000g0", "0000000000000000000A"] {
            assert_eq!(CallKey::of(bad.as_bytes()), None, "{bad}");
        }
    }
}
