//! A call begins: the INVITE that the B leg's branches send.

use super::call::{Bridge, Call, End, Half, Pair, State};
use super::hide::{Hider, Skips};
use super::known::OPTIONS;
use super::leg::{Leg, contact_of, routes_of_request};
use super::limits::room::Rooms;
use super::prack::reliable;
use super::record::draft::Draft;
use super::timers::care::{Prack, Session};
use super::timers::session::is_too_short;
use super::transfer::named::Named;
use super::transfer::translate;
use super::write::{self, Ask};
use crate::config::Config;
use crate::engine::{Engine, Received, sender, unknown};
use crate::outbox::Outbox;
use crate::policy::Story;
use crate::proxy::{Context, Incoming, Record};
use crate::record_route::Side;
use crate::routing::Proof;
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method};
use smallvec::SmallVec;
use std::time::Duration;

impl Engine {
    /// Live calls of two legs.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Whether a request may begin a call of two legs.
    pub(crate) fn may_make_legs(&self, request: Message<'_>) -> bool {
        self.config.b2bua.is_some()
            && request.method() == Some(Method::Invite)
            && request.to_tag().is_none_or(<[u8]>::is_empty)
    }

    /// Whether a request begins one: as its plugins say, or as the configuration does.
    pub(crate) fn makes_legs(&self, request: Message<'_>, story: Option<&Story>) -> bool {
        self.may_make_legs(request) && self.has_legs(story.and_then(|story| story.notes.legs()))
    }

    /// Whether everything goes over in two dialogs of which no plugin says otherwise.
    pub(crate) fn joins_all(&self) -> bool {
        let b2bua = self.config.b2bua.as_ref();
        b2bua.is_some_and(|b2bua| b2bua.is_usual)
    }

    /// Whether a call has two legs of which plugins say this.
    pub(super) fn has_legs(&self, said: Option<bool>) -> bool {
        said.unwrap_or(self.joins_all())
    }

