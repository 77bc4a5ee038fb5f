//! Mode `passthrough`: phones whose credentials are the PBX's to check. What they send goes there and nowhere else,
//! with their Contacts made ours; what it answers goes back, and what it grants is bound.

use super::Engine;
use super::local::Received;
use super::relay::back;
use crate::auth::Role;
use crate::event::{Decision, Level};
use crate::flow::{ConnectionId, Destination};
use crate::lease::{Mode, Passing, granted};
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::{Context, Incoming, Record, Rewrite, max_breadth};
use crate::record_route::Side;
use crate::registrar::{Aor, Asked, Binding, apply_granted, asked};
use crate::routing::{Proof, Routes, Routing, choose};
use crate::time::Now;
use crate::transaction::TransactionId;
use bellhop_wire::{Message, Method, UriRef};
use std::collections::VecDeque;
use std::sync::Arc;

/// The connections that closed last: a REGISTER that came over one of them binds nobody when it is granted.
#[derive(Debug, Default)]
pub(super) struct Closed(VecDeque<ConnectionId>);

impl Closed {
    pub(super) fn note(&mut self, connection: ConnectionId) {
        if self.0.len() >= CLOSED {
            self.0.pop_front();
        }
        self.0.push_back(connection);
    }

    fn has(&self, connection: ConnectionId) -> bool {
        self.0.contains(&connection)
    }
}

impl Engine {
    /// Whether the PBX is to challenge the sender of a request from the outside: whoever says that he is of a domain in
    /// mode passthrough, or, if he says no name of ours, asks for one of it. For a REGISTER To counts (RFC 3261 10.3).
    pub(super) fn is_for_pbx_to_ask(&self, received: &Received<'_>, method: Method<'_>) -> bool {
        let Some(ends) = received.ends else {
            return false;
        };
        let leases = &self.config.registrar.leases;
        let passes = |domain: &str| leases.mode_of(domain) == Mode::Passthrough;
        if method == Method::Register {
            return self.names.domain_of(&ends.to.uri).is_some_and(passes);
        }
        match self.names.domain_of(&ends.from.uri) {
            Some(domain) => passes(domain),
            None => {
                let uri = UriRef::parse(received.message.uri()).ok();
                let domain = uri.and_then(|uri| self.names.domain_of(&uri).map(passes));
                domain
                    .unwrap_or_else(|| leases.mode == Mode::Passthrough && ends.to.tag().is_some())
            }
        }
    }

    /// The AoR that a request says it is from.
    pub(super) fn claimed(&self, received: &Received<'_>) -> Option<Aor> {
        let from = received.ends?.from.uri;
        Aor::new(&from, self.names.domain_of(&from)?)
    }

    /// Sends a REGISTER on to the PBX. No phone of it gets more than `longest` seconds.
    pub(super) fn pass_register(
        &mut self,
        now: Now,
        received: &Received<'_>,
        proof: &Proof,
        aor: Aor,
        longest: Option<u32>,
        out: &mut Outbox,
    ) {
        let (message, flow) = (received.message, received.flow);
        let config = &self.config.registrar;
        let is_ours = |contact: &UriRef<'_>| self.names.is_own_contact(contact);
        let location = &self.shared.location;
        let request = (message, received.cseq());
        let wants = asked(now.instant, location, config, &aor, request, flow, is_ours);
        let (asked, expected) = match wants {
            Ok(wants) => wants,
            Err(refusal) => return self.refuse_register(received, &refusal, out),
        };
        let nat = self.nat_expires(received);
        let mut routes = Routes::default();
        let (names, secret) = (&self.names, &self.shared.secret);
        let breadth = max_breadth(message);
        let (Ok(()), Ok(breadth)) = (routes.read(message, flow.listener, names, secret), breadth)
        else {
            return self.refuse(received, 400, "Bad Route or Max-Breadth", out);
        };
        let loop_hash = loops::hash(&self.key, message, received.ends, &routes);
        if loops::is_loop(message, &self.names, loop_hash) {
            return self.refuse(received, 482, "Loop Detected", out);
        }
        if message.max_forwards() == Ok(Some(0)) {
            return self.refuse(received, 483, "Too Many Hops", out);
        }
        let Ok(uri) = UriRef::parse(routes.request_uri(message)) else {
            return self.refuse(received, 400, "Bad Request-URI", out);
        };
        if matches!(proof, Proof::Trusted { upstream } if *upstream == self.config.default_upstream)
        {
            return self.refuse(received, 482, "Request for the upstream it comes from", out);
        }
        let scene = self.scene(now.instant);
        let (groups, why) = match choose(&scene, message, &uri, &routes, &Proof::Unproven) {
            Routing::Targets { groups, why } => (groups, why),
            Routing::Refuse { status, reason } => {
                return self.refuse(received, status, reason, out);
            }
            Routing::Busy { rest } => {
                let seconds = rest.as_secs().max(1).to_string();
                let why = "The PBX does not answer";
                return self.refuse_with(received, 503, why, out, |_, reply| {
                    reply.header("Retry-After", seconds.as_bytes());
                });
            }
            Routing::Local => return self.refuse(received, 404, "Not Found", out),
        };
        self.expect(message, &aor, &expected);
        let passing = Passing {
            aor,
            asked,
            most: longest.into_iter().chain(nat).min(),
        };
        let rewrite = Rewrite {
            routes,
            identity: self.identity(received, proof),
            record: Record::No,
            caller: Side::Flow(flow, None),
            spent: None,
            is_unproven: matches!(proof, Proof::Unproven),
            contact: None,
            passing: Some(Arc::new(passing)),
            loop_hash,
            breadth,
            owner: None,
        };
        let incoming = Incoming {
            request: message.to_owned(),
            flow,
            mark: received.mark,
            rewrite,
        };
        out.tell(message, flow, Level::Debug, 0, || {
            Decision::Relayed(why.in_words(&self.config))
        });
        let mut context = Box::new(Context::new(back(received, &incoming), None, false));
        context.incoming = Some(Box::new(incoming));
        context.groups = groups;
        self.start(now, received, Method::Register, context, out);
    }

