//! Provisional responses that the caller requires to acknowledge and the called does not know how to have acknowledged
//! (RFC 3262): what the caller gets is ours, numbered, and sent again until his PRACK comes.

use super::super::call::{Bridge, Call, End, Pair};
use super::super::record::Cause;
use super::super::table::{Alarm, Calls, Found};
use crate::engine::{Engine, Received};
use crate::hex;
use crate::outbox::Outbox;
use crate::proxy::Context;
use crate::time::{Instant, Now};
use crate::transaction::TransactionId;
use bellhop_wire::{HeaderId, Message, Reply};
use memchr::memmem;
use std::collections::VecDeque;
use std::time::Duration;

/// Provisional responses of ours that the caller acknowledges.
#[derive(Debug)]
pub(crate) struct Reliable {
    server: TransactionId,
    /// For each early dialog, by the tag that is ours, the last number.
    numbers: Vec<(u64, u32)>,
    /// Early dialogs in which the called numbers his own.
    theirs: Vec<u64>,
    /// What is sent again until its PRACK comes; only one at a time.
    sent: Option<Sent>,
    /// What is said after that; at its end maybe the 2xx, which must not overtake a description (3).
    waits: VecDeque<(u64, u16, Box<[u8]>)>,
    /// What the caller is told instead of the 2xx that waits, should it never be its turn.
    refusal: Box<[u8]>,
}

#[derive(Debug)]
struct Sent {
    pair: u64,
    number: u32,
    status: u16,
    bytes: Box<[u8]>,
    interval: Duration,
    until: Instant,
}

