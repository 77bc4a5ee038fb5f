//! A proven request on its way out: targets, server transaction, response context.

use super::Engine;
use super::local::Received;
use crate::event::{Decision, Level};
use crate::flow::Transport;
use crate::identity::{self, Identity};
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::{Back, BranchId, Context, Incoming, Record, Rewrite, max_breadth};
use crate::record_route::Side;
use crate::routing::{Group, Proof, Routes, Routing, Scene, choose, resolved};
use crate::time::Now;
use bellhop_wire::{Message, Method, UriRef};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::net::SocketAddr;

impl Engine {
    /// Routes a request and starts its branches.
    pub(super) fn relay(
        &mut self,
        now: Now,
        received: &Received<'_>,
        uri: &UriRef<'_>,
        routes: &Routes,
        proof: &Proof,
        out: &mut Outbox,
    ) {
        let message = received.message;
        let Some(method) = message.method() else {
            return;
        };
        let loop_hash = loops::hash(&self.key, message, routes);
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
        let scene = Scene {
            now: now.instant,
            config: &self.config,
            names: &self.names,
            location: &self.shared.location,
            known: &self.known,
            is_user: &|aor| self.auth.knows(aor),
        };
        let (groups, why) = match choose(&scene, message, uri, routes, proof) {
            Routing::Local => return self.options(received, out),
            Routing::Refuse { status, reason } => {
                return self.refuse(received, status, reason, out);
            }
            Routing::Targets { groups, why } => (groups, why),
        };
        // 16.3 step 3; an OPTIONS that may go no further is answered here (11).
        if message.max_forwards() == Ok(Some(0)) {
            return match method {
                Method::Options => self.options(received, out),
                _ => self.refuse(received, 483, "Too Many Hops", out),
            };
        }
        let rewrite = Rewrite {
            record: record(method, message, routes),
            caller: caller_side(received, proof),
            identity: self.identity(received, proof),
            routes: routes.clone(),
            loop_hash,
            breadth,
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
        self.start(now, received, method, incoming, groups, out);
    }

    fn start(
        &mut self,
        now: Now,
        received: &Received<'_>,
        method: Method<'_>,
        incoming: Incoming,
        mut groups: VecDeque<Group>,
        out: &mut Outbox,
    ) {
        let is_ack = method == Method::Ack;
        if is_ack {
            // It has no response after which another group could be tried.
            groups.truncate(1);
        }
        let server = if is_ack {
            None
        } else {
            self.table.count_besides(self.contexts.held());
            let made = received.via.and_then(|via| {
                self.table.create_server(
                    now.instant,
                    received.message,
                    &via,
                    received.reply_to,
                    None,
                )
            });
            if made.is_none() {
                return self.refuse_with(
                    received,
                    503,
                    "Too many transactions",
                    out,
                    |_, reply| {
                        reply.header("Retry-After", b"5");
                    },
                );
            }
            made
        };
        let context = Context {
            back: Back {
                is_outside: incoming.rewrite.identity.is_outside,
                is_stream: received.reply_to.transport().is_reliable(),
            },
            incoming: Some(Box::new(incoming)),
            server,
            reason: Vec::new(),
            is_invite: method == Method::Invite,
            branches: SmallVec::new(),
            groups,
            finals: Default::default(),
            is_final: is_ack,
            is_over: false,
        };
        if method == Method::Invite {
            self.trying(now, &context, out);
        }
        let id = self.contexts.insert(context);
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
        self.begin(now, id, out);
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

    fn identity(&self, received: &Received<'_>, proof: &Proof) -> Identity {
        let is_outside = !matches!(proof, Proof::Trusted { .. });
        let asserted = match proof {
            Proof::Authenticated(user) => {
                identity::asserted(user, received.ends.as_ref(), &self.names)
            }
            Proof::Trusted { .. } | Proof::Dialog => None,
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
fn record(method: Method<'_>, message: Message<'_>, routes: &Routes) -> Record {
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
        message.to_tag().is_some(),
        routes.token.is_some(),
    ) {
        (true, true, true) => Record::Again,
        (true, false, _) => Record::New,
        _ => Record::No,
    }
}

/// How the other side reaches the caller later: a PBX by its Contact, all else over the flow that its
/// request came in on.
fn caller_side(received: &Received<'_>, proof: &Proof) -> Side {
    match proof {
        Proof::Trusted { upstream: Some(_) } => Side::Direct,
        _ => Side::Flow(received.flow),
    }
}
