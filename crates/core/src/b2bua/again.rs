//! A request that is said anew because the other end wants it otherwise: with a longer session (RFC 4028 7.3), with
//! PRACKs or without (RFC 3262), with credentials (RFC 3261 22.2). Who asked hears nothing of that.

use super::call::{Bridge, Call};
use super::prack::reliable::{self, RELIABLE};
use super::timers::care::{self, EXPIRES, MIN_SE};
use super::write::UNBOUNDED;
use crate::digits::decimal;
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::proxy::{BranchId, BranchState, Cancel, Context};
use crate::time::Now;
use bellhop_wire::{Edit, HeaderId, Message, Method, Owned};

impl Engine {
    /// A branch's next hop refuses a request for how it is written: whether it has gone out again.
    // Not inlined: what is relayed is to pay for none of it.
    #[inline(never)]
    pub(crate) fn said_anew(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        response: Message<'_>,
        out: &mut Outbox,
    ) -> bool {
        let is_over = context.is_over;
        let Some(branch) = context.branch(id.index) else {
            return false;
        };
        let is_asked = !is_over && branch.cancel == Cancel::No && branch.state != BranchState::Done;
        let Some(to) = branch.to.filter(|_| is_asked) else {
            return false;
        };
        let (Some(bridge), Some(incoming)) = (&mut context.bridge, &mut context.incoming) else {
            return false;
        };
        if bridge.own.is_some() || bridge.tries >= MOST_TRIES {
            return false;
        }
        let Some(call) = self.calls.get(bridge.call) else {
            return false;
        };
        let Some(anew) = anew(call, bridge, incoming.request.message(), response) else {
            return false;
        };
        bridge.tries = bridge.tries.saturating_add(1);
        incoming.request = anew;
        self.send_branch(now, id, context, to, out);
        true
    }

    /// A request of ours is about to go out once more, with credentials: it has the next CSeq number of its dialog
    /// (RFC 3261 22.2).
    #[inline(never)]
    pub(crate) fn number_anew(&mut self, context: &mut Context, out: &mut Outbox) {
        let Some(incoming) = &mut context.incoming else {
            return;
        };
        let request = incoming.request.message();
        let (Ok((number, _)), Some(method)) = (request.cseq(), request.method()) else {
            return;
        };
        let first = match (&mut context.bridge, &mut context.exchange) {
            (Some(bridge), _) if bridge.pair.is_none() => bridge.first.as_deref_mut(),
            (_, Some(exchange)) => exchange.first(),
            _ => None,
        };
        let next = match first {
            Some(pair) => Some(pair.b.next_seq()),
            None => self.next_in_dialog(request, out),
        };
        // A dialog that is over already has nothing but its BYE.
        let seq = next.unwrap_or_else(|| number.saturating_add(1));
        if let Some(bridge) = context.bridge.as_deref().filter(|b| b.own.is_none())
            && let Some(call) = self.calls.get(bridge.call)
        {
            call.half(bridge.from).asked_again(method, seq);
        }
        if let Some(anew) = numbered(Edit::new(request), request, (seq, method)) {
            incoming.request = anew;
        }
    }

    /// The next number of the dialog that a request of ours is in.
    fn next_in_dialog(&mut self, request: Message<'_>, out: &mut Outbox) -> Option<u32> {
        let (tag, id, end) = self.calls.named(request.from_tag()?)?;
        let theirs = request.to_tag().unwrap_or_default();
        let pairs = match self.calls.get(id).is_some() {
            true => &mut self.calls.get(id)?.pairs,
            false => self.calls.bonds.pairs(id)?,
        };
        let mut legs = pairs.iter_mut().map(|pair| pair.leg_mut(end));
        let leg = legs.find(|leg| leg.local_tag == tag && *leg.remote_tag == *theirs)?;
        let seq = leg.next_seq();
        // Rare enough to be written each time: a restart counts on from here.
        self.changed(id, out);
        self.bond_changed(id, out);
        Some(seq)
    }
}

