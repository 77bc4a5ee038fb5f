//! One of the two dialogs, from our side (RFC 3261 12).

use crate::hex;
use crate::record_route::Side;
use crate::registrar::Device;
use bellhop_wire::{HeaderId, Message, NameAddr};

/// What our requests in a dialog are made with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leg {
    pub(crate) call_id: Box<[u8]>,
    /// Our From, less its tag.
    pub(crate) local: Box<[u8]>,
    pub(crate) local_tag: u64,
    /// Our To, tag and all.
    pub(crate) remote: Box<[u8]>,
    /// Empty: the other side has named none.
    pub(crate) remote_tag: Box<[u8]>,
    /// The Request-URI.
    pub(crate) target: Box<[u8]>,
    /// Route values, the first to be gone to in front.
    pub(crate) routes: Box<[u8]>,
    /// How its other end is reached.
    pub(crate) place: Side,
    /// Our last CSeq number.
    pub(crate) seq: u32,
    /// The other side's.
    pub(crate) remote_seq: u32,
}

impl Leg {
    /// Our tag as it stands in a message.
    pub(crate) fn tag(&self) -> [u8; 16] {
        hex::of_u64(self.local_tag)
    }

    /// The device at its other end, if that is known.
    pub(crate) fn device(&self) -> Option<Device> {
        match self.place {
            Side::Flow(_, device) => device,
            Side::Direct => None,
        }
    }

    /// Our next CSeq number.
    pub(crate) fn next_seq(&mut self) -> u32 {
        self.seq = self.seq.saturating_add(1);
        self.seq
    }

    /// Counts on from the request that this answers: it may have gone out again since the dialog was begun (22.2).
    pub(super) fn counts_from(&mut self, response: Message<'_>) {
        if let Ok((seq, _)) = response.cseq() {
            self.seq = self.seq.max(seq);
        }
    }

    /// Takes the remote target that a request or response names (12.2.1.2, 12.2.2); whether it is another.
    pub(crate) fn learn_target(&mut self, message: Message<'_>) -> bool {
        let target = contact_of(message).filter(|target| *target != self.target);
        let is_other = target.is_some();
        if let Some(target) = target {
            self.target = target;
        }
        is_other
    }

    /// Takes the route set of a response to our INVITE (12.1.2), again with its 2xx (13.2.2.4).
    pub(crate) fn learn_routes(&mut self, response: Message<'_>) {
        let mut values: Vec<&[u8]> = values(response);
        values.reverse();
        self.routes = values.join(&b", "[..]).into();
    }
}

/// The route set of the side that was called (12.1.1).
pub(super) fn routes_of_request(request: Message<'_>) -> Box<[u8]> {
    values(request).join(&b", "[..]).into()
}

/// The URI in a message's Contact.
pub(super) fn contact_of(message: Message<'_>) -> Option<Box<[u8]>> {
    let contact = message.first_value(HeaderId::Contact)?;
    let contact = NameAddr::parse(contact.raw).ok()?;
    Some(contact.uri.raw.into())
}

fn values(message: Message<'_>) -> Vec<&[u8]> {
    let values = message.values(HeaderId::RecordRoute);
    values.take(MOST_ROUTES).map(|value| value.raw).collect()
}

/// Of a route set that is longer the rest is not remembered.
const MOST_ROUTES: usize = 16;
