//! A message's way in: transaction, validation (RFC 3261 16.3), proof, and what to do with it.

use super::Engine;
use super::local::{Received, unknown};
use crate::auth::{Outcome, Role};
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::identity;
use crate::outbox::Outbox;
use crate::policy::Hook;
use crate::routing::{Names, Proof, Routes};
use crate::time::Now;
use crate::transaction::{Request, Response};
use bellhop_wire::{HeaderId, Message, Method, Reply, Scheme, UriRef, ViaRef};

impl Engine {
    /// A request that could be indexed.
    pub(super) fn request(&mut self, now: Now, flow: Flow, message: Message<'_>, out: &mut Outbox) {
        let mut received = self.received(now, message, flow);
        if received.is_outside
            && received.peer.is_none()
            && !self.limiter.admit(now.instant, flow.remote.ip())
        {
            return out.drop(message, flow, 0, "more requests than limits.rate allows");
        }
        let Some(via) = received.via else {
            // Read again for the fault it has.
            if let Err(error) = message.top_via() {
                self.refuse(&received, error.status(), &error.to_string(), out);
            }
            return;
        };
        // It is large: it stays where it is made.
        let ends = message.ends();
        match &ends {
            Ok(ends) => received.ends = Some(ends),
            Err(error) => return self.refuse(&received, error.status(), &error.to_string(), out),
        }
        let Some(method) = message.method() else {
            return;
        };
        // A REGISTER has a transaction only where it is relayed, and that a Route asks for.
        if method != Method::Register
            || message.first(HeaderId::Route).is_some()
            || self.hooks().has(Hook::Register)
            || self.config.registrar.leases.asks_pbx()
        {
            match self.table.receive_request(now.instant, message, &via, out) {
                Request::Absorbed | Request::AckAbsorbed => return,
                Request::New | Request::Ack => {}
            }
        }
        if method == Method::Cancel {
            self.cancel(now, &received, &via, out);
            return;
        }
        // It is in a dialog of ours, which nobody needs credentials for.
        if method == Method::Notify
            && !self.shares.is_empty_of_sources()
            && self.source_notified(now, &received, out)
        {
            return;
        }
        if !self.calls.is_empty() && self.is_said_in_call(now, &mut received, out) {
            return;
        }
        let mut routes = Routes::default();
        let (names, secret) = (&self.names, &self.shared.secret);
        if let Err(error) = routes.read(message, flow.listener, names, secret) {
            return self.refuse(&received, 400, &error.to_string(), out);
        }
        if method == Method::Ack && !self.is_for_next_hop(&received, &routes) {
            return out.drop(message, flow, 0, "ACK of an answer without a transaction");
        }
        let uri = self.names.read(routes.request_uri(message));
        let uri = match self.validated(&received, method, &routes, uri.as_ref()) {
            Ok(uri) => uri,
            Err((420, _)) => {
                return self.refuse_extensions(&received, HeaderId::ProxyRequire, &[], out);
            }
            Err((status, reason)) => return self.refuse(&received, status, reason, out),
        };
        let Some(proof) = self.prove(now, &received, method, &routes, out) else {
            return;
        };
        if method != Method::Register && matches!(proof, Proof::Authenticated(_)) {
            received.is_spent = true;
        }
        received.is_proven = !matches!(proof, Proof::Unproven);
        if method == Method::Register && !routes.has_next {
            self.ask_and_register(now, &received, uri, proof, None, out);
        } else {
            self.relay(now, &received, (uri, &routes), proof, None, out);
        }
    }

    /// Whether a request is in a dialog of ours, of a call or a subscription; then it is seen to. Not inlined: a REGISTER is to pay for none of it.
    #[inline(never)]
    fn is_said_in_call(&mut self, now: Now, received: &mut Received<'_>, out: &mut Outbox) -> bool {
        let call = self.calls.find(received.message);
        let bond = self.calls.bond_of(received.message);
        if call.is_none() && bond.is_none() {
            return false;
        }
        let Some(uri) = self.names.read(received.message.uri()) else {
            self.refuse(received, 400, "Bad Request-URI", out);
            return true;
        };
        let is_theirs = match (call, bond) {
            (Some(call), _) => self.is_of_call(now, received, call, out),
            (None, Some(bond)) => self.is_of_bond(now, received, bond, out),
            (None, None) => false,
        };
        if is_theirs {
            received.is_proven = true;
            let routes = Routes::default();
            self.relay(now, received, (&uri, &routes), Proof::Dialog, None, out);
        }
        true
    }

