//! A request outside of calls goes on as one of ours.

use super::super::begin::hider;
use super::super::call::{End, Pair};
use super::super::hide::Hider;
use super::super::known::OUTSIDE;
use super::super::launch::has_contact;
use super::super::leg::{Leg, contact_of};
use super::super::transfer::translate;
use super::super::write::{self, Ask};
use super::bond::Bond;
use super::exchange::Exchange;
use crate::engine::{Engine, Received, unknown};
use crate::outbox::Outbox;
use crate::proxy::{Context, Record};
use crate::routing::Routes;
use bellhop_wire::{HeaderId, Method};
use smallvec::SmallVec;

impl Engine {
    /// Live subscriptions that are relayed as two dialogs.
    pub fn bonds(&self) -> usize {
        self.calls.bonds.len()
    }

    /// Whether a request goes on as one of ours: nothing of one side is shown to the other. What is in a dialog that was
    /// relayed stays in it.
    pub(crate) fn is_exchanged(&self, method: Method<'_>, routes: &Routes) -> bool {
        self.joins_all()
            && routes.token.is_none()
            && !matches!(method, Method::Invite | Method::Ack)
    }

    /// What is hidden of a message from this leg.
    pub(super) fn outside_hider<'a>(&'a self, leg: &'a Leg) -> Hider<'a> {
        Hider {
            is_outside: true,
            ..hider(&self.config, self.calls.inside(), leg)
        }
    }

    /// Makes the request that a context is about to relay one of ours. False if it was refused.
    #[inline(never)]
    pub(crate) fn make_exchange(
        &mut self,
        received: &Received<'_>,
        context: &mut Context,
        out: &mut Outbox,
    ) -> bool {
        let Err((status, why)) = self.try_exchange(received, context) else {
            return true;
        };
        match status {
            420 => self.refuse_extensions(received, HeaderId::Require, OUTSIDE, out),
            503 => self.refuse_with(received, status, why, out, |_, reply| {
                reply.header("Retry-After", b"5");
            }),
            _ => self.refuse(received, status, why, out),
        }
        false
    }

    fn try_exchange(
        &mut self,
        received: &Received<'_>,
        context: &mut Context,
    ) -> Result<(), (u16, &'static str)> {
        let message = received.message;
        let Some(method) = message.method() else {
            return Err((400, "No request"));
        };
        if method == Method::Register {
            return Err((403, "No other registrar is reached through us"));
        }
        if message.to_tag().is_some_and(|tag| !tag.is_empty()) {
            return Err((481, "No such dialog"));
        }
        // RFC 3261 8.2.2.3: what is required of a UA is required of us.
        let mut strange = unknown(message, HeaderId::Require, OUTSIDE);
        if strange.next().is_some() {
            return Err((420, "Bad Extension"));
        }
        let makes_dialogs = matches!(method, Method::Subscribe | Method::Refer);
        let target = match contact_of(message) {
            Some(target) => target,
            None if makes_dialogs => return Err((400, "No Contact")),
            None => Box::default(),
        };
        let pair = context
            .incoming
            .as_deref()
            .and_then(|incoming| self.first_pair(message, target, incoming))
            .ok_or((400, "From or To cannot be read"))?;
        let ask = Ask {
            method: method.as_bytes(),
            leg: &pair.b,
            seq: pair.b.seq,
            rack: None,
        };
        let hider = self.outside_hider(&pair.a);
        let mut request = write::request(&ask, Some((message, &hider)));
        let named = context
            .story
            .as_ref()
            .and_then(|story| story.named.as_ref());
        if let (Some(Ok(named)), Some(written)) = (named, &request) {
            request = translate::in_refer(written, message, named, &hider);
        }
        let request = request.ok_or((400, "Request cannot be written anew"))?;
        // From here on there may be answers that have no Via but ours.
        let number = self.calls.reserve();
        if makes_dialogs {
            self.begin_bond(received, context, (number, &pair))?;
        }
        let bond = makes_dialogs.then_some(number);
        let Some(incoming) = &mut context.incoming else {
            return Err((500, "Nothing to be relayed"));
        };
        let mark = std::mem::take(&mut incoming.mark);
        incoming.rewrite.contact = has_contact(request.message()).then(|| pair.b.tag());
        incoming.rewrite.record = Record::No;
        incoming.rewrite.routes = Routes::default();
        incoming.rewrite.spent = None;
        incoming.request = *request;
        context.back.is_bridged = true;
        context.exchange = Some(Box::new(Exchange {
            request: Some(message.to_owned()),
            mark,
            from: End::A,
            pair,
            bond,
            is_within: false,
        }));
        Ok(())
    }

    fn begin_bond(
        &mut self,
        received: &Received<'_>,
        context: &Context,
        (number, pair): (u64, &Pair),
    ) -> Result<(), (u16, &'static str)> {
        if !self.has_room_for_bond() {
            return Err((503, "Too many subscriptions"));
        }
        let owner = context.incoming.as_ref().map(|i| i.rewrite.owner.clone());
        // Timer N runs (RFC 6665 4.1.2.4).
        let until = received.at.after(self.config.timers.transaction());
        let bond = Bond {
            first: pair.clone(),
            pairs: SmallVec::new(),
            user: owner.flatten(),
            until: SmallVec::from_iter([((0, 0), until)]),
            notified: None,
        };
        self.calls.begin_bond(number, bond);
        Ok(())
    }

    /// A context could not be begun: what it would have made is no more.
    pub(crate) fn unmake_exchange(&mut self, context: &Context) {
        if let Some(exchange) = &context.exchange
            && !exchange.is_within
            && let Some(bond) = exchange.bond
        {
            self.calls.forget_bond(bond);
        }
    }
}
