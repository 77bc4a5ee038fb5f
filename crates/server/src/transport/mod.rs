//! Sockets: bound once before anything runs, read and written in batches (UDP) or by one task for each
//! connection (TCP). Nothing here knows SIP beyond where one message ends.

pub(crate) mod bind;
mod budget;
pub(crate) mod connection;
pub(crate) mod errors;
mod stream;
pub(crate) mod table;
pub(crate) mod tcp;
pub(crate) mod udp;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Bounds on stream connections.
#[derive(Clone, Debug)]
pub(crate) struct StreamLimits {
    /// Accepted connections open at once.
    pub(crate) connections: usize,
    /// Accepted connections open at once from one source address (IPv6: one /64).
    pub(crate) per_source: usize,
    /// Bytes that may wait to be written to one connection; more and it is closed.
    pub(crate) queue: usize,
    /// Bytes that all connections may hold before those that hold much are shed: queued bytes, and halves
    /// of messages.
    pub(crate) held: usize,
    /// How long an accepted connection may take to deliver its first whole message.
    pub(crate) first_message: Duration,
    /// How long one message may take from its first byte to its last.
    pub(crate) half_message: Duration,
    /// How long a peer may leave our bytes unread.
    pub(crate) write_stall: Duration,
    /// How long a connection may be silent.
    pub(crate) idle: Duration,
    /// How long opening a connection may take: less than Timers B and F (RFC 3261 17.1.1.2), so that
    /// another target can still be tried.
    pub(crate) connect: Duration,
}

impl StreamLimits {
    /// The usual bounds, with fewer connections where there are few descriptors (a part of them is kept
    /// for listeners, connections that we open, and files), and room for some of the longest messages.
    pub(crate) fn within(descriptors: u64, message: usize) -> Self {
        let kept = (descriptors / 4).clamp(32, 1024);
        let left = usize::try_from(descriptors.saturating_sub(kept)).unwrap_or(usize::MAX);
        let usual = Self::default();
        Self {
            connections: usual.connections.min(left),
            queue: usual.queue.max(message.saturating_mul(4)),
            ..usual
        }
    }
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            per_source: 4_096,
            queue: 256 * 1024,
            held: 64 * 1024 * 1024,
            first_message: Duration::from_secs(30),
            half_message: Duration::from_secs(10),
            write_stall: Duration::from_secs(30),
            idle: Duration::from_secs(2 * 3600),
            connect: Duration::from_secs(4),
        }
    }
}

/// What was done and what was lost, counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Messages handed to the core.
    pub(crate) received: Counter,
    /// Messages handed to the kernel or to a connection's queue.
    pub(crate) sent: Counter,
    /// Datagrams lost because the socket's send buffer was full.
    pub(crate) dropped_busy: Counter,
    /// Messages that could not be sent at all.
    pub(crate) dropped_unsendable: Counter,
    /// Connections accepted and opened.
    pub(crate) opened: Counter,
    /// Connections refused by a limit.
    pub(crate) refused: Counter,
    /// Connections closed because the peer did not read.
    pub(crate) closed_unread: Counter,
    /// Names not looked up because too many waited.
    pub(crate) refused_lookups: Counter,
    /// Messages that made the core panic.
    pub(crate) panics: Counter,
}

impl Counters {
    /// All that was lost or refused.
    pub(crate) fn losses(&self) -> u64 {
        let lost = [
            &self.dropped_busy,
            &self.dropped_unsendable,
            &self.refused,
            &self.closed_unread,
            &self.refused_lookups,
            &self.panics,
        ];
        lost.into_iter()
            .map(Counter::value)
            .fold(0, u64::saturating_add)
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} datagrams to a full send buffer, {} messages that could not be sent, {} connections \
             refused, {} closed because the peer did not read, {} names not looked up, {} messages \
             that made the core panic; {} messages received, {} sent, {} connections",
            self.dropped_busy.value(),
            self.dropped_unsendable.value(),
            self.refused.value(),
            self.closed_unread.value(),
            self.refused_lookups.value(),
            self.panics.value(),
            self.received.value(),
            self.sent.value(),
            self.opened.value()
        )
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(crate) fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Ordering::Relaxed);
    }

    /// The number.
    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
