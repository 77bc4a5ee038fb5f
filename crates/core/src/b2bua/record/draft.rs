//! What a live call's record needs and the call itself does not have.

use super::super::call::{Call, Pair};
use super::super::leg::Leg;
use super::{CallRecord, Cause, Ender, Outcome, Party, Tried};
use crate::config::Config;
use crate::flow::{Destination, Flow};
use crate::policy::{Sender, Story};
use crate::proxy::{Branch, Context};
use crate::time::{Instant, Now};
use bellhop_wire::{HeaderId, Message, NameAddr};
use std::time::Duration;

/// A record in the making. Small, for every live call has one, and of plain values, so that it can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Since the Unix epoch.
    pub(crate) began: Duration,
    /// A moment, and how old the call was then: the monotonic clock starts anew with the program.
    pub(crate) mark: (Instant, Duration),
    pub(crate) rang: Option<Duration>,
    pub(crate) answered: Option<Duration>,
    pub(crate) source: Flow,
    /// The upstream that the caller is.
    pub(crate) upstream: Option<Box<str>>,
    /// Who the caller proved to be.
    pub(crate) user: Option<Box<str>>,
    /// The AoR of the phone that answered.
    pub(crate) called: Option<Box<str>>,
    pub(crate) request_uri: Box<[u8]>,
    pub(crate) attempts: Box<[Tried]>,
    pub(crate) attempts_left_out: u8,
    pub(crate) notes: Box<[(Box<str>, Box<str>)]>,
}

/// How a call came to its end.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) ender: Ender,
    pub(super) cause: Cause,
    /// What the caller got to his INVITE.
    pub(super) status: u16,
    pub(super) reason: Option<Box<[u8]>>,
}

impl Draft {
    /// Of a call that this INVITE begins, or would begin.
    pub(crate) fn new(now: Now, config: &Config, invite: Message<'_>, sender: Sender) -> Self {
        let upstream = sender.upstream.and_then(|at| config.upstreams.get(at));
        Self {
            began: now.unix,
            mark: (now.instant, Duration::ZERO),
            rang: None,
            answered: None,
            source: sender.flow,
            upstream: upstream.map(|upstream| upstream.name.as_str().into()),
            user: sender.user,
            called: None,
            request_uri: invite.uri().into(),
            attempts: Box::default(),
            attempts_left_out: 0,
            notes: Box::default(),
        }
    }

    /// From when its INVITE came in, if that has waited since.
    pub(in crate::b2bua) fn since(mut self, now: Now, story: Option<&Story>) -> Self {
        if let Some(story) = story {
            self.began = now.unix.saturating_sub(now.instant.since(story.began));
            self.mark = (story.began, Duration::ZERO);
        }
        self
    }

    /// How old the call is.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        let (at, age) = self.mark;
        age.saturating_add(now.since(at))
    }

    /// Notes the places that a context has tried, and what plugins noted meanwhile.
    pub(super) fn note_attempts(&mut self, now: Instant, config: &Config, context: &Context) {
        let branches = &context.branches;
        let over = branches.len().saturating_sub(MOST_ATTEMPTS);
        let asked = context.incoming.as_ref();
        let asked = asked.map_or(b"".as_slice(), |incoming| incoming.request.message().uri());
        self.attempts = branches
            .iter()
            .skip(over)
            .map(|branch| tried(now, config, branch, asked))
            .collect();
        if let Some(story) = &context.story {
            self.notes = story.notes.recorded().into();
        }
        self.attempts_left_out = u8::try_from(over).unwrap_or(u8::MAX);
    }

    /// The record of the call that these dialogs are, or would have become.
    pub(super) fn finish(
        self,
        now: Instant,
        call: Option<&Call>,
        pair: &Pair,
        over: Over,
    ) -> CallRecord {
        let called = Party {
            flow: call
                .filter(|_| self.answered.is_some())
                .map(|call| call.b.flow),
            upstream: self
                .attempts
                .iter()
                .rev()
                .find(|tried| (200..300).contains(&tried.status))
                .and_then(|tried| tried.upstream.clone()),
            user: self.called.clone(),
            ..Party::of(&pair.b)
        };
        let ends = (uri_of(&pair.a.remote), uri_of(&pair.a.local));
        CallRecord {
            called: Some(called),
            ..self.told(now, ends, Party::of(&pair.a), over)
        }
    }

    /// The record of an INVITE that made no call.
    pub(super) fn refused(self, now: Instant, invite: Message<'_>, over: Over) -> CallRecord {
        let end = |id| {
            invite
                .first(id)
                .map_or(Box::default(), |field| uri_of(field.value))
        };
        let ends = (end(HeaderId::From), end(HeaderId::To));
        let caller = Party {
            call_id: invite.call_id().into(),
            remote_tag: invite.from_tag().unwrap_or_default().into(),
            ..Party::default()
        };
        self.told(now, ends, caller, over)
    }

    fn told(
        self,
        now: Instant,
        (from, to): (Box<[u8]>, Box<[u8]>),
        caller: Party,
        over: Over,
    ) -> CallRecord {
        let ended = self.age(now);
        let outcome = match self.answered {
            Some(_) => Outcome::Answered,
            None => Outcome::of(over.status, over.cause),
        };
        CallRecord {
            began: self.began,
            rang: self.rang,
            answered: self.answered,
            ended,
            outcome,
            status: over.status,
            ender: over.ender,
            cause: over.cause,
            reason: over.reason,
            request_uri: self.request_uri,
            from,
            to,
            caller: Party {
                flow: Some(self.source),
                upstream: self.upstream,
                user: self.user,
                ..caller
            },
            called: None,
            attempts: self.attempts.into(),
            attempts_left_out: self.attempts_left_out.into(),
            notes: self.notes.into(),
        }
    }
}

impl Party {
    fn of(leg: &Leg) -> Self {
        Self {
            call_id: leg.call_id.clone(),
            local_tag: Some(leg.local_tag).filter(|tag| *tag != 0),
            remote_tag: leg.remote_tag.clone(),
            ..Self::default()
        }
    }
}

/// The name of the upstream that has a target at this place.
pub(in crate::b2bua) fn upstream_at<'a>(config: &'a Config, to: &Destination) -> Option<&'a str> {
    let place = (to.transport(), to.remote());
    let mut upstreams = config.upstreams.iter();
    let found = upstreams.find(|upstream| {
        let mut targets = upstream.targets.iter();
        targets.any(|target| (target.transport, target.remote) == place)
    });
    found.map(|upstream| upstream.name.as_str())
}

fn tried(now: Instant, config: &Config, branch: &Branch, asked: &[u8]) -> Tried {
    let (status, at) = branch.ended.unwrap_or((0, now));
    let target = &branch.target;
    Tried {
        uri: target.uri.as_deref().unwrap_or(asked).into(),
        to: branch.to.map(|to| (to.transport(), to.remote())),
        upstream: branch
            .to
            .and_then(|to| upstream_at(config, &to))
            .map(Into::into),
        status,
        took: at.since(branch.began),
        tag: target
            .wish
            .as_ref()
            .map_or(Box::default(), |wish| wish.tag.clone()),
    }
}

/// The URI of a From or To, as it stands.
fn uri_of(value: &[u8]) -> Box<[u8]> {
    NameAddr::parse(value).map_or(Box::default(), |read| read.uri.raw.into())
}

/// Places of a call that are told of: the last.
const MOST_ATTEMPTS: usize = 16;
