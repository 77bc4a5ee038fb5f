//! The calls of a shard, found by the tags that we gave.

use super::call::{Bridge, Call, End};
use super::outside::Bonds;
use super::prack::reliable::Reliable;
use super::record::Cause;
use super::record::dropped::Dropped;
use crate::config::{Config, Listener, Zone};
use crate::hex;
use crate::policy::Notes;
use crate::time::Instant;
use crate::transaction::Timers;
use bellhop_wire::Message;
use bellhop_wire::view::host::host_port;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The live calls of a shard.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    live: HashMap<u64, Box<Call>>,
    /// Our tags, and whose they are.
    tags: HashMap<u64, (u64, End)>,
    /// What tells the INVITE of each from others, so that a copy of it is known.
    invites: HashMap<u64, u64>,
    timers: Timers<(u64, Alarm)>,
    last: u64,
    /// Hosts of the inside, as they are written.
    inside: Vec<String>,
    /// Why the INVITE at hand is refused, if more is known than its answer says.
    refused_by: Option<Cause>,
    /// Subscriptions that are relayed as two dialogs; their tags are among those of the calls.
    pub(super) bonds: Bonds,
    /// INVITEs that plugins have dropped.
    pub(super) dropped: Dropped,
    /// What plugins want of the call that the INVITE at hand begins, if they want anything.
    wishes: Option<Box<Notes>>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Alarm {
    /// When a 2xx is to be sent again to this end, or has been sent long enough (13.3.1.4).
    Answer(End),
    /// When the call has lasted as long as it may.
    Longest,
    /// When we refresh the session of this end, or it has not (RFC 4028).
    Session(End),
    /// When both ends are asked whether they are there.
    Alive,
    /// When this end is told what the other one has answered to a refresh (RFC 3264 8).
    Tell(End),
    /// When a provisional response is sent again to the caller, or has been sent long enough (RFC 3262 3).
    Reliable,
}

/// A dialog that a message is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) call: u64,
    /// Who sent it.
    pub(crate) from: End,
    /// The tag that is ours on the A leg.
    pub(crate) pair: u64,
}

impl Calls {
    pub(crate) fn of(config: &Config) -> Self {
        let mut calls = Self::default();
        calls.configure(config);
        calls
    }

    /// Takes the names of the inside from a configuration: what is a name of ours to the outside is not hidden.
    pub(crate) fn configure(&mut self, config: &Config) {
        let is_inside = |l: &&Listener| l.zone == Zone::Inside;
        let own = config.listeners.iter().filter(is_inside);
        let own = own.flat_map(|l| [l.host.clone(), l.local.ip().to_string()]);
        let targets = config.upstreams.iter().flat_map(|u| &u.targets);
        let pbxs = targets.flat_map(|target| {
            let host = host_port(target.host.as_bytes()).map(|(host, _)| {
                let mut text = Vec::new();
                host.write(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            });
            host.into_iter().chain([target.remote.ip().to_string()])
        });
        let is_shown = |name: &String| {
            let outside = config.listeners.iter().filter(|l| !is_inside(l));
            config.domains.contains(name) || outside.into_iter().any(|l| l.host == *name)
        };
        let named = config.b2bua.iter().flat_map(|b2bua| b2bua.hosts.clone());
        let all = own.chain(pbxs).chain(named);
        self.inside = all.filter(|name| !is_shown(name)).collect();
        self.inside.sort();
        self.inside.dedup();
    }

    /// Notes why the INVITE at hand is refused; gives what was noted before.
    pub(crate) fn refused_by(&mut self, cause: Option<Cause>) -> Option<Cause> {
        std::mem::replace(&mut self.refused_by, cause)
    }

    /// Remembers what plugins want of the call that the INVITE at hand begins.
    pub(crate) fn note_wishes(&mut self, notes: &Notes) {
        if notes.are_of_call() {
            self.wishes = Some(Box::new(notes.clone()));
        }
    }

    /// What they wanted.
    pub(super) fn take_wishes(&mut self) -> Option<Box<Notes>> {
        self.wishes.take()
    }

    pub(crate) fn inside(&self) -> &[String] {
        &self.inside
    }

    /// Whether there has never been one: then nothing that we sent has no Via but ours.
    pub(crate) fn is_unused(&self) -> bool {
        self.last == 0
    }

    /// Whether no request can be in a dialog of ours.
    pub(crate) fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// A number for a call that [`Calls::put`] may bring.
    pub(crate) fn reserve(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// Notes the INVITE that makes a call. False: it has made one already.
    pub(crate) fn takes_invite(&mut self, invite: u64, id: u64) -> bool {
        match self.invites.entry(invite) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(id);
                true
            }
        }
    }

