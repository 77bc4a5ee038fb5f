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
            notified: Some(now.instant),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(call_id: &str, local_tag: u64) -> SavedLeg {
        SavedLeg {
            call_id: call_id.as_bytes().into(),
            local: Box::default(),
            local_tag,
            remote: Box::default(),
            remote_tag: Box::default(),
            target: Box::default(),
            routes: Box::default(),
            place: None,
            seq: u32::MAX,
            remote_seq: 0,
        }
    }

    fn now() -> Now {
        Now {
            instant: Instant::from_micros(5),
            unix: Duration::from_secs(1_000),
        }
    }

    fn saved() -> SavedBond {
        SavedBond {
            at: Duration::from_secs(900),
            user: None,
            pairs: vec![(leg("a", 1), leg("b", 9)), (leg("a", 2), leg("b", 9))],
            usages: vec![SavedUsage {
                tag: 1,
                event: 7,
                until: Duration::from_secs(1_001),
            }],
        }
    }

    fn is_taken(saved: &SavedBond) -> bool {
        saved.restored(now(), |_| None).is_some()
    }

    #[test]
    fn what_was_written_stands_as_it_was_with_numbers_that_have_room_above_them() {
        let bond = saved().restored(now(), |_| None).unwrap();
        assert_eq!(bond.key(), saved().key());
        assert_eq!(bond.pairs.len(), 2);
        assert_eq!(bond.until[0], ((1, 7), Instant::from_micros(1_000_005)));
        // RFC 3261 8.1.1.5.
        assert!(bond.pairs[1].b.seq < 1 << 31);
        let again = SavedBond::of(now(), &bond).unwrap();
        assert_eq!(again.usages, saved().usages);
    }

    /// Each would have passed its checksum.
    #[test]
    fn what_never_was_one_or_is_over_is_not_taken() {
        assert!(is_taken(&saved()));
        let mut none = saved();
        none.pairs.clear();
        assert!(!is_taken(&none) && none.key().is_none());
        let mut over = saved();
        over.usages[0].until = now().unix;
        assert!(!is_taken(&over));
        for other in [
            (leg("x", 2), leg("b", 9)),
            (leg("a", 2), leg("x", 9)),
            (leg("a", 2), leg("b", 8)),
        ] {
            let mut mixed = saved();
            mixed.pairs[1] = other;
            assert!(!is_taken(&mixed), "{mixed:?}");
        }
        let mut many = saved();
        many.pairs = (0..1_000).map(|n| (leg("a", n), leg("b", 9))).collect();
        many.usages = vec![many.usages[0]; 1_000];
        let taken = many.restored(now(), |_| None).unwrap();
        assert_eq!(
            (taken.pairs.len(), taken.until.len()),
            (MOST_PAIRS, MOST_USAGES)
        );
    }

    #[test]
    fn a_time_without_end_harms_nothing() {
        let mut endless = saved();
        endless.at = Duration::MAX;
        endless.usages[0].until = Duration::MAX;
        let bond = endless.restored(now(), |_| None).unwrap();
        let again = SavedBond::of(now(), &bond).unwrap();
        assert!(again.usages[0].until > Duration::from_secs(1 << 40));
    }
}
