//! Subscriptions that are relayed, as they outlive the program: which of them are written and when, and how they are taken
//! back.
//!
//! Nobody waits for the disk. That one stands otherwise than is written is noted as it happens, and said half a second later
//! together with all others ([`Board::due`]); whoever writes asks then how it stands ([`Board::saved`]). So no copy of any is
//! kept, and one that is over by then is not written. A NOTIFY is not written each: its CSeq number is the PBX's, and it is ours
//! only to end a subscription in the PBX's place, with one that is above all that there can have been ([`room`], as for
//! calls).

use super::board::Board;
use super::read::{clip, event_in};
use super::state::{Standing, State};
use super::table::{Entry, Table};
use super::thread::Thread;
use crate::b2bua::{SPAN, room};
use crate::flow::Flow;
use crate::registrar::Device;
use crate::share::{Dialog, Tag};
use crate::time::{Instant, Now};
use crate::upstream::Place;
use bellhop_wire::NameAddr;
use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// A subscription that is relayed, as it outlives the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedRelayed {
    /// What it is called, as long as it lives.
    pub tag: Tag,
    /// The notifier's side of its dialog, with the last CSeq numbers of both that are written.
    pub dialog: Dialog,
    /// Where its SUBSCRIBE came from; a connection is not kept, for it ends with the program.
    pub flow: Flow,
    /// The device that was registered there.
    pub device: Option<Device>,
    /// The target of the PBX that has it; `None`: nobody knows, or an earlier program did not say.
    pub place: Option<Place>,
    /// A policy had named it.
    pub is_chosen: bool,
    /// Its Event header.
    pub event: Box<[u8]>,
    /// Where it stands.
    pub standing: Standing,
    /// Seconds that it was granted last.
    pub granted: Option<u32>,
    /// When it was asked for, since the Unix epoch.
    pub began: Duration,
    /// When it is over unless it is refreshed, since the Unix epoch.
    pub until: Duration,
    /// When it stood so, since the Unix epoch.
    pub at: Duration,
}

/// What the disk has of one, or has in a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    cseq: u32,
    until: Instant,
    standing: Standing,
    /// It is somewhere else since.
    pub(super) is_stale: bool,
}

/// Which of a part are to be written.
#[derive(Debug)]
pub(super) struct Notes {
    /// There is a disk.
    is_on: bool,
    /// The number of the part.
    stripe: u16,
    /// What time it was when something happened last.
    pub(super) clock: Instant,
    tags: Vec<Tag>,
    /// When they are said.
    at: Option<Instant>,
}

impl Board {
    /// From now on those of this shard are put on disk.
    pub(crate) fn keep(&self, shard: u16) {
        self.change(shard, |table| table.notes.is_on = true);
    }

    /// Puts one back that outlived the program; its shard takes it from here.
    pub fn put_back(&self, saved: SavedRelayed) {
        self.awaited().insert(saved.tag, saved);
    }

    /// How one stands, to be written; `None`: it is over, and is to be forgotten.
    pub fn saved(&self, now: Now, tag: Tag) -> Option<SavedRelayed> {
        let live = self.at_tag(tag, |entry| {
            let thread = entry.thread.as_deref()?;
            Some(SavedRelayed::of(now, tag, entry, thread))
        });
        live.or_else(|| self.awaited().get(&tag).cloned())
    }

    /// Whether there is such a one.
    pub fn is_saved(&self, tag: Tag) -> bool {
        let is_live = self.at_tag(tag, |entry| Some(is_kept(entry)));
        is_live == Some(true) || self.awaited().contains_key(&tag)
    }

    /// All that are to be kept.
    pub fn saved_tags(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = self.awaited().keys().copied().collect();
        for table in (0..).map_while(|stripe| self.table(stripe)) {
            let kept = table.live.iter().filter(|(_, entry)| is_kept(entry));
            tags.extend(kept.map(|(number, _)| tag_of(table.notes.stripe, *number)));
        }
        tags
    }

    /// Those that are to be written and have not been said, for a program that ends.
    pub fn unsaid(&self) -> Vec<Tag> {
        let tables = (0..).map_while(|stripe| self.table(stripe));
        tables.flat_map(|mut table| table.notes.take()).collect()
    }

