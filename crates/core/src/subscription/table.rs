//! The subscriptions of one shard, found by Call-ID.

use super::places::Places;
use super::read::{EventRef, cut};
use super::saved::{Notes, tag_of};
use super::state::{Cause, Standing, State};
use super::thread::Thread;
use crate::{share::Watcher, time::Instant, transaction::Timers};
use ahash::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;

/// One subscription.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) call_id: Box<[u8]>,
    /// Tag of who watches.
    pub(super) watcher_tag: Box<[u8]>,
    /// Tag of who notifies; `None`: not known yet.
    pub(super) notifier_tag: Option<Box<[u8]>>,
    pub(super) package: Box<[u8]>,
    pub(super) id: Option<Box<[u8]>>,
    /// Who watches, a URI.
    pub(super) watcher: Box<[u8]>,
    /// What, a URI.
    pub(super) resource: Box<[u8]>,
    pub(super) state: State,
    /// What was granted last.
    pub(super) granted: Option<u32>,
    pub(super) began: Instant,
    /// Of one that is relayed.
    pub(super) thread: Option<Box<Thread>>,
}

/// How many there are, by package (see [`PACKAGES`]; the last is all others) and standing; and how many have
/// gone, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Live ones: waiting, pending, active.
    pub live: [[usize; 3]; PACKAGES.len() + 1],
    /// Gone ones by [`Cause`], in its order.
    pub gone: [u64; Cause::ALL.len()],
    /// Subscriptions of our own at the PBX, each for all who watch the same.
    pub shared: usize,
    /// SUBSCRIBEs that were relayed without being known here: there was no room.
    pub untracked: u64,
}

/// The event packages that are counted each by itself: a peer can make up others as it likes.
pub const PACKAGES: [&str; 7] = [
    "dialog",
    "presence",
    "message-summary",
    "reg",
    "conference",
    "as-feature-event",
    "call-info",
];

#[derive(Debug)]
pub(super) struct Table {
    pub(super) live: HashMap<u64, Entry, RandomState>,
    by_call: HashMap<Box<[u8]>, SmallVec<[u64; 1]>, RandomState>,
    pub(super) timers: Timers<u64>,
    pub(super) tally: Tally,
    /// Which of them are to be written.
    pub(super) notes: Notes,
    /// The one that the PBX was asked about last, beside a probe.
    pub(super) sampled: u64,
    /// How many that are relayed are at each target.
    pub(super) places: Places,
    last: u64,
}

impl Table {
    pub(super) fn new(seed: u64, stripe: u16) -> Self {
        Self {
            live: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
            // Call-IDs are the peers' choice.
            by_call: HashMap::with_hasher(RandomState::with_seeds(seed, !seed, 5, 6)),
            timers: Timers::new(),
            tally: Tally::default(),
            notes: Notes::new(stripe),
            sampled: u64::MAX,
            places: Places::default(),
            last: 0,
        }
    }

    /// The numbers of a Call-ID's subscriptions that are to this event.
    pub(super) fn of_call(&self, call_id: &[u8], event: EventRef<'_>) -> SmallVec<[u64; 4]> {
        let numbers = self.by_call.get(call_id).into_iter().flatten().copied();
        let is_it = |number: &u64| {
            self.live
                .get(number)
                .is_some_and(|entry| entry.is_to(event))
        };
        numbers.filter(is_it).collect()
    }

    /// Whether one of these is the subscriber's with this tag: then it has asked again.
    pub(super) fn is_asked_again(&self, known: &[u64], tag: &[u8]) -> bool {
        let mut entries = known.iter().filter_map(|number| self.live.get(number));
        entries.any(|entry| *entry.watcher_tag == *tag)
    }

    /// The numbers of a Call-ID's subscriptions, whatever they are to, whose subscriber has this tag: usages of one dialog, and
    /// of its forks.
    pub(super) fn of_subscriber(&self, call_id: &[u8], tag: &[u8]) -> SmallVec<[u64; 4]> {
        let numbers = self.by_call.get(call_id).into_iter().flatten().copied();
        let is_his = |number: &u64| {
            let entry = self.live.get(number);
            entry.is_some_and(|entry| *entry.watcher_tag == *tag)
        };
        numbers.filter(is_his).collect()
    }

    /// How many subscriptions a Call-ID has.
    pub(super) fn in_call(&self, call_id: &[u8]) -> usize {
        self.by_call.get(call_id).map_or(0, SmallVec::len)
    }

