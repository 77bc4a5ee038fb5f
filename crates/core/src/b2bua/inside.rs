//! Requests inside a call: each goes over as one of ours in the other dialog.

use super::begin::{has_offer, hider};
use super::call::{Bridge, Call, State};
use super::known::{METHODS, OPTIONS};
use super::launch::Launch;
use super::table::Found;
use super::timers::session::{is_refresh, is_too_short, own_timer};
use super::transfer::translate;
use super::write::{self, Ask};
use crate::engine::{Engine, Received, unknown};
use crate::outbox::Outbox;
use crate::policy::{Phase, Story};
use crate::record_route::{Side, Token};
use crate::routing::Routes;
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method};

impl Engine {
    /// A request whose tags and Call-ID are those of a dialog of ours: whether it comes from the dialog's other
    /// end; if not, its sender says who he is.
    pub(crate) fn is_of_call(
        &mut self,
        now: Now,
        received: &Received<'_>,
        found: Found,
        out: &mut Outbox,
    ) -> bool {
        let Some(call) = self.calls.get(found.call) else {
            return false;
        };
        let Some(place) = call.pair(found.pair).map(|pair| pair.leg(found.from).place) else {
            return false;
        };
        self.comes_from(now, received, place, out)
    }

    /// Whether a request in a dialog of ours comes from its other end; if not, its sender says who he is.
    pub(super) fn comes_from(
        &mut self,
        now: Now,
        received: &Received<'_>,
        place: Side,
        out: &mut Outbox,
    ) -> bool {
        let token = Token::of(place);
        let location = &self.shared.location;
        let is_from_there = received.is_trusted()
            || token.is_from(
                received.flow.remote.ip(),
                received.peer.is_some(),
                |device| {
                    let binding = location.of_device(now.instant, device)?;
                    Some(binding.flow.remote.ip())
                },
            );
        if is_from_there {
            return true;
        }
        let message = received.message;
        match message.method() {
            Some(Method::Ack) | None => {
                out.drop(message, received.flow, 0, "ACK from elsewhere");
                false
            }
            Some(method) => self
                .prove(now, received, method, &Routes::default(), out)
                .is_some(),
        }
    }

    /// A proven request in a dialog of ours.
    pub(crate) fn in_call(
        &mut self,
        now: Now,
        received: &Received<'_>,
        found: Found,
        story: Option<Box<Story>>,
        out: &mut Outbox,
    ) {
        let message = received.message;
        let Some(method) = message.method() else {
            return;
        };
        let Some(mut call) = self.calls.take(found.call) else {
            return self.refuse(received, 481, "No such call", out);
        };
        let before = call.pair(found.pair).map(|pair| pair.leg(found.from).place);
        let refusal = self.heard(received, found, &mut call);
        let after = call.pair(found.pair).map(|pair| pair.leg(found.from).place);
        let may_move = before != after || moves_target(method);
        if let Some((status, reason)) = refusal {
            let timers = call.care.as_deref().and_then(|care| care.timers);
            self.calls.put(found.call, call);
            return match status {
                422 => self.refuse_short(received, timers, out),
                _ => self.refuse_inside(received, status, reason, out),
            };
        }
        self.went_over(&call, may_move, out);
        match method {
            Method::Ack => self.acknowledged(now, found, call, message, out),
            Method::Bye => {
                let received = Received {
                    is_spent: true,
                    ..*received
                };
                self.reply(&received, 200, "OK", out, |_, _| {});
                if let Some(story) = &story {
                    self.observe(now, (Phase::Ended, 200), message, &story.sender);
                }
                self.hung_up(now, found, call, message, out);
            }
            Method::Prack if call.reliable.is_some() => {
                self.calls.put(found.call, call);
                if !self.is_early_acknowledged(now, received, found, out)
                    && let Some(call) = self.calls.take(found.call)
                {
                    self.go_over(now, received, found, call, story, out);
                }
            }
            _ if is_refresh(&call, message) => self.refreshed(now, received, found, call, out),
            _ => self.go_over(now, received, found, call, story, out),
        }
    }

    /// Notes what any request says of its dialog; what it must be refused with.
    fn heard(
        &self,
        received: &Received<'_>,
        found: Found,
        call: &mut Call,
    ) -> Option<(u16, &'static str)> {
        let (message, flow) = (received.message, received.flow);
        let (seq, method) = message.cseq().ok()?;
        let state = call.state;
        let timers = call.care.as_deref().and_then(|care| care.timers);
        let half = call.half(found.from);
        half.flow = flow;
        let (asks, asked) = (half.asks, half.asked);
        let other = call.half(found.from.other());
        let is_other_unacked = other.unacked.is_some();
        let other_asks = other.asks;
        let is_early = state == State::Early;
        let leg = call.pair(found.pair)?.leg_mut(found.from);
        if let Side::Flow(at, device) = leg.place
            && at.transport == flow.transport
        {
            leg.place = Side::Flow(flow, device);
        }
        if method == Method::Ack {
            return None;
        }
        // 12.2.2.
        if seq < leg.remote_seq {
            return Some((500, "CSeq is lower than the last"));
        }
        leg.remote_seq = seq;
        if method == Method::Bye {
            return None;
        }
        if state == State::Ending {
            return Some((481, "The call is over"));
        }
        let known = METHODS
            .iter()
            .any(|known| known.as_bytes() == method.as_bytes());
        if !known && !matches!(method, Method::Ext(_)) {
            return Some((405, "Not inside a call"));
        }
        // RFC 3261 14.2, RFC 3311 5.2.
        let is_offer = method == Method::Invite || (method == Method::Update && has_offer(message));
        if is_offer {
            if asks.update || (asks.invite && !(is_early && method == Method::Update)) {
                return Some((491, "Request Pending"));
            }
            if asked.update || (asked.invite && !(is_early && method == Method::Update)) {
                return Some((500, "An offer has no answer yet"));
            }
            if method == Method::Invite && is_other_unacked {
                return Some((491, "Request Pending"));
            }
            // An offer of our own there (14.1).
            if other_asks.update || (other_asks.invite && !(is_early && method == Method::Update)) {
                return Some((491, "Request Pending"));
            }
        }
        if moves_target(method) {
            leg.learn_target(message);
        }
        if message.max_forwards() == Ok(Some(0)) {
            return Some((483, "Too Many Hops"));
        }
        if matches!(method, Method::Invite | Method::Update) && is_too_short(timers, message) {
            return Some((422, "Session Interval Too Small"));
        }
        if is_misnamed(message) {
            return Some((400, "Replaces is for an INVITE"));
        }
        unknown(message, HeaderId::Require, OPTIONS)
            .next()
            .map(|_| (420, "Bad Extension"))
    }