    /// A phone that shows credentials may be sent its mailbox's NOTIFY before the PBX's 200 is here.
    fn expect(&self, request: Message<'_>, aor: &Aor, expected: &[Arc<Binding>]) {
        let mut credentials = [Role::Registrar, Role::Proxy]
            .map(Role::credentials)
            .into_iter();
        if credentials.any(|id| request.first(id).is_some()) {
            for binding in expected {
                self.shared.leases.expect_passed(aor, binding);
            }
        }
    }

    /// If it is a REGISTER that went to the PBX, it has had its final answer, or never will.
    pub(crate) fn registration_over(&self, context: &Context) {
        if let Some(Asked::Each(contacts)) = context.passing().map(|passing| &passing.asked) {
            for (device, _) in contacts {
                self.shared.leases.forget_passed(*device);
            }
        }
    }

    /// The PBX has granted a REGISTER: its phones are bound as long as it says, and told so.
    pub(crate) fn registration_granted(
        &mut self,
        now: Now,
        context: &mut Context,
        response: Message<'_>,
        out: &mut Outbox,
    ) {
        self.registration_over(context);
        let (Some(incoming), Some(server)) = (context.incoming.as_deref(), context.server) else {
            return;
        };
        let Some(passing) = incoming.rewrite.passing.clone() else {
            return;
        };
        let message = incoming.request.message();
        let mut received = self.received(now, message, incoming.flow);
        let ends = message.ends().ok();
        received.ends = ends.as_ref();
        received.is_proven = true;
        received.server = Some(server);
        let closed = incoming.flow.connection;
        if closed.is_some_and(|connection| self.closed.has(connection)) {
            return self.refuse(&received, 503, "The connection has gone", out);
        }
        let Some(granted) = granted(&passing, response) else {
            return self.refuse(&received, 500, "The PBX did not take our contact", out);
        };
        let applied = apply_granted(
            now.instant,
            &self.shared.location,
            &self.config.registrar,
            &passing.aor,
            (message, received.cseq()),
            incoming.flow,
            |contact| self.names.is_own_contact(contact),
            &granted,
        );
        match applied {
            Ok(mut registered) => {
                // RFC 7615, RFC 7315 4.1: what the phone alone can use.
                for name in ["Authentication-Info", "P-Associated-URI"] {
                    for field in response.named(name) {
                        for part in [name.as_bytes(), b": ", field.value, b"\r\n"] {
                            registered.more.extend_from_slice(part);
                        }
                    }
                }
                let aor = passing.aor.clone();
                self.registered(now, &received, aor, registered, out);
            }
            Err(refusal) => self.refuse_register(&received, &refusal, out),
        }
    }

    /// Answers over UDP whoever has proved nothing, once and with no more bytes than he has paid for: a copy of his
    /// request goes to the PBX as he does.
    pub(crate) fn answer_stranger(
        &mut self,
        now: Now,
        (server, incoming): (TransactionId, &Incoming),
        status: u16,
        answer: &[u8],
        out: &mut Outbox,
    ) {
        self.table.abandon(server);
        let (message, flow) = (incoming.request.message(), incoming.flow);
        let (source, request) = (flow.remote.ip(), message.bytes().len());
        if self
            .budget
            .admit(now.instant, source, request, answer.len())
        {
            let to = Destination::Flow {
                flow,
                else_connect: None,
            };
            out.transmit(to, None, answer);
        } else {
            let why = "answer withheld: too large for an unproven request over UDP";
            out.drop(message, flow, status, why);
        }
    }
}

/// How many closed connections are remembered.
const CLOSED: usize = 1_024;
