//! The B2BUA: a call is two dialogs of our own, and neither side sees anything of the other's (RFC 7092 3.1).
//!
//! ```text
//!        A, the caller                      Bellhop                      B, the called
//!   INVITE  Call-ID a, tag a1   ->  server transaction
//!                                   Call, and a response context  ->  INVITE  Call-ID b, tag b1 (ours)
//!                                   with a branch for each target
//!   180  To tag x1 (ours)       <-  Pair (x1 <-> b2)              <-  180  To tag b2
//!   180  To tag x2 (ours)       <-  Pair (x2 <-> b3)              <-  180  To tag b3, it has forked
//!   200  To tag x1              <-  the one pair that is left     <-  200  To tag b2
//!   sent again until the ACK        ACK ->  at once, or with the answer that A's ACK has
//!   ACK                         ->
//!   any request in the dialog  <->  its own CSeq, Contact, Via    <-> any request in the dialog
//!   BYE                         ->  200, and                      ->  BYE
//! ```
//!
//! The B leg's client side is the response context of [`crate::proxy`]: what comes in is written anew for the
//! other leg ([`write`]) and handed to a context as the request to be relayed; what a branch answers is written
//! anew as the answer to what the other end asked, before the context looks at it. So forking, failover, timers,
//! credentials, limits and plugins are those of the proxy, and here is only what makes two dialogs of one:
//! identifiers, CSeq numbers, ACKs, and the end of both.
//!
//! Early dialogs that B forks are early dialogs of A too, each with a tag of ours, so that what belongs to one of
//! them (PRACK, UPDATE, early media) finds its own.
//!
//! ```text
//! call, leg, table      what a call is, and how it is found
//! begin inside end      what comes: the INVITE, requests inside the call, the BYE
//! back again acks       what is answered: to the other end, by another try, until the ACK
//! write launch known    what goes out, and which extensions it may have
//! hide/                 what is not shown to the other leg: headers, bodies, descriptions
//! prack/                provisional responses that are acknowledged on one side only
//! timers/               session timers of each leg, keep-alive
//! transfer/             dialogs that are named: REFER, Replaces, Join
//! limits/               how many calls there may be, of whom
//! record/               what is told of a call when it is over
//! kept/                 calls that outlive the program
//! outside/              what is asked outside of calls
//! ```

mod acks;
mod again;
mod back;
mod begin;
mod call;
mod end;
mod hide;
mod inside;
mod kept;
mod known;
mod launch;
mod leg;
mod limits;
mod outside;
mod prack;
mod record;
mod table;
mod timers;
mod transfer;
mod write;

pub(crate) use call::Bridge;
pub(crate) use hide::headers::reason;
pub use kept::care::{SavedCare, SavedSession};
pub use kept::leg::SavedLeg;
pub(crate) use kept::leg::{SPAN, room};
pub use kept::record::SavedRecord;
pub use kept::saved::{CallKey, SavedCall, SavedEnd};
pub(crate) use limits::room::FULL;
pub use limits::tally::{CallLimits, Limit, Tally};
pub(crate) use outside::Exchange;
pub use outside::{SavedBond, SavedUsage};
pub use record::{CallRecord, Cause, Ender, Outcome, Party, Tried};
pub(crate) use table::Calls;
pub use timers::care::{Prack, SessionConfig};
pub(crate) use transfer::named::{Answer as NamedAnswer, Word};
pub(crate) use write::uri as contact;

/// What is done with calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct B2buaConfig {
    /// All calls have two legs of which no plugin says otherwise; `false`: those of which one says so.
    pub is_usual: bool,
    /// Calls that one shard has at a time; a further one is answered 503.
    pub most: usize,
    /// How long a call may last; `None`: as long as it likes.
    pub longest: Option<std::time::Duration>,
    /// Header names that do not go over from one leg to the other, besides those that never do.
    pub hide: Vec<String>,
    /// Host names of the inside, those below them too, besides the ones that upstreams and our own listeners there have.
    pub hosts: Vec<String>,
    /// Session timers of our own on each leg; `None`: the ends agree on one through us.
    pub session: Option<SessionConfig>,
    /// How often each end of a call is asked whether it is there; `None`: never.
    pub keepalive: Option<std::time::Duration>,
    /// Who acknowledges provisional responses.
    pub prack: Prack,
    /// How many calls of one kind there may be, over all shards.
    pub limits: CallLimits,
}

impl Default for B2buaConfig {
    fn default() -> Self {
        Self {
            is_usual: true,
            most: 100_000,
            longest: None,
            hide: Vec::new(),
            hosts: Vec::new(),
            session: None,
            keepalive: None,
            prack: Prack::AsNeeded,
            limits: CallLimits::default(),
        }
    }
}
