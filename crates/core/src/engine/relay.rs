//! A proven request on its way out: targets, server transaction, response context.

use super::Engine;
use super::consult::{Asked, Resumed};
use super::local::Received;
use crate::event::{Decision, Level};
use crate::flow::Transport;
use crate::identity::{self, Identity};
use crate::loops;
use crate::outbox::Outbox;
use crate::policy::{Hook, Phase, Story};
use crate::proxy::{Back, BranchId, Context, Finals, Incoming, Record, Rewrite, max_breadth};
use crate::record_route::Side;
use crate::registrar::Device;
use crate::routing::{Proof, Routes, Routing, Scene, Why, choose, named, resolved};
use crate::time::{Instant, Now};
use bellhop_wire::{Method, UriRef};
use std::collections::VecDeque;
use std::net::SocketAddr;

impl Engine {
    /// Asks the policy, routes a request and starts its branches. An INVITE that would have made a call of two legs
    /// and is refused is told of.
    pub(super) fn relay(
        &mut self,
        now: Now,
        received: &Received<'_>,
        to: (&UriRef<'_>, &Routes),
        proof: Proof,
        resumed: Option<Resumed>,
        out: &mut Outbox,
    ) {
        if !self.may_make_legs(received.message) {
            return self.relay_on(now, received, to, proof, resumed, out);
        }
        let story = resumed.as_ref().map(|resumed| &*resumed.story);
        let attempt = self.before_call(now, received, (&proof, story), out);
        self.relay_on(now, received, to, proof, resumed, out);
        self.tell_refused(now, received, attempt, out);
    }

    fn relay_on(
        &mut self,
        now: Now,
        received: &Received<'_>,
        (uri, routes): (&UriRef<'_>, &Routes),
        proof: Proof,
        resumed: Option<Resumed>,
        out: &mut Outbox,
    ) {
        let message = received.message;
        let Some(method) = message.method() else {
            return;
        };
        let loop_hash = loops::hash(&self.key, message, received.ends, routes);
        if loops::is_loop(message, &self.names, loop_hash) {
            return self.refuse(received, 482, "Loop Detected", out);
        }
        let breadth = match max_breadth(message) {
            Ok(breadth) => breadth,
            Err(error) => return self.refuse(received, error.status(), &error.to_string(), out),
        };
        if matches!(proof, Proof::Trusted { .. }) {
            self.known.learn(message);
        }
        let Some(Asked { story, route }) = self.asked(now, received, &proof, resumed, out) else {
            return;
        };
        let story = if self.may_be_named(method) {
            match self.with_named(now, received, &proof, story, out) {
                Some(story) => story,
                None => return,
            }
        } else {
            story
        };
        if !self.calls.is_empty()
            && let Some(found) = self.calls.find(message)
        {
            return self.in_call(now, received, found, story, out);
        }
        if !self.calls.is_empty()
            && let Some(bound) = self.calls.bond_of(message)
        {
            return self.in_bond(now, received, bound, story, out);
        }
        if self.joins_all() && is_of_no_call(received, method, routes) {
            return self.refuse(received, 481, "No such call", out);
        }
        if method == Method::Subscribe
            && route.is_none()
            && self.has_watchers()
            && self.watch(now, received, (uri, routes, story.as_deref()), &proof, out)
        {
            return;
        }
        let changed = story.as_ref().and_then(|story| story.changes.uri());
        let uri = &changed
            .and_then(|uri| UriRef::parse(uri).ok())
            .unwrap_or(*uri);
        let scene = self.scene(now.instant);
        let dialog = story.as_ref().and_then(|story| story.named.as_ref());
        let routing = match (&route, dialog) {
            (_, Some(Ok(dialog))) if method == Method::Invite => self.to_named(now, dialog),
            (Some(route), _) => named(&scene, message, route, routes, &proof),
            (None, _) => choose(&scene, message, uri, routes, &proof),
        };
        // Somebody who comes later will hear it: for the PBX that is as good as a phone.
        let is_kept =
            method == Method::Notify && self.hear_mailbox(received, (uri, &routing), &proof);
        if is_kept
            && matches!(
                routing,
                Routing::Refuse {
                    status: 404 | 480,
                    ..
                }
            )
        {
            self.reply(received, 200, "OK", out, |_, _| {});
            return;
        }
        let mut finals = Finals::default();
        let (groups, why) = match routing {
            Routing::Local => return self.options(received, out),
            // A policy may know another place.
            Routing::Refuse {
                status: status @ (404 | 480),
                reason,
            } if self.hooks().has(Hook::Failure) && method != Method::Ack => {
                finals.add(status, None, true);
                (VecDeque::new(), Why::Asked(reason))
            }
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
            Routing::Targets { groups, why } => (groups, why),
        };
        let story = if method == Method::Refer && self.is_exchanged(method, routes) {
            let first = groups.front().and_then(|group| group.targets.first());
            match self.with_told(now, (received, &proof), story, first, out) {
                Some(story) => story,
                None => return,
            }
        } else {
            story
        };
        // 16.3 step 3; an OPTIONS that may go no further is answered here (11).
        if message.max_forwards() == Ok(Some(0)) {
            return match method {
                Method::Options => self.options(received, out),
                _ => self.refuse(received, 483, "Too Many Hops", out),
            };
        }
        let identity = self.identity(received, &proof);
        let record = record(method, received, routes, story.as_deref());
        // Of one who proved nothing to us the PBX has said that this flow is a phone of his.
        let claimed = match proof {
            Proof::Unproven => self.claimed(received),
            _ => None,
        };
        let device = match (identity.asserted.as_ref().or(claimed.as_ref()), record) {
            (Some(aor), Record::New) => {
                let location = &self.shared.location;
                location.device_at(now.instant, aor, &received.flow)
            }
            _ => None,
        };
        let rewrite = Rewrite {
            record,
            caller: caller_side(received, &proof, device),
            identity,
            routes: routes.clone(),
            spent: match &proof {
                Proof::Authenticated(proof) => Some(proof.spent()),
                Proof::Trusted { .. } | Proof::Dialog | Proof::Unproven => None,
            },
            is_unproven: matches!(proof, Proof::Unproven),
            contact: None,
            passing: None,
            loop_hash,
            breadth,
            owner: self.owner(&proof, routes),
        };
        let incoming = Incoming {
            request: message.to_owned(),
            flow: received.flow,
            mark: received.mark,
            rewrite,
        };
        let level = if matches!(method, Method::Invite | Method::Subscribe) {
            Level::Info
        } else {
            Level::Debug
        };
        out.tell(message, received.flow, level, 0, || {
            Decision::Relayed(why.in_words(&self.config))
        });
        let context = Context::new(back(received, &incoming), None, method == Method::Invite);
        let mut context = Box::new(context);
        context.incoming = Some(Box::new(incoming));
        context.groups = groups;
        context.finals = finals;
        context.story = story;
        if self.makes_legs(message, context.story.as_deref())
            && !self.make_call(now, (received, &proof), &mut context, out)
        {
            return;
        }
        if self.is_exchanged(method, routes) && !self.make_exchange(received, &mut context, out) {
            return;
        }
        self.start(now, received, method, context, out);
    }

    /// What routing looks at, as everything stands now.
    #[inline]
    pub(crate) fn scene(&self, now: Instant) -> Scene<'_> {
        Scene {
            now,
            config: &self.config,
            names: &self.names,
            location: &self.shared.location,
            health: &self.shared.health,
            known: &self.known,
            slots: &self.shared.leases,
            users: self.auth.users(),
        }
    }

    pub(crate) fn start(
        &mut self,
        now: Now,
        received: &Received<'_>,
        method: Method<'_>,
        mut context: Box<Context>,
        out: &mut Outbox,
    ) {
        if method == Method::Ack {
            // It has no response after which another group could be tried.
            context.groups.truncate(1);
            context.is_final = true;
        } else {
            self.table.count_besides(self.contexts.held());
            context.server = received.server.or_else(|| {
                let (at, to) = (now.instant, received.reply_to);
                self.table
                    .create_server(at, received.message, &received.via?, to, None)
            });
            if context.server.is_none() {
                self.unmake_call(&context);
                self.unmake_exchange(&context);
                return self.refuse_full(received, out);
            }
            if matches!(method, Method::Subscribe | Method::Notify) {
                let message = context.as_watched().unwrap_or(received.message);
                context.is_watched = self.watched(now, method, message, received, out);
            }
        }
        let server = context.server;
        let is_quiet = context.is_unproven_datagram();
        if method == Method::Invite && received.server.is_none() && !is_quiet {
            self.trying(now, &context, out);
        }
        if method == Method::Invite
            && let Some(story) = context
                .story
                .as_ref()
                .filter(|story| !story.sender.is_in_dialog)
        {
            self.observe(now, (Phase::Tried, 0), received.message, &story.sender);
        }
        let id = self.contexts.reserve();
        if let Some(bridge) = &context.bridge {
            self.calls.set_context(bridge, id);
        }
        if let Some(server) = server {
            self.table.set_owner(
                server,
                BranchId {
                    context: id,
                    index: 0,
                }
                .owner(),
            );
            if method != Method::Invite {
                let late = now.instant.after(self.config.timers.late());
                self.deadlines.set(
                    BranchId {
                        context: id,
                        index: BranchId::TRYING,
                    },
                    late,
                );
            }
        }
        self.begin(now, id, context, out);
    }

    /// No transaction is to be had.
    pub(super) fn refuse_full(&mut self, received: &Received<'_>, out: &mut Outbox) {
        self.refuse_with(received, 503, "Too many transactions", out, |_, reply| {
            reply.header("Retry-After", b"5");
        });
    }

    /// A name's places, for the branch that waits for them.
    pub(super) fn branch_resolved(
        &mut self,
        now: Now,
        id: BranchId,
        places: &[(Transport, SocketAddr)],
        out: &mut Outbox,
    ) {
        let Some(is_outside) = self.resolving(id) else {
            return;
        };
        let to = resolved(&self.names, is_outside, places);
        self.resume(now, id, &to, out);
    }

    pub(super) fn identity(&self, received: &Received<'_>, proof: &Proof) -> Identity {
        let is_outside = !matches!(proof, Proof::Trusted { .. });
        let asserted = match proof {
            Proof::Authenticated(user) => identity::asserted(user, received.ends, &self.names),
            Proof::Trusted { .. } | Proof::Dialog | Proof::Unproven => None,
        };
        Identity {
            is_outside,
            asserted,
        }
    }
}

/// Which requests are record-routed: those that make a dialog, those of unknown methods, which may
/// (16.6 step 4), and inside one those that refresh its target, so that both ends see the same route
/// set at every refresh.
fn record(
    method: Method<'_>,
    received: &Received<'_>,
    routes: &Routes,
    story: Option<&Story>,
) -> Record {
    let makes_dialog = matches!(
        method,
        Method::Invite
            | Method::Subscribe
            | Method::Refer
            | Method::Notify
            | Method::Update
            | Method::Ext(_)
    );
    match (
        makes_dialog,
        received.ends.is_some_and(|ends| ends.to.tag().is_some()),
        routes.token.is_some(),
    ) {
        (true, true, true) => Record::Again,
        (true, false, _) if story.is_none_or(|story| story.records) => Record::New,
        _ => Record::No,
    }
}

/// How the other side reaches the caller later: a PBX by its Contact, all else over the flow that its
/// request came in on.
fn caller_side(received: &Received<'_>, proof: &Proof, device: Option<Device>) -> Side {
    match proof {
        Proof::Trusted { upstream: Some(_) } => Side::Direct,
        _ => Side::Flow(received.flow, device),
    }
}

/// Where the responses to a request go.
pub(super) fn back(received: &Received<'_>, incoming: &Incoming) -> Back {
    Back {
        is_outside: incoming.rewrite.identity.is_outside,
        is_stream: received.reply_to.transport().is_reliable(),
        is_bridged: false,
    }
}

/// Whether a request says that it is inside a dialog, and is in none of ours nor in one that was relayed.
fn is_of_no_call(received: &Received<'_>, method: Method<'_>, routes: &Routes) -> bool {
    // A watcher's SUBSCRIBE is looked for among those that end here first, and an ACK is not answered.
    !matches!(method, Method::Subscribe | Method::Register | Method::Ack)
        && routes.token.is_none()
        && received.message.to_tag().is_some_and(|tag| !tag.is_empty())
}
