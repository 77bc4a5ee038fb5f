//! Call records on disk: one JSON line for each call of two legs that is over, written by a thread of its own, so
//! that a full or slow disk never holds up a call.
//!
//! What cannot be written is kept and tried again each second, so far as there is room ([`MOST_BYTES`] and the
//! queue); records beyond that are lost, counted, and told of.

mod file;
mod line;

use self::file::Book;
use bellhop_core::b2bua::CallRecord;
use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Where the workers hand in records.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Whether there is a file at all.
    is_on: AtomicBool,
    state: Mutex<State>,
    counters: Counters,
}

#[derive(Default)]
struct State {
    /// The writer's queue, once there has been a file.
    queue: Option<SyncSender<Order>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What became of records since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// They are in the file.
    pub(crate) written: AtomicU64,
    /// There was no room for them.
    pub(crate) lost: AtomicU64,
}

/// A file that has been opened, to be written to from now on.
pub(crate) struct Opened(Book);

enum Order {
    Record(Box<CallRecord>),
    /// Another file, or the same opened again; `None`: none.
    Turn(Option<Book>),
    Stop,
}

impl Ledger {
    /// Opens a file for records, made if it is not there.
    ///
    /// # Errors
    /// Why it cannot be used, for the operator.
    pub(crate) fn open(&self, path: &Path) -> Result<Opened, String> {
        let book =
            Book::open(path).map_err(|why| format!("cdr.file: {}: {why}", path.display()))?;
        let mut state = self.state();
        if state.queue.is_none() {
            let (queue, orders) = sync_channel(ROOM);
            let inner = Arc::clone(&self.0);
            let thread = thread::Builder::new().name("bellhop-cdr".to_owned());
            let thread = thread
                .spawn(move || write_all(&orders, &inner.counters))
                .map_err(|error| format!("no thread for call records: {error}"))?;
            *state = State {
                queue: Some(queue),
                thread: Some(thread),
            };
        }
        Ok(Opened(book))
    }

    /// Writes to this file from now on; what has been handed in goes to the one before.
    pub(crate) fn turn_to(&self, file: Option<Opened>) {
        self.0.is_on.store(file.is_some(), Ordering::Relaxed);
        let queue = self.state().queue.clone();
        if let Some(queue) = queue {
            // The one word that may wait for room: the writer always makes some, whatever the disk does.
            let _ = queue.send(Order::Turn(file.map(|file| file.0)));
        }
    }

    /// Takes records down, if there is a file.
    pub(crate) fn submit(&self, records: impl ExactSizeIterator<Item = CallRecord>) {
        if records.len() == 0 || !self.0.is_on.load(Ordering::Relaxed) {
            return;
        }
        let Some(queue) = self.state().queue.clone() else {
            return;
        };
        for record in records {
            if queue.try_send(Order::Record(Box::new(record))).is_err() {
                self.0.counters.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What became of records.
    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Writes what has been handed in, and ends.
    pub(crate) fn stop(&self) {
        self.0.is_on.store(false, Ordering::Relaxed);
        let State { queue, thread } = std::mem::take(&mut *self.state());
        if let (Some(queue), Some(thread)) = (queue, thread) {
            let _ = queue.send(Order::Stop);
            let _ = thread.join();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

/// The writer's life.
fn write_all(orders: &Receiver<Order>, counters: &Counters) {
    let mut writer = Writer {
        book: None,
        lines: Vec::new(),
        count: 0,
        due: None,
        failed: None,
        told: 0,
        counters,
    };
    loop {
        let wait = writer
            .due
            .map_or(SECOND, |due| due.saturating_duration_since(Instant::now()));
        match orders.recv_timeout(wait) {
            Ok(Order::Record(record)) => writer.take(&record),
            Ok(Order::Turn(book)) => {
                writer.write();
                writer.turn_to(book);
            }
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => writer.write(),
        }
        if writer.due.is_some_and(|due| due <= Instant::now()) {
            writer.write();
        }
        writer.tell_losses();
    }
    writer.write();
    writer.turn_to(None);
    writer.tell_losses();
}

struct Writer<'c> {
    book: Option<Book>,
    lines: Vec<u8>,
    /// How many lines those are.
    count: u64,
    /// When they are written.
    due: Option<Instant>,
    /// Since when that has failed.
    failed: Option<Instant>,
    /// Losses that the log knows of.
    told: u64,
    counters: &'c Counters,
}

impl Writer<'_> {
    fn take(&mut self, record: &CallRecord) {
        if self.book.is_none() || self.lines.len() >= MOST_BYTES {
            self.lose(1);
            return;
        }
        let before = self.lines.len();
        if line::write(record, &mut self.lines).is_err() {
            self.lines.truncate(before);
            self.lose(1);
            return;
        }
        self.count = self.count.saturating_add(1);
        let due = Instant::now().checked_add(SECOND);
        self.due = self.due.or(due);
        if self.lines.len() >= ENOUGH && self.failed.is_none() {
            self.write();
        }
    }

    fn write(&mut self) {
        self.due = None;
        let Some(book) = self.book.as_mut().filter(|_| !self.lines.is_empty()) else {
            return;
        };
        match book.append(&self.lines) {
            Ok(()) => {
                self.counters
                    .written
                    .fetch_add(self.count, Ordering::Relaxed);
                self.lines.clear();
                self.count = 0;
                if self.failed.take().is_some() {
                    tracing::info!("call records are written again");
                }
            }
            Err(error) => {
                self.due = Instant::now().checked_add(SECOND);
                if self.failed.is_none() {
                    self.failed = Some(Instant::now());
                    tracing::error!(
                        "cdr.file: {}: {error}; call records wait, calls do not",
                        book.path().display()
                    );
                }
            }
        }
    }

    /// What the file before could not take goes to the next one; without one it is lost.
    fn turn_to(&mut self, book: Option<Book>) {
        if let Some(before) = std::mem::replace(&mut self.book, book) {
            before.close();
        }
        if self.book.is_none() {
            self.lines.clear();
            let lost = std::mem::take(&mut self.count);
            self.lose(lost);
        } else if !self.lines.is_empty() {
            self.write();
        }
    }

    fn lose(&self, records: u64) {
        self.counters.lost.fetch_add(records, Ordering::Relaxed);
    }

    fn tell_losses(&mut self) {
        let lost = self.counters.lost.load(Ordering::Relaxed);
        // The first at once, further ones with the next thousand or when it is over.
        let is_much = lost.saturating_sub(self.told) >= 1_000;
        if lost > self.told && (self.told == 0 || is_much || self.failed.is_none()) {
            self.told = lost;
            tracing::error!("call records lost since the start: {lost}");
        }
    }
}

/// Records that wait for the writer.
const ROOM: usize = 8_192;
/// How long a line may wait.
const SECOND: Duration = Duration::from_secs(1);
/// What is written without waiting.
const ENOUGH: usize = 64 << 10;
/// What is kept while it cannot be written.
const MOST_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests;