impl Engine {
    /// A response on its way to the caller. True: it is one that he is to acknowledge, or one that waits for that, and
    /// has been seen to.
    // Not inlined: what is relayed is to pay for none of it.
    #[inline(never)]
    pub(crate) fn is_said_reliably(
        &mut self,
        now: Now,
        context: &Context,
        (response, status, bytes): (Message<'_>, u16, &[u8]),
        out: &mut Outbox,
    ) -> bool {
        let (Some(bridge), Some(server)) = (&context.bridge, context.server) else {
            return false;
        };
        let Some(asked) = bridge.request.as_ref().filter(|_| bridge.pair.is_none()) else {
            return false;
        };
        let is_required = asked.message().lists(HeaderId::Require, RELIABLE);
        if !is_required || !bridge.has_offer || !(101..300).contains(&status) {
            return false;
        }
        let tag = response.to_tag().and_then(tag_of);
        let first = (self.entropy.next_u64() % FIRST).saturating_add(1);
        let own = self.new_tag();
        let (Some(tag), Some(call)) = (tag, self.calls.get(bridge.call)) else {
            return false;
        };
        if status >= 200 {
            let Some(reliable) = call.reliable.as_deref_mut() else {
                return false;
            };
            if reliable.sent.is_none() {
                call.reliable = None;
                self.calls.stop_alarm(bridge.call, Alarm::Reliable);
                return false;
            }
            // What was to be said before it has nothing to say any more.
            reliable.waits.clear();
            reliable.waits.push_back((tag, status, bytes.into()));
            let mut refusal = Vec::with_capacity(512);
            Reply::new(&mut refusal, asked.message(), bridge.mark, 504, NONE, &own).end();
            reliable.refusal = refusal.into();
            return true;
        }
        let reliable = call.reliable.get_or_insert_with(|| {
            Box::new(Reliable {
                server,
                numbers: Vec::new(),
                theirs: Vec::new(),
                sent: None,
                waits: VecDeque::new(),
                refusal: Box::default(),
            })
        });
        // The called's own: his and the caller's to see to, and so is what he says plainly after it.
        let is_theirs = reliable.theirs.contains(&tag);
        if is_theirs || rseq(response).is_some() {
            if !is_theirs && reliable.theirs.len() < MOST_EARLY {
                reliable.theirs.push(tag);
            }
            return false;
        }
        if reliable.sent.is_some() {
            if reliable.waits.len() < MOST_WAITING {
                reliable.waits.push_back((tag, status, bytes.into()));
            }
            return true;
        }
        reliable.waits.push_back((tag, status, bytes.into()));
        let first = u32::try_from(first).unwrap_or(1);
        self.say_next(now, bridge.call, first, out);
        true
    }

    /// Says what waits, up to the next that is to be acknowledged; `first` is the number of the first in a dialog.
    fn say_next(&mut self, now: Now, id: u64, first: u32, out: &mut Outbox) {
        let timers = self.config.timers;
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let Some(reliable) = call.reliable.as_deref_mut() else {
            return;
        };
        let server = reliable.server;
        let Some((pair, status, bytes)) = reliable.waits.pop_front() else {
            return;
        };
        if status >= 200 {
            call.reliable = None;
            self.table.respond(now.instant, server, status, &bytes, out);
            return self.await_ack(now, (id, End::A), (server, status), &bytes);
        }
        let known = reliable.numbers.iter_mut().find(|(tag, _)| *tag == pair);
        let number = match known {
            Some((_, number)) => {
                *number = number.saturating_add(1);
                *number
            }
            None => {
                reliable.numbers.push((pair, first));
                first
            }
        };
        let bytes = numbered(&bytes, number);
        let interval = timers.first_interval();
        self.table.respond(now.instant, server, status, &bytes, out);
        reliable.sent = Some(Sent {
            pair,
            number,
            status,
            bytes,
            interval,
            until: now.instant.after(timers.transaction()),
        });
        let at = now.instant.after(interval);
        self.calls.set_alarm(id, Alarm::Reliable, at);
    }

    /// Sends the one that waits for its PRACK again; without one the INVITE is refused (3).
    pub(in crate::b2bua) fn reliable_due(&mut self, now: Now, id: u64, out: &mut Outbox) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let context = call.context;
        let Some(reliable) = call.reliable.as_deref_mut() else {
            return;
        };
        let server = reliable.server;
        let Some(sent) = &mut reliable.sent else {
            return;
        };
        if sent.until > now.instant {
            // 3: it doubles, without the limit that T2 is to others.
            sent.interval = sent.interval.saturating_mul(2);
            let at = now.instant.after(sent.interval).min(sent.until);
            self.table
                .respond(now.instant, server, sent.status, &sent.bytes, out);
            return self.calls.set_alarm(id, Alarm::Reliable, at);
        }
        if !reliable.refusal.is_empty() {
            // The called is in a call that the caller never was in.
            return self.release(now, id, Cause::NoAck, out);
        }
        call.reliable = None;
        let Some(mut taken) = self.contexts.take(context) else {
            return;
        };
        if let Some((asked, mark)) = taken.asked() {
            let tag = hex::of_u64(self.entropy.next_u64());
            let mut bytes = std::mem::take(&mut self.scratch);
            bytes.clear();
            Reply::new(&mut bytes, asked, mark, 504, NONE, &tag).end();
            self.table.respond(now.instant, server, 504, &bytes, out);
            self.scratch = bytes;
        }
        taken.is_final = true;
        taken.is_over = true;
        taken.groups.clear();
        self.cancel_branches(now, context, &mut taken, out);
        self.bridged_failure(now, &taken, 504, out);
        self.advance(now, context, taken, out);
    }

    /// A call ends before the caller was told that it has begun: he is told that it has not.
    pub(in crate::b2bua) fn refuse_held(
        &mut self,
        now: Now,
        id: u64,
        call: &mut Call,
        out: &mut Outbox,
    ) {
        let Some(reliable) = call.reliable.take() else {
            return;
        };
        self.calls.stop_alarm(id, Alarm::Reliable);
        if !reliable.refusal.is_empty() {
            call.a.is_open = false;
            let (server, refusal) = (reliable.server, &reliable.refusal);
            self.table.respond(now.instant, server, 504, refusal, out);
        }
    }

