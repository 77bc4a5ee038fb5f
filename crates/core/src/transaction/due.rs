//! Which timers of a transaction run. Each transaction knows its own, so that stopping one is a word in what is at
//! hand anyway, and the deadline that is left in the queue is told by its stamp when it comes up.

use super::{
    deadlines::{Deadline, Deadlines},
    id::TransactionId,
    machine::Timer,
};
use crate::time::Instant;
use smallvec::SmallVec;

/// One transaction's running timers with the stamps of their deadlines; no machine has more than two.
#[derive(Debug, Default)]
pub(super) struct Due(SmallVec<[(Timer, u64); 2]>);

/// The deadlines of all transactions.
#[derive(Debug)]
pub(super) struct Clock {
    queue: Deadlines<Key>,
    /// How many timers run.
    running: usize,
    /// The earliest deadline may be one of a timer that was stopped.
    is_in_doubt: bool,
}

pub(super) type Key = (TransactionId, Timer);

impl Due {
    /// Whether this deadline is that of a timer that runs.
    pub(super) fn has(&self, deadline: &Deadline<Key>) -> bool {
        self.0.contains(&(deadline.key.1, deadline.stamp))
    }

    fn take(&mut self, timer: Timer) -> Option<u64> {
        let at = self.0.iter().position(|(other, _)| *other == timer)?;
        Some(self.0.swap_remove(at).1)
    }
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            queue: Deadlines::new(),
            running: 0,
            is_in_doubt: false,
        }
    }

    /// Starts a timer of a transaction, or starts it anew.
    pub(super) fn start(&mut self, due: &mut Due, id: TransactionId, timer: Timer, at: Instant) {
        self.stop(due, timer);
        due.0.push((timer, self.queue.push((id, timer), at)));
        self.running = self.running.saturating_add(1);
    }

    /// Stops a timer of a transaction.
    pub(super) fn stop(&mut self, due: &mut Due, timer: Timer) {
        if let Some(stamp) = due.take(timer) {
            self.stopped(stamp);
        }
    }

    /// Stops what runs of a transaction that goes.
    pub(super) fn stop_all(&mut self, due: &Due) {
        for (_, stamp) in &due.0 {
            self.stopped(*stamp);
        }
    }

    /// Takes out the earliest deadline if it is not after `now`. Whose it is tells whether its timer runs.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Deadline<Key>> {
        if self.queue.next()? > now {
            return None;
        }
        self.is_in_doubt = true;
        self.queue.pop()
    }

    /// Whether this deadline is one of a timer that runs; it does no more then.
    pub(super) fn fires(&mut self, due: &mut Due, deadline: &Deadline<Key>) -> bool {
        let is_live = due.has(deadline);
        if is_live {
            due.take(deadline.key.1);
            self.running = self.running.saturating_sub(1);
        }
        is_live
    }

    /// The earliest deadline of a timer that runs, if [`Clock::tidy`] was called last.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.next()
    }

    /// Drops deadlines of timers that do not run any more, so far as need be.
    pub(super) fn tidy(&mut self, is_live: impl Fn(&Deadline<Key>) -> bool) {
        if std::mem::take(&mut self.is_in_doubt) {
            self.queue.drop_stale(self.running, is_live);
        }
    }

    /// How many timers run.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// How many deadlines take up memory.
    pub(super) fn held(&self) -> usize {
        self.queue.len()
    }

    fn stopped(&mut self, stamp: u64) {
        self.running = self.running.saturating_sub(1);
        self.is_in_doubt |= self.queue.is_head(stamp) || self.queue.is_mostly_stale(self.running);
    }
}
