//! What is told of a call when it is over: one record for each INVITE that began or would have begun one.

pub(super) mod draft;
pub(super) mod dropped;
mod told;

use crate::flow::{Flow, Transport};
use std::net::SocketAddr;
use std::time::Duration;

/// One call, from its INVITE to its end; or an INVITE that was refused and made none.
///
/// Texts are the peers' own bytes, to be escaped where they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// When its INVITE came in, since the Unix epoch.
    pub began: Duration,
    /// How long after that the first provisional response above 100 came.
    pub rang: Option<Duration>,
    /// How long after `began` the called answered with 2xx.
    pub answered: Option<Duration>,
    /// How long after `began` it was over.
    pub ended: Duration,
    /// What came of it.
    pub outcome: Outcome,
    /// The final status that the caller got to his INVITE.
    pub status: u16,
    /// Who ended it.
    pub ender: Ender,
    /// By what.
    pub cause: Cause,
    /// Protocol and cause of the Reason (RFC 3326) that came with the end; or our own words, where we refused it.
    pub reason: Option<Box<[u8]>>,
    /// The Request-URI as it came in.
    pub request_uri: Box<[u8]>,
    /// The URI in From.
    pub from: Box<[u8]>,
    /// The URI in To.
    pub to: Box<[u8]>,
    /// The dialog of who called.
    pub caller: Party,
    /// The dialog of who was called; `None`: we never called anybody.
    pub called: Option<Party>,
    /// The places that were tried, in order.
    pub attempts: Vec<Tried>,
    /// How many more were tried before those.
    pub attempts_left_out: usize,
    /// What plugins noted for it.
    pub notes: Vec<(Box<str>, Box<str>)>,
}

/// One of the two ends of a call, and the dialog with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The dialog's Call-ID.
    pub call_id: Box<[u8]>,
    /// Our tag; `None`: we gave none.
    pub local_tag: Option<u64>,
    /// Its tag; empty: it gave none.
    pub remote_tag: Box<[u8]>,
    /// Where it is, and which listener it is reached by; of the caller where the INVITE came from.
    pub flow: Option<Flow>,
    /// The upstream that it is, by its name.
    pub upstream: Option<Box<str>>,
    /// The user that the caller has proved to be; the AoR of the phone that answered.
    pub user: Option<Box<str>>,
}

/// A place that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The Request-URI that it was sent.
    pub uri: Box<[u8]>,
    /// Where it is; `None`: it has no address.
    pub to: Option<(Transport, SocketAddr)>,
    /// The upstream that it is a target of, by its name.
    pub upstream: Option<Box<str>>,
    /// Its final status, or what stands for one: 408 for silence, 503 for unreachable; 0: it was given up.
    pub status: u16,
    /// How long it was tried.
    pub took: Duration,
    /// What the policy that named it calls it.
    pub tag: Box<str>,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// The caller gave up before.
    Cancelled,
    /// 486 or 600.
    Busy,
    /// Nobody answered in time, or nobody is there: 408, 480, 487.
    NoAnswer,
    /// Any other refusal, the called's or ours.
    Refused,
    /// It could not be carried: 5xx.
    Failed,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ender {
    /// Who called.
    Caller,
    /// Who was called.
    Called,
    /// We did.
    Bellhop,
}

/// By what a call was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A BYE.
    Bye,
    /// A CANCEL, or the caller's BYE before the answer.
    Cancel,
    /// A final response of who was called.
    Refusal,
    /// It lasted as long as a call may.
    MaxDuration,
    /// An end answered 481 inside the call, or nothing at all.
    LostEnd,
    /// Nobody refreshed the session (RFC 4028).
    SessionTimer,
    /// Our 2xx was not acknowledged.
    NoAck,
    /// Nobody answered in time.
    NoAnswer,
    /// No target could be reached, or none that would have us.
    Unreachable,
    /// There were as many calls as there may be.
    Limit,
    /// A plugin refused it.
    Policy,
    /// Our own rules did; `reason` has the words.
    Rules,
}

impl Outcome {
    /// For tools.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Of a call that was not answered.
    pub(super) const fn of(status: u16, cause: Cause) -> Self {
        match (cause, status) {
            (Cause::Cancel, _) => Self::Cancelled,
            (Cause::Limit, _) => Self::Refused,
            (_, 486 | 600) => Self::Busy,
            (_, 408 | 480 | 487) => Self::NoAnswer,
            (_, 500..=599) => Self::Failed,
            _ => Self::Refused,
        }
    }
}

impl Ender {
    /// For tools.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Called => "called",
            Self::Bellhop => "bellhop",
        }
    }
}

impl Cause {
    /// For tools.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bye => "bye",
            Self::Cancel => "cancel",
            Self::Refusal => "refusal",
            Self::MaxDuration => "max_duration",
            Self::LostEnd => "lost_end",
            Self::SessionTimer => "session_timer",
            Self::NoAck => "no_ack",
            Self::NoAnswer => "no_answer",
            Self::Unreachable => "unreachable",
            Self::Limit => "limit",
            Self::Policy => "policy",
            Self::Rules => "rules",
        }
    }
}
