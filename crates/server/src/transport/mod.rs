//! Sockets: bound once before anything runs, read and written in batches (UDP) or by one task for each
//! connection (TCP, WebSocket). Nothing here knows SIP beyond where one message ends.

pub(crate) mod bind;
mod budget;
pub(crate) mod connection;
mod counters;
pub(crate) mod errors;
mod stream;
pub(crate) mod table;
pub(crate) mod tcp;
pub(crate) mod udp;
pub(crate) mod udp_send;
mod websocket;

pub(crate) use counters::{Counter, Counters};
pub(crate) use websocket::Rules;

use std::time::Duration;

/// Bounds on stream connections.
#[derive(Clone, Debug)]
pub(crate) struct StreamLimits {
    /// Accepted connections open at once.
    pub(crate) connections: usize,
    /// Accepted connections open at once from one source address (IPv6: one /64).
    pub(crate) per_source: usize,
    /// Connections that we have opened, or are opening, at once.
    pub(crate) opened: usize,
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
            opened: usize::try_from(kept.saturating_sub(kept / 4)).unwrap_or(usual.opened),
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
            opened: 768,
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
