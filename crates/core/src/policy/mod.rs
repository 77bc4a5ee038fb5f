//! The seam to policy plugins: what the core asks at its hooks, and what it may be answered. Who answers,
//! and how, is not its business: the program has WebAssembly plugins behind it, tests a script.
//!
//! **Invariant**: an answer changes nothing by itself. Edits are staged in [`Changes`], which refuses what
//! would break a message, and a verdict is carried out by the engine under the rules that hold
//! without it.

mod changes;
mod notes;
mod story;
mod verdict;

pub use changes::{Body, ChangeError, Changes, Mark, Step};
pub use notes::{Notes, NotesFull};
pub(crate) use story::{Sender, Story};
pub use verdict::{Attempt, Challenge, Failure, Fork, NextHop, Reply, Route, Target, Verdict};

use crate::flow::Flow;
use crate::outbox::Ticket;
use crate::time::{Instant, Now};
use bellhop_wire::Message;
use std::fmt::Debug;

/// Whoever decides what is not for the protocol to decide. Each engine owns one; it is called on the
/// engine's thread and must not block.
pub trait Policy: Send + Debug {
    /// The hooks that anybody waits for; the others are not called. Asked for each message.
    fn hooks(&self) -> Hooks;

    /// Asks at one hook.
    fn consult(&mut self, now: Now, ask: Ask<'_>) -> Answer;

    /// Asks again, after [`Answer::Later`]: the answer is there, or its time is up and the fallback is the
    /// answer. `ask.changes` and `ask.notes` are as the first call left them.
    fn resume(&mut self, now: Now, ask: Ask<'_>) -> Answer;

    /// Nobody waits for this answer any more.
    fn abandon(&mut self, ticket: Ticket);

    /// Tells of a dialog, after the fact.
    fn observe(&mut self, now: Now, event: &DialogEvent<'_>);
}

/// Where a message is on its way when somebody is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// A REGISTER that has its proof, before the bindings change.
    Register,
    /// Any other request but ACK and CANCEL that has its proof, before it is routed.
    Request,
    /// A request outside a dialog for which no verdict has named a route.
    Route,
    /// Everything that was tried has failed; only for requests that may be tried again.
    Failure,
    /// A response of a next hop, before it goes back. Nothing but edits counts.
    Response,
    /// A dialog began, was refreshed or ended: [`Policy::observe`].
    Dialog,
}

/// A set of hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooks(u8);

impl Hooks {
    /// No hook.
    pub const NONE: Self = Self(0);

    /// This set and one more.
    #[must_use]
    pub const fn with(self, hook: Hook) -> Self {
        Self(self.0 | 1 << hook as u8)
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a hook is in it.
    pub const fn has(self, hook: Hook) -> bool {
        self.0 & 1 << hook as u8 != 0
    }
}

/// One question.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Which hook.
    pub hook: Hook,
    /// Names the question, should its answer come later.
    pub ticket: Ticket,
    /// The message as it came; what was changed so far is in `changes`.
    pub message: Message<'a>,
    /// Where it came from.
    pub source: Source<'a>,
    /// What was noted about the transaction.
    pub notes: &'a mut Notes,
    /// The edits so far, to be added to.
    pub changes: &'a mut Changes,
    /// At [`Hook::Failure`]: what has failed.
    pub failure: Option<&'a Failure>,
}

/// Where a message came from, as the engine saw it; nothing of it is taken from the message.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The flow it came over.
    pub flow: Flow,
    /// The listener's name.
    pub listener: &'a str,
    /// `outside`, `inside`, or the name of the upstream that it is from.
    pub zone: &'a str,
    /// The user whose digest was right in this very request.
    pub user: Option<&'a str>,
    /// It is part of a dialog: its way is the dialog's, and no route changes it.
    pub is_in_dialog: bool,
}

/// An answer, or when there will be one.
#[derive(Debug)]
pub enum Answer {
    /// This is it.
    Now(Verdict),
    /// It takes longer: [`crate::engine::Engine::consulted`] is to be called when it is there. If that
    /// does not happen until `until`, the engine asks again by itself.
    Later {
        /// When the engine's patience ends.
        until: Instant,
    },
}

/// What happened to a dialog of an INVITE.
#[derive(Clone, Copy, Debug)]
pub struct DialogEvent<'a> {
    /// What happened.
    pub phase: Phase,
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The tag of the one who sent the message that brought it about.
    pub from_tag: &'a [u8],
    /// The URI in From.
    pub from_uri: &'a [u8],
    /// The URI in To.
    pub to_uri: &'a [u8],
    /// The caller, as at the hooks of its INVITE; at [`Phase::Ended`] by BYE, whoever hung up.
    pub source: Source<'a>,
    /// Where the response came from that brought it about; `None`: no response did.
    pub answered_by: Option<Flow>,
    /// The final status that ended an attempt, or of the BYE; 0 elsewhere.
    pub status: u16,
}

/// How far a dialog is (RFC 3261 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its INVITE goes to its first target.
    Tried,
    /// A provisional response with a To tag has come back.
    Early,
    /// The first 2xx has come back.
    Confirmed,
    /// A request inside it was answered with 2xx that refreshes its target.
    Refreshed,
    /// It was hung up, or its INVITE failed.
    Ended,
}
