//! Requests that wait for a policy's answer.

use super::Engine;
use super::consult::Resumed;
use super::local::Received;
use crate::outbox::{Outbox, Ticket};
use crate::policy::{Answer, Ask, Failure, Hook, Story, Verdict};
use crate::proxy::{Back, BranchId, Context, Incoming, Rewrite, Waits};
use crate::routing::{Proof, Routes};
use crate::time::{Instant, Now};
use crate::transaction::TransactionId;
use bellhop_wire::{Message, Method, UriRef};

impl Engine {
    /// The answer to a question, or the end of patience.
    pub(crate) fn answered(&mut self, now: Now, id: BranchId, out: &mut Outbox) {
        let BranchId {
            context: id,
            index: BranchId::POLICY,
        } = id
        else {
            return;
        };
        let Some(mut context) = self.contexts.take(id) else {
            return;
        };
        let hook = match context.waits {
            Some(Waits { hook: None, .. }) => {
                self.contexts.put(id, context);
                return self.unnamed(now, id, out);
            }
            Some(Waits {
                hook: Some(hook), ..
            }) if hook != Hook::Failure => hook,
            _ => {
                self.contexts.put(id, context);
                return self.failure_answered(now, id, out);
            }
        };
        let (Some(incoming), Some(mut story), Some(mut waits)) = (
            context.incoming.take(),
            context.story.take(),
            context.waits.take(),
        ) else {
            return;
        };
        let message = incoming.request.message();
        match self.ask_again(now, (hook, id), message, &mut story, None) {
            Answer::Later { until } => {
                self.wait_until(id, until);
                waits.until = until;
                context.incoming = Some(incoming);
                context.story = Some(story);
                context.waits = Some(waits);
                self.contexts.put(id, context);
            }
            Answer::Now(verdict) => {
                let proof = story.proof.clone();
                let resumed = Resumed {
                    hook,
                    verdict,
                    story,
                };
                self.go_on(now, &incoming, context.server, proof, resumed, out);
            }
        }
    }

    /// Takes up a request that has waited for another shard's word of a dialog, if it still waits.
    pub(crate) fn taken_up(
        &mut self,
        id: u64,
    ) -> Option<(Box<Incoming>, Box<Story>, Option<TransactionId>)> {
        let mut context = self.contexts.take(id)?;
        if !matches!(context.waits, Some(Waits { hook: None, .. })) {
            self.contexts.put(id, context);
            return None;
        }
        Some((
            context.incoming.take()?,
            context.story.take()?,
            context.server,
        ))
    }

    /// Takes a request up again that policies have been asked about before it waited.
    pub(crate) fn go_on_with_story(
        &mut self,
        now: Now,
        incoming: &Incoming,
        server: Option<TransactionId>,
        story: Box<Story>,
        out: &mut Outbox,
    ) {
        let proof = story.proof.clone();
        let resumed = Resumed {
            hook: Hook::Route,
            verdict: Verdict::Continue,
            story,
        };
        self.go_on(now, incoming, server, proof, resumed, out);
    }

    /// Takes a request that has waited up again where it was left.
    fn go_on(
        &mut self,
        now: Now,
        incoming: &Incoming,
        server: Option<TransactionId>,
        proof: Proof,
        resumed: Resumed,
        out: &mut Outbox,
    ) {
        let message = incoming.request.message();
        let mut received = self.received(now, message, incoming.flow);
        let ends = message.ends().ok();
        received.ends = ends.as_ref();
        received.is_proven = true;
        received.server = server;
        let listener = incoming.flow.listener;
        // Both could be read before it waited.
        let mut routes = Routes::default();
        let is_read = routes.read(message, listener, &self.names, &self.shared.secret);
        if is_read.is_err() {
            return;
        };
        let Ok(uri) = UriRef::parse(routes.request_uri(message)) else {
            return;
        };
        if resumed.hook == Hook::Register {
            self.ask_and_register(now, &received, &uri, proof, Some(resumed), out);
        } else {
            self.relay(now, &received, (&uri, &routes), proof, Some(resumed), out);
        }
    }

    /// Asks for the answer to a question of before.
    pub(crate) fn ask_again(
        &mut self,
        now: Now,
        (hook, id): (Hook, u64),
        message: Message<'_>,
        story: &mut Story,
        failure: Option<&Failure>,
    ) -> Answer {
        let ticket = self.ticket(id);
        let Some(policy) = &mut self.policy else {
            return Answer::Now(Verdict::Continue);
        };
        let ask = Ask {
            hook,
            ticket,
            message,
            source: story.sender.source(&self.config),
            notes: &mut story.notes,
            changes: &mut story.changes,
            failure,
        };
        policy.resume(now, ask)
    }

    /// Sets the end of patience with a question.
    pub(crate) fn wait_until(&mut self, id: u64, until: Instant) {
        let index = BranchId::POLICY;
        self.deadlines.set(BranchId { context: id, index }, until);
    }

    /// Nobody waits for the answer to this context's question any more.
    pub(crate) fn give_up_waiting(&mut self, id: u64) {
        let ticket = self.ticket(id);
        if let Some(policy) = &mut self.policy {
            policy.abandon(ticket);
        }
    }

    pub(super) fn ticket(&self, id: u64) -> Ticket {
        let index = BranchId::POLICY;
        Ticket(self.in_shard(BranchId { context: id, index }.pack()))
    }

    /// Keeps a request until its answer comes: in a transaction, so that copies of it are absorbed and a
    /// CANCEL finds it.
    pub(crate) fn park(
        &mut self,
        now: Now,
        id: u64,
        received: &Received<'_>,
        (hook, until): (Option<Hook>, Instant),
        story: Box<Story>,
        out: &mut Outbox,
    ) {
        let message = received.message;
        let owner = BranchId {
            context: id,
            index: 0,
        }
        .owner();
        let server = match (received.server, received.via) {
            (Some(server), _) => {
                self.table.set_owner(server, owner);
                Some(server)
            }
            (None, Some(via)) => {
                let to = received.reply_to;
                self.table
                    .create_server(now.instant, message, &via, to, Some(owner))
            }
            (None, None) => None,
        };
        let Some(server) = server else {
            self.give_up_waiting(id);
            return self.refuse_full(received, out);
        };
        let is_invite = message.method() == Some(Method::Invite);
        let incoming = Incoming {
            request: message.to_owned(),
            flow: received.flow,
            mark: received.mark,
            rewrite: Rewrite::unsent(),
        };
        let back = Back {
            is_outside: !received.is_trusted(),
            is_stream: received.reply_to.transport().is_reliable(),
            is_bridged: false,
        };
        let mut context = Context::new(back, Some(server), is_invite);
        context.incoming = Some(Box::new(incoming));
        context.story = Some(story);
        context.waits = Some(Waits { hook, until });
        if is_invite && received.server.is_none() {
            self.trying(now, &context, out);
        }
        self.wait_until(id, until);
        self.contexts.put(id, Box::new(context));
    }
}
