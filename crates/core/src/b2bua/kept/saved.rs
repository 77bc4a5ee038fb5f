//! A call as it outlives the program: what both ends' dialogs are, and nothing that is under way in them.
//!
//! Whoever writes to the disk asks for it when it writes ([`crate::engine::Engine::save_call`]), so a call that
//! is over by then costs nothing, and no copy of any call is kept.

use super::super::call::{Ack, Call, End, Half, Pair, State};
use super::super::leg::Leg;
use super::super::limits::room::Rooms;
use super::super::record::draft::Draft;
use super::care::SavedCare;
use super::record::SavedRecord;
use crate::auth::User;
use crate::engine::slot_of_call;
use crate::flow::Flow;
use crate::hex;
use crate::record_route::Side;
use crate::registrar::Device;
use crate::time::Now;
use smallvec::smallvec;
use std::sync::Arc;
use std::time::Duration;

/// What a call is called in the store: its slot, by which its shard is found however many there are, and our tag on the
/// leg of who is called.
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
    /// The dialog's Call-ID.
    pub call_id: Box<[u8]>,
    /// Our From, less its tag.
    pub local: Box<[u8]>,
    /// Our tag.
    pub local_tag: u64,
    /// Our To, tag and all.
    pub remote: Box<[u8]>,
    /// The other side's tag.
    pub remote_tag: Box<[u8]>,
    /// The Request-URI.
    pub target: Box<[u8]>,
    /// Route values.
    pub routes: Box<[u8]>,
    /// Over which flow it is reached, and which device that is; `None`: by its Contact.
    pub place: Option<(Flow, Option<Device>)>,
    /// Where its last message came from.
    pub flow: Flow,
    /// Our last CSeq number.
    pub seq: u32,
    /// The other side's.
    pub remote_seq: u32,
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
    /// Of the call with this Call-ID at who called, and this tag of ours at who is called.
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

    /// Our tag on the leg of who is called.
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
        CallKey::new(&self.a.call_id, self.b.local_tag)
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
                a: self.a.leg(room),
                b: self.b.leg(room),
            }],
            b_tag: self.b.local_tag,
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
            call_id: leg.call_id.clone(),
            local: leg.local.clone(),
            local_tag: leg.local_tag,
            remote: leg.remote.clone(),
            remote_tag: leg.remote_tag.clone(),
            target: leg.target.clone(),
            routes: leg.routes.clone(),
            place: match leg.place {
                Side::Direct => None,
                Side::Flow(flow, device) => Some((lasting(flow), device)),
            },
            flow: lasting(half.flow),
            seq: leg.seq,
            remote_seq: leg.remote_seq,
            invite: half.invite,
            waits: match half.ack {
                Ack::Waits(seq) => Some(seq),
                Ack::None | Ack::Sent(_) => None,
            },
            is_open: half.is_open,
            user: half.user.as_ref().map(|user| user.name.as_str().into()),
        }
    }

    fn leg(&self, room: u32) -> Leg {
        Leg {
            call_id: self.call_id.clone(),
            local: self.local.clone(),
            local_tag: self.local_tag,
            remote: self.remote.clone(),
            remote_tag: self.remote_tag.clone(),
            target: self.target.clone(),
            routes: self.routes.clone(),
            place: match self.place {
                None => Side::Direct,
                Some((flow, device)) => Side::Flow(flow, device),
            },
            seq: self.seq.saturating_add(room).min(HIGHEST),
            remote_seq: self.remote_seq,
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

/// A connection ends with the program.
pub(super) fn lasting(flow: Flow) -> Flow {
    Flow {
        connection: None,
        ..flow
    }
}

/// How far CSeq numbers are set ahead of what was written so long ago: above all that were used since (RFC 3261
/// 12.2.1.1), for a call is written anew after each [`SPAN`] of them at the latest; and above what an earlier
/// restart set them to, if that was not written any more.
pub(crate) fn room(since: Duration) -> u32 {
    let later = since.as_millis().saturating_mul(RATE) / 1_000;
    let later = u32::try_from(later).unwrap_or(u32::MAX);
    SPAN.saturating_mul(4).saturating_add(later)
}

/// Requests of ours in a dialog between two writes of it, at most.
pub(crate) const SPAN: u32 = 2_048;
/// Numbers for each second between two restarts.
const RATE: u128 = 64;
/// Above it there is room for as many requests as a call may have (8.1.1.5: below 2**31).
const HIGHEST: u32 = (i32::MAX as u32).saturating_sub(1 << 20);
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

    #[test]
    fn a_second_restart_sets_numbers_above_those_of_the_first_though_nothing_was_written_between() {
        let first = room(Duration::from_millis(400));
        let second = room(Duration::from_millis(900));
        assert!(second > first + 30, "{first} {second}");
        assert!(first > SPAN * 4);
        assert_eq!(room(Duration::MAX), u32::MAX);
    }
}
