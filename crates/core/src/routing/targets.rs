//! The target set of a request (RFC 3261 16.5): the other side of a dialog, an AoR's bindings, or the
//! PBX. Nothing else: what is not one of these is not relayed.

use super::again::{own_port, port_without_nat};
use super::hop::{hop, rehost};
use super::target::{Group, Hop, Kind, Routing, Target, Why, refuse};
use super::{Known, Names, Routes};
use crate::auth::{Authenticated, Users};
use crate::config::Config;
use crate::flow::{Destination, Flow};
use crate::lease::Slots;
use crate::record_route::Side;
use crate::registrar::{Aor, Binding, Device, Location};
use crate::time::Instant;
use crate::upstream::{Health, REST, State};
use bellhop_wire::{Message, Method, Scheme, UriRef};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// By what right a request is served: nothing is routed without one.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// It comes from the inside, or from this trusted upstream.
    Trusted { upstream: Option<usize> },
    /// It carries our signed Route entry of its dialog.
    Dialog,
    /// Its digest credentials are right.
    Authenticated(Authenticated),
    /// None: its sender is of a domain whose phones the PBX challenges itself. It may go there and nowhere else.
    Unproven,
}

/// Everything that routing looks at.
pub(crate) struct Scene<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) names: &'a Names,
    pub(crate) location: &'a Location,
    pub(crate) health: &'a Health,
    pub(crate) known: &'a Known,
    pub(crate) slots: &'a Slots,
    pub(crate) users: &'a Users,
}

/// Chooses the targets of a request whose Request-URI is `uri`, as its sender meant it.
pub(crate) fn choose(
    scene: &Scene<'_>,
    request: Message<'_>,
    uri: &UriRef<'_>,
    routes: &Routes,
    proof: &Proof,
) -> Routing {
    let routing = scene.choose(request, uri, routes, proof);
    if uri.scheme == Scheme::Sips && routes.token.is_none() {
        routing.secured()
    } else {
        routing
    }
}

