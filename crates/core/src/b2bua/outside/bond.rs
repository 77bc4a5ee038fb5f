//! Subscriptions that are relayed: two dialogs of ours that are joined, found by the tags that we gave.

use super::super::call::{End, Pair};
use super::super::kept::saved::CallKey;
use super::super::table::Calls;
use crate::auth::User;
use crate::time::Instant;
use crate::transaction::Timers;
use bellhop_wire::Message;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One SUBSCRIBE, or REFER, and the dialogs that it has made.
#[derive(Debug)]
pub(super) struct Bond {
    /// What the dialogs with a notifier begin as.
    pub(super) first: Pair,
    /// One for each notifier.
    pub(super) pairs: SmallVec<[Pair; 1]>,
    /// In whose name a PBX's challenges to the subscriber are answered.
    pub(super) user: Option<Arc<User>>,
    /// Until when each of its usages lasts (RFC 5057 4.1); it is forgotten when none does.
    pub(super) until: SmallVec<[(Usage, Instant); 2]>,
    /// When a NOTIFY came that was newer than all before, or an earlier program may have heard one.
    pub(super) notified: Option<Instant>,
}

/// One subscription in the dialogs of a SUBSCRIBE: our tag on the subscriber's side, 0 as long as nobody notifies, and
/// a number for the event.
pub(super) type Usage = (u64, u64);

/// The live ones of a shard.
#[derive(Debug, Default)]
pub(crate) struct Bonds {
    live: HashMap<u64, Box<Bond>>,
    timers: Timers<u64>,
}

/// The dialog that a message is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(super) bond: u64,
    /// Who sent it.
    pub(super) from: End,
    /// The tag that is ours on the subscriber's side; `None`: its notifier has not been heard of before.
    pub(super) pair: Option<u64>,
}

impl Bond {
    /// What it is called in the store; `None`: it has no dialogs yet.
    pub(super) fn key(&self) -> Option<CallKey> {
        let pair = self.pairs.first()?;
        Some(CallKey::new(&pair.a.call_id, pair.b.local_tag))
    }

    /// The pair of this tag of ours on the subscriber's side.
    pub(super) fn pair(&mut self, tag: u64) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.a.local_tag == tag)
    }

    /// The pair whose notifier has this tag.
    pub(super) fn of_notifier(&self, tag: &[u8]) -> Option<u64> {
        let mut pairs = self.pairs.iter();
        let pair = pairs.find(|pair| *pair.b.remote_tag == *tag)?;
        Some(pair.a.local_tag)
    }
}

impl Bonds {
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// When the next is forgotten.
    pub(in super::super) fn next(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The dialogs of one.
    pub(in super::super) fn pairs(&mut self, id: u64) -> Option<&mut SmallVec<[Pair; 1]>> {
        Some(&mut self.get(id)?.pairs)
    }

    pub(super) fn get(&mut self, id: u64) -> Option<&mut Bond> {
        self.live.get_mut(&id).map(Box::as_mut)
    }

    /// What one is called in the store, if it is one that is kept.
    pub(super) fn key(&self, id: u64) -> Option<CallKey> {
        self.live.get(&id)?.key()
    }

    /// What all of those are called.
    pub(super) fn keys(&self) -> impl Iterator<Item = CallKey> {
        self.live.values().filter_map(|bond| bond.key())
    }

    /// From now on this usage lasts until then. Whether that is news: seconds are rounded, so that each NOTIFY says a little
    /// otherwise when one and the same end will be.
    pub(super) fn lasts(&mut self, id: u64, usage: Usage, until: Instant) -> bool {
        let Some(bond) = self.live.get_mut(&id) else {
            return false;
        };
        let is_full = bond.until.len() >= MOST_USAGES;
        match bond.until.iter_mut().find(|(known, _)| *known == usage) {
            Some((_, known)) => {
                let moved = until.since(*known).max(known.since(until));
                if moved < ROUNDED {
                    return false;
                }
                *known = until;
            }
            None if is_full => return false,
            None => bond.until.push((usage, until)),
        }
        let all = bond.until.iter().map(|(_, until)| *until);
        self.timers.set(id, all.max().unwrap_or(until));
        true
    }

    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        self.timers.pop_due(now)
    }
}

