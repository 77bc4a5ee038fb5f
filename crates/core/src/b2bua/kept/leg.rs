//! One of two dialogs as it outlives the program, of a call or of a subscription.

use super::super::leg::Leg;
use crate::flow::Flow;
use crate::record_route::Side;
use crate::registrar::Device;
use std::time::Duration;

/// A dialog of ours with one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedLeg {
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
    /// Our last CSeq number.
    pub seq: u32,
    /// The other side's.
    pub remote_seq: u32,
}

impl SavedLeg {
    /// A dialog as it stands.
    pub(crate) fn of(leg: &Leg) -> Self {
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
            seq: leg.seq,
            remote_seq: leg.remote_seq,
        }
    }

    /// The dialog that goes on from it, with our CSeq number so far ahead.
    pub(crate) fn restored(&self, room: u32) -> Leg {
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
}

/// A connection ends with the program.
pub(crate) fn lasting(flow: Flow) -> Flow {
    Flow {
        connection: None,
        ..flow
    }
}

/// How far CSeq numbers are set ahead of what was written so long ago: above all that were used since (RFC 3261
/// 12.2.1.1), for what they are of is written anew after each [`SPAN`] of them at the latest; and above what an earlier
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
/// Above it there is room for as many requests as a dialog may have (8.1.1.5: below 2**31).
const HIGHEST: u32 = (i32::MAX as u32).saturating_sub(1 << 20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_restart_sets_numbers_above_those_of_the_first_though_nothing_was_written_between() {
        let first = room(Duration::from_millis(400));
        let second = room(Duration::from_millis(900));
        assert!(second > first + 30, "{first} {second}");
        assert!(first > SPAN * 4);
        assert_eq!(room(Duration::MAX), u32::MAX);
    }
}