    /// Takes back those of this shard; gives their numbers, the youngest first. One whose time has ended, and one for which
    /// there is no room, leaves the disk.
    pub(crate) fn restore(
        &self,
        (shard, now): (u16, Now),
        most: usize,
        is_own: impl Fn(&[u8]) -> bool,
    ) -> Vec<u64> {
        let mut own: Vec<SavedRelayed> = self
            .awaited()
            .extract_if(|_, saved| is_own(&saved.dialog.call_id))
            .map(|(_, saved)| saved)
            .collect();
        own.sort_unstable_by_key(|saved| saved.tag);
        let mut numbers = Vec::new();
        for saved in own {
            self.change(shard, |table| {
                table.notes.clock = now.instant;
                let (tag, is_full) = (saved.tag, self.is_full(table, most, &saved.dialog.call_id));
                match saved.entry(now).filter(|_| !is_full) {
                    Some(entry) => numbers.push(table.take_back(tag, entry)),
                    None => table.notes.add(tag),
                }
            });
        }
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        numbers
    }

    /// Who watches by one that is to be written, and where from.
    pub(crate) fn place_of(&self, tag: Tag) -> Option<(Box<[u8]>, Flow)> {
        self.at_tag(tag, |entry| {
            let thread = entry.thread.as_ref()?;
            Some((thread.dialog.remote.clone(), thread.flow))
        })
    }

    /// This device was registered where one came from.
    pub(crate) fn is_of_device(&self, tag: Tag, device: Device) {
        self.at_tag(tag, |entry| {
            entry.thread.as_mut()?.device = Some(device);
            Some(())
        });
    }

    /// Looks at the one of this tag, if it is one that is kept.
    fn at_tag<T>(&self, tag: Tag, look: impl FnOnce(&mut Entry) -> Option<T>) -> Option<T> {
        let (stripe, number) = place(tag);
        let mut table = self.table(stripe.into())?;
        look(table.live.get_mut(&number).filter(|entry| is_kept(entry))?)
    }

    fn awaited(&self) -> MutexGuard<'_, HashMap<Tag, SavedRelayed>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SavedRelayed {
    fn of(now: Now, tag: Tag, entry: &Entry, thread: &Thread) -> Self {
        let (asked, told) = entry.state.cseq;
        let left = entry.state.until.since(now.instant);
        Self {
            tag,
            dialog: Dialog {
                local_tag: entry.notifier_tag.clone().unwrap_or_default(),
                cseq: told,
                remote_cseq: Some(asked),
                ..thread.dialog.clone()
            },
            flow: Flow {
                connection: None,
                ..thread.flow
            },
            device: thread.device,
            place: thread.seat.place,
            is_chosen: thread.seat.is_chosen,
            event: thread.event.clone(),
            standing: entry.state.standing,
            granted: entry.granted,
            began: now.unix.saturating_sub(now.instant.since(entry.began)),
            until: now.unix.saturating_add(left),
            at: now.unix,
        }
    }

    /// The one that goes on from it; `None`: its time has ended, or it is none.
    fn entry(self, now: Now) -> Option<Entry> {
        let left = self.until.saturating_sub(now.unix);
        let event = event_in(&self.event).filter(|_| !left.is_zero())?;
        let (package, id) = (clip(event.package), event.id.map(clip));
        let uri = |address: &[u8]| Some(clip(NameAddr::parse(address).ok()?.uri.raw));
        let told = self.dialog.cseq;
        let state = State {
            standing: self.standing,
            until: now.instant.after(left),
            is_ending: false,
            cseq: (self.dialog.remote_cseq.unwrap_or(0), told),
        };
        let since = now.unix.saturating_sub(self.at);
        let age = now.unix.saturating_sub(self.began).as_micros();
        let age = u64::try_from(age).unwrap_or(u64::MAX);
        Some(Entry {
            call_id: self.dialog.call_id.clone(),
            watcher_tag: self.dialog.remote_tag.clone(),
            notifier_tag: Some(self.dialog.local_tag.clone()),
            package,
            id,
            watcher: uri(&self.dialog.remote)?,
            resource: uri(&self.dialog.local)?,
            state,
            granted: self.granted,
            began: Instant::from_micros(now.instant.as_micros().saturating_sub(age)),
            thread: Some(Thread::restored(
                self,
                told.saturating_add(room(since)).min(HIGHEST),
                Noted::of(&state),
            )),
        })
    }
}

