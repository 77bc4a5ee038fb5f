//! Provisional responses that the called has acknowledged by us (RFC 3262 4): the caller does not know how.

use super::super::call::{Bridge, Pair};
use super::super::launch::Launch;
use super::super::write::{self, Ask};
use super::reliable::{MOST_EARLY, rseq};
use crate::engine::Engine;
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::time::Now;
use bellhop_wire::{HeaderId, Message};

/// An early dialog of the called whose responses we acknowledge.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The tag that is ours on the A leg.
    pair: u64,
    /// The number of the last.
    rseq: u32,
    /// The answer that it was given in one of them, as the caller was told it: the 2xx need not say it again.
    sdp: Box<[u8]>,
}

impl Engine {
    /// A provisional response of the called that is to be acknowledged, to a caller who cannot: we do. False: it is a
    /// copy, or comes too early, and is not heard (4).
    pub(in crate::b2bua) fn acknowledges_early(
        &mut self,
        now: Now,
        bridge: &mut Bridge,
        pair: &mut Pair,
        (response, flow): (Message<'_>, Flow),
        out: &mut Outbox,
    ) -> bool {
        let Some(asked) = &bridge.request else {
            return true;
        };
        let is_ours = self.calls.numbers_for(bridge, asked.message(), pair);
        let number = rseq(response).filter(|_| is_ours);
        let (Some(number), Ok((invite, _))) = (number, response.cseq()) else {
            return true;
        };
        let tag = pair.a.local_tag;
        match bridge.early.iter_mut().find(|heard| heard.pair == tag) {
            Some(heard) if heard.rseq.checked_add(1) != Some(number) => return false,
            Some(heard) => heard.rseq = number,
            None => {
                if bridge.early.len() >= MOST_EARLY {
                    bridge.early.remove(0);
                }
                bridge.early.push(Heard {
                    pair: tag,
                    rseq: number,
                    sdp: Box::default(),
                });
            }
        }
        let user = self.calls.get(bridge.call);
        let user = user.and_then(|call| call.half(bridge.from).user.clone());
        let seq = pair.b.next_seq();
        let ask = Ask {
            method: b"PRACK",
            leg: &pair.b,
            seq,
            rack: Some(&format!("{number} {invite} INVITE")),
        };
        if let Some(prack) = write::request(&ask, None) {
            self.launch(now, Launch::new(prack, &pair.b, flow, user), out);
        }
        true
    }
}

impl Bridge {
    /// The answer that an early dialog of the called has been given in a response that we acknowledged.
    pub(in crate::b2bua) fn answer_of(&self, pair: &Pair) -> Option<&[u8]> {
        let mut early = self.early.iter();
        let heard = early.find(|heard| heard.pair == pair.a.local_tag)?;
        Some(&heard.sdp)
    }
}

/// Remembers the answer in a provisional response that we have acknowledged, as the caller is told it.
pub(in crate::b2bua) fn keep_answer(bridge: &mut Bridge, pair: u64, told: Message<'_>) {
    let kind = told.first(HeaderId::ContentType).map(|field| field.value);
    let is_sdp = kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/sdp"));
    let mut early = bridge.early.iter_mut();
    if let Some(heard) = early.find(|heard| heard.pair == pair)
        && is_sdp
    {
        heard.sdp = told.body().into();
    }
}
