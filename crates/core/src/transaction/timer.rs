//! The timers of RFC 3261 table 4, and a queue of deadlines.

use super::deadlines::Deadlines;
use crate::time::Instant;
use ahash::RandomState;
use std::{collections::HashMap, hash::Hash, time::Duration};

/// The three times that all transaction timers are made from (RFC 3261 17.1.1.1, 17.1.1.2, 17.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerConfig {
    /// Estimated round-trip time.
    pub t1: Duration,
    /// Longest interval between retransmissions of non-INVITE requests and INVITE responses.
    pub t2: Duration,
    /// Longest time a message stays in the network.
    pub t4: Duration,
}

impl Default for TimerConfig {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl TimerConfig {
    /// First interval of timers A, E and G. Never zero, so that a clock that stands still sees an end
    /// of retransmissions.
    pub fn first_interval(&self) -> Duration {
        self.t1.max(SHORTEST)
    }

    /// The interval of timers E and G after this one (RFC 3261 17.1.2.2, 17.2.1).
    pub fn next_interval(&self, last: Duration) -> Duration {
        last.saturating_mul(2).min(self.longest_interval())
    }

    /// Where the intervals of timers E and G stop growing.
    pub fn longest_interval(&self) -> Duration {
        self.t2.max(self.first_interval())
    }

    /// Timers B, F, H, L and M, and J over an unreliable transport: 64*T1.
    pub fn transaction(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D over an unreliable transport: at least 32 s, for the other side's timer H may be longer
    /// than ours (RFC 3261 17.1.1.2).
    pub fn d(&self) -> Duration {
        self.transaction().max(SHORTEST_D)
    }

    /// Timers I and K over an unreliable transport.
    pub fn linger(&self) -> Duration {
        self.t4
    }

    /// How long after its request a 100 may first go to a non-INVITE over an unreliable transport:
    /// when a client's timer E has grown to T2 (RFC 4320 4.1).
    pub fn late(&self) -> Duration {
        let (first, longest) = (self.first_interval(), self.longest_interval());
        let mut interval = first;
        while interval < longest {
            interval = interval.saturating_mul(2);
        }
        // Each interval is as long as all before it and the first once more.
        interval.saturating_sub(first)
    }
}

/// A queue of deadlines, at most one for each key. A deadline that was moved or cancelled stays in the
/// queue until it comes up or the queue is mostly such; it is told from a live one by its stamp.
#[derive(Debug)]
pub struct Timers<K> {
    queue: Deadlines<K>,
    armed: HashMap<K, u64, RandomState>,
}

impl<K: Copy + Eq + Hash> Timers<K> {
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            queue: Deadlines::new(),
            // Keys are the core's own, never a peer's, so the hash needs no secret.
            armed: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
        }
    }

    /// Sets the deadline of `key`, in place of the one it had.
    pub fn set(&mut self, key: K, at: Instant) {
        let stamp = self.queue.push(key, at);
        self.armed.insert(key, stamp);
        self.drop_stale();
    }

    /// Takes the deadline of `key` away; false if it had none.
    pub fn cancel(&mut self, key: &K) -> bool {
        let had = self.armed.remove(key).is_some();
        if had {
            self.drop_stale();
        }
        had
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.queue.next()
    }

    /// Takes the earliest deadline that is not after `now`; of equal ones the one that was set first.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let due = self.queue.pop()?;
        self.armed.remove(&due.key);
        self.drop_stale();
        Some(due.key)
    }

    /// How many keys have a deadline.
    pub fn len(&self) -> usize {
        self.armed.len()
    }

    /// Whether no key has a deadline.
    pub fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }

    /// How many deadlines, stale ones included, take up memory.
    pub fn held(&self) -> usize {
        self.queue.len()
    }

    /// Keeps the head of the queue live, so that `next` is exact, and the queue at most about twice as
    /// long as there are keys.
    fn drop_stale(&mut self) {
        let armed = &self.armed;
        self.queue.drop_stale(armed.len(), |deadline| {
            armed.get(&deadline.key) == Some(&deadline.stamp)
        });
    }
}

impl<K: Copy + Eq + Hash> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// A retransmission interval below this would be a flood.
const SHORTEST: Duration = Duration::from_millis(1);
/// RFC 3261 17.1.1.2, timer D.
const SHORTEST_D: Duration = Duration::from_secs(32);
