//! What was done, what was lost, and why, since the start. `docs/limits.md` says which bound counts where.

use super::connection::Closed;
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// The program's counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Messages handed to the core.
    pub(crate) received: Counter,
    /// Messages handed to the kernel or to a connection's queue.
    pub(crate) sent: Counter,
    /// Connections accepted and opened, WebSockets left out.
    pub(crate) opened: Counter,
    /// Connections accepted for a WebSocket.
    pub(crate) opened_web: Counter,
    /// Datagrams lost because the socket's send buffer was full.
    pub(crate) dropped_busy: Counter,
    /// Messages that could not be sent at all.
    pub(crate) dropped_unsendable: Counter,
    /// Messages that the core dropped: unreadable, above the rate of their source, or answers that
    /// nobody waits for. Its events, at level debug, say which and why.
    pub(crate) dropped_core: Counter,
    /// Connections refused by a limit.
    pub(crate) refused: Counter,
    /// Connections not opened because too many are.
    pub(crate) refused_dials: Counter,
    /// Connections closed because the peer did not read.
    pub(crate) closed_unread: Counter,
    /// Connections closed by a deadline.
    pub(crate) closed_late: Counter,
    /// Connections closed because the stream could not be followed.
    pub(crate) closed_unframed: Counter,
    /// Connections closed because they asked for no WebSocket, or for none that is served.
    pub(crate) closed_unopened: Counter,
    /// Connections closed to make room for others.
    pub(crate) closed_evicted: Counter,
    /// Connections that could not be opened, or broke.
    pub(crate) failed: Counter,
    /// Errors that the system gave in place of a datagram.
    pub(crate) receive_errors: Counter,
    /// Names not looked up because too many waited.
    pub(crate) refused_lookups: Counter,
    /// Messages that made the core panic.
    pub(crate) panics: Counter,
}

impl Counters {
    /// Counts the end of a connection.
    pub(crate) fn closed(&self, why: &Closed) {
        match why {
            Closed::ByPeer => {}
            Closed::Unread => self.closed_unread.one(),
            Closed::Deadline(_) => self.closed_late.one(),
            Closed::Framing(_) | Closed::WebSocket(_) => self.closed_unframed.one(),
            Closed::Handshake(..) => self.closed_unopened.one(),
            Closed::Evicted | Closed::Crowded => self.closed_evicted.one(),
            Closed::Failed(_) => self.failed.one(),
        }
    }

    /// All that was lost or refused for want of room, or by a defect of ours.
    pub(crate) fn losses(&self) -> u64 {
        sum(&[
            &self.dropped_busy,
            &self.dropped_unsendable,
            &self.refused,
            &self.refused_dials,
            &self.closed_unread,
            &self.closed_evicted,
            &self.receive_errors,
            &self.refused_lookups,
            &self.panics,
        ])
    }

    /// All that peers brought upon themselves.
    pub(crate) fn faults_of_peers(&self) -> u64 {
        sum(&[
            &self.dropped_core,
            &self.closed_late,
            &self.closed_unframed,
            &self.closed_unopened,
            &self.failed,
        ])
    }

    /// Each counter with what it counts.
    fn all(&self) -> [(&Counter, &'static str); 18] {
        [
            (&self.dropped_busy, "datagrams to a full send buffer"),
            (&self.dropped_unsendable, "messages that could not be sent"),
            (&self.dropped_core, "messages dropped as not to be served"),
            (&self.refused, "connections refused"),
            (&self.refused_dials, "connections not opened"),
            (&self.closed_unread, "closed because the peer did not read"),
            (&self.closed_late, "closed by a deadline"),
            (
                &self.closed_unframed,
                "closed because the stream could not be followed",
            ),
            (&self.closed_unopened, "closed for want of a handshake"),
            (&self.closed_evicted, "closed to make room"),
            (&self.failed, "failed"),
            (&self.receive_errors, "datagrams not read"),
            (&self.refused_lookups, "names not looked up"),
            (&self.panics, "messages that made the core panic"),
            (&self.received, "messages received"),
            (&self.sent, "sent"),
            (&self.opened, "connections"),
            (&self.opened_web, "WebSockets"),
        ]
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (counter, what)) in self.all().into_iter().enumerate() {
            let separator = if n > 0 { ", " } else { "" };
            write!(f, "{separator}{} {what}", counter.value())?;
        }
        Ok(())
    }
}

fn sum(counters: &[&Counter]) -> u64 {
    let values = counters.iter().map(|counter| counter.value());
    values.fold(0, u64::saturating_add)
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
