//! The dialogs that there are, as the core told of them: who has how many, for limits of concurrent calls.

use crate::question::Origin;
use ahash::RandomState;
use bellhop_core::policy::{DialogEvent, Notes, Phase};
use bellhop_core::time::Instant;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// All dialogs of INVITE that began while a plugin cared. Bounded: what is too much is not counted.
#[derive(Debug, Default)]
pub(crate) struct Dialogs {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// By Call-ID: forks of one call are one.
    calls: HashMap<Box<[u8]>, Call, RandomState>,
    /// How many calls there are by key and value.
    counts: HashMap<(Key, Box<str>), u32, RandomState>,
    /// How many ring or were answered there.
    callees: HashMap<SocketAddr, u32, RandomState>,
}

#[derive(Debug)]
struct Call {
    caller: Option<Box<Caller>>,
    keys: SmallVec<[(Key, Box<str>); 6]>,
    /// Where it rings, or was answered.
    callee: Option<SocketAddr>,
    confirmed: Option<Instant>,
    heard: Instant,
    notes: Notes,
}

/// Who began a call. A BYE may come from the other side, with From and To the other way round.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) origin: Origin,
    pub(crate) tag: Box<[u8]>,
    pub(crate) from_uri: Box<[u8]>,
    pub(crate) to_uri: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    User,
    Source,
    Zone,
    Listener,
    From,
    To,
}

/// What an event means for the call it is about.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// Since it was confirmed.
    pub(crate) lasted: Duration,
    /// What was noted at its hooks.
    pub(crate) notes: Notes,
    /// Who began it, if it was heard of before.
    pub(crate) caller: Option<Box<Caller>>,
}

impl Dialogs {
    /// Remembers what the hooks of a call's INVITE noted, until the call is over.
    pub(crate) fn note(&self, now: Instant, call_id: &[u8], notes: &Notes) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = held.calls.get_mut(call_id) {
            call.notes.clone_from(notes);
        } else if held.has_room(now) {
            let call = Call {
                notes: notes.clone(),
                ..Call::new(now)
            };
            held.calls.insert(call_id.into(), call);
        }
    }

    /// Counts what happened.
    pub(crate) fn observe(&self, now: Instant, event: &DialogEvent<'_>) -> About {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if event.phase == Phase::Ended {
            return held.end(now, event.call_id);
        }
        let known = held
            .calls
            .get(event.call_id)
            .is_some_and(|call| call.caller.is_some());
        if !known {
            // One in the middle of which we were started, or which was begun before anybody cared, is
            // counted from here on.
            held.begin(now, event);
        }
        held.meet(event);
        let Some(call) = held.calls.get_mut(event.call_id) else {
            return About::default();
        };
        call.heard = now;
        let is_up = matches!(event.phase, Phase::Confirmed | Phase::Refreshed);
        if is_up && call.confirmed.is_none() {
            call.confirmed = Some(now);
        }
        call.about(now)
    }

    /// How many there are.
    pub(crate) fn count(&self, key: &str, value: &str) -> u32 {
        let Some(key) = Key::of(key) else {
            return 0;
        };
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.counts
            .get(&(key, Box::from(value)))
            .copied()
            .unwrap_or(0)
    }

    /// How many calls ring or were answered at an address.
    pub(crate) fn at(&self, callee: SocketAddr) -> u32 {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.callees.get(&callee).copied().unwrap_or(0)
    }

    /// How many calls are held.
    pub(crate) fn len(&self) -> usize {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.calls.len()
    }
}

impl Held {
    fn begin(&mut self, now: Instant, event: &DialogEvent<'_>) {
        if !self.calls.contains_key(event.call_id) && !self.has_room(now) {
            return;
        }
        let keys = keys(event);
        for key in &keys {
            let count = self.counts.entry(key.clone()).or_default();
            *count = count.saturating_add(1);
        }
        let call = self.calls.entry(event.call_id.into());
        let call = call.or_insert_with(|| Call::new(now));
        (call.keys, call.caller) = (keys, Some(Box::new(Caller::of(event))));
    }

