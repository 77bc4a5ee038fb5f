//! Telling of calls that are over, each once.

use super::super::call::{Bridge, Call};
use super::super::hide::headers;
use super::super::limits::room::FULL;
use super::draft::{Draft, Over};
use super::{Cause, Ender};
use crate::engine::{Engine, Received, sender};
use crate::outbox::Outbox;
use crate::policy::Story;
use crate::proxy::Context;
use crate::routing::Proof;
use crate::time::Now;
use bellhop_wire::{HeaderId, Message};

impl Engine {
    /// What an INVITE would be recorded with, should it be refused before it is a call; and how many records there
    /// are. To be told to [`Engine::tell_refused`].
    pub(crate) fn before_call(
        &mut self,
        now: Now,
        received: &Received<'_>,
        (proof, story): (&Proof, Option<&Story>),
        out: &Outbox,
    ) -> Attempt {
        self.calls.refused_by(None);
        self.calls.take_wishes();
        let sender = sender(received, proof);
        let draft = Draft::new(now, &self.config, received.message, sender);
        Attempt {
            draft: draft.since(now, story),
            records: out.records.len(),
            transmits: out.transmits.len(),
        }
    }

    /// Tells of an INVITE that was refused at once. Many places refuse, so it is the answer that tells.
    pub(crate) fn tell_refused(
        &mut self,
        now: Now,
        received: &Received<'_>,
        mut attempt: Attempt,
        out: &mut Outbox,
    ) {
        let cause = self.calls.refused_by(None);
        let wishes = self.calls.take_wishes();
        if !self.has_legs(wishes.as_ref().and_then(|wishes| wishes.legs())) {
            return;
        }
        if let Some(wishes) = wishes {
            attempt.draft.notes = wishes.recorded().into();
        }
        // It has become a call, and that has failed already.
        if out.records.len() > attempt.records {
            return;
        }
        let sent = out.transmits.get(attempt.transmits..).unwrap_or_default();
        let answer = sent.iter().find_map(|sent| refusal(out.message(sent)));
        let is_dropped = sent.is_empty() && cause == Some(Cause::Policy);
        let (status, words) = match answer {
            Some((status, words)) => (status, Some(words.into())),
            None if is_dropped && self.is_first_dropped(now, received.message) => (0, None),
            None => return,
        };
        // Whoever is asked for credentials asks again with them.
        if matches!(status, 401 | 407) {
            return;
        }
        let over = Over {
            ender: Ender::Bellhop,
            cause: cause.unwrap_or(Cause::Rules),
            status,
            reason: words,
        };
        let record = attempt.draft.refused(now.instant, received.message, over);
        out.records.push(record);
    }

    /// Tells of an INVITE whose caller gives up while a policy, or another shard, still thinks about it.
    pub(crate) fn tell_given_up(&mut self, now: Now, context: &Context, out: &mut Outbox) {
        let is_call = context.waits.is_none() || context.bridge.is_some();
        let (Some(story), Some(incoming), false) = (&context.story, &context.incoming, is_call)
        else {
            return;
        };
        let invite = incoming.request.message();
        if !self.makes_legs(invite, Some(story)) {
            return;
        }
        let over = Over {
            ender: Ender::Caller,
            cause: Cause::Cancel,
            status: 487,
            reason: first_line(&context.reason),
        };
        let mut draft = Draft::new(now, &self.config, invite, story.sender.clone());
        draft.notes = story.notes.recorded().into();
        let draft = draft.since(now, Some(story));
        out.records.push(draft.refused(now.instant, invite, over));
    }

    /// Whether an INVITE that was dropped is not one that was dropped before: a copy of it, or the same with other
    /// credentials, for those of a copy are used up.
    fn is_first_dropped(&mut self, now: Now, invite: Message<'_>) -> bool {
        let hash = self.key.hash_one((invite.call_id(), invite.from_tag()));
        let for_long = self.config.timers.transaction();
        self.calls.dropped.is_first(hash, now.instant, for_long)
    }

    /// Tells that a call that was answered is over; of one that has been told of nothing is said.
    pub(in crate::b2bua) fn tell_over(
        &mut self,
        now: Now,
        call: &mut Call,
        (ender, cause): (Ender, Cause),
        source: Option<Message<'_>>,
        out: &mut Outbox,
    ) {
        let Some(pair) = call.pairs.first() else {
            return;
        };
        let Some(draft) = call.draft.take() else {
            return;
        };
        let over = Over {
            ender,
            cause,
            status: 200,
            reason: source.and_then(reason_of),
        };
        let record = draft.finish(now.instant, Some(call), pair, over);
        out.records.push(record);
    }