    /// Makes a call of the INVITE that a context is about to relay: its branches send one of ours. False if it
    /// was refused.
    pub(crate) fn make_call(
        &mut self,
        now: Now,
        (received, proof): (&Received<'_>, &Proof),
        context: &mut Context,
        out: &mut Outbox,
    ) -> bool {
        let message = received.message;
        let draft = Draft::new(now, &self.config, message, sender(received, proof));
        let draft = draft.since(now, context.story.as_deref());
        let Some(rooms) = self.room_for(received, &draft, out) else {
            return false;
        };
        // 8.2.2.3: what is required of a UA is required of us.
        if unknown(message, HeaderId::Require, OPTIONS)
            .next()
            .is_some()
        {
            self.refuse_extensions(received, HeaderId::Require, OPTIONS, out);
            return false;
        }
        let timers = self.config.b2bua.as_ref().and_then(|b2bua| b2bua.session);
        if is_too_short(timers, message) {
            self.refuse_short(received, timers, out);
            return false;
        }
        let Some(target) = contact_of(message) else {
            self.refuse(received, 400, "INVITE without a Contact", out);
            return false;
        };
        let told = (draft, rooms);
        let Some((call, mut pair, bridge)) = self.begun(message, target, context, told) else {
            self.refuse(received, 400, "From or To cannot be read", out);
            return false;
        };
        let named = context
            .story
            .as_ref()
            .and_then(|story| story.named.as_ref());
        let named = named.and_then(|named| named.as_deref().ok());
        if let Some(named) = named {
            named.lead(&mut pair.b);
        }
        // 8.2.2.2: the same INVITE by another way, of a proxy that forks to one place twice.
        if !self.calls.takes_invite(call.invite, bridge.call) {
            self.refuse(received, 482, "Merged request", out);
            return false;
        }
        let mut hider = hider(&self.config, self.calls.inside(), &pair.a);
        let mut lines = timers.map_or_else(Vec::new, |timers| Session::default().ask(timers));
        let prack = self.config.b2bua.as_ref().map(|b2bua| b2bua.prack);
        if prack == Some(Prack::EachLeg) && bridge.has_offer && !reliable::knows(message) {
            lines.extend_from_slice(b"Supported: 100rel\r\n");
        }
        hider.skips.timer = timers.is_some();
        let ask = Ask {
            method: b"INVITE",
            leg: &pair.b,
            seq: pair.b.seq,
            rack: None,
        };
        let mut request = write::request_with(&ask, Some((message, &hider)), &lines);
        if let (Some(named), Some(written)) = (named, &request) {
            request = translate::in_invite(written, &named.ids);
        }
        let routes = named.map(Named::routes).unwrap_or_default();
        let (Some(request), Some(incoming)) = (request, &mut context.incoming) else {
            self.calls.forget(bridge.call, &call);
            self.refuse(received, 400, "INVITE cannot be written anew", out);
            return false;
        };
        incoming.request = *request;
        incoming.mark = bellhop_wire::ViaMark::default();
        let rewrite = &mut incoming.rewrite;
        rewrite.record = Record::No;
        rewrite.routes = routes;
        rewrite.spent = None;
        rewrite.contact = Some(pair.b.tag());
        context.back.is_bridged = true;
        let id = bridge.call;
        self.calls.name(pair.b.local_tag, id, End::B);
        self.calls.put(id, Box::new(call));
        context.bridge = Some(Box::new(Bridge {
            first: Some(Box::new(pair)),
            ..bridge
        }));
        true
    }

    fn begun(
        &mut self,
        message: Message<'_>,
        target: Box<[u8]>,
        context: &Context,
        (draft, rooms): (Draft, Box<Rooms>),
    ) -> Option<(Call, Pair, Bridge)> {
        let incoming = context.incoming.as_ref()?;
        let Pair { a, b } = self.first_pair(message, target, incoming)?;
        let mut half_a = Half::new(incoming.flow, incoming.rewrite.owner.clone());
        let mut half_b = Half::new(incoming.flow, None);
        half_a.asked.invite = true;
        half_b.asks.invite = true;
        half_a.invite = (a.remote_seq, b.seq);
        let call = Call {
            state: State::Early,
            context: 0,
            b_tag: b.local_tag,
            invite: self.key.hash_one((
                message.call_id(),
                message.from_tag(),
                a.remote_seq,
                message.uri(),
            )),
            answered: Duration::ZERO,
            a: half_a,
            b: half_b,
            pairs: SmallVec::new(),
            draft: Some(Box::new(draft)),
            care: self.care_of(message),
            reliable: None,
            rooms,
        };
        let bridge = Bridge {
            call: self.calls.reserve(),
            from: End::A,
            pair: None,
            first: None,
            request: Some(message.to_owned()),
            mark: incoming.mark,
            has_offer: has_offer(message),
            is_cancelled: false,
            own: None,
            early: Vec::new(),
            tries: 0,
        };
        Some((call, Pair { a, b }, bridge))
    }

    /// The dialogs that a request outside of any begins: its own, and ours with whoever it goes to.
    pub(super) fn first_pair(
        &mut self,
        message: Message<'_>,
        target: Box<[u8]>,
        incoming: &Incoming,
    ) -> Option<Pair> {
        let (from, to) = (
            message.first(HeaderId::From)?.value,
            message.first(HeaderId::To)?.value,
        );
        let (seq, _) = message.cseq().ok()?;
        let a = Leg {
            call_id: message.call_id().into(),
            local: write::without_tag(to)?,
            local_tag: 0,
            remote: from.into(),
            remote_tag: message.from_tag().unwrap_or_default().into(),
            target,
            routes: routes_of_request(message),
            place: incoming.rewrite.caller,
            seq: 0,
            remote_seq: seq,
        };
        let b_tag = self.entropy.next_u64();
        // Of this shard, also when there are more of them or fewer: both legs are served under one lock.
        let call_id = self.call_id_beside(message.call_id());
        let hider = hider(&self.config, self.calls.inside(), &a);
        let b = Leg {
            call_id,
            local: write::end(from, &hider)?,
            local_tag: b_tag,
            remote: write::end(to, &hider)?,
            remote_tag: Box::default(),
            target: incoming.rewrite.routes.request_uri(message).into(),
            routes: Box::default(),
            place: Side::Direct,
            seq: 1,
            remote_seq: 0,
        };
        Some(Pair { a, b })
    }

    /// A context could not be begun: its call is no more.
    pub(crate) fn unmake_call(&mut self, context: &Context) {
        if let Some(bridge) = &context.bridge
            && bridge.pair.is_none()
            && let Some(call) = self.calls.take(bridge.call)
        {
            self.calls.forget(bridge.call, &call);
        }
    }
}

/// What is hidden of a message from this leg.
pub(super) fn hider<'a>(config: &'a Config, inside: &'a [String], leg: &'a Leg) -> Hider<'a> {
    hidden(config, inside, [&leg.call_id, &leg.remote_tag, b""])
}

/// What is hidden of a message in a dialog with these identifiers.
pub(super) fn hidden<'a>(
    config: &'a Config,
    inside: &'a [String],
    ids: [&'a [u8]; 3],
) -> Hider<'a> {
    Hider {
        domain: config.domains.first().map_or("invalid", String::as_str),
        inside,
        ids,
        names: config.b2bua.as_ref().map_or(&[], |b2bua| &b2bua.hide),
        skips: Skips::default(),
        is_outside: false,
    }
}

/// Whether a body is, or may hold, a session description: in an INVITE it is the offer.
pub(super) fn has_offer(message: Message<'_>) -> bool {
    !message.body().is_empty()
}