    /// Makes a tag of ours known.
    pub(crate) fn name(&mut self, tag: u64, call: u64, end: End) {
        self.tags.insert(tag, (call, end));
    }

    /// The tag of ours that stands in a message, and whose it is.
    pub(super) fn named(&self, text: &[u8]) -> Option<(u64, u64, End)> {
        let mut tag = [0; 8];
        hex::read(text, &mut tag)?;
        let tag = u64::from_be_bytes(tag);
        let (call, from) = *self.tags.get(&tag)?;
        Some((tag, call, from))
    }

    /// The number of the call, or subscription, that a tag of ours is of.
    pub(super) fn owner_of(&self, tag: u64) -> Option<u64> {
        self.tags.get(&tag).map(|(id, _)| *id)
    }

    /// Forgets a tag of ours.
    pub(crate) fn unname(&mut self, tag: u64) {
        self.tags.remove(&tag);
    }

    /// The call that a tag of ours is of, and of which end.
    pub(super) fn tagged(&self, tag: u64) -> Option<(&Call, End)> {
        let (call, end) = *self.tags.get(&tag)?;
        Some((self.live.get(&call)?, end))
    }

    /// The dialog that a request is in: our To tag, its Call-ID, and its sender's From tag (12.2.2).
    pub(crate) fn find(&self, request: Message<'_>) -> Option<Found> {
        let (tag, call, from) = self.named(request.to_tag()?)?;
        let theirs = request.from_tag().unwrap_or_default();
        let mut pairs = self.live.get(&call)?.pairs.iter();
        let pair = pairs.find(|pair| {
            let leg = pair.leg(from);
            leg.local_tag == tag && &*leg.remote_tag == theirs && &*leg.call_id == request.call_id()
        })?;
        Some(Found {
            call,
            from,
            pair: pair.a.local_tag,
        })
    }

    /// Names the context of the INVITE that makes a call.
    pub(crate) fn set_context(&mut self, bridge: &Bridge, context: u64) {
        if bridge.pair.is_none()
            && let Some(call) = self.live.get_mut(&bridge.call)
        {
            call.context = context;
        }
    }

    pub(crate) fn get(&mut self, id: u64) -> Option<&mut Call> {
        self.live.get_mut(&id).map(Box::as_mut)
    }

    /// A call, to be looked at.
    pub(crate) fn peek(&self, id: u64) -> Option<&Call> {
        self.live.get(&id).map(Box::as_ref)
    }

    /// All of them, but those that are worked on.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Call> {
        self.live.values().map(Box::as_ref)
    }

    /// Takes a call out to work on it; [`Calls::put`] brings it back.
    pub(crate) fn take(&mut self, id: u64) -> Option<Box<Call>> {
        self.live.remove(&id)
    }

    pub(crate) fn put(&mut self, id: u64, call: Box<Call>) {
        self.live.insert(id, call);
    }

    /// Forgets a call that was taken out.
    pub(crate) fn forget(&mut self, id: u64, call: &Call) {
        for pair in &call.pairs {
            self.tags.remove(&pair.a.local_tag);
        }
        self.tags.remove(&call.b_tag);
        self.invites.remove(&call.invite);
        for alarm in [Alarm::Answer(End::A), Alarm::Answer(End::B), Alarm::Longest] {
            self.timers.cancel(&(id, alarm));
        }
        if call.reliable.is_some() {
            self.timers.cancel(&(id, Alarm::Reliable));
        }
        if call.care.is_some() {
            for end in [End::A, End::B] {
                self.timers.cancel(&(id, Alarm::Session(end)));
                self.timers.cancel(&(id, Alarm::Tell(end)));
            }
            self.timers.cancel(&(id, Alarm::Alive));
        }
    }

    /// Provisional responses of ours in a call that begins.
    pub(super) fn reliable(&self, id: u64) -> Option<&Reliable> {
        self.live.get(&id)?.reliable.as_deref()
    }

    /// Whether each leg of a call has a session timer of its own.
    pub(crate) fn has_timers(&self, id: u64) -> bool {
        let care = self.live.get(&id).and_then(|call| call.care.as_ref());
        care.is_some_and(|care| care.timers.is_some())
    }

    pub(crate) fn set_alarm(&mut self, id: u64, alarm: Alarm, at: Instant) {
        self.timers.set((id, alarm), at);
    }

    pub(crate) fn stop_alarm(&mut self, id: u64, alarm: Alarm) {
        self.timers.cancel(&(id, alarm));
    }

    /// The next alarm that is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(u64, Alarm)> {
        self.timers.pop_due(now)
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.timers
            .next()
            .into_iter()
            .chain(self.bonds.next())
            .min()
    }
}
