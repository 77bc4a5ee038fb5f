//! A call: the two ends, and the dialogs that join them.
//!
//! ```text
//!            2xx of B               BYE, no ACK, limit
//!  Early ---------------> Confirmed -------------------> Ending ----> gone
//!    |  final, CANCEL                                    until what was answered
//!    +-------------------------------------------------> is acknowledged (15)
//! ```

use super::leg::Leg;
use super::limits::room::Rooms;
use super::prack::early::Heard;
use super::prack::reliable::Reliable;
use super::record::draft::Draft;
use super::timers::care::Care;
use crate::auth::User;
use crate::flow::Flow;
use crate::time::Instant;
use crate::transaction::TransactionId;
use bellhop_wire::{Method, Owned, ViaMark};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// One of the two ends of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// Who called.
    A,
    /// Who is called.
    B,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody has answered.
    Early,
    /// Both dialogs stand.
    Confirmed,
    /// An end waits for its BYE.
    Ending,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) state: State,
    /// The response context of its first INVITE.
    pub(crate) context: u64,
    pub(crate) a: Half,
    pub(crate) b: Half,
    /// One for each early dialog of B; one once it is answered.
    pub(crate) pairs: SmallVec<[Pair; 1]>,
    /// Our tag on the B leg, the same in all of its dialogs.
    pub(crate) b_tag: u64,
    /// What is to be told of it; `None`: it has been.
    pub(crate) draft: Option<Box<Draft>>,
    /// Stands for the INVITE that made it.
    pub(crate) invite: u64,
    /// Session timers and keep-alive; `None`: there are none.
    pub(crate) care: Option<Box<Care>>,
    /// Provisional responses of ours that the caller acknowledges; `None`: there are none.
    pub(crate) reliable: Option<Box<Reliable>>,
    /// The places that it takes.
    pub(crate) rooms: Box<Rooms>,
    /// When it was answered, since the Unix epoch.
    pub(crate) answered: Duration,
}

/// Two dialogs that are joined.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) a: Leg,
    pub(crate) b: Leg,
}

/// What is the same for all dialogs of one end.
#[derive(Debug)]
pub(crate) struct Half {
    /// Where its last request or answer came from.
    pub(crate) flow: Flow,
    /// In whose name a PBX's challenges to its requests are answered.
    pub(crate) user: Option<Arc<User>>,
    /// A BYE may still go there.
    pub(crate) is_open: bool,
    /// An offer of ours waits for its final response there.
    pub(crate) asks: Pending,
    /// An offer of its own waits for ours.
    pub(crate) asked: Pending,
    /// The CSeq numbers of its last INVITE, and of ours for it on the other leg.
    pub(crate) invite: (u32, u32),
    /// A 2xx of ours that it has not acknowledged.
    pub(crate) unacked: Option<Unacked>,
    /// How the 2xx to our last INVITE is acknowledged.
    pub(crate) ack: Ack,
}

/// Requests with an offer that have no final response (RFC 3261 14, RFC 3311 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) invite: bool,
    pub(crate) update: bool,
}

/// A 2xx to an INVITE that is sent again until its ACK comes (13.3.1.4).
#[derive(Debug)]
pub(crate) struct Unacked {
    pub(crate) server: TransactionId,
    /// Of the INVITE, so of its ACK.
    pub(crate) seq: u32,
    pub(crate) status: u16,
    pub(crate) bytes: Box<[u8]>,
    /// When it is sent next, after how long the time after that, and when it was enough.
    pub(crate) interval: Duration,
    pub(crate) until: Instant,
}

/// The ACK of our last INVITE at an end.
#[derive(Debug, Default)]
pub(crate) enum Ack {
    /// There was none to be sent.
    #[default]
    None,
    /// The other end's ACK brings the answer that goes with it.
    Waits(u32),
    /// It has gone out, and goes out again for each copy of the 2xx.
    Sent(Box<Owned>),
}

/// What a response context has to do with a call.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) call: u64,
    /// Who asked.
    pub(crate) from: End,
    /// The tag that is ours on the A leg of the pair it is asked in; `None`: it makes the dialogs.
    pub(crate) pair: Option<u64>,
    /// What the dialogs begin as that it makes.
    pub(crate) first: Option<Box<Pair>>,
    /// What was asked, as it came; let go of once it is answered.
    pub(crate) request: Option<Owned>,
    pub(crate) mark: ViaMark,
    /// Whether it has an offer: then its 2xx is acknowledged at once.
    pub(crate) has_offer: bool,
    /// Who asked has given up.
    pub(crate) is_cancelled: bool,
    /// It is a question of our own, and its answer stays here.
    pub(crate) own: Option<Own>,
    /// Early dialogs of the called whose responses we acknowledge.
    pub(crate) early: Vec<Heard>,
    /// How often it was said anew, because the other end asked for that.
    pub(crate) tries: u8,
}

/// A question of our own to one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// Refreshes the session (RFC 4028).
    Refresh,
    /// Asks whether the end is there.
    Alive,
    /// Tells it what the other one has answered to a refresh.
    Tell,
}

impl End {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl Call {
    pub(crate) fn half(&mut self, end: End) -> &mut Half {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }

    /// Where the last request or answer of an end came from.
    pub(crate) fn flow(&self, end: End) -> Flow {
        match end {
            End::A => self.a.flow,
            End::B => self.b.flow,
        }
    }

    /// The pair of this tag of ours on the A leg.
    pub(crate) fn pair(&mut self, tag: u64) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.a.local_tag == tag)
    }
}

impl Pair {
    pub(crate) fn leg(&self, end: End) -> &Leg {
        match end {
            End::A => &self.a,
            End::B => &self.b,
        }
    }

    pub(crate) fn leg_mut(&mut self, end: End) -> &mut Leg {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }
}

impl Half {
    pub(crate) fn new(flow: Flow, user: Option<Arc<User>>) -> Self {
        Self {
            flow,
            user,
            is_open: true,
            asks: Pending::default(),
            asked: Pending::default(),
            invite: (0, 0),
            unacked: None,
            ack: Ack::None,
        }
    }

    /// What this end has asked is asked again on the other leg, by this number.
    pub(super) fn asked_again(&mut self, method: Method<'_>, seq: u32) {
        if method == Method::Invite {
            self.invite.1 = seq;
        }
    }
}

impl Pending {
    /// Notes that a request of this method waits, or waits no more.
    pub(crate) fn set(&mut self, method: Method<'_>, waits: bool) {
        match method {
            Method::Invite => self.invite = waits,
            Method::Update => self.update = waits,
            _ => {}
        }
    }
}
