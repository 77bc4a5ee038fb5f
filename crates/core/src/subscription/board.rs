//! The subscriptions of all shards: each shard writes to its own part, whoever lists them reads all.

use super::places::Seat;
use super::read::{clip, event_of};
use super::saved::{MOMENT, SavedRelayed};
use super::state::{Standing, State};
use super::table::{Entry, Table, Tally};
use super::thread::{Place, Thread};
use crate::flow::Flow;
use crate::lease::Pace;
use crate::share::{Saves, Tag};
use crate::time::Instant;
use bellhop_wire::{HeaderId, Message, NameAddr};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The subscriptions that are relayed.
#[derive(Debug)]
pub struct Board {
    parts: Box<[Part]>,
    /// Live ones of all parts.
    live: AtomicUsize,
    /// Subscriptions of our own.
    shared: AtomicUsize,
    /// What is kept of those that end here.
    pub saves: Saves,
    /// Those that are relayed and outlived the program, until their shard takes them back.
    pub(super) awaited: Mutex<HashMap<Tag, SavedRelayed>>,
    /// Turns at the PBX, where subscriptions have some of their own.
    pub(crate) pace: Pace,
}

#[derive(Debug)]
struct Part {
    table: Mutex<Table>,
    /// Microseconds: when the next is over; all ones: none waits. Read by the shard after each message, so
    /// it is no lock.
    next: AtomicU64,
}

/// One subscription, for people. Texts are the peers' own bytes.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Names it as long as it lives.
    pub name: String,
    /// Who watches, a URI.
    pub watcher: Box<[u8]>,
    /// What, a URI.
    pub resource: Box<[u8]>,
    /// The event package.
    pub package: Box<[u8]>,
    /// The id in its Event header.
    pub id: Option<Box<[u8]>>,
    /// Where it stands.
    pub standing: Standing,
    /// When it is over unless it is refreshed.
    pub until: Instant,
    /// When it was asked for.
    pub began: Instant,
    /// Its Call-ID.
    pub call_id: Box<[u8]>,
}

impl Default for Board {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Board {
    /// An empty board; `seed` is secret, for Call-IDs are the peers' choice.
    pub fn new(seed: u64) -> Self {
        let part = |stripe| Part {
            table: Mutex::new(Table::new(seed, stripe)),
            next: AtomicU64::new(u64::MAX),
        };
        Self {
            parts: (0..PARTS).map(part).collect(),
            live: AtomicUsize::new(0),
            pace: Pace::default(),
            shared: AtomicUsize::new(0),
            saves: Saves::default(),
            awaited: Mutex::default(),
        }
    }

    /// A SUBSCRIBE goes on. Outside a dialog it makes a subscription, inside one it refreshes one, which may be new here.
    pub(crate) fn asked(
        &self,
        (shard, now): (u16, Instant),
        (timer_n, most): (Duration, usize),
        (request, flow): (Message<'_>, Option<Flow>),
    ) {
        let Some(event) = event_of(request) else {
            return;
        };
        let (Ok((cseq, _)), Some(tag)) = (request.cseq(), request.from_tag()) else {
            return;
        };
        let is_first = request.to_tag().is_none_or(<[u8]>::is_empty);
        self.change(shard, |table| {
            table.notes.clock = now;
            let known = table.of_call(request.call_id(), event);
            let asked = request.number(HeaderId::Expires).ok().flatten();
            if table.is_asked_again(&known, tag) || (!is_first && asked == Some(0)) {
                return;
            }
            let is_long = request.call_id().len().saturating_add(tag.len()) > MOST_NAME;
            if is_long || self.is_full(table, most, request.call_id()) {
                table.tally.untracked = table.tally.untracked.saturating_add(1);
                return;
            }
            let uri = |address: Result<NameAddr<'_>, _>| -> Box<[u8]> {
                address.map_or_else(|_: bellhop_wire::Error| Box::default(), |a| clip(a.uri.raw))
            };
            table.insert(Entry {
                call_id: request.call_id().into(),
                watcher_tag: tag.into(),
                notifier_tag: None,
                package: clip(event.package),
                id: event.id.map(clip),
                watcher: uri(request.from()),
                resource: uri(request.to()),
                state: State::asked(now, timer_n, cseq),
                granted: asked,
                began: now,
                thread: flow.and_then(|flow| Thread::of(request, flow)),
            });
        });
    }

