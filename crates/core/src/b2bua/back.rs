//! Answers of one end, as answers of ours to the other.

use super::begin::hider;
use super::call::{Ack, Bridge, Call, End, Pair, State};
use super::launch::Launch;
use super::prack::early::keep_answer;
use super::record::Cause;
use super::table::Alarm;
use super::write::{self, Ask, Tell};
use crate::engine::Engine;
use crate::flow::{Destination, Flow};
use crate::outbox::Outbox;
use crate::proxy::{BranchId, Context};
use crate::record_route::side_of;
use crate::registrar::Aor;
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method, Owned};

impl Engine {
    /// The answer to who asked that says what a branch of the other leg has said. `None`: it is seen to and says
    /// nothing to him.
    // Not inlined: what is relayed is to pay for none of it.
    #[inline(never)]
    pub(crate) fn bridged_answer(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        (response, flow): (Message<'_>, Flow),
        out: &mut Outbox,
    ) -> Option<Owned> {
        let status = response.status()?;
        let mut bridge = context.bridge.take()?;
        let answer = match bridge.pair {
            None => self.first_answer(now, id, context, &mut bridge, (response, flow), out),
            Some(_) if bridge.own.is_some() => {
                self.own_answered(now, context, &bridge, (response, flow), out);
                None
            }
            Some(_) if status > 100 => {
                self.later_answer(now, context, &bridge, (response, flow), out)
            }
            Some(_) => None,
        };
        context.bridge = Some(bridge);
        answer
    }

    /// An answer to the INVITE that makes the dialogs.
    fn first_answer(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        bridge: &mut Bridge,
        (response, flow): (Message<'_>, Flow),
        out: &mut Outbox,
    ) -> Option<Owned> {
        let status = response.status()?;
        if status <= 100 {
            return None;
        }
        if status >= 300 {
            let tag = self.new_tag();
            return self.answer(context, bridge, (response, None), (&tag, b""));
        }
        let mut begun = bridge.first.as_deref()?.clone();
        let branch = context.branch(id.index)?;
        // Who is called by the name of a dialog is the device that the dialog is with.
        let device = branch.target.device.or_else(|| begun.b.device());
        if let Some(to) = branch.to {
            begun.b.place = side_of(&to, device);
        }
        let tag = response.to_tag().unwrap_or_default();
        let known = self.calls.get(bridge.call).and_then(|call| {
            let mut pairs = call.pairs.iter();
            pairs.find(|pair| &*pair.b.remote_tag == tag).cloned()
        });
        let is_new = known.is_none();
        let mut pair = known.unwrap_or(begun);
        if is_new {
            pair.b.remote_tag = tag.into();
            pair.b.remote = response.first(HeaderId::To)?.value.into();
            pair.a.local_tag = self.entropy.next_u64();
        }
        pair.b.counts_from(response);
        pair.b.learn_target(response);
        if is_new || status >= 200 {
            pair.b.learn_routes(response);
        }
        let state = self.calls.get(bridge.call).map(|call| call.state);
        let is_early = state == Some(State::Early);
        if status >= 200 {
            if !is_early && !is_new {
                self.acknowledge_again(now, bridge, out);
                return None;
            }
            if !is_early || bridge.is_cancelled {
                self.refuse_answer(now, pair, (response, flow), out);
                return None;
            }
        }
        if !is_early {
            return None;
        }
        let aor = device.and_then(|device| self.shared.location.aor_of(device));
        let user = aor
            .as_ref()
            .and_then(|aor| self.auth.users().with_login_of(aor).cloned());
        let pair_tag = pair.a.local_tag;
        if !self.acknowledges_early(now, bridge, &mut pair, (response, flow), out) {
            return None;
        }
        // It may have been said anew since (RFC 4028 7.3), and by a fork less often.
        if let (Some(call), Ok((seq, _))) = (self.calls.get(bridge.call), response.cseq()) {
            call.half(bridge.from).invite.1 = seq;
        }
        let mut lines = Vec::new();
        if status >= 200 {
            lines = self.sessions_agreed(now, bridge, context, response);
        }
        let tag = pair.a.tag();
        let answer = self.answer(context, bridge, (response, Some(&pair)), (&tag, &lines));
        if let Some(answer) = &answer {
            self.end_told(bridge.call, End::A, answer.message());
            keep_answer(bridge, pair_tag, answer.message());
        }
        let call = self.calls.take(bridge.call)?;
        let call = self.joined(bridge.call, call, pair, status >= 200);
        self.calls.put(bridge.call, call);
        if let Some(call) = self.calls.get(bridge.call) {
            call.b.flow = flow;
            if user.is_some() {
                call.b.user = user;
            }
            if status >= 200 {
                call.answered = now.unix;
            }
        }
        if status >= 200 {
            self.changed(bridge.call, out);
            if let Some(longest) = self.config.b2bua.as_ref().and_then(|b2bua| b2bua.longest) {
                let at = now.instant.after(longest);
                self.calls.set_alarm(bridge.call, Alarm::Longest, at);
            }
            self.note_answered(
                now,
                context,
                (bridge, id.index),
                aor.as_ref().map(Aor::as_str),
            );
            self.accepted(now, bridge, pair_tag, out);
        } else {
            self.note_ringing(now, bridge);
        }
        answer
    }

    /// Puts a pair among those of its call; alone, if it is the one that was answered.
    fn joined(&mut self, id: u64, mut call: Box<Call>, pair: Pair, is_answered: bool) -> Box<Call> {
        let tag = pair.a.local_tag;
        self.calls.name(tag, id, End::A);
        call.pairs.retain(|other| other.a.local_tag != tag);
        if is_answered || call.pairs.len() >= MOST_PAIRS {
            let over = if is_answered { call.pairs.len() } else { 1 };
            for other in call.pairs.drain(..over) {
                self.calls.unname(other.a.local_tag);
            }
        }
        if is_answered {
            call.state = State::Confirmed;
        }
        call.pairs.push(pair);
        call
    }

    /// An answer to a request inside a dialog.
    fn later_answer(
        &mut self,
        now: Now,
        context: &Context,
        bridge: &Bridge,
        (response, flow): (Message<'_>, Flow),
        out: &mut Outbox,
    ) -> Option<Owned> {
        let (status, (_, method)) = (response.status()?, response.cseq().ok()?);
        let is_accepted = (200..300).contains(&status);
        if context.is_final {
            if is_accepted && method == Method::Invite {
                self.acknowledge_again(now, bridge, out);
            }
            return None;
        }
        let to = bridge.from.other();
        let found = self.calls.get(bridge.call).and_then(|call| {
            call.half(to).flow = flow;
            let pair = call.pair(bridge.pair?)?;
            if is_accepted && matches!(method, Method::Invite | Method::Update) {
                pair.leg_mut(to).learn_target(response);
            }
            Some(pair.clone())
        });
        let Some(pair) = found else {
            // The call has ended meanwhile: who asked hears that from us.
            return None;
        };
        let mut lines = Vec::new();
        if is_accepted && matches!(method, Method::Invite | Method::Update) {
            lines = self.sessions_agreed(now, bridge, context, response);
        }
        let answer = self.answer(context, bridge, (response, Some(&pair)), (b"", &lines));
        if is_accepted {
            if let Some(answer) = &answer {
                self.end_told(bridge.call, bridge.from, answer.message());
            }
            self.offer_over(bridge, method);
            self.changed(bridge.call, out);
            if method == Method::Invite {
                self.accepted(now, bridge, pair.a.local_tag, out);
            }
        }
        answer
    }

    /// Writes the answer. With a pair it is one that our Contact goes with.
    fn answer(
        &self,
        context: &Context,
        bridge: &Bridge,
        (response, pair): (Message<'_>, Option<&Pair>),
        (tag, lines): (&[u8], &[u8]),
    ) -> Option<Owned> {
        let asked = bridge.request.as_ref()?.message();
        let flow = context.incoming.as_ref()?.flow;
        let back = Destination::Flow {
            flow,
            else_connect: None,
        };
        let names_us = matches!(
            asked.method(),
            Some(
                Method::Invite
                    | Method::Update
                    | Method::Refer
                    | Method::Subscribe
                    | Method::Notify
            )
        );
        let is_final_refusal = response.status().is_some_and(|status| status >= 300);
        let contact = pair
            .filter(|_| names_us && !is_final_refusal)
            .and_then(|pair| {
                let (transport, host) = self.names.call_back(&back)?;
                let token = transport.is_reliable().then(|| transport.uri_token());
                Some(write::uri(&pair.leg(bridge.from).tag(), host, token))
            });
        let host = write::host_of(asked.uri());
        let tell = Tell {
            tag,
            contact: contact.as_deref(),
            asked_host: host.as_deref(),
            lines,
            sdp: pair
                .and_then(|pair| bridge.answer_of(pair))
                .unwrap_or_default(),
        };
        let source = pair.or(bridge.first.as_deref())?;
        let mut hider = hider(
            &self.config,
            self.calls.inside(),
            source.leg(bridge.from.other()),
        );
        hider.skips.timer = self.calls.has_timers(bridge.call);
        hider.skips.reliable = self.calls.numbers_for(bridge, asked, source);
        write::response((asked, bridge.mark), &tell, (response, &hider))
    }

    /// The other end has accepted our INVITE: its ACK goes out at once, or waits for the answer that the ACK of
    /// who asked brings (13.2.2.4).
    fn accepted(&mut self, now: Now, bridge: &Bridge, pair: u64, out: &mut Outbox) {
        let to = bridge.from.other();
        let Some(call) = self.calls.get(bridge.call) else {
            return;
        };
        let (_, seq) = call.half(bridge.from).invite;
        call.half(bridge.from).asked.invite = false;
        call.half(to).asks.invite = false;
        if !bridge.has_offer {
            call.half(to).ack = Ack::Waits(seq);
            return;
        }
        let Some(leg) = call.pair(pair).map(|pair| pair.leg(to).clone()) else {
            return;
        };
        let ask = Ask {
            method: b"ACK",
            leg: &leg,
            seq,
            rack: None,
        };
        if let Some(ack) = write::request(&ask, None) {
            call.half(to).ack = Ack::Sent(ack);
        }
        self.acknowledge_again(now, bridge, out);
    }

    /// Sends the ACK of our last INVITE to the other end, if there is one yet.
    pub(super) fn acknowledge_again(&mut self, now: Now, bridge: &Bridge, out: &mut Outbox) {
        let (from, to) = (bridge.from, bridge.from.other());
        let Some(call) = self.calls.get(bridge.call) else {
            return;
        };
        let user = call.half(from).user.clone();
        let half = call.half(to);
        let (Ack::Sent(ack), flow) = (&half.ack, half.flow) else {
            return;
        };
        let ack = ack.clone();
        if let Some(pair) = call.pairs.first() {
            let launch = Launch::new(ack, pair.leg(to), flow, user);
            self.launch(now, launch, out);
        }
    }

    /// A 2xx that is nobody's any more, of a caller who has given up or of a fork that was not the first: the
    /// dialog that it makes is acknowledged and ended (13.2.2.4, 15).
    fn refuse_answer(
        &mut self,
        now: Now,
        mut pair: Pair,
        (response, flow): (Message<'_>, Flow),
        out: &mut Outbox,
    ) {
        // PRACKs have numbers too: the ACK has the INVITE's (13.2.2.4).
        let invite = response.cseq().map_or(pair.b.seq, |(number, _)| number);
        for method in [b"ACK", b"BYE"] {
            let seq = match method {
                b"BYE" => pair.b.next_seq(),
                _ => invite,
            };
            let ask = Ask {
                method,
                leg: &pair.b,
                seq,
                rack: None,
            };
            if let Some(request) = write::request(&ask, None) {
                self.launch(now, Launch::new(request, &pair.b, flow, None), out);
            }
        }
    }

    /// A request of a call has failed, with this status: its call with it, if it was the first or if the other end
    /// knows nothing of the dialog any more (12.2.1.2, RFC 5057 5.1).
    pub(crate) fn bridged_failure(
        &mut self,
        now: Now,
        context: &Context,
        status: u16,
        out: &mut Outbox,
    ) {
        let Some(bridge) = &context.bridge else {
            return;
        };
        if bridge.pair.is_none() {
            self.tell_failed(now, context, bridge, status, out);
            return self.unmake_call(context);
        }
        if bridge.own.is_some() {
            let best = context.finals.best().map_or(408, |best| best.status);
            return self.own_failed(now, bridge, best, out);
        }
        let method = bridge.request.as_ref().and_then(|r| r.message().method());
        let Some(method) = method else {
            return;
        };
        self.offer_over(bridge, method);
        let is_of_dialog = matches!(
            method,
            Method::Invite | Method::Update | Method::Info | Method::Options
        );
        // A request without an INVITE's patience gives no answer of ours when it got none (RFC 4320 4.2).
        if is_of_dialog && matches!(status, 0 | 408 | 481) {
            self.release(now, bridge.call, Cause::LostEnd, out);
        }
    }
}

/// Early dialogs of one call; of more the oldest is forgotten.
const MOST_PAIRS: usize = 16;
