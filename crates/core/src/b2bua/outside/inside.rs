//! Requests in a subscription that is relayed: each goes over as one of ours in the other dialog.

use super::super::call::End;
use super::super::kept::leg::{SPAN, lasting};
use super::super::known::OUTSIDE;
use super::super::launch::Launch;
use super::super::leg::routes_of_request;
use super::super::write::{self, Ask};
use super::answer::event_number;
use super::bond::Bound;
use super::exchange::Exchange;
use crate::engine::{Engine, Received, unknown};
use crate::outbox::Outbox;
use crate::policy::Story;
use crate::record_route::Side;
use crate::subscription::told;
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method};
use std::time::Duration;

impl Engine {
    /// Whether a request with our tags comes from the other end of its dialog; if not, its sender says who he is.
    #[inline(never)]
    pub(crate) fn is_of_bond(
        &mut self,
        now: Now,
        received: &Received<'_>,
        bound: Bound,
        out: &mut Outbox,
    ) -> bool {
        let Some(bond) = self.calls.bonds.get(bound.bond) else {
            return false;
        };
        let place = match bound.pair.and_then(|tag| bond.pair(tag)) {
            Some(pair) => pair.leg(bound.from).place,
            None => bond.first.leg(bound.from).place,
        };
        self.comes_from(now, received, place, out)
    }

    /// A proven request in a subscription.
    #[inline(never)]
    pub(crate) fn in_bond(
        &mut self,
        now: Now,
        received: &Received<'_>,
        bound: Bound,
        story: Option<Box<Story>>,
        out: &mut Outbox,
    ) {
        let message = received.message;
        let Some(method) = message.method() else {
            return;
        };
        let Some(tag) = self.pair_of(received, bound) else {
            return self.refuse(received, 481, "No such subscription", out);
        };
        let mut is_news = bound.pair.is_none();
        match self.heard_in_bond(received, bound, tag) {
            Err((420, _)) => {
                return self.refuse_extensions(received, HeaderId::Require, OUTSIDE, out);
            }
            Err((200, _)) => {
                self.reply(received, 200, "OK", out, |_, _| {});
                return;
            }
            Err((status, why)) => return self.refuse(received, status, why, out),
            Ok(has_moved) => is_news |= has_moved,
        }
        let Some((launch, exchange)) = self.over_bond(received, bound, tag) else {
            return self.refuse(received, 400, "Request cannot be written anew", out);
        };
        is_news |= self.bond_told(now, bound.bond, tag, message);
        // Ours in the other dialog: the number of its CSeq is one before which it must be written.
        is_news |= exchange
            .pair
            .leg(bound.from.other())
            .seq
            .is_multiple_of(SPAN);
        if is_news {
            self.bond_changed(bound.bond, out);
        }
        match self.context_over(now, received, launch) {
            Ok(mut context) => {
                context.exchange = Some(Box::new(exchange));
                context.story = story;
                self.start(now, received, method, context, out);
            }
            Err((status, why)) => self.refuse(received, status, why, out),
        }
    }

    /// The pair that a request is in. A NOTIFY of a notifier that was not heard of before makes one: it has overtaken
    /// the 2xx, or the SUBSCRIBE has forked (RFC 6665 4.1.4, 4.4.1).
    fn pair_of(&mut self, received: &Received<'_>, bound: Bound) -> Option<u64> {
        if bound.pair.is_some() {
            return bound.pair;
        }
        let message = received.message;
        if message.method() != Some(Method::Notify) {
            return None;
        }
        let local_tag = self.entropy.next_u64();
        let from = message.first(HeaderId::From)?.value;
        let remote = (from, message.from_tag()?);
        let tag = self.calls.join(bound.bond, local_tag, remote)?;
        let leg = self.calls.bonds.get(bound.bond)?.pair(tag)?.leg_mut(End::B);
        leg.routes = routes_of_request(message);
        leg.place = match received.peer {
            Some((_, true)) => Side::Direct,
            _ => Side::Flow(received.flow, None),
        };
        Some(tag)
    }

