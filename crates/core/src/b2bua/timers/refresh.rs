//! Questions of our own inside a call: whether an end is still there, and the refresh of its session (RFC 4028 7.4).
//! Their answers stay here; an end that gives none is lost, and both legs with it (RFC 4028 10, RFC 5057 5.1).

use super::super::call::{Ack, Bridge, Call, End, Half, Own, Pending, State};
use super::super::launch::Launch;
use super::super::record::Cause;
use super::super::table::Alarm;
use super::super::write::{self, Ask};
use crate::engine::Engine;
use crate::flow::Flow;
use crate::identity::Identity;
use crate::outbox::Outbox;
use crate::proxy::Context;
use crate::time::Now;
use bellhop_wire::{Message, Method, ViaMark};
use std::time::Duration;

impl Engine {
    /// The turn of a leg's session: we refresh it, or the other end has not.
    pub(in crate::b2bua) fn session_due(&mut self, now: Now, id: u64, end: End, out: &mut Outbox) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let is_confirmed = call.state == State::Confirmed;
        let Some(care) = call.care.as_deref_mut().filter(|_| is_confirmed) else {
            return;
        };
        let session = care.session(end);
        let is_over = session.is_agreed && session.ends.is_some_and(|at| at <= now.instant);
        if session.is_ours && !is_over {
            self.refresh(now, id, end, out);
        } else {
            self.release(now, id, Cause::SessionTimer, out);
        }
    }

    /// Asks both ends whether they are there.
    pub(in crate::b2bua) fn alive_due(&mut self, now: Now, id: u64, out: &mut Outbox) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let keepalive = call.care.as_deref().and_then(|care| care.keepalive);
        let Some(keepalive) = keepalive.filter(|_| call.state == State::Confirmed) else {
            return;
        };
        let at = now.instant.after(keepalive);
        self.calls.set_alarm(id, Alarm::Alive, at);
        for end in [End::A, End::B] {
            let call = self.calls.get(id);
            let session = call.and_then(|call| Some(call.care.as_deref_mut()?.session(end)));
            if session.is_some_and(|session| !std::mem::replace(&mut session.asks, true)) {
                self.ask_end(now, (id, end), b"OPTIONS", Own::Alive, out);
            }
        }
    }

    fn refresh(&mut self, now: Now, id: u64, end: End, out: &mut Outbox) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let is_negotiating = is_negotiating(call, end);
        let Some(session) = call.care.as_deref_mut().map(|care| care.session(end)) else {
            return;
        };
        let (is_agreed, ends) = (session.is_agreed, session.ends);
        let method: &[u8] = match (session.updates, session.last_sdp.is_empty()) {
            (true, _) => b"UPDATE",
            (false, false) if is_negotiating => {
                let at = now.instant.after(RETRY);
                return self.calls.set_alarm(id, Alarm::Session(end), at);
            }
            (false, false) => b"INVITE",
            // There is nothing that could be said again: who knows timers ends the call, who does not knows no end.
            (false, true) => return,
        };
        if is_agreed && let Some(ends) = ends {
            self.calls.set_alarm(id, Alarm::Session(end), ends);
        }
        self.ask_end(now, (id, end), method, Own::Refresh, out);
    }

    /// Sends an end a request of our own.
    pub(super) fn ask_end(
        &mut self,
        now: Now,
        (id, end): (u64, End),
        method: &[u8],
        own: Own,
        out: &mut Outbox,
    ) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let user = call.half(end.other()).user.clone();
        let flow = call.half(end).flow;
        let mut lines = Vec::new();
        let mut sdp = Box::default();
        let mut round = 0;
        if own != Own::Alive
            && let Some(care) = call.care.as_deref_mut()
            && let Some(timers) = care.timers
        {
            let session = care.session(end);
            lines = session.ask(timers);
            match &session.owed {
                Some(owed) if own == Own::Tell => {
                    sdp = owed.sdp.clone();
                    round = owed.round;
                }
                _ if method == b"INVITE" => sdp = session.last_sdp.clone(),
                _ => {}
            }
            let half = call.half(end);
            if method == b"INVITE" {
                half.asks.invite = true;
                half.ack = Ack::None;
            } else {
                half.asks.update |= !sdp.is_empty();
            }
        }
        let Some(pair) = call.pairs.first_mut() else {
            return;
        };
        let tag = pair.a.local_tag;
        let seq = pair.leg_mut(end).next_seq();
        let leg = pair.leg(end);
        let ask = Ask {
            method,
            leg,
            seq,
            rack: None,
        };
        let Some(request) = write::own_request(&ask, &lines, &sdp) else {
            return;
        };
        let launch = Launch::new(request, leg, flow, user);
        let bridge = Bridge {
            call: id,
            from: end.other(),
            pair: Some(tag),
            first: None,
            request: None,
            mark: ViaMark::default(),
            has_offer: !sdp.is_empty(),
            is_cancelled: false,
            own: Some(own),
            early: Vec::new(),
            tries: round,
        };
        match self.context_of(now, launch, Identity::default()) {
            Ok(mut context) => {
                context.bridge = Some(Box::new(bridge));
                let number = self.contexts.reserve();
                self.begin(now, number, context, out);
            }
            Err(_) => self.own_failed(now, &bridge, UNSENT, out),
        }
    }

    /// An end's answer to a question of ours.
    pub(in crate::b2bua) fn own_answered(
        &mut self,
        now: Now,
        context: &mut Context,
        bridge: &Bridge,
        (response, flow): (Message<'_>, Flow),
        out: &mut Outbox,
    ) {
        let (Some(status), Ok((seq, method))) = (response.status(), response.cseq()) else {
            return;
        };
        let end = bridge.from.other();
        let is_accepted = (200..300).contains(&status);
        if status < 200 {
            return;
        }
        if context.is_final {
            if is_accepted && method == Method::Invite {
                self.acknowledge_again(now, bridge, out);
            }
            return;
        }
        context.is_final = true;
        context.is_over = true;
        context.groups.clear();
        let Some(call) = self.calls.get(bridge.call) else {
            return;
        };
        call.half(end).own_over(bridge);
        call.half(end).flow = flow;
        if is_accepted && method != Method::Options {
            let Some(pair) = call.pairs.first_mut() else {
                return;
            };
            pair.leg_mut(end).learn_target(response);
            if method == Method::Invite {
                let ask = Ask {
                    method: b"ACK",
                    leg: pair.leg(end),
                    seq,
                    rack: None,
                };
                if let Some(ack) = write::request(&ask, None) {
                    call.half(end).ack = Ack::Sent(ack);
                }
                self.acknowledge_again(now, bridge, out);
            }
        }
        if matches!(status, 408 | 481) {
            return self.own_failed(now, bridge, status, out);
        }
        let Some(call) = self.calls.get(bridge.call) else {
            return;
        };
        let is_confirmed = call.state == State::Confirmed;
        let Some(care) = call.care.as_deref_mut() else {
            return;
        };
        let timers = care.timers;
        let session = care.session(end);
        session.missed = 0;
        if bridge.own == Some(Own::Alive) {
            session.asks = false;
            return;
        }
        let Some(timers) = timers.filter(|_| is_confirmed) else {
            return;
        };
        match status {
            200..=299 => {
                session.agreed(response, timers);
                care.forget_sdp();
                self.arm(now, bridge.call, end);
                self.answer_heard(now, (context, bridge), response, out);
                self.changed(bridge.call, out);
            }
            _ if bridge.own == Some(Own::Tell) => self.told_in_vain(now, bridge, response),
            // It knows no UPDATE, or no such request at all: it is there.
            405 | 501 => {
                session.updates = false;
                self.arm(now, bridge.call, end);
            }
            422 => {
                session.lengthen(response);
                self.again(now, bridge, RETRY);
            }
            491 => {
                let after = self.after_glare(end);
                self.again(now, bridge, after);
            }
            _ => self.again(now, bridge, AGAIN),
        }
    }

    /// After how long an offer is made again that has crossed another (RFC 3261 14.1): longer on the leg whose Call-ID is
    /// ours.
    pub(super) fn after_glare(&mut self, end: End) -> Duration {
        let chance = self.entropy.next_u64();
        Duration::from_millis(match end {
            End::A => chance % 2_000,
            End::B => chance.wrapping_rem(1_900).saturating_add(2_100),
        })
    }

    /// A question of ours found nobody: `status` is what stands for the answer.
    pub(in crate::b2bua) fn own_failed(
        &mut self,
        now: Now,
        bridge: &Bridge,
        status: u16,
        out: &mut Outbox,
    ) {
        let (id, end) = (bridge.call, bridge.from.other());
        let Some(call) = self.calls.get(id) else {
            return;
        };
        call.half(end).own_over(bridge);
        let Some(session) = call.care.as_deref_mut().map(|care| care.session(end)) else {
            return;
        };
        session.asks = false;
        session.missed = session.missed.saturating_add(1);
        // A phone whose connection broke may come back over another.
        if status == UNSENT && session.missed < MISSES {
            if bridge.own != Some(Own::Alive) {
                self.again(now, bridge, AGAIN);
            }
            return;
        }
        self.release(now, id, Cause::LostEnd, out);
    }

    /// Sets when a question is asked again: a refresh not after its session is over.
    pub(super) fn again(&mut self, now: Now, bridge: &Bridge, after: Duration) {
        let (id, end) = (bridge.call, bridge.from.other());
        let at = now.instant.after(after);
        if bridge.own == Some(Own::Tell) {
            return self.calls.set_alarm(id, Alarm::Tell(end), at);
        }
        let call = self.calls.get(id);
        let session = call.and_then(|call| Some(call.care.as_deref_mut()?.session(end)));
        if let Some(session) = session {
            let at = match session.ends {
                Some(ends) if session.is_agreed => at.min(ends),
                _ => at,
            };
            self.calls.set_alarm(id, Alarm::Session(end), at);
        }
    }
}

impl Half {
    /// A question of ours to this end has had its answer.
    fn own_over(&mut self, bridge: &Bridge) {
        // While it was asked nothing else was.
        if bridge.has_offer {
            self.asks = Pending::default();
        }
    }
}

/// Whether an offer is on its way on the leg of an end, or an ACK is.
pub(super) fn is_negotiating(call: &mut Call, end: End) -> bool {
    let half = call.half(end);
    half.asks != Default::default()
        || half.asked != Default::default()
        || half.unacked.is_some()
        || matches!(half.ack, Ack::Waits(_))
}

/// What stands for an answer where a request could not be sent.
const UNSENT: u16 = 503;
/// Questions in a row that cannot be sent to an end that is not lost yet.
const MISSES: u8 = 2;
/// When a refresh is tried again that has to wait for something that is under way.
pub(super) const RETRY: Duration = Duration::from_secs(2);
/// When one is tried again that was refused.
pub(super) const AGAIN: Duration = Duration::from_secs(10);
