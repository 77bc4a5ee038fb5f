//! The thread that writes: all that has been taken down is one group, written with one fsync, and then all who
//! wait are told. While the disk fails they are told that at once, and the file is opened again now and then.

use crate::{
    file::{Cannot, File},
    keeper::{Item, Manner, Open, Queue, Shared, Source, Tell},
    table::{Key, Table},
};
use bellhop_core::outbox::{Ticket, Unstored};
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

pub(crate) struct Writer {
    shared: Arc<Shared>,
    file: Option<File>,
    open: Open,
    source: Arc<dyn Source>,
    tell: Tell,
    /// What changed and is not on disk.
    behind: HashSet<Key>,
    /// They were too many to be kept in mind.
    is_all_behind: bool,
    manner: Manner,
    /// When the last group was begun.
    began: Option<Instant>,
    retry: Retry,
    clean: Clean,
}

/// When the file is opened again.
struct Retry {
    at: Instant,
    pause: Duration,
}

/// Where the search for keys stands behind which there is nothing any more.
struct Clean {
    at: Instant,
    table: usize,
    after: Option<String>,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        (file, open): (Result<File, Cannot>, Open),
        source: Arc<dyn Source>,
        tell: Tell,
        manner: Manner,
    ) -> Self {
        let now = Instant::now();
        let file = file.map_err(|error| {
            tracing::error!("{}: {error}", manner.broken);
            shared.meters.set_trouble(Some(error.to_string()));
        });
        Self {
            shared,
            file: file.ok(),
            open,
            source,
            tell,
            behind: HashSet::new(),
            is_all_behind: false,
            manner,
            began: None,
            retry: Retry {
                at: now,
                pause: FIRST_PAUSE,
            },
            clean: Clean {
                at: now,
                table: 0,
                after: None,
            },
        }
    }

    pub(crate) fn run(mut self) {
        loop {
            let next = if self.file.is_some() {
                self.clean.at
            } else {
                self.retry.at
            };
            let patience = next.saturating_duration_since(Instant::now());
            let Queue { items, is_ending } = self.shared.next(patience);
            if !items.is_empty() && self.file.is_some() {
                self.pause();
            }
            self.serve(items);
            if is_ending {
                break;
            }
            if Instant::now() >= next {
                match self.file {
                    Some(_) => self.clean(),
                    None => self.open_again(),
                }
            }
        }
        if let Some(Err(error)) = self.file.take().map(File::close) {
            tracing::warn!("the store did not end well, and is checked at the next start: {error}");
        }
    }

    /// Lets the time pass that there is to be before the next group.
    fn pause(&self) {
        let Manner { gap, is_lazy, .. } = self.manner;
        if is_lazy {
            return self.shared.rest(gap);
        }
        let since = self.began.map_or(gap, |began| began.elapsed());
        thread::sleep(gap.saturating_sub(since));
    }

    /// Writes these items, and tells who waits.
    fn serve(&mut self, mut items: Vec<Item>) {
        // What came while we waited a moment.
        items.append(&mut self.shared.next(Duration::ZERO).items);
        if items.is_empty() {
            return;
        }
        let tickets: Vec<Ticket> = items.iter().filter_map(|item| item.ticket).collect();
        self.behind.extend(items.into_iter().map(|item| item.key));
        if self.file.is_none() && self.behind.len() > self.manner.most_behind {
            // What is over meanwhile leaves the file when that is looked through.
            self.behind = HashSet::new();
            self.is_all_behind = true;
        }
        let stored = match self.commit() {
            Ok(()) => Ok(()),
            Err(error) => {
                self.failed(&error);
                Err(self.unstored())
            }
        };
        if stored.is_err() {
            self.shared.meters.refused(tickets.len());
        }
        self.shared.meters.waiting.store(0, Relaxed);
        if !tickets.is_empty() {
            (self.tell)(tickets, stored);
        }
    }

    /// Puts all that is behind on disk.
    fn commit(&mut self) -> Result<(), Option<Cannot>> {
        let Some(file) = &self.file else {
            return Err(None);
        };
        let began = Instant::now();
        self.began = Some(began);
        let mut values = Vec::with_capacity(self.behind.len());
        let mut lengths = Vec::with_capacity(self.behind.len());
        let mut value = Vec::new();
        for key in &self.behind {
            let is_there = self.source.record(key, &mut value);
            let start = values.len();
            if is_there {
                values.extend_from_slice(&value);
            }
            lengths.push((key, is_there.then_some(start..values.len())));
        }
        let changes = lengths.iter().map(|(key, at)| {
            let value = at.clone().map(|at| values.get(at).unwrap_or_default());
            (*key, value)
        });
        let counts = file.write(changes).map_err(Some)?;
        let keys = self.behind.len();
        self.shared.meters.committed(keys, began.elapsed(), counts);
        self.behind.clear();
        Ok(())
    }

    /// The file is let go; it is opened again after a pause.
    fn failed(&mut self, error: &Option<Cannot>) {
        let Some(error) = error else {
            return;
        };
        self.shared.meters.failed();
        if self.file.take().is_some() {
            tracing::error!("{}: {error}", self.manner.broken);
        }
        self.shared.meters.set_trouble(Some(error.to_string()));
        self.retry.at = later(self.retry.pause);
        self.retry.pause = self.retry.pause.saturating_mul(2).min(LONGEST_PAUSE);
    }

    fn unstored(&self) -> Unstored {
        let left = self.retry.at.saturating_duration_since(Instant::now());
        let seconds = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
        Unstored {
            retry_after: seconds.max(LEAST_RETRY_AFTER),
        }
    }

    fn open_again(&mut self) {
        match (self.open)() {
            Ok(file) => {
                if file.is_new() || self.is_all_behind {
                    self.is_all_behind = false;
                    self.behind.extend(self.source.keys());
                }
                self.file = Some(file);
                match self.commit() {
                    Ok(()) => {
                        tracing::info!("{}", self.manner.mended);
                        self.shared.meters.set_trouble(None);
                        self.retry.pause = FIRST_PAUSE;
                    }
                    Err(error) => {
                        // Told already: it is the same trouble.
                        self.file = None;
                        self.failed(&error);
                    }
                }
            }
            Err(error) => self.failed(&Some(error)),
        }
    }

    /// Looks at some keys of the file, and drops those behind which there is nothing any more.
    fn clean(&mut self) {
        self.clean.at = later(CLEAN_EVERY);
        let Some(file) = &self.file else {
            return;
        };
        let Some(table) = Table::ALL.get(self.clean.table).copied() else {
            return;
        };
        let (mut dead, mut last) = (Vec::new(), None);
        let after = self.clean.after.as_deref();
        let read = file.read(table, after, CLEAN_AT_ONCE, |text, _| {
            last = Some(text.to_owned());
            match Key::of(table, text) {
                Some(key) if !self.source.is_there(&key) => dead.push(key),
                _ => {}
            }
        });
        match read {
            Ok(count) if count == CLEAN_AT_ONCE => self.clean.after = last,
            Ok(_) => {
                self.clean.after = None;
                let next = self.clean.table.saturating_add(1);
                self.clean.table = if next < Table::ALL.len() { next } else { 0 };
            }
            Err(error) => self.failed(&Some(error)),
        }
        if !dead.is_empty() {
            self.serve(
                dead.into_iter()
                    .map(|key| Item { key, ticket: None })
                    .collect(),
            );
        }
    }
}

fn later(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause).unwrap_or(now)
}

/// After a failure the file is opened again after this, then after twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Seconds that a phone is told to stay away, at least.
const LEAST_RETRY_AFTER: u32 = 5;
/// Keys that are looked at in one go, and how often.
const CLEAN_AT_ONCE: usize = 1_000;
const CLEAN_EVERY: Duration = Duration::from_secs(1);