    /// Tells that the INVITE which would have made a call has failed, and the caller got this status.
    pub(in crate::b2bua) fn tell_failed(
        &mut self,
        now: Now,
        context: &Context,
        bridge: &Bridge,
        status: u16,
        out: &mut Outbox,
    ) {
        let known = self.calls.refused_by(None);
        let Some(call) = self.calls.get(bridge.call) else {
            return;
        };
        let Some(mut draft) = call.draft.take() else {
            return;
        };
        let known = known.or(call.rooms.was_full.then_some(Cause::Limit).filter(|_| {
            let best = context.finals.best();
            status == FULL && best.is_some_and(|best| best.response.is_none())
        }));
        let Some(pair) = call.pairs.first().or(bridge.first.as_deref()).cloned() else {
            return;
        };
        draft.note_attempts(now.instant, &self.config, context);
        let over = how_it_failed(context, bridge, status, known);
        let record = draft.finish(now.instant, None, &pair, over);
        out.records.push(record);
    }

    /// The phone rings, or would.
    pub(in crate::b2bua) fn note_ringing(&mut self, now: Now, bridge: &Bridge) {
        if let Some(call) = self.calls.get(bridge.call)
            && let Some(draft) = &mut call.draft
            && draft.rang.is_none()
        {
            draft.rang = Some(draft.age(now.instant));
        }
    }

    /// A call has been answered by this branch, by the phone of this AoR if it is one.
    pub(in crate::b2bua) fn note_answered(
        &mut self,
        now: Now,
        context: &Context,
        (bridge, index): (&Bridge, usize),
        called: Option<&str>,
    ) {
        let Some(call) = self.calls.get(bridge.call) else {
            return;
        };
        call.rooms.answered(index);
        if let Some(draft) = &mut call.draft {
            draft.answered = Some(draft.age(now.instant));
            draft.called = called.map(Into::into);
            draft.note_attempts(now.instant, &self.config, context);
        }
    }
}

/// An INVITE that may be refused before it is a call.
pub(crate) struct Attempt {
    draft: Draft,
    records: usize,
    transmits: usize,
}

fn how_it_failed(context: &Context, bridge: &Bridge, status: u16, known: Option<Cause>) -> Over {
    let best = context.finals.best();
    let said = best.and_then(|best| best.response.as_ref());
    let (ender, cause) = match (known, said, status) {
        (Some(cause), ..) => (Ender::Bellhop, cause),
        (None, _, 487) if bridge.is_cancelled => (Ender::Caller, Cause::Cancel),
        // It rang for as long as we let it.
        (None, _, 408 | 487) => (Ender::Bellhop, Cause::NoAnswer),
        (None, Some(_), _) => (Ender::Called, Cause::Refusal),
        (None, None, _) => (Ender::Bellhop, Cause::Unreachable),
    };
    let reason = match (cause, said) {
        (Cause::Cancel, _) => first_line(&context.reason),
        (Cause::Refusal, Some(said)) => reason_of(said.message()),
        _ => None,
    };
    Over {
        ender,
        cause,
        status,
        reason,
    }
}

/// Protocol and cause of a message's Reason (RFC 3326 2).
fn reason_of(message: Message<'_>) -> Option<Box<[u8]>> {
    let value = message.first(HeaderId::Reason)?.value;
    let read = headers::reason(value);
    (!read.is_empty()).then(|| read.into())
}

/// The value of the first of these Reason lines.
fn first_line(lines: &[u8]) -> Option<Box<[u8]>> {
    let value = lines.strip_prefix(b"Reason: ")?;
    let end = memchr::memchr(b'\r', value)?;
    value.get(..end).map(Into::into)
}

/// Status and words of an answer that is a refusal.
fn refusal(message: &[u8]) -> Option<(u16, &[u8])> {
    let rest = message.strip_prefix(b"SIP/2.0 ")?;
    let end = memchr::memchr(b'\r', rest)?;
    let (status, words) = rest.get(..end)?.split_at_checked(3)?;
    let status: u16 = std::str::from_utf8(status).ok()?.parse().ok()?;
    (status >= 300).then_some((status, words.trim_ascii()))
}