    /// The checks of 16.3 that come before credentials (step 6), so that a stranger hears of them too: the
    /// Request-URI can be read (step 1) and has a scheme that we know (step 2), hops are left (step 3;
    /// a trusted peer's OPTIONS may still be answered here), and no extension is required (step 5), for
    /// we implement none that a proxy could be required to. Gives the Request-URI.
    #[inline(always)]
    fn validated<'a>(
        &self,
        received: &Received<'_>,
        method: Method<'_>,
        routes: &Routes,
        uri: Option<&'a UriRef<'a>>,
    ) -> Result<&'a UriRef<'a>, (u16, &'static str)> {
        let message = received.message;
        let Some(uri) = uri else {
            return Err((400, "Bad Request-URI"));
        };
        if uri.scheme == Scheme::Other {
            return Err((416, "Unsupported URI scheme"));
        }
        if !received.is_trusted()
            && received
                .ends
                .is_some_and(|ends| ends.max_forwards == Some(0))
        {
            let is_for_us = uri.user.is_none() && self.names.domain_of(uri).is_some();
            if routes.has_next || !is_for_us {
                return Err((483, "Too Many Hops"));
            }
        }
        if method != Method::Ack
            && message.first(HeaderId::ProxyRequire).is_some()
            && unknown(message, HeaderId::ProxyRequire, &[])
                .next()
                .is_some()
        {
            return Err((420, "Bad Extension"));
        }
        Ok(uri)
    }

    /// A response: the transaction that waits for it says whose it is. One that nobody waits for is
    /// dropped (RFC 6026 7.3): whoever sent it would choose where we send.
    pub(super) fn response(
        &mut self,
        now: Now,
        flow: Flow,
        message: Message<'_>,
        out: &mut Outbox,
    ) {
        let (via, method) = match self.is_answer(message) {
            Ok(answer) => answer,
            Err(why) => return out.drop(message, flow, 0, why),
        };
        let at = now.instant;
        match self
            .table
            .receive_response(at, message, (&via, method), out)
        {
            Response::Absorbed => {}
            Response::Stray => {
                let status = message.status().unwrap_or(0);
                out.drop(
                    message,
                    flow,
                    status,
                    "response that no transaction waits for",
                );
            }
            Response::Deliver { owner, .. } => self.branch_response(now, message, flow, owner, out),
        }
    }

    /// The proof by which a request is served, or a challenge, a 400, a 403.
    pub(crate) fn prove(
        &mut self,
        now: Now,
        received: &Received<'_>,
        method: Method<'_>,
        routes: &Routes,
        out: &mut Outbox,
    ) -> Option<Proof> {
        let message = received.message;
        if received.is_trusted() {
            return Some(Proof::Trusted {
                upstream: received.peer.map(|(upstream, _)| upstream),
            });
        }
        // A To tag buys nothing; our own signature for this very dialog does, from where the dialog's
        // side is. An ACK cannot be challenged (22.1). No REGISTER is part of a dialog.
        let source = received.flow.remote.ip();
        if let Some(token) = &routes.nearest
            && is_in_dialog(message)
            && method != Method::Register
            && (method == Method::Ack
                || token.is_from(source, received.peer.is_some(), |device| {
                    let binding = self.shared.location.of_device(now.instant, device)?;
                    Some(binding.flow.remote.ip())
                }))
        {
            return Some(Proof::Dialog);
        }
        if self.config.registrar.leases.passes() && self.is_for_pbx_to_ask(received, method) {
            return Some(Proof::Unproven);
        }
        let role = if method == Method::Register {
            Role::Registrar
        } else {
            Role::Proxy
        };
        match self
            .auth
            .check(now, message, received.flow.remote.ip(), role)
        {
            Outcome::Authenticated(proof) => {
                if method != Method::Register
                    && !identity::may_claim(&proof, received.ends, &self.names)
                {
                    let received = Received {
                        is_spent: true,
                        is_proven: true,
                        ..*received
                    };
                    self.refuse(&received, 403, "From is not the authenticated user's", out);
                    return None;
                }
                Some(Proof::Authenticated(proof))
            }
            Outcome::Challenge { stale } => {
                self.challenge(now, received, role, stale, out);
                None
            }
            Outcome::Malformed(why) => {
                self.refuse(received, 400, why, out);
                None
            }
            Outcome::LookUp(kind, name) => {
                self.look_up(now, received, (kind, name), out);
                None
            }
        }
    }

    /// CANCEL (16.10): answered here, hop by hop.
    fn cancel(&mut self, now: Now, received: &Received<'_>, via: &ViaRef<'_>, out: &mut Outbox) {
        let message = received.message;
        let Some((_, owner)) = self.table.cancelled_by(message, via) else {
            return self.refuse(received, 481, "No such INVITE", out);
        };
        let is_his = owner.is_none_or(|owner| self.may_cancel(owner, &received.flow));
        if !is_his {
            return self.refuse(received, 481, "INVITE of another source", out);
        }
        let server = self
            .table
            .create_server(now.instant, message, via, received.reply_to, None);
        match server {
            Some(server) => {
                let tag = match owner.and_then(|owner| self.tag_of_invite(owner)) {
                    Some(tag) => tag,
                    None => self.new_tag(),
                };
                let mut bytes = std::mem::take(&mut self.scratch);
                bytes.clear();
                Reply::new(&mut bytes, message, received.mark, 200, "OK", &tag).end();
                self.table.respond(now.instant, server, 200, &bytes, out);
                self.scratch = bytes;
            }
            // The table is full: what makes room is not refused for it.
            None => {
                self.reply(received, 200, "OK", out, |_, _| {});
            }
        }
        out.tell(message, received.flow, Level::Info, 200, || {
            Decision::Answered("caller cancelled")
        });
        if let Some(owner) = owner {
            self.cancel_context(now, owner, message, out);
        }
    }

    /// Whether an ACK that no transaction took is one for a 2xx, which goes on: from the outside it
    /// carries our Record-Route then, and from wherever it comes its To tag is not the one of an answer
    /// that we gave without a transaction (8.2.7).
    fn is_for_next_hop(&self, received: &Received<'_>, routes: &Routes) -> bool {
        let message = received.message;
        let is_allowed = received.is_trusted() || (routes.token.is_some() && is_in_dialog(message));
        is_allowed && message.to_tag() != Some(&self.stateless_tag(received))
    }

    /// Whether a response can be one to a request that we sent: its top Via is ours, as we are called now or
    /// were when we sent it (18.1.2: whether we sent one is for its transaction to say), and but
    /// for those that we make ourselves, somebody else's stands below it (16.7 step 3). Gives its
    /// top Via and the method in CSeq.
    fn is_answer<'b>(
        &self,
        response: Message<'b>,
    ) -> Result<(ViaRef<'b>, Method<'b>), &'static str> {
        let via = response.top_via().map_err(|_| "bad response")?;
        let method = response.ends().map_err(|_| "bad response")?.method;
        let is_own = |names: &Names| names.is_own_address(via.host, via.port);
        if !is_own(&self.names) && !self.former.iter().any(is_own) {
            return Err("response whose top Via is not ours");
        }
        let may_be_ours = matches!(
            method,
            Method::Cancel
                | Method::Register
                | Method::Options
                | Method::Subscribe
                | Method::Notify
        );
        if !may_be_ours && !has_second_via(response) && self.calls.is_unused() {
            return Err("response with no Via but ours");
        }
        Ok((via, method))
    }
}

/// Whether somebody else's Via stands below the topmost.
pub(crate) fn has_second_via(response: Message<'_>) -> bool {
    // Nearly always in a line of its own.
    let below = response.fields(HeaderId::Via).nth(1);
    below.is_some_and(|field| field.value.starts_with(b"SIP/"))
        || response.values(HeaderId::Via).nth(1).is_some()
}

/// Whether a request says that it is part of a dialog. Some peers take an empty tag for none.
fn is_in_dialog(request: Message<'_>) -> bool {
    request.to_tag().is_some_and(|tag| !tag.is_empty())
}
