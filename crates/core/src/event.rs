//! What the core tells the log: who sent what, and what was decided about it.

use crate::flow::Flow;
use crate::registrar::{Aor, Change, ChangeKind};
use bellhop_wire::{Message, Start};
use smallvec::SmallVec;
use std::fmt;

/// One decision about one message. `Display` is the log line's text without Call-ID and flow.
#[derive(Clone, Debug)]
pub struct Event {
    /// How much it matters.
    pub level: Level,
    /// The Call-ID, at most 128 bytes of it; peer's bytes, to be escaped where shown.
    pub call_id: SmallVec<[u8; 64]>,
    /// The request's method or the response's CSeq method; peer's bytes.
    pub method: SmallVec<[u8; 12]>,
    /// The status that was sent or received; 0 if none.
    pub status: u16,
    /// Where the message came from.
    pub flow: Flow,
    /// What was decided, and why.
    pub decision: Decision,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each message's routine.
    #[default]
    Debug,
    /// Registrations, calls, subscriptions.
    Info,
    /// What an operator should look at.
    Warn,
}

/// What was decided. Texts are short and made of our own words, names of the configuration and AoRs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Credentials were asked for; the text says why.
    Challenged(&'static str),
    /// Answered by us; the text says why.
    Answered(&'static str),
    /// Refused by us; the text says why.
    Refused(String),
    /// A REGISTER was applied.
    Registered(Registration),
    /// Relayed; the text says where to.
    Relayed(String),
    /// A final response went back.
    Completed(&'static str),
    /// Not answered and not relayed; the text says why.
    Dropped(&'static str),
    /// A target of an upstream has gone or come back.
    Upstream(String),
    /// A next hop gave no final response; the text names it and says why.
    BranchFailed(String),
    /// What the PBX said to a registration of ours; the text names the AoR.
    Lease(String),
    /// What became of a subscription.
    Subscription(String),
}

/// What a REGISTER came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The AoR.
    pub aor: Aor,
    /// What changed.
    pub changes: SmallVec<[Change; 2]>,
    /// How many bindings the AoR has now.
    pub bindings: usize,
}

impl Event {
    /// An event about a message.
    pub fn about(
        message: Message<'_>,
        flow: Flow,
        level: Level,
        status: u16,
        decision: Decision,
    ) -> Self {
        let method = match message.start() {
            Start::Request { method, .. } => method.as_bytes(),
            Start::Response { .. } => message
                .cseq()
                .map_or(b"?".as_slice(), |(_, m)| m.as_bytes()),
        };
        let call_id = message.call_id();
        Self {
            level,
            call_id: SmallVec::from_slice(call_id.get(..128).unwrap_or(call_id)),
            method: SmallVec::from_slice(method.get(..32).unwrap_or(method)),
            status,
            flow,
            decision,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Challenged(why) => write!(f, "challenged: {why}"),
            Self::Answered(text) => write!(f, "answered: {text}"),
            Self::Refused(text) => write!(f, "refused: {text}"),
            Self::Registered(what) => write!(f, "registered: {what}"),
            Self::Relayed(text) => write!(f, "relayed: {text}"),
            Self::Completed(text) => write!(f, "completed: {text}"),
            Self::Dropped(why) => write!(f, "dropped: {why}"),
            Self::BranchFailed(text) => write!(f, "branch failed: {text}"),
            Self::Upstream(text) => write!(f, "upstream {text}"),
            Self::Subscription(text) => write!(f, "subscription: {text}"),
            Self::Lease(text) => write!(f, "registration at the PBX: {text}"),
        }
    }
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.aor.as_str())?;
        for change in &self.changes {
            let kind = match change.kind {
                ChangeKind::Added => "added",
                ChangeKind::Refreshed => "refreshed",
                ChangeKind::Removed => "removed",
            };
            let contact = change.binding.contact();
            write!(f, " {kind} {}", contact.escape_ascii())?;
        }
        if self.changes.is_empty() {
            f.write_str(" nothing changed")?;
        }
        write!(f, " (bindings: {})", self.bindings)
    }
}