/// The request as it is said anew, with a CSeq number of its own.
fn anew(
    call: &mut Call,
    bridge: &mut Bridge,
    request: Message<'_>,
    response: Message<'_>,
) -> Option<Owned> {
    let mut edit = Edit::new(request);
    match response.status()? {
        422 => longer(call, bridge, request, response, &mut edit)?,
        421 => with_prack(bridge, response, &mut edit)?,
        420 => without_prack(bridge, request, response, &mut edit)?,
        _ => return None,
    }
    let to = bridge.from.other();
    let leg = match (&mut bridge.first, bridge.pair) {
        (Some(first), None) => first.leg_mut(to),
        (_, pair) => call.pair(pair?)?.leg_mut(to),
    };
    let seq = leg.next_seq();
    let method = request.method()?;
    call.half(bridge.from).asked_again(method, seq);
    numbered(edit, request, (seq, method))
}

/// A request as it was edited, with this CSeq.
fn numbered<'m>(
    mut edit: Edit<'m>,
    request: Message<'m>,
    (seq, method): (u32, Method<'_>),
) -> Option<Owned> {
    let mut number = decimal(seq.into()).to_vec();
    number.push(b' ');
    number.extend_from_slice(method.as_bytes());
    edit.set(HeaderId::CSeq, &number);
    let mut bytes = Vec::with_capacity(request.bytes().len().saturating_add(64));
    edit.write(&mut bytes).ok()?;
    Owned::parse(&bytes, &UNBOUNDED).ok()
}

/// RFC 4028 7.3: with the session that the other end takes at least.
fn longer<'m>(
    call: &mut Call,
    bridge: &Bridge,
    request: Message<'m>,
    response: Message<'_>,
    edit: &mut Edit<'m>,
) -> Option<()> {
    let care = call.care.as_deref_mut()?;
    let timers = care.timers?;
    let least = care::least(response)?.min(LONGEST);
    let session = care.session(bridge.from.other());
    session.least = session.least.max(least);
    let asked = care::expires(request).map_or(timers.interval, |(seconds, _)| seconds);
    let least = session.least.max(timers.least);
    for name in [EXPIRES, MIN_SE] {
        for field in request.named(name) {
            edit.remove(field);
        }
    }
    let who = if session.interval == 0 || session.is_ours {
        "uac"
    } else {
        "uas"
    };
    let expires = format!("{};refresher={who}", asked.max(least));
    edit.append(EXPIRES, expires.as_bytes());
    edit.append(MIN_SE, &decimal(least.into()));
    Some(())
}

/// RFC 3261 21.4.15: the called wants to have his provisional responses acknowledged. The caller cannot, we can; but
/// not where a PRACK would have to bring an answer of his.
fn with_prack(bridge: &Bridge, response: Message<'_>, edit: &mut Edit<'_>) -> Option<()> {
    let asked = bridge.request.as_ref()?.message();
    let is_wanted = response.lists(HeaderId::Require, RELIABLE);
    let is_first = bridge.pair.is_none() && bridge.has_offer && !reliable::knows(asked);
    if !is_wanted || !is_first {
        return None;
    }
    edit.append(HeaderId::Supported.name(), RELIABLE.as_bytes());
    Some(())
}

/// RFC 3262 4: the caller requires what the called does not know. What the caller gets we make ourselves.
fn without_prack<'m>(
    bridge: &Bridge,
    request: Message<'m>,
    response: Message<'_>,
    edit: &mut Edit<'m>,
) -> Option<()> {
    let asked = bridge.request.as_ref()?.message();
    let is_unknown = response.lists(HeaderId::Unsupported, RELIABLE);
    let is_required = bridge.pair.is_none() && asked.lists(HeaderId::Require, RELIABLE);
    if !is_unknown || !is_required || !bridge.has_offer {
        return None;
    }
    for id in [HeaderId::Require, HeaderId::Supported] {
        for value in request.values(id) {
            if value.raw.eq_ignore_ascii_case(RELIABLE.as_bytes()) {
                edit.remove_value(value);
            }
        }
    }
    Some(())
}

/// How often one request is said anew.
const MOST_TRIES: u8 = 3;
/// Seconds; a longer session is nobody's.
const LONGEST: u32 = 86_400;