    fn refuse_inside(
        &mut self,
        received: &Received<'_>,
        status: u16,
        reason: &'static str,
        out: &mut Outbox,
    ) {
        match status {
            420 => self.refuse_extensions(received, HeaderId::Require, OPTIONS, out),
            500 => {
                // 14.2: a time of chance up to ten seconds.
                let seconds = (self.entropy.next_u64() % 11).to_string();
                self.refuse_with(received, status, reason, out, |_, reply| {
                    reply.header("Retry-After", seconds.as_bytes());
                });
            }
            _ => self.refuse(received, status, reason, out),
        }
    }

    /// Sends a request on in the other dialog.
    fn go_over(
        &mut self,
        now: Now,
        received: &Received<'_>,
        found: Found,
        mut call: Box<Call>,
        story: Option<Box<Story>>,
        out: &mut Outbox,
    ) {
        let (message, to) = (received.message, found.from.other());
        let Some(method) = message.method() else {
            return;
        };
        let (was, is) = call.half(found.from).invite;
        let rack = (method == Method::Prack)
            .then(|| rack(message, was, is))
            .flatten();
        let user = call.half(found.from).user.clone();
        let (skips, lines) = own_timer(&call, to, method);
        let written = call.pair(found.pair).and_then(|pair| {
            let seq = pair.leg_mut(to).next_seq();
            let ask = Ask {
                method: method.as_bytes(),
                leg: pair.leg(to),
                seq,
                rack: rack.as_deref(),
            };
            let mut hider = hider(&self.config, self.calls.inside(), pair.leg(found.from));
            hider.skips = skips;
            let mut request = write::request_with(&ask, Some((message, &hider)), &lines)?;
            let story = story.as_deref();
            if let Some(Ok(named)) = story.and_then(|story| story.named.as_ref()) {
                request = translate::in_refer(&request, message, named, &hider)?;
            }
            Some((Launch::new(request, pair.leg(to), received.flow, user), seq))
        });
        let Some((launch, seq)) = written else {
            self.calls.put(found.call, call);
            return self.refuse(received, 400, "Request cannot be written anew", out);
        };
        let is_offer = method == Method::Invite || has_offer(message);
        if is_offer {
            call.half(found.from).asked.set(method, true);
            call.half(to).asks.set(method, true);
        }
        if method == Method::Invite
            && let Ok((number, _)) = message.cseq()
        {
            call.half(found.from).invite = (number, seq);
            call.half(to).ack = super::call::Ack::None;
        }
        self.calls.put(found.call, call);
        let bridge = Bridge {
            call: found.call,
            from: found.from,
            pair: Some(found.pair),
            first: None,
            request: Some(message.to_owned()),
            mark: received.mark,
            has_offer: has_offer(message),
            is_cancelled: false,
            own: None,
            early: Vec::new(),
            tries: 0,
        };
        match self.context_over(now, received, launch) {
            Ok(mut context) => {
                context.bridge = Some(Box::new(bridge));
                context.story = story;
                self.start(now, received, method, context, out);
            }
            Err((status, reason)) => {
                self.offer_over(&bridge, method);
                self.refuse(received, status, reason, out);
            }
        }
    }

    /// No offer of this method waits for its answer any more.
    pub(super) fn offer_over(&mut self, bridge: &Bridge, method: Method<'_>) {
        if let Some(call) = self.calls.get(bridge.call) {
            call.half(bridge.from).asked.set(method, false);
            call.half(bridge.from.other()).asks.set(method, false);
        }
    }
}

/// Whether a request may say where its sender is now (RFC 3261 12.2, RFC 3311 5.1, RFC 3515 2.2, RFC 6665 4.4.1).
fn moves_target(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::Invite | Method::Update | Method::Refer | Method::Notify
    )
}

/// RAck with the number of our INVITE (RFC 3262 7.2).
fn rack(message: Message<'_>, was: u32, is: u32) -> Option<String> {
    let value = message.named("RAck").next()?.value;
    let mut words = value
        .split(|b| b.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
        .map(|word| std::str::from_utf8(word).ok());
    let (rseq, cseq, method) = (words.next()??, words.next()??, words.next()??);
    let rseq: u32 = rseq.parse().ok()?;
    let cseq: u32 = cseq.parse().ok()?;
    let cseq = if cseq == was { is } else { cseq };
    Some(format!("{rseq} {cseq} {method}"))
}

/// Whether a request has a Replaces that may not have one (RFC 3891 3).
fn is_misnamed(message: Message<'_>) -> bool {
    message.method() != Some(Method::Invite) && message.named("Replaces").next().is_some()
}
