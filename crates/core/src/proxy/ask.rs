//! What the policy is asked while a request is on its way: when everything has failed, about each
//! response, and what it is told of dialogs.

use super::context::{Context, Waits};
use crate::b2bua::Cause;
use crate::engine::Engine;
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::hex;
use crate::outbox::Outbox;
use crate::policy::{
    Answer, Attempt, Changes, DialogEvent, Failure, Hook, Phase, Sender, Source, Story, Verdict,
};
use crate::routing::{Routing, named};
use crate::time::{Instant, Now};
use bellhop_wire::{Message, Method, NameAddr, reply::reason};

/// What is to be done with a context in which everything has failed.
enum Next {
    /// There are new groups to try.
    Groups,
    /// The answer comes later.
    Wait,
    /// The best response goes back, or what a policy says instead.
    Respond(Verdict),
}

impl Engine {
    /// Groups until one has a branch in flight; when none is left, the policy's next word, and at last the
    /// response.
    pub(super) fn settle(&mut self, now: Now, id: u64, context: &mut Context, out: &mut Outbox) {
        if context.waits.is_some() {
            if !context.is_over {
                return;
            }
            context.waits = None;
            self.give_up_waiting(id);
        }
        loop {
            self.start_groups(now, id, context, out);
            if !context.is_settled() {
                return;
            }
            match self.ask_failure(now, id, context, false) {
                Next::Groups => {}
                Next::Wait => return,
                Next::Respond(verdict) => return self.respond_last(now, context, verdict, out),
            }
        }
    }

    /// The answer to what was asked when everything had failed.
    pub(crate) fn failure_answered(&mut self, now: Now, id: u64, out: &mut Outbox) {
        let Some(mut context) = self.contexts.take(id) else {
            return;
        };
        if context.waits.take().is_some() {
            match self.ask_failure(now, id, &mut context, true) {
                Next::Groups => self.settle(now, id, &mut context, out),
                Next::Wait => {}
                Next::Respond(verdict) => self.respond_last(now, &mut context, verdict, out),
            }
        }
        self.advance(now, id, context, out);
    }

    fn respond_last(
        &mut self,
        now: Now,
        context: &mut Context,
        verdict: Verdict,
        out: &mut Outbox,
    ) {
        context.is_final = true;
        self.registration_over(context);
        let is_told = matches!(verdict, Verdict::Reply(_));
        self.calls.refused_by(is_told.then_some(Cause::Policy));
        let asked = context.asked().zip(context.incoming.as_deref());
        let status = match (verdict, context.server, asked) {
            (Verdict::Reply(told), Some(server), Some(((request, mark), incoming))) => {
                let tag = hex::of_u64(self.entropy.next_u64());
                let mut bytes = std::mem::take(&mut self.scratch);
                bytes.clear();
                told.write(&mut bytes, request, mark, &tag);
                self.table
                    .respond(now.instant, server, told.status, &bytes, out);
                self.scratch = bytes;
                out.tell(request, incoming.flow, Level::Info, told.status, || {
                    Decision::Completed("as the policy wants it")
                });
                told.status
            }
            _ => self.respond_best(now, context, out),
        };
        self.bridged_failure(now, context, status, out);
        self.exchange_failed(now, context, status, out);
        let request = context.asked().map(|(request, _)| request);
        if let (Some(story), Some(request)) = (&context.story, request) {
            let sender = &story.sender;
            let ends = match request.method() {
                Some(Method::Bye) => true,
                Some(Method::Invite) => !sender.is_in_dialog,
                _ => false,
            };
            if ends {
                self.observe(now, (Phase::Ended, status), request, sender);
            }
        }
    }

    fn ask_failure(&mut self, now: Now, id: u64, context: &mut Context, is_again: bool) -> Next {
        let (Some(incoming), Some(story)) = (&context.incoming, &mut context.story) else {
            return Next::Respond(Verdict::Continue);
        };
        let request = incoming.request.message();
        let may_ask = self.hooks().has(Hook::Failure)
            && !context.is_over
            && !story.sender.is_in_dialog
            && story.rounds < ROUNDS;
        let Some(best) = context.finals.best().filter(|_| may_ask) else {
            return Next::Respond(Verdict::Continue);
        };
        let failure = Failure {
            status: best.status,
            reason: reason(best.status).into(),
            is_local: best.response.is_none(),
            attempts: attempts(&context.branches, now.instant),
            elapsed: now.instant.since(story.began),
        };
        let at = (Hook::Failure, id);
        let answer = if is_again {
            self.ask_again(now, at, request, story, Some(&failure))
        } else {
            let Story {
                sender,
                notes,
                changes,
                ..
            } = &mut **story;
            self.consult(now, at, request, sender, (notes, changes), Some(&failure))
        };
        let route = match answer {
            Answer::Later { until } => {
                let hook = Hook::Failure;
                let hook = Some(hook);
                context.waits = Some(Waits { hook, until });
                self.wait_until(id, until);
                return Next::Wait;
            }
            Answer::Now(Verdict::Route(route)) => route,
            Answer::Now(verdict) => return Next::Respond(verdict),
        };
        story.rounds = story.rounds.saturating_add(1);
        let scene = self.scene(now.instant);
        let routes = &incoming.rewrite.routes;
        match named(&scene, request, &route, routes, &story.proof) {
            Routing::Targets { groups, .. } => {
                context.groups = groups;
                Next::Groups
            }
            Routing::Refuse { .. } | Routing::Busy { .. } | Routing::Local => {
                Next::Respond(Verdict::Continue)
            }
        }
    }