    /// A PRACK of the caller: whether it is for one of ours, and seen to. One for the called's goes over.
    pub(in crate::b2bua) fn is_early_acknowledged(
        &mut self,
        now: Now,
        received: &Received<'_>,
        found: Found,
        out: &mut Outbox,
    ) -> bool {
        let chance = (self.entropy.next_u64() % FIRST).saturating_add(1);
        let Some(call) = self.calls.get(found.call).filter(|_| found.from == End::A) else {
            return false;
        };
        let invite = call.a.invite.0;
        let Some(reliable) = call.reliable.as_deref_mut() else {
            return false;
        };
        if !reliable.numbers.iter().any(|(tag, _)| *tag == found.pair) {
            return false;
        }
        let is_awaited = reliable.sent.as_ref().is_some_and(|sent| {
            sent.pair == found.pair && is_for(received.message, sent.number, invite)
        });
        if !is_awaited {
            self.refuse(received, 481, "No such response", out);
            return true;
        }
        reliable.sent = None;
        self.calls.stop_alarm(found.call, Alarm::Reliable);
        // A copy of it gets the same answer.
        let received = Received {
            is_spent: true,
            ..*received
        };
        if received.message.body().is_empty() {
            self.reply(&received, 200, "OK", out, |_, _| {});
        } else {
            // An offer (5) that there is nobody for: the called knows no PRACK.
            self.reply(&received, 488, "Not Acceptable Here", out, |_, _| {});
        }
        let first = u32::try_from(chance).unwrap_or(1);
        self.say_next(now, found.call, first, out);
        true
    }
}

impl Calls {
    /// Whether provisional responses of an early dialog are between the called and us: the caller knows none that are
    /// to be acknowledged, or has been told some of ours.
    pub(in crate::b2bua) fn numbers_for(
        &self,
        bridge: &Bridge,
        asked: Message<'_>,
        pair: &Pair,
    ) -> bool {
        let is_ours = |reliable: &Reliable| {
            let mut numbers = reliable.numbers.iter();
            numbers.any(|(tag, _)| *tag == pair.a.local_tag)
        };
        bridge.pair.is_none() && (!knows(asked) || self.reliable(bridge.call).is_some_and(is_ours))
    }
}

/// Whether who sent a request can acknowledge provisional responses.
pub(in crate::b2bua) fn knows(request: Message<'_>) -> bool {
    request.lists(HeaderId::Supported, RELIABLE) || request.lists(HeaderId::Require, RELIABLE)
}

/// The number of a provisional response that is to be acknowledged.
pub(in crate::b2bua) fn rseq(response: Message<'_>) -> Option<u32> {
    let is_provisional = response.status().is_some_and(|status| status < 200);
    if !is_provisional || !response.lists(HeaderId::Require, RELIABLE) {
        return None;
    }
    let value = response.named("RSeq").next()?.value;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// Whether a PRACK is for this response to this INVITE (7.2).
fn is_for(prack: Message<'_>, number: u32, invite: u32) -> bool {
    let expected = format!("{number} {invite} INVITE");
    prack.named("RAck").next().is_some_and(|rack| {
        let words = rack.value.split(u8::is_ascii_whitespace);
        let words = words.filter(|word| !word.is_empty());
        words.eq(expected.as_bytes().split(u8::is_ascii_whitespace))
    })
}

/// A response with the lines that ask for a PRACK.
fn numbered(response: &[u8], number: u32) -> Box<[u8]> {
    let at = memmem::find(response, b"\r\n\r\n").map_or(response.len(), |at| at.saturating_add(2));
    let (head, rest) = response.split_at(at.min(response.len()));
    let lines = format!("Require: 100rel\r\nRSeq: {number}\r\n");
    [head, lines.as_bytes(), rest].concat().into()
}

fn tag_of(tag: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    hex::read(tag, &mut bytes)?;
    Some(u64::from_be_bytes(bytes))
}

/// Why an INVITE is refused whose provisional response nobody acknowledges.
const NONE: &str = "No PRACK in time";
pub(in crate::b2bua) const RELIABLE: &str = "100rel";
/// The first number of a dialog is one of so many (3).
const FIRST: u64 = 0x7fff_ffff;
/// Responses that wait for their turn; further ones are not said.
const MOST_WAITING: usize = 8;
/// Early dialogs whose numbers are remembered.
pub(super) const MOST_EARLY: usize = 16;