    /// The final answer to a SUBSCRIBE goes back, which came from there, by whoever has that seat; `None` in place of the
    /// answer: one of ours, or none at all.
    pub(crate) fn answered(
        &self,
        (shard, now): (u16, Instant),
        timer_n: Duration,
        (request, place): (Message<'_>, Place),
        (status, response, seat): (u16, Option<Message<'_>>, Seat),
    ) {
        let (Some(event), Ok((cseq, _))) = (event_of(request), request.cseq()) else {
            return;
        };
        let is_first = request.to_tag().is_none_or(<[u8]>::is_empty);
        let notifier = match response {
            Some(response) => response.to_tag(),
            None => request.to_tag(),
        };
        let from = request.from_tag().unwrap_or_default();
        self.change(shard, |table| {
            table.notes.clock = now;
            let mine: Vec<u64> = table
                .of_call(request.call_id(), event)
                .into_iter()
                .filter(|number| {
                    let entry = table.live.get(number);
                    entry.is_some_and(|entry| *entry.watcher_tag == *from)
                })
                .collect();
            let exact = mine.iter().copied().find(|number| {
                let entry = table.live.get(number);
                entry.is_some_and(|e| e.notifier_tag.as_deref() == notifier && notifier.is_some())
            });
            let open = mine.iter().copied().find(|number| {
                let entry = table.live.get(number);
                entry.is_some_and(|entry| entry.notifier_tag.is_none())
            });
            let Some(number) = exact.or(open) else {
                return;
            };
            let Some(entry) = table.live.get_mut(&number) else {
                return;
            };
            // It is asked for again, with credentials.
            if is_first && matches!(status, 401 | 407) && !entry.state.has_told() {
                return table.take_out(number);
            }
            let is_accepted = (200..300).contains(&status);
            let step = if is_accepted {
                // A 2xx says how long (4.2.1.1); one that does not means what was asked for.
                let of = |m: Message<'_>| m.number(HeaderId::Expires).ok().flatten();
                let seconds = response.and_then(of).or_else(|| of(request));
                if entry.notifier_tag.is_none() {
                    entry.notifier_tag = notifier.map(Into::into);
                }
                entry.granted = seconds.or(entry.granted);
                let seconds = entry.granted.unwrap_or(DEFAULT_EXPIRES);
                Ok(entry.state.granted(now, timer_n, seconds, cseq))
            } else {
                entry.state.refused(status, is_first)
            };
            table.settle(number, step);
            if is_accepted && !is_first {
                table.comes_from(request, (notifier.unwrap_or_default(), place));
            } else if is_accepted {
                table.is_at(number, place.1);
            }
            if is_accepted {
                table.is_seated(number, seat);
            }
            table.note(number, MOMENT);
        });
    }

    /// There is one subscription of ours more, or less.
    pub(crate) fn count_source(&self, is_there: bool) {
        match is_there {
            true => self.shared.fetch_add(1, Ordering::Relaxed),
            false => self.shared.fetch_sub(1, Ordering::Relaxed),
        };
    }

    /// Ends those whose time has come; gives those that stand otherwise than is on disk.
    pub(crate) fn due(&self, shard: u16, now: Instant) -> Vec<Tag> {
        let mut noted = Vec::new();
        if self.next(shard).is_none_or(|next| next > now) {
            return noted;
        }
        self.change(shard, |table| {
            table.notes.clock = now;
            while let Some(number) = table.timers.pop_due(now) {
                if let Some(entry) = table.live.get(&number) {
                    let cause = entry.state.due();
                    table.settle(number, Err(cause));
                }
            }
            noted = table.notes.due(now);
        });
        noted
    }

    /// When [`Board::due`] wants to be called.
    pub(crate) fn next(&self, shard: u16) -> Option<Instant> {
        let next = self.part(shard)?.next.load(Ordering::Relaxed);
        (next != u64::MAX).then(|| Instant::from_micros(next))
    }

    /// At most so many that are wanted, and whether there are more.
    pub fn list(&self, most: usize, wanted: impl Fn(&Shown) -> bool) -> (Vec<Shown>, bool) {
        let mut found = Vec::new();
        for (part, stripe) in self.parts.iter().zip(0_usize..) {
            let table = lock(part);
            for (number, entry) in &table.live {
                let shown = Shown {
                    name: entry.name(*number, stripe),
                    watcher: entry.watcher.clone(),
                    resource: entry.resource.clone(),
                    package: entry.package.clone(),
                    id: entry.id.clone(),
                    standing: entry.state.standing,
                    until: entry.state.until,
                    began: entry.began,
                    call_id: entry.call_id.clone(),
                };
                if !wanted(&shown) {
                    continue;
                }
                if found.len() >= most {
                    return (found, true);
                }
                found.push(shown);
            }
        }
        (found, false)
    }

    /// What is counted, of all shards together.
    pub fn tally(&self) -> Tally {
        let mut all = Tally::default();
        for part in &self.parts {
            let one = lock(part).tally;
            for (sums, counts) in all.live.iter_mut().zip(one.live) {
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum = sum.saturating_add(count);
                }
            }
            for (sum, count) in all.gone.iter_mut().zip(one.gone) {
                *sum = sum.saturating_add(count);
            }
            all.shared = self.shared.load(Ordering::Relaxed);
            all.untracked = all.untracked.saturating_add(one.untracked);
        }
        all
    }

    /// How many live.
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn change(&self, shard: u16, work: impl FnOnce(&mut Table)) {
        let Some(part) = self.part(shard) else {
            return;
        };
        let mut table = lock(part);
        let before = table.live.len();
        work(&mut table);
        let after = table.live.len();
        self.live
            .fetch_add(after.saturating_sub(before), Ordering::Relaxed);
        self.live
            .fetch_sub(before.saturating_sub(after), Ordering::Relaxed);
        let next = table.timers.next().into_iter().chain(table.notes.at());
        let next = next.min().map_or(u64::MAX, Instant::as_micros);
        part.next.store(next, Ordering::Relaxed);
    }

    /// Whether there is no room for another: at all, or of this Call-ID.
    pub(super) fn is_full(&self, table: &Table, most: usize, call_id: &[u8]) -> bool {
        self.live.load(Ordering::Relaxed) >= most || table.in_call(call_id) >= MOST_IN_CALL
    }

    /// The table of this part.
    pub(super) fn table(&self, stripe: usize) -> Option<MutexGuard<'_, Table>> {
        self.parts.get(stripe).map(lock)
    }

    fn part(&self, shard: u16) -> Option<&Part> {
        let at = usize::from(shard).checked_rem(self.parts.len())?;
        self.parts.get(at)
    }
}

fn lock(part: &Part) -> MutexGuard<'_, Table> {
    part.table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those of one Call-ID: forks of one SUBSCRIBE, and usages of one dialog.
const MOST_IN_CALL: usize = 16;
/// Octets of a Call-ID and a tag: one with more is not kept in sight.
const MOST_NAME: usize = 1_024;
/// What a 2xx without Expires to a SUBSCRIBE without one grants: packages say what; an hour is the usual.
const DEFAULT_EXPIRES: u32 = 3_600;
/// Shards with a part of their own; more than these share.
const PARTS: u16 = 64;