    /// The edits of a response that goes back.
    pub(super) fn ask_response(
        &mut self,
        now: Now,
        story: Option<&mut Story>,
        from: &Flow,
        response: Message<'_>,
    ) -> Changes {
        let mut changes = Changes::default();
        let Some(story) = story.filter(|_| self.hooks().has(Hook::Response)) else {
            return changes;
        };
        let upstream = self.names.upstream_at(from, None);
        let sender = Sender {
            flow: *from,
            user: None,
            upstream: upstream.map(|(upstream, _)| upstream),
            is_in_dialog: story.sender.is_in_dialog,
        };
        let edits = (&mut story.notes, &mut changes);
        self.consult(now, (Hook::Response, 0), response, &sender, edits, None);
        changes
    }

    /// Tells of what a response that goes back means to its dialog.
    pub(super) fn observe_response(
        &mut self,
        now: Now,
        story: Option<&mut Story>,
        from: &Flow,
        response: Message<'_>,
    ) {
        let (Some(story), Some(status)) = (story, response.status()) else {
            return;
        };
        let method = response.cseq().map(|(_, method)| method);
        let phase = match (method, status, story.sender.is_in_dialog) {
            (Ok(Method::Invite), 101..=199, false)
                if response.to_tag().is_some() && !story.is_early =>
            {
                story.is_early = true;
                Phase::Early
            }
            (Ok(Method::Invite), 200..=299, false) if !story.is_confirmed => {
                story.is_confirmed = true;
                Phase::Confirmed
            }
            (Ok(Method::Invite | Method::Update), 200..=299, true) => Phase::Refreshed,
            (Ok(Method::Bye), 200..=299, _) => Phase::Ended,
            _ => return,
        };
        let sender = &story.sender;
        self.observe_of(now, (phase, status), response, sender, Some(from));
    }

    /// Tells of a dialog.
    pub(crate) fn observe(
        &mut self,
        now: Now,
        what: (Phase, u16),
        message: Message<'_>,
        sender: &Sender,
    ) {
        self.observe_of(now, what, message, sender, None);
    }

    fn observe_of(
        &mut self,
        now: Now,
        (phase, status): (Phase, u16),
        message: Message<'_>,
        sender: &Sender,
        answered_by: Option<&Flow>,
    ) {
        if !self.hooks().has(Hook::Dialog) {
            return;
        }
        let Some(policy) = &mut self.policy else {
            return;
        };
        let source = sender.source(&self.config);
        let event = DialogEvent {
            answered_by: answered_by.copied(),
            ..event(phase, status, message, source)
        };
        policy.observe(now, &event);
    }
}

fn event<'a>(
    phase: Phase,
    status: u16,
    message: Message<'a>,
    source: Source<'a>,
) -> DialogEvent<'a> {
    let uri = |end: Result<NameAddr<'a>, _>| end.map_or(b"".as_slice(), |end| end.uri.raw);
    DialogEvent {
        phase,
        call_id: message.call_id(),
        from_tag: message.from_tag().unwrap_or_default(),
        from_uri: uri(message.from()),
        to_uri: uri(message.to()),
        source,
        answered_by: None,
        status,
    }
}

fn attempts(branches: &[super::context::Branch], now: Instant) -> Vec<Attempt> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into();
    branches
        .iter()
        .map(|branch| {
            let (status, ended) = branch.ended.unwrap_or((0, now));
            let tag = branch.target.wish.as_ref().map(|wish| wish.tag.clone());
            Attempt {
                uri: branch.target.uri.as_deref().map_or_else(Box::default, text),
                tag: tag.unwrap_or_default(),
                status,
                elapsed: ended.since(branch.began),
            }
        })
        .collect()
}

/// How often a policy may name a new route after a failure.
const ROUNDS: u8 = 8;
