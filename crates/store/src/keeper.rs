//! The program's end of the store: what has changed is taken down, and whoever waits is told when it is on
//! disk.

use crate::{
    file::{Cannot, File},
    meters::{Meters, Status},
    table::Key,
    writer::Writer,
};
use bellhop_core::outbox::{Ticket, Unstored};
use std::{
    fmt, io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
    time::Duration,
};

/// What is to be kept.
pub trait Source: Send + Sync {
    /// Writes what stands behind a key now in place of what `out` has; `false`: nothing, and the key goes.
    fn record(&self, key: &Key, out: &mut Vec<u8>) -> bool;

    /// Whether anything stands behind a key now.
    fn is_there(&self, key: &Key) -> bool;

    /// All keys, for a file that is begun anew.
    fn keys(&self) -> Vec<Key>;
}

/// A key behind which something has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: Key,
    /// Who waits until that is on disk.
    pub ticket: Option<Ticket>,
}

/// Hears of tickets, on the thread that writes: it must not wait for anything.
pub type Tell = Box<dyn Fn(Vec<Ticket>, Result<(), Unstored>) + Send>;

/// Opens the file, again after a failure.
pub(crate) type Open = Box<dyn FnMut() -> Result<File, Cannot> + Send>;

/// How a store is written.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Between the beginnings of two groups, at least; and, if `is_lazy`, from the first change to its group.
    pub(crate) gap: Duration,
    pub(crate) is_lazy: bool,
    /// Keys that are kept in mind while the disk fails; of more, all are written when it works again.
    pub(crate) most_behind: usize,
    /// What is said of a disk that fails, and of one that works again.
    pub(crate) broken: &'static str,
    pub(crate) mended: &'static str,
}

impl Manner {
    /// What somebody waits for.
    pub const AT_ONCE: Self = Self {
        // A moment, so that a disk that is very fast is not given a group for each item.
        gap: Duration::from_millis(2),
        is_lazy: false,
        most_behind: 1_000_000,
        broken: "bindings cannot be written, REGISTER is answered 503 until they can",
        mended: "bindings are written again",
    };

    /// What nobody waits for: calls, and subscriptions of two dialogs. What is over before its group begins is never written.
    pub const BEHIND: Self = Self {
        gap: Duration::from_millis(500),
        is_lazy: true,
        most_behind: 200_000,
        broken: "calls cannot be written: they go on, and are lost if the program ends before they can",
        mended: "calls are written again",
    };
}

/// A running store.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What both ends share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    bell: Condvar,
    end: Condvar,
    pub(crate) meters: Meters,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) items: Vec<Item>,
    pub(crate) is_ending: bool,
}

impl Keeper {
    /// Starts the thread that writes to `file`. After a failure, and where it could not be opened for writing at
    /// the start, it opens the file by `open`.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(
        file: Result<File, Cannot>,
        open: impl FnMut() -> Result<File, Cannot> + Send + 'static,
        source: Arc<dyn Source>,
        tell: Tell,
        manner: Manner,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let open = Box::new(open);
        let writer = Writer::new(Arc::clone(&shared), (file, open), source, tell, manner);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Takes down that this has changed. Gives the tickets for which there is no room; nobody will be told
    /// of them again.
    #[must_use]
    pub fn submit(&self, items: impl Iterator<Item = Item>) -> Vec<Ticket> {
        let mut refused = Vec::new();
        let mut items = items.peekable();
        // Most turns of a worker change nothing, and the thread that writes is not woken for it.
        if items.peek().is_none() {
            return refused;
        }
        let mut queue = self.shared.lock();
        let was_empty = queue.items.is_empty();
        for item in items {
            // What nobody waits for is not lost: it is as much as there are bindings that went.
            match item.ticket {
                Some(ticket) if queue.items.len() >= MOST || queue.is_ending => {
                    refused.push(ticket);
                }
                _ => queue.items.push(item),
            }
        }
        let waiting = queue.items.len();
        drop(queue);
        self.shared.meters.waiting.store(waiting, Relaxed);
        self.shared.meters.refused(refused.len());
        // Otherwise it has been rung, and not taken what there is.
        if was_empty {
            self.shared.bell.notify_one();
        }
        refused
    }

    /// What it is at.
    pub fn status(&self) -> Status {
        self.shared.meters.status()
    }

    /// Writes what has been taken down, and ends.
    pub fn stop(&self) {
        self.shared.lock().is_ending = true;
        self.shared.bell.notify_one();
        self.shared.end.notify_all();
        let thread = &self.thread;
        let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Waits until something is taken down, or it is to end, `patience` at most; takes it.
    pub(crate) fn next(&self, patience: Duration) -> Queue {
        let is_idle = |queue: &mut Queue| queue.items.is_empty() && !queue.is_ending;
        let queue = self.lock();
        let (mut queue, _) = self
            .bell
            .wait_timeout_while(queue, patience, is_idle)
            .unwrap_or_else(PoisonError::into_inner);
        let items = std::mem::take(&mut queue.items);
        let is_ending = queue.is_ending;
        drop(queue);
        self.meters.waiting.store(items.len(), Relaxed);
        Queue { items, is_ending }
    }

    /// Lets this time pass, unless it is to end.
    pub(crate) fn rest(&self, time: Duration) {
        let goes_on = |queue: &mut Queue| !queue.is_ending;
        let _queue = self
            .end
            .wait_timeout_while(self.lock(), time, goes_on)
            .unwrap_or_else(PoisonError::into_inner);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for dyn Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

/// Items that may wait, those that nobody waits for left out of account.
const MOST: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_nothing_to_take_down_waits_for_nobody_and_wakes_nobody() {
        let keeper = Keeper {
            shared: Arc::default(),
            thread: Mutex::default(),
        };
        let held = keeper.shared.lock();
        assert_eq!(keeper.submit(std::iter::empty()), []);
        drop(held);
    }
}