    /// Notes what a request says of its dialog; whether its sender has moved, or what it is to be answered here.
    fn heard_in_bond(
        &mut self,
        received: &Received<'_>,
        bound: Bound,
        tag: u64,
    ) -> Result<bool, (u16, &'static str)> {
        let (message, flow) = (received.message, received.flow);
        let copies = self.config.timers.transaction();
        let bond = self.calls.bonds.get(bound.bond);
        let notified = bond.as_ref().and_then(|bond| bond.notified);
        let pair = bond.and_then(|bond| bond.pair(tag));
        let (Some(pair), Ok((seq, method))) = (pair, message.cseq()) else {
            return Ok(false);
        };
        let leg = pair.leg_mut(bound.from);
        let mut has_moved = false;
        if let Side::Flow(at, device) = leg.place
            && at.transport == flow.transport
        {
            has_moved = lasting(at) != lasting(flow);
            leg.place = Side::Flow(flow, device);
        }
        // RFC 3261 12.2.2. But for a 500 to a NOTIFY Asterisk ends the subscription, without a word. What was overtaken, or
        // left unanswered by an earlier program, is old news. When none such can be under way any more the notifier
        // counts anew, as Asterisk does after a crash.
        if seq < leg.remote_seq {
            if method != Method::Notify {
                return Err((500, "CSeq is lower than the last"));
            }
            if notified.is_some_and(|at| received.at < at.after(copies)) {
                return Err((200, "It is known already"));
            }
            has_moved = true;
        }
        leg.remote_seq = seq;
        if matches!(method, Method::Subscribe | Method::Notify | Method::Refer) {
            has_moved |= leg.learn_target(message);
        }
        if let (Method::Notify, Some(bond)) = (method, self.calls.bonds.get(bound.bond)) {
            bond.notified = Some(received.at);
        }
        if message.max_forwards() == Ok(Some(0)) {
            return Err((483, "Too Many Hops"));
        }
        let mut strange = unknown(message, HeaderId::Require, OUTSIDE);
        match strange.next() {
            Some(_) => Err((420, "Bad Extension")),
            None => Ok(has_moved),
        }
    }

    /// A request as it goes over.
    fn over_bond(
        &mut self,
        received: &Received<'_>,
        bound: Bound,
        tag: u64,
    ) -> Option<(Launch, Exchange)> {
        let (message, from, to) = (received.message, bound.from, bound.from.other());
        let bond = self.calls.bonds.get(bound.bond)?;
        let user = bond.user.clone().filter(|_| from == End::A);
        let pair = bond.pair(tag)?;
        let seq = pair.leg_mut(to).next_seq();
        let pair = pair.clone();
        let ask = Ask {
            method: message.method()?.as_bytes(),
            leg: pair.leg(to),
            seq,
            rack: None,
        };
        let hider = self.outside_hider(pair.leg(from));
        let request = write::request(&ask, Some((message, &hider)))?;
        let launch = Launch::new(request, pair.leg(to), received.flow, user);
        let exchange = Exchange {
            request: Some(message.to_owned()),
            mark: received.mark,
            from,
            pair,
            bond: Some(bound.bond),
            is_within: true,
        };
        Some((launch, exchange))
    }

    /// A NOTIFY says how long its subscription lasts (RFC 6665 4.1.3); whether that is news.
    fn bond_told(&mut self, now: Now, id: u64, tag: u64, message: Message<'_>) -> bool {
        let Some(told) = told(message).filter(|_| message.method() == Some(Method::Notify)) else {
            return false;
        };
        let timer_n = self.config.timers.transaction();
        let more = match (told.is_end(), told.expires) {
            // Its last words have to go over, and their answer back.
            (true, _) => timer_n,
            (false, Some(seconds)) => Duration::from_secs(seconds.into()),
            (false, None) => return false,
        };
        let until = now.instant.after(more.saturating_add(timer_n));
        let usage = (tag, event_number(message));
        self.calls.bonds.lasts(id, usage, until)
    }
}