impl Table {
    /// Takes one back that was called so; gives its number.
    fn take_back(&mut self, tag: Tag, entry: Entry) -> u64 {
        let (stripe, number) = place(tag);
        // Its shard has another part of the board if there are more or fewer of them now.
        if stripe == self.notes.stripe && number <= MOST_NUMBER && !self.live.contains_key(&number)
        {
            self.insert_as(number, entry);
            return number;
        }
        let number = self.insert(entry);
        self.notes.add(tag);
        self.notes.add(tag_of(self.notes.stripe, number));
        number
    }

    /// One may stand otherwise than is on disk: by so much time, by its standing, by many numbers, or at all.
    pub(super) fn note(&mut self, number: u64, slack: Duration) {
        if !self.notes.is_on {
            return;
        }
        let Some(entry) = self.live.get_mut(&number) else {
            return;
        };
        let (is_kept, state) = (is_kept(entry), entry.state);
        let Some(thread) = entry.thread.as_mut() else {
            return;
        };
        match thread.noted {
            Some(noted) if is_kept && noted.says(&state, slack) => return,
            None if !is_kept => return,
            _ => thread.noted = is_kept.then(|| Noted::of(&state)),
        }
        self.notes.add(tag_of(self.notes.stripe, number));
    }

    /// One is over: it leaves the disk, if it is there.
    pub(super) fn forget(&mut self, number: u64, entry: &Entry) {
        let thread = entry.thread.as_ref();
        if thread.is_some_and(|thread| thread.noted.is_some()) {
            self.notes.add(tag_of(self.notes.stripe, number));
        }
    }
}

impl Noted {
    fn of(state: &State) -> Self {
        Self {
            cseq: state.cseq.1,
            until: state.until,
            standing: state.standing,
            is_stale: false,
        }
    }

    /// Whether what is on disk will do.
    fn says(&self, state: &State, slack: Duration) -> bool {
        let (later, earlier) = (state.until.since(self.until), self.until.since(state.until));
        !self.is_stale
            && self.standing == state.standing
            && later.max(earlier) <= slack
            && state.cseq.1.saturating_sub(self.cseq) < SPAN
    }
}

impl Notes {
    pub(super) fn new(stripe: u16) -> Self {
        Self {
            is_on: false,
            stripe,
            clock: Instant::default(),
            tags: Vec::new(),
            at: None,
        }
    }

    /// When they are said.
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Those that are said now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Tag> {
        if self.at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.take()
    }

    fn take(&mut self) -> Vec<Tag> {
        self.at = None;
        let mut tags = std::mem::take(&mut self.tags);
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// One is not kept any more.
    pub(super) fn leaves(&mut self, number: u64) {
        self.add(tag_of(self.stripe, number));
    }

    fn add(&mut self, tag: Tag) {
        if self.is_on {
            self.tags.push(tag);
            self.at.get_or_insert_with(|| self.clock.after(LATE));
        }
    }
}

/// What one is called: by the part of the board that it is in, and its number there.
pub(super) fn tag_of(stripe: u16, number: u64) -> Tag {
    Tag::of_number(u64::from(stripe) << PLACES | number)
}

fn place(tag: Tag) -> (u16, u64) {
    let number = tag.number();
    let stripe = u16::try_from(number >> PLACES).unwrap_or(u16::MAX);
    (stripe, number & u64::MAX >> STRIPE)
}

/// Its notifier has told something, and nobody has asked for its end.
fn is_kept(entry: &Entry) -> bool {
    let thread = entry.thread.as_ref();
    thread.is_some_and(|thread| thread.dialog.weight() <= MOST_WEIGHT)
        && entry.notifier_tag.is_some()
        && entry.state.has_told()
        && !entry.state.is_ending
}

/// From the first that is to be written until all are said.
const LATE: Duration = Duration::from_millis(500);
/// By so much a NOTIFY may say otherwise how long it lasts.
pub(super) const SLACK: Duration = Duration::from_secs(60);
/// The same for an answer to a SUBSCRIBE.
pub(super) const MOMENT: Duration = Duration::from_secs(1);
/// CSeq numbers end above it (RFC 3261 8.1.1.5).
pub(super) const HIGHEST: u32 = (i32::MAX as u32).saturating_sub(1);
/// Octets of names and routes of one that is spoken in, and kept.
pub(super) const MOST_WEIGHT: usize = 8_192;
/// Bits of a number in a part, and of the part.
const PLACES: u32 = 48;
const STRIPE: u32 = 16;
/// A higher one is nobody's.
const MOST_NUMBER: u64 = 1 << 40;
