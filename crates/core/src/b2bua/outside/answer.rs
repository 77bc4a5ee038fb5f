//! Answers of one side, as answers of ours to the other.

use super::super::write::{self, Tell};
use super::exchange::Exchange;
use crate::engine::Engine;
use crate::flow::{Destination, Flow};
use crate::fnv::fnv;
use crate::outbox::Outbox;
use crate::proxy::{BranchId, Context};
use crate::record_route::{Side, side_of};
use crate::subscription::{ends_usage, event_of};
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method, Owned};
use std::time::Duration;

impl Engine {
    /// What a branch has said, as it is said to who asked. `None`: it goes back as it came. `Some(None)`: it says nothing
    /// to him. Not inlined, as all of this: what is relayed is to pay for none of it.
    #[inline(never)]
    pub(crate) fn exchanged(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        (response, flow): (Message<'_>, Flow),
        out: &mut Outbox,
    ) -> Option<Option<Owned>> {
        if context.bridge.is_some() {
            return Some(self.bridged_answer(now, id, context, (response, flow), out));
        }
        let mut exchange = context.exchange.take()?;
        let answer = self.exchanged_answer(now, id, context, &mut exchange, response, out);
        context.exchange = Some(exchange);
        Some(answer)
    }

    fn exchanged_answer(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        exchange: &mut Exchange,
        response: Message<'_>,
        out: &mut Outbox,
    ) -> Option<Owned> {
        let status = response.status()?;
        if status <= 100 || context.is_final {
            return None;
        }
        let is_accepted = (200..300).contains(&status);
        let names_us = matches!(
            exchange.method()?,
            Method::Subscribe | Method::Refer | Method::Notify
        );
        let makes_dialog = exchange.bond.is_some() && is_accepted;
        // In a dialog we have one already.
        let mut tag = self.new_tag();
        if makes_dialog {
            let branch = context.branch(id.index)?;
            let device = branch.target.device;
            let place = branch.to.map(|to| side_of(&to, device));
            self.bond_answered(now, exchange, place, response, out);
            tag = exchange.pair.leg(exchange.from).tag();
        }
        let flow = context.incoming.as_ref()?.flow;
        let contact = (makes_dialog && names_us)
            .then(|| self.own_contact(flow, &tag))
            .flatten();
        let asked = exchange.request.as_ref()?.message();
        let host = write::host_of(asked.uri());
        let tell = Tell {
            tag: &tag,
            contact: contact.as_deref(),
            asked_host: host.as_deref(),
            lines: b"",
            sdp: b"",
        };
        let hider = self.outside_hider(exchange.pair.leg(exchange.from.other()));
        write::response((asked, exchange.mark), &tell, (response, &hider))
    }

    /// How an end that is reached over this flow reaches us.
    fn own_contact(&self, flow: Flow, user: &[u8]) -> Option<Vec<u8>> {
        let back = Destination::Flow {
            flow,
            else_connect: None,
        };
        let (transport, host) = self.names.call_back(&back)?;
        let token = transport.is_reliable().then(|| transport.uri_token());
        Some(write::uri(user, host, token))
    }

    /// A 2xx of one end of a subscription: the dialog that it makes or refreshes, and for how long (RFC 6665 4.1.2.1).
    fn bond_answered(
        &mut self,
        now: Now,
        exchange: &mut Exchange,
        place: Option<Side>,
        response: Message<'_>,
        out: &mut Outbox,
    ) {
        let Some(id) = exchange.bond else { return };
        let to = exchange.from.other();
        let remote_tag = response.to_tag().unwrap_or_default();
        let remote = response.first(HeaderId::To).map(|field| field.value);
        let known = match (exchange.is_within, self.calls.bonds.get(id)) {
            (_, None) => return,
            (true, Some(_)) => Some(exchange.pair.a.local_tag),
            (false, Some(bond)) => bond.of_notifier(remote_tag),
        };
        let is_new = known.is_none();
        let local_tag = known.or_else(|| {
            let local_tag = self.entropy.next_u64();
            let remote = (remote.unwrap_or_default(), remote_tag);
            self.calls.join(id, local_tag, remote)
        });
        let (Some(bond), Some(tag)) = (self.calls.bonds.get(id), local_tag) else {
            return;
        };
        let Some(pair) = bond.pair(tag) else { return };
        let leg = pair.leg_mut(to);
        leg.counts_from(response);
        let mut is_news = leg.learn_target(response) || is_new;
        if is_new {
            leg.learn_routes(response);
        }
        if let Some(place) = place.filter(|_| !exchange.is_within) {
            leg.place = place;
        }
        exchange.pair = pair.clone();
        let timer_n = self.config.timers.transaction();
        let asked = exchange.request.as_ref().map(Owned::message);
        let of = |message: Message<'_>| message.number(HeaderId::Expires).ok().flatten();
        let seconds = of(response).or_else(|| of(asked?)).unwrap_or(UNSAID);
        let granted = Duration::from_secs(seconds.into()).saturating_add(timer_n);
        let usage = (tag, asked.map_or(0, event_number));
        let lasts = match exchange.method() {
            Some(Method::Subscribe) => Some(granted),
            // How long is for its NOTIFY to say (RFC 3515 2.4.4).
            Some(Method::Refer) => Some(timer_n),
            _ => None,
        };
        if let Some(lasts) = lasts {
            let until = now.instant.after(lasts);
            is_news |= self.calls.bonds.lasts(id, usage, until);
        }
        if is_news {
            self.bond_changed(id, out);
        }
    }

    /// A request outside of calls, or in a subscription, has failed with this status; 0: nobody has answered.
    #[inline(never)]
    pub(crate) fn exchange_failed(
        &mut self,
        now: Now,
        context: &Context,
        status: u16,
        out: &mut Outbox,
    ) {
        let Some((exchange, bond)) = context.exchange.as_ref().and_then(|e| Some((e, e.bond?)))
        else {
            return;
        };
        if !exchange.is_within {
            return self.end_bond(bond, out);
        }
        // RFC 6665 4.1.2.2, 4.2.2.
        let is_over = match exchange.method() {
            Some(Method::Subscribe) => ends_usage(status),
            Some(Method::Notify) => matches!(status, 0 | 408) || ends_usage(status),
            _ => false,
        };
        if is_over {
            let timer_n = self.config.timers.transaction();
            let asked = exchange.request.as_ref().map(Owned::message);
            let usage = (exchange.pair.a.local_tag, asked.map_or(0, event_number));
            let until = now.instant.after(timer_n);
            if self.calls.bonds.lasts(bond, usage, until) {
                self.bond_changed(bond, out);
            }
        }
    }
}

/// A number for the event of a SUBSCRIBE or NOTIFY, by which usages of one dialog are told apart (RFC 6665 8.2.1).
pub(super) fn event_number(message: Message<'_>) -> u64 {
    let Some(event) = event_of(message) else {
        return 0;
    };
    let package = event.package.iter().map(u8::to_ascii_lowercase);
    let id = event.id.into_iter().flat_map(|id| [b";", id].concat());
    // Nobody's but their own subscription is at stake if two of one peer were alike. It is written down.
    fnv(package.chain(id))
}

/// Seconds that a 2xx grants which does not say how many, to a SUBSCRIBE that does not, either.
const UNSAID: u32 = 3_600;