impl Calls {
    /// The dialog of a subscription that a request is in (RFC 3261 12.2.2, RFC 6665 4.4.1).
    pub(crate) fn bond_of(&self, request: Message<'_>) -> Option<Bound> {
        let (tag, id, from) = self.named(request.to_tag()?)?;
        let bond = self.bonds.live.get(&id)?;
        let (call_id, theirs) = (request.call_id(), request.from_tag().unwrap_or_default());
        let bound = |pair| Bound {
            bond: id,
            from,
            pair,
        };
        if from == End::B {
            let is_it = *bond.first.b.call_id == *call_id && !theirs.is_empty();
            return is_it.then(|| bound(bond.of_notifier(theirs)));
        }
        let pair = bond.pairs.iter().find(|pair| pair.a.local_tag == tag)?;
        let is_it = *pair.a.call_id == *call_id && *pair.a.remote_tag == *theirs;
        is_it.then(|| bound(Some(pair.a.local_tag)))
    }

    /// A tag of ours on a subscriber's side, and what it is of.
    pub(super) fn bond_at(&self, tag: &[u8]) -> Option<(u64, u64)> {
        let (tag, bond, from) = self.named(tag)?;
        (from == End::A && self.bonds.live.contains_key(&bond)).then_some((tag, bond))
    }

    /// The one that a tag of ours is of.
    pub(super) fn bond_tagged(&self, tag: u64) -> Option<&Bond> {
        let id = self.owner_of(tag)?;
        self.bonds.live.get(&id).map(Box::as_ref)
    }

    /// Takes one in.
    pub(super) fn begin_bond(&mut self, id: u64, bond: Bond) {
        self.name(bond.first.b.local_tag, id, End::B);
        for pair in &bond.pairs {
            self.name(pair.a.local_tag, id, End::A);
        }
        let until = bond.until.iter().map(|(_, until)| *until);
        self.bonds.timers.set(id, until.max().unwrap_or_default());
        self.bonds.live.insert(id, Box::new(bond));
    }

    /// The pair with a notifier that was heard of for the first time, its tag on the subscriber's side being ours.
    /// `None`: there are too many.
    pub(super) fn join(&mut self, id: u64, local_tag: u64, remote: (&[u8], &[u8])) -> Option<u64> {
        let bond = self.bonds.live.get_mut(&id)?;
        if bond.pairs.len() >= MOST_PAIRS {
            return None;
        }
        let mut pair = bond.first.clone();
        pair.a.local_tag = local_tag;
        (pair.b.remote, pair.b.remote_tag) = (remote.0.into(), remote.1.into());
        bond.pairs.push(pair);
        self.name(local_tag, id, End::A);
        Some(local_tag)
    }

    /// Forgets the pair with one of several notifiers; `false`: it is the only one.
    pub(super) fn part(&mut self, id: u64, tag: u64) -> bool {
        let Some(bond) = self.bonds.live.get_mut(&id) else {
            return false;
        };
        if bond.pairs.iter().all(|pair| pair.a.local_tag == tag) {
            return false;
        }
        bond.pairs.retain(|pair| pair.a.local_tag != tag);
        bond.until.retain(|((of, _), _)| *of != tag);
        self.unname(tag);
        true
    }

    /// Forgets one, with all its dialogs.
    pub(super) fn forget_bond(&mut self, id: u64) {
        let Some(bond) = self.bonds.live.remove(&id) else {
            return;
        };
        self.bonds.timers.cancel(&id);
        self.unname(bond.first.b.local_tag);
        for pair in &bond.pairs {
            self.unname(pair.a.local_tag);
        }
    }
}

/// Notifiers of one SUBSCRIBE; a further one is told that its subscription does not exist.
pub(super) const MOST_PAIRS: usize = 16;
/// Usages of one bond; what a further one says of its time is not heard.
pub(super) const MOST_USAGES: usize = 64;
/// What the end of a usage moves by when nothing is new.
const ROUNDED: Duration = Duration::from_secs(2);