impl Scene<'_> {
    fn choose(
        &self,
        request: Message<'_>,
        uri: &UriRef<'_>,
        routes: &Routes,
        proof: &Proof,
    ) -> Routing {
        if matches!(proof, Proof::Unproven) {
            return self.unproven(uri, routes);
        }
        let is_trusted = matches!(proof, Proof::Trusted { .. });
        // Credentials alone do not make a user part of a dialog, whatever Route he has kept from one.
        if let Some(token) = routes.token
            && !matches!(proof, Proof::Authenticated(_))
        {
            return self.dialog(request, routes, uri, token.towards(), is_trusted);
        }
        if let Some(routing) = self.by_our_path(request, routes, proof) {
            return routing;
        }
        if routes.has_next {
            // 16.4: a Route of somebody else's that is not of a dialog of ours.
            return if is_trusted {
                self.dialog(request, routes, uri, Side::Direct, true)
            } else {
                refuse(403, "Preloaded Route refused")
            };
        }
        if uri.params.has("maddr") {
            // 16.5: it is the only target; from outside it would make us a relay.
            return if is_trusted && uri.host.is_some() {
                self.dialog(request, routes, uri, Side::Direct, true)
            } else {
                refuse(403, "maddr refused")
            };
        }
        match uri.scheme {
            Scheme::Sip | Scheme::Sips => {}
            Scheme::Tel => return self.upstream(uri, proof, "tel number"),
            Scheme::Other => return refuse(416, "Unsupported URI scheme"),
        }
        if let Some(domain) = self.names.domain_of(uri) {
            return self.own_domain(request, uri, domain, proof);
        }
        if let Some(upstream) = self.names.upstream_of(uri) {
            return match proof {
                Proof::Trusted {
                    upstream: Some(from),
                } if *from == upstream => refuse(482, "Request for the upstream it comes from"),
                _ => self.to_upstream(upstream, uri, "addressed to it"),
            };
        }
        if let Some(binding) = self.location.by_contact(self.now, uri, None) {
            return match self.of_binding(&binding, None) {
                Some(target) => Routing::one(target, "registered contact"),
                None => refuse(480, "No listener reaches the phone any more"),
            };
        }
        if is_trusted {
            return self.dialog(request, routes, uri, Side::Direct, true);
        }
        refuse(403, "Not relaying")
    }

    /// The next hop inside a dialog: over the flow that Record-Route remembered, else as the topmost
    /// Route or the Request-URI says (16.6 step 7).
    fn dialog(
        &self,
        request: Message<'_>,
        routes: &Routes,
        uri: &UriRef<'_>,
        side: Side,
        is_trusted: bool,
    ) -> Routing {
        let target = |hop, path: &[u8]| Target {
            uri: None,
            hop,
            path: path.into(),
            kind: Kind::Dialog,
            device: None,
            wish: None,
        };
        if let Side::Flow(flow, device) = side {
            let moved = (!routes.has_next)
                .then(|| self.moved(uri, flow, device))
                .flatten();
            let today = moved.as_ref().map_or(flow, |binding| binding.flow);
            let Some(flow) = self.names.flow_today(today) else {
                return refuse(480, "No listener reaches the other side any more");
            };
            let hop = Hop::To(Destination::Flow {
                flow,
                else_connect: moved.as_deref().map_or_else(
                    || self.port_after_restart(uri, flow, device),
                    port_without_nat,
                ),
            });
            let path = moved.as_ref().map_or(&[][..], |binding| binding.path());
            return Routing::one(target(hop, path), "dialog, over its flow");
        }
        let next = match routes.next(request) {
            Ok(next) => next.map_or(*uri, |route| route.uri),
            Err(_) => return refuse(400, "Bad Route"),
        };
        match hop(self.names, &next) {
            Ok(_) if !is_trusted && !self.may_reach(&next) => refuse(403, "Not relaying"),
            Ok(hop) => Routing::one(target(hop, &[]), "dialog"),
            Err(refusal) => refusal,
        }
    }

    /// Where a connection can be opened to a phone whose own has gone with an earlier program: at its binding, or at
    /// what it is called if it has none.
    fn port_after_restart(
        &self,
        uri: &UriRef<'_>,
        flow: Flow,
        device: Option<Device>,
    ) -> Option<u16> {
        if !flow.transport.is_opened_here() || flow.connection.is_some() {
            return None;
        }
        match device.and_then(|device| self.location.of_device(self.now, device)) {
            Some(binding) => port_without_nat(&binding),
            None => own_port(uri, flow),
        }
    }

    /// The binding by which a phone is reached that was at the end of this flow when its dialog began, if it
    /// is another flow today: the last one of that device, else the one whose contact it is called by now.
    fn moved(&self, uri: &UriRef<'_>, flow: Flow, device: Option<Device>) -> Option<Arc<Binding>> {
        let is_moved = |binding: &Arc<Binding>| {
            binding.flow != flow && binding.flow.transport == flow.transport
        };
        match device.and_then(|device| self.location.of_device(self.now, device)) {
            Some(last) if last.flow == flow && last.contact() == uri.raw => return None,
            Some(last) if is_moved(&last) => return Some(last),
            _ => {}
        }
        let called = self.location.by_contact(self.now, uri, Some(&flow));
        called.filter(is_moved)
    }

    /// Whether the outside may have us send to the place that a URI names: a PBX is configured there or
    /// has named it itself, or a phone is registered there. A dialog's signature says who takes part,
    /// and the address in a Request-URI is only what the sender says.
    fn may_reach(&self, uri: &UriRef<'_>) -> bool {
        self.names.upstream_of(uri).is_some()
            || self.known.has(uri)
            || self.location.by_contact(self.now, uri, None).is_some()
    }

    /// The target that a binding is: its contact, over the flow that its REGISTER came in on. `None`:
    /// the listener of that flow is gone.
    pub(super) fn of_binding(&self, binding: &Binding, uri: Option<Box<[u8]>>) -> Option<Target> {
        let flow = self.names.flow_today(binding.flow)?;
        Some(Target {
            uri,
            hop: Hop::To(Destination::Flow {
                flow,
                else_connect: port_without_nat(binding),
            }),
            path: binding.path().into(),
            kind: Kind::Binding,
            device: Some(binding.device()),
            wish: None,
        })
    }

    /// Bindings of equal q ring together, those of lower q after them (16.6, 20.10); of several flows to
    /// one device the newest, and another only if nobody answers over that (RFC 5626 5.3).
    pub(super) fn by_q(&self, bindings: &[Arc<Binding>]) -> VecDeque<Group> {
        // One is all that most have.
        let mut groups = VecDeque::with_capacity(bindings.len().min(1));
        for equal in bindings.chunk_by(|a, b| a.q == b.q) {
            let mut flow = 0_usize;
            loop {
                let of_flow = |(at, _): &(usize, &Arc<Binding>)| earlier_flows(equal, *at) == flow;
                let mut bindings = equal.iter().enumerate().filter(of_flow).peekable();
                if bindings.peek().is_none() {
                    break;
                }
                let targets: SmallVec<_> = bindings
                    .filter_map(|(_, b)| self.of_binding(b, Some(b.target().into())))
                    .collect();
                if !targets.is_empty() {
                    let is_spare = flow > 0;
                    groups.push_back(Group { targets, is_spare });
                }
                flow = flow.saturating_add(1);
            }
        }
        groups
    }

    /// A request for an AoR of ours, or for ourselves.
    fn own_domain(
        &self,
        request: Message<'_>,
        uri: &UriRef<'_>,
        domain: &str,
        proof: &Proof,
    ) -> Routing {
        if uri.user.is_none() {
            return match request.method() {
                Some(Method::Options) => Routing::Local,
                _ => self.upstream(uri, proof, "no user"),
            };
        }
        if let Some(routing) = self.leased(request, uri, proof) {
            return routing;
        }
        let Some(aor) = Aor::new(uri, domain) else {
            return refuse(404, "Not Found");
        };
        if self.is_for_pbx(request, proof) {
            return self.upstream(uri, proof, "state is the PBX's");
        }
        let mut bindings = SmallVec::new();
        self.location.lookup(self.now, &aor, &mut bindings);
        if matches!(request.method(), Some(Method::Options))
            && matches!(proof, Proof::Trusted { upstream: Some(_) })
            && (!bindings.is_empty() || self.users.owns(&aor))
        {
            // What a PBX wants to know when it qualifies an AoR: we keep its phones in sight.
            return match bindings.is_empty() {
                false => Routing::Local,
                true => refuse(480, "Not registered"),
            };
        }
        let groups = self.by_q(&bindings);
        if let Some(routing) = self.by_way_of_pbx(uri, &aor, proof, &bindings, &groups) {
            return routing;
        }
        if !groups.is_empty() {
            let why = Why::Bindings(bindings.len(), aor);
            return Routing::Targets { groups, why };
        }
        match (
            self.upstream(uri, proof, "no binding"),
            self.users.owns(&aor),
        ) {
            // A user of ours who is away: 480, not 404 (RFC 3261 21.4.18).
            (Routing::Refuse { status: 404, .. }, true) => refuse(480, "Not registered"),
            (routing, _) => routing,
        }
    }

    /// Whether a request asks for, or tells, the state of an AoR (RFC 6665, RFC 3903): lamps, presence
    /// and message counts live in the PBX and not in the AoR's phones.
    fn is_for_pbx(&self, request: Message<'_>, proof: &Proof) -> bool {
        matches!(request.method(), Some(Method::Subscribe | Method::Publish))
            && self.config.default_upstream.is_some()
            && !matches!(proof, Proof::Trusted { upstream: Some(_) })
    }

    /// What is not a binding goes to the default upstream, but never back to where it came from.
    pub(super) fn upstream(&self, uri: &UriRef<'_>, proof: &Proof, why: &'static str) -> Routing {
        match (self.config.default_upstream, proof) {
            (
                Some(to),
                Proof::Trusted {
                    upstream: Some(from),
                },
            ) if to == *from => refuse(404, "Not Found"),
            (Some(to), _) => self.to_upstream(to, uri, why),
            (None, _) => refuse(404, "Not Found"),
        }
    }

    fn to_upstream(&self, number: usize, uri: &UriRef<'_>, why: &'static str) -> Routing {
        let Some(upstream) = self.config.upstreams.get(number) else {
            return refuse(500, "No such upstream");
        };
        let mut groups = VecDeque::with_capacity(upstream.targets.len());
        let mut rest = None;
        for target in &upstream.targets {
            let Some(to) = self.names.destination(target.transport, target.remote) else {
                continue;
            };
            let place = (target.transport, target.remote);
            let wait = match self.health.state(self.now, place) {
                State::Up => None,
                State::Down => Some(upstream.probe.unwrap_or(REST)),
                State::Draining(until) => Some(until.since(self.now)),
            };
            if let Some(wait) = wait {
                rest = Some(rest.map_or(wait, |rest: Duration| rest.min(wait)));
                continue;
            }
            let target = Target {
                uri: Some(rehost(uri, &target.host)),
                hop: Hop::To(to),
                path: Box::default(),
                kind: Kind::Upstream,
                device: None,
                wish: None,
            };
            let is_spare = !groups.is_empty();
            groups.push_back(Group {
                targets: SmallVec::from_iter([target]),
                is_spare,
            });
        }
        if let (true, Some(rest)) = (groups.is_empty(), rest) {
            return Routing::Busy { rest };
        }
        if groups.is_empty() {
            return refuse(500, "Upstream has no address that a listener reaches");
        }
        Routing::Targets {
            groups,
            why: Why::Upstream(number, why),
        }
    }
}

/// How many bindings before this one are flows to the same device (RFC 5626 4.1).
fn earlier_flows(bindings: &[Arc<Binding>], at: usize) -> usize {
    let device = bindings.get(at).and_then(|binding| binding.instance());
    let earlier = bindings.get(..at).unwrap_or_default();
    let is_same = |other: &&Arc<Binding>| device.is_some() && other.instance() == device;
    earlier.iter().filter(is_same).count()
}