    /// Takes one in; gives its number.
    pub(super) fn insert(&mut self, entry: Entry) -> u64 {
        let number = self.last.wrapping_add(1);
        self.insert_as(number, entry);
        number
    }

    /// As [`Table::insert`], by a number that no other has.
    pub(super) fn insert_as(&mut self, number: u64, entry: Entry) {
        self.last = self.last.max(number);
        self.timers.set(number, entry.state.until);
        self.count(&entry, true);
        let numbers = self.by_call.entry(entry.call_id.clone()).or_default();
        numbers.push(number);
        self.live.insert(number, entry);
    }

    /// Changes one, or takes it out.
    pub(super) fn settle(&mut self, number: u64, step: Result<State, Cause>) {
        let Some(mut entry) = self.live.remove(&number) else {
            return;
        };
        self.count(&entry, false);
        match step {
            Ok(state) => {
                if state.until != entry.state.until {
                    self.timers.set(number, state.until);
                }
                entry.state = state;
                self.count(&entry, true);
                self.live.insert(number, entry);
            }
            Err(cause) => {
                if let Some(gone) = self.tally.gone.get_mut(cause as usize) {
                    *gone = gone.saturating_add(1);
                }
                self.gone(number, &entry);
            }
        }
    }

    /// Takes one out that never was one.
    pub(super) fn take_out(&mut self, number: u64) {
        if let Some(entry) = self.live.remove(&number) {
            self.count(&entry, false);
            self.gone(number, &entry);
        }
    }

    fn gone(&mut self, number: u64, entry: &Entry) {
        self.forget(number, entry);
        self.timers.cancel(&number);
        if let Some(numbers) = self.by_call.get_mut(&entry.call_id) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_call.remove(&entry.call_id);
            }
        }
    }

    fn count(&mut self, entry: &Entry, is_there: bool) {
        if let Some(thread) = &entry.thread {
            self.places.count(thread.seat.place, is_there);
        }
        let package = PACKAGES
            .iter()
            .position(|name| entry.package.eq_ignore_ascii_case(name.as_bytes()))
            .unwrap_or(PACKAGES.len());
        let standing = entry.state.standing as usize;
        let count = self.tally.live.get_mut(package);
        if let Some(count) = count.and_then(|all| all.get_mut(standing)) {
            *count = match is_there {
                true => count.saturating_add(1),
                false => count.saturating_sub(1),
            };
        }
    }
}

impl Entry {
    /// Of a watcher whose subscription ends here.
    pub(super) fn of_watcher(
        watcher: &Watcher,
        now: Instant,
        standing: Standing,
        until: Instant,
    ) -> Self {
        let dialog = &watcher.dialog;
        let by = watcher.by.as_ref();
        let by = by.map(|by| format!("sip:{}", by.as_str()).into_bytes());
        Self {
            call_id: dialog.call_id.clone(),
            watcher_tag: dialog.remote_tag.clone(),
            notifier_tag: Some(dialog.local_tag.clone()),
            package: watcher.key.package.as_bytes().into(),
            id: None,
            watcher: by.map_or_else(|| dialog.target.clone(), Into::into),
            resource: watcher.resource.clone(),
            state: State {
                standing,
                until,
                is_ending: false,
                cseq: (0, 0),
            },
            granted: None,
            began: now,
            thread: None,
        }
    }

    fn is_to(&self, event: EventRef<'_>) -> bool {
        let id = event.id.map(cut);
        self.package.eq_ignore_ascii_case(cut(event.package)) && self.id.as_deref() == id
    }

    /// A name for people and tools: the same as long as it lives.
    pub(super) fn name(&self, number: u64, stripe: usize) -> String {
        let stripe = u16::try_from(stripe).unwrap_or(0);
        tag_of(stripe, number).as_str().to_owned()
    }
}

impl Standing {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Pending, Self::Active];

    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::Active => "active",
        }
    }
}

impl Cause {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [
        Self::Terminated,
        Self::Refused,
        Self::Unwanted,
        Self::Expired,
        Self::Silent,
        Self::Deactivated,
    ];

    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Terminated => "terminated",
            Self::Refused => "refused",
            Self::Unwanted => "unwanted",
            Self::Expired => "expired",
            Self::Silent => "silent",
            Self::Deactivated => "deactivated",
        }
    }
}
