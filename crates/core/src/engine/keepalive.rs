//! Empty lines to phones behind NATs, so that a call finds the way that their REGISTER opened (RFC 3261 7.5: a line that
//! stands before no message is passed over).

use super::Engine;
use crate::flow::Destination;
use crate::outbox::Outbox;
use crate::time::{Instant, Now};
use std::time::Duration;

/// Whose turn it is, and when: the bindings are gone through part by part, so that not all are sent to at once.
#[derive(Debug, Default)]
pub(super) struct KeepAlive {
    part: usize,
    next: Instant,
}

impl Engine {
    /// When the next part is due.
    pub(super) fn next_keepalive(&self) -> Option<Instant> {
        self.step().map(|_| self.keepalive.next)
    }

    /// Sends to the part that is due.
    pub(super) fn keep_nats_open(&mut self, now: Now, out: &mut Outbox) {
        let Some(step) = self.step().filter(|_| self.keepalive.next <= now.instant) else {
            return;
        };
        let location = &self.shared.location;
        self.keepalive.next = now.instant.after(step);
        self.keepalive.part = self.keepalive.part.saturating_add(1);
        if self.keepalive.part >= location.parts() {
            self.keepalive.part = 0;
        }
        for flow in location.behind_nat(now.instant, self.keepalive.part) {
            if let Some(flow) = self.names.flow_today(flow) {
                let to = Destination::Flow {
                    flow,
                    else_connect: None,
                };
                out.transmit(to, None, LINES);
            }
        }
    }

    /// The time between two parts; `None`: nobody is sent anything from here.
    fn step(&self) -> Option<Duration> {
        let every = self
            .config
            .registrar
            .nat_keepalive
            .filter(|_| self.shard == 0)?;
        let parts = u32::try_from(self.shared.location.parts()).unwrap_or(1);
        every.checked_div(parts)
    }
}

/// As a client's keep-alive over a stream (RFC 5626 3.5.1).
const LINES: &[u8] = b"\r\n\r\n";
