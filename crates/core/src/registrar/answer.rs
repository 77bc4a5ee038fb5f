//! What a REGISTER comes to: the bindings that there are now, or why nothing changed.

use super::{Binding, Bindings, contact::supports, location::Full};
use crate::{digits::decimal, time::Instant};
use bellhop_wire::{HeaderId, Message, Reply};
use smallvec::SmallVec;
use std::{borrow::Cow, sync::Arc};

/// A REGISTER was applied.
#[derive(Clone, Debug)]
pub struct Registered {
    /// All live bindings of the AoR, highest q first.
    pub bindings: Bindings,
    /// What the REGISTER changed; empty for a query and for a retransmission.
    pub changes: SmallVec<[Change; 2]>,
    /// It only asked.
    pub(crate) is_query: bool,
    /// The flow that the REGISTER came over is kept for calls (RFC 5626 6).
    pub(super) outbound: bool,
    /// Notification services by which the phone can be woken.
    pub(super) services: Vec<String>,
    /// Further header lines of the answer, each with its line end.
    pub(crate) more: Vec<u8>,
}

/// One change of a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// The new binding; the old one if it was removed.
    pub binding: Arc<Binding>,
}

/// What became of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It was there and lives on.
    Refreshed,
    /// It is gone.
    Removed,
}

/// A REGISTER was refused; nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub reason: Cow<'static, str>,
    /// Min-Expires of a 423, in seconds.
    pub min_expires: Option<u32>,
    /// Retry-After of a 503, in seconds.
    pub retry_after: Option<u32>,
}

impl Registered {
    /// Adds the header fields of the 200 (RFC 3261 10.3 step 8): a Contact for each binding with the
    /// time it has left, Path as it came if the client understands it (RFC 3327 5.3), and where the
    /// flow is kept the word that it is (RFC 5626 6); and by which services the phone can be woken, where it
    /// speaks of that (RFC 8599 4.1).
    pub fn write(&self, now: Instant, request: Message<'_>, reply: &mut Reply<'_>) {
        for binding in self.bindings.iter().filter(|binding| !binding.is_late(now)) {
            reply.line_with(|out| contact(now, binding, out));
        }
        if request.first(HeaderId::Path).is_some() && supports(request, "path") {
            reply.copy(request, HeaderId::Path);
        }
        if self.outbound {
            reply
                .header("Require", b"outbound")
                .header("Flow-Timer", FLOW_TIMER);
        }
        for service in &self.services {
            reply.header_with("Feature-Caps", |out| {
                out.extend_from_slice(b"*;+sip.pns=\"");
                out.extend_from_slice(service.as_bytes());
                out.push(b'"');
            });
        }
        reply.lines_with(|out| {
            if !self.more.is_empty() {
                out.extend_from_slice(&self.more);
            }
            out.extend_from_slice(b"Supported: path, outbound\r\n");
        });
    }
}

impl Refusal {
    /// Adds the header fields that belong to the status: Min-Expires (RFC 3261 20.23), Retry-After
    /// (20.33).
    pub fn write(&self, reply: &mut Reply<'_>) {
        let fields = [
            ("Min-Expires", self.min_expires),
            ("Retry-After", self.retry_after),
        ];
        for (name, seconds) in fields {
            if let Some(seconds) = seconds {
                reply.header(name, &decimal(seconds.into()));
            }
        }
    }

    pub(super) fn of(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            reason: reason.into(),
            min_expires: None,
            retry_after: None,
        }
    }

    pub(super) fn bad(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::of(400, reason)
    }

    /// A 400 that shows the beginning of the Contact, what is not printable left out.
    pub(super) fn bad_contact(what: &str, raw: &[u8]) -> Self {
        let printable = raw.iter().copied().filter(|b| matches!(b, b' '..=b'~'));
        let shown: String = printable.take(SHOWN).map(char::from).collect();
        Self::bad(format!("{what}: {shown}"))
    }

    pub(super) fn too_many() -> Self {
        Self::of(403, "Too many contacts")
    }

    pub(super) fn out_of_order() -> Self {
        Self::of(500, "CSeq out of order")
    }
}

impl From<Full> for Refusal {
    fn from(Full: Full) -> Self {
        Self {
            retry_after: Some(60),
            ..Self::of(503, "No room for more registrations")
        }
    }
}

fn contact(now: Instant, binding: &Binding, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Contact: <");
    out.extend_from_slice(binding.contact());
    let whole = binding.remaining(now).as_secs();
    // Whole seconds, never more than there are; but 0 would say that it is gone.
    out.extend_from_slice(b">;expires=");
    out.extend_from_slice(&decimal(whole.max(1)));
    if binding.q < 1000 {
        // Three digits: a thousand more has four, of which the first is not written.
        let thousandths = decimal(u64::from(binding.q).saturating_add(1000));
        out.extend_from_slice(b";q=0.");
        out.extend_from_slice(thousandths.get(1..).unwrap_or_default());
    }
    out.extend_from_slice(binding.params());
}

/// Bytes of a bad Contact that the reason phrase shows.
const SHOWN: usize = 60;

/// Seconds within which the client is to send a keep-alive (RFC 5626 4.4.1).
const FLOW_TIMER: &[u8] = b"120";