    /// Notes where a call rings, or was answered.
    fn meet(&mut self, event: &DialogEvent<'_>) {
        let Some(flow) = event
            .answered_by
            .filter(|_| event.phase != Phase::Refreshed)
        else {
            return;
        };
        let Some(call) = self.calls.get_mut(event.call_id) else {
            return;
        };
        let before = call.callee.replace(flow.remote);
        if before != call.callee {
            let count = self.callees.entry(flow.remote).or_default();
            *count = count.saturating_add(1);
            self.leave(before);
        }
    }

    fn leave(&mut self, callee: Option<SocketAddr>) {
        if let Some(callee) = callee
            && let Some(count) = self.callees.get_mut(&callee)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.callees.remove(&callee);
            }
        }
    }

    fn end(&mut self, now: Instant, call_id: &[u8]) -> About {
        let Some(call) = self.calls.remove(call_id) else {
            return About::default();
        };
        self.uncount(&call);
        call.about(now)
    }

    fn uncount(&mut self, call: &Call) {
        self.leave(call.callee);
        for key in &call.keys {
            if let Some(count) = self.counts.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.counts.remove(key);
                }
            }
        }
    }

    /// Makes room if need be: a call of which nothing was heard for very long has lost its BYE.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.calls.len() < MOST {
            return true;
        }
        let mut lost = Vec::new();
        lost.extend(
            self.calls
                .extract_if(|_, call| now.since(call.heard) > LONGEST),
        );
        for (_, call) in &lost {
            self.uncount(call);
        }
        self.calls.len() < MOST
    }
}

impl Caller {
    fn of(event: &DialogEvent<'_>) -> Self {
        let mut origin = Origin::default();
        origin.copy_from(&event.source);
        Self {
            origin,
            tag: event.from_tag.into(),
            from_uri: event.from_uri.into(),
            to_uri: event.to_uri.into(),
        }
    }
}

impl Call {
    fn new(now: Instant) -> Self {
        Self {
            caller: None,
            keys: SmallVec::new(),
            callee: None,
            confirmed: None,
            heard: now,
            notes: Notes::default(),
        }
    }

    fn about(&self, now: Instant) -> About {
        About {
            lasted: self.confirmed.map_or(Duration::ZERO, |at| now.since(at)),
            notes: self.notes.clone(),
            caller: self.caller.clone(),
        }
    }
}

impl Key {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "user" => Self::User,
            "source" => Self::Source,
            "zone" => Self::Zone,
            "listener" => Self::Listener,
            "from" => Self::From,
            "to" => Self::To,
            _ => return None,
        })
    }
}

fn keys(event: &DialogEvent<'_>) -> SmallVec<[(Key, Box<str>); 6]> {
    let source = &event.source;
    let mut keys = SmallVec::new();
    keys.extend(source.user.map(|user| (Key::User, user.into())));
    let address = source.flow.remote.ip().to_canonical().to_string();
    keys.push((Key::Source, address.into()));
    keys.push((Key::Zone, source.zone.into()));
    keys.push((Key::Listener, source.listener.into()));
    keys.extend(user_at_host(event.from_uri).map(|who| (Key::From, who)));
    keys.extend(user_at_host(event.to_uri).map(|who| (Key::To, who)));
    keys
}

/// `user@host` of a URI: no scheme, password, port or parameters; of a tel URI the number.
fn user_at_host(uri: &[u8]) -> Option<Box<str>> {
    let uri = bellhop_wire::UriRef::parse(uri).ok()?;
    let mut text = Vec::from(uri.user.unwrap_or_default());
    if let Some(host) = uri.host {
        if !text.is_empty() {
            text.push(b'@');
        }
        host.write(&mut text);
    }
    Some(String::from_utf8_lossy(&text).into())
}

const MOST: usize = if cfg!(test) { 1_000 } else { 100_000 };
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

#[cfg(test)]
mod tests;
