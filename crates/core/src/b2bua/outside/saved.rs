//! A relayed subscription as it outlives the program: its dialogs, and until when they are needed.

use super::super::call::Pair;
use super::super::kept::leg::{SavedLeg, room};
use super::super::kept::saved::CallKey;
use super::bond::{Bond, MOST_PAIRS, MOST_USAGES};
use crate::auth::User;
use crate::time::{Instant, Now};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// A subscription of two dialogs, as it outlives the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedBond {
    /// When it stood so, since the Unix epoch.
    pub at: Duration,
    /// The name of who subscribed.
    pub user: Option<Box<str>>,
    /// For each notifier the subscriber's dialog and the notifier's. Without any it is none.
    pub pairs: Vec<(SavedLeg, SavedLeg)>,
    /// Its usages; it is over when they are.
    pub usages: Vec<SavedUsage>,
}

/// One subscription in the dialogs of a SUBSCRIBE (RFC 5057 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedUsage {
    /// Our tag on the subscriber's side; 0: nobody has notified.
    pub tag: u64,
    /// A number for its event.
    pub event: u64,
    /// Until when it lasts, since the Unix epoch.
    pub until: Duration,
}

impl SavedBond {
    /// What it is called; `None`: it has no dialogs.
    pub fn key(&self) -> Option<CallKey> {
        let (a, b) = self.pairs.first()?;
        Some(CallKey::new(&a.call_id, b.local_tag))
    }

    /// One as it stands; `None`: nobody has notified, and nobody has accepted.
    pub(super) fn of(now: Now, bond: &Bond) -> Option<Self> {
        let pair = |pair: &Pair| (SavedLeg::of(&pair.a), SavedLeg::of(&pair.b));
        let usage = |((tag, event), until): &((u64, u64), Instant)| SavedUsage {
            tag: *tag,
            event: *event,
            until: now.unix.saturating_add(until.since(now.instant)),
        };
        (!bond.pairs.is_empty()).then(|| Self {
            at: now.unix,
            user: bond.user.as_ref().map(|user| user.name.as_str().into()),
            pairs: bond.pairs.iter().map(pair).collect(),
            usages: bond.until.iter().map(usage).collect(),
        })
    }

    /// The one that goes on from it; `user` finds who subscribed. `None`: its time is over, or it never was one.
    pub(super) fn restored(
        &self,
        now: Now,
        user: impl Fn(&str) -> Option<Arc<User>>,
    ) -> Option<Bond> {
        let room = room(now.unix.saturating_sub(self.at));
        let pair = |(a, b): &(SavedLeg, SavedLeg)| Pair {
            a: a.restored(room),
            b: b.restored(room),
        };
        let until: SmallVec<_> = self
            .usages
            .iter()
            .map(|usage| (usage, usage.until.saturating_sub(now.unix)))
            .filter(|(_, left)| !left.is_zero())
            .map(|(usage, left)| ((usage.tag, usage.event), now.instant.after(left)))
            .take(MOST_USAGES)
            .collect();
        let pairs: SmallVec<[Pair; 1]> = self.pairs.iter().map(pair).take(MOST_PAIRS).collect();
        let first = pairs.first()?.clone();
        let is_of_first = |pair: &Pair| {
            let (one, other) = ((&pair.a, &pair.b), (&first.a, &first.b));
            (&one.0.call_id, &one.1.call_id) == (&other.0.call_id, &other.1.call_id)
                && one.1.local_tag == other.1.local_tag
        };
        let is_whole = pairs.iter().all(is_of_first) && !until.is_empty();
        is_whole.then(|| Bond {
            first,
            pairs,
            user: self.user.as_deref().and_then(user),
            until,
        })
    }
}
