//! The INVITE server transaction (RFC 3261 17.2.1, RFC 6026 7.1).
//!
//! That a response could not be sent is no event here: the transport itself tries what RFC 3261 18.2.2
//! allows, and the machine would stay where it is (RFC 6026 7.1). The 100 within 200 ms is the
//! transaction user's, which sends it at once.

use super::machine::{self, Env};
use smallvec::smallvec;
use std::time::Duration;

/// Where an INVITE server transaction is.
///
/// ```text
///                      | INVITE: to TU
///                      v
///               +------------+ 1xx from TU: send it
///               | Proceeding |---+ INVITE: send last 1xx again
///               +------------+<--+
///                 |        |
///  300-699 from   |        | 2xx from TU: send it
///  TU: send it    |        '----------------------.
///                 v                               v
///           +-----------+ INVITE, timer G:   +----------+ 2xx from TU: send it
///           | Completed |---+ send final     | Accepted |---+ ACK: to TU
///           +-----------+<--+ again          +----------+<--+ INVITE: absorb
///             |      |                            |
///         ACK |      | timer H: report            | timer L
///             v      '-------------------.        |
///       +-----------+ INVITE, ACK:       v        v
///    +->| Confirmed |  absorb        +----------------+
///    +--+-----------+--------------->|   Terminated   |
///                        timer I     +----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No final response was sent.
    Proceeding {
        /// Whether any provisional response was.
        answered: bool,
    },
    /// A final response other than 2xx was sent; the ACK is awaited.
    Completed {
        /// What timer G was last set to.
        interval: Duration,
    },
    /// The ACK came; further ones are absorbed.
    Confirmed,
    /// A 2xx was sent. Sending it again is its maker's, not ours (RFC 3261 13.3.1.4).
    Accepted,
    /// It is over.
    Terminated,
}

/// What can happen to an INVITE server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The INVITE came again.
    Invite,
    /// An ACK that matches came.
    Ack,
    /// The transaction user sends a 1xx.
    Provisional,
    /// The transaction user sends a 2xx.
    Success,
    /// The transaction user sends a 300-699.
    Failure,
    /// A timer fired.
    Timer(Timer),
}

/// The timers of an INVITE server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// When to send the final response again.
    G,
    /// When to give up waiting for the ACK.
    H,
    /// When no copy of the ACK can come any more.
    I,
    /// When no copy of the INVITE, no 2xx and no ACK can come any more.
    L,
}

/// What the machine asks for.
pub type Action = machine::ServerAction<Timer>;
/// What the machine asks for, in order.
pub type Actions = machine::Actions<Action>;

impl State {
    /// The INVITE has come and goes to the transaction user.
    pub const fn start() -> Self {
        Self::Proceeding { answered: false }
    }

    /// One transition. A response without [`Action::Send`] is refused: it must not be sent.
    pub fn on(self, event: Event, env: &Env) -> (Self, Actions) {
        use machine::ServerAction::{DeliverAck, ReportTimeout, Send, SendAgain, Start, Stop};
        match (self, event) {
            (Self::Proceeding { answered: true }, Event::Invite) => (self, smallvec![SendAgain]),
            (Self::Proceeding { .. }, Event::Provisional) => {
                (Self::Proceeding { answered: true }, smallvec![Send])
            }
            (Self::Proceeding { .. }, Event::Success) => (
                Self::Accepted,
                smallvec![Send, Start(Timer::L, env.timers.transaction())],
            ),
            (Self::Proceeding { .. }, Event::Failure) => {
                let interval = env.timers.first_interval();
                let mut actions: Actions = smallvec![Send];
                if !env.reliable {
                    actions.push(Start(Timer::G, interval));
                }
                actions.push(Start(Timer::H, env.timers.transaction()));
                (Self::Completed { interval }, actions)
            }

            (Self::Completed { .. }, Event::Invite) => (self, smallvec![SendAgain]),
            (Self::Completed { interval }, Event::Timer(Timer::G)) => {
                let interval = env.timers.next_interval(interval);
                (
                    Self::Completed { interval },
                    smallvec![SendAgain, Start(Timer::G, interval)],
                )
            }
            (Self::Completed { .. }, Event::Ack) => {
                let mut actions: Actions = smallvec![Stop(Timer::G), Stop(Timer::H)];
                if env.reliable {
                    // Timer I is zero (17.2.1).
                    return (Self::Terminated, actions);
                }
                actions.push(Start(Timer::I, env.timers.linger()));
                (Self::Confirmed, actions)
            }
            (Self::Completed { .. }, Event::Timer(Timer::H)) => {
                (Self::Terminated, smallvec![Stop(Timer::G), ReportTimeout])
            }

            (Self::Confirmed, Event::Timer(Timer::I)) => (Self::Terminated, Actions::default()),

            (Self::Accepted, Event::Success) => (Self::Accepted, smallvec![Send]),
            (Self::Accepted, Event::Ack) => (Self::Accepted, smallvec![DeliverAck]),
            (Self::Accepted, Event::Timer(Timer::L)) => (Self::Terminated, Actions::default()),

            (state, _) => (state, Actions::default()),
        }
    }
}

impl Event {
    /// The event that a response of this status is; `None` below 100 and above 699.
    pub const fn of_status(status: u16) -> Option<Self> {
        match status {
            100..=199 => Some(Self::Provisional),
            200..=299 => Some(Self::Success),
            300..=699 => Some(Self::Failure),
            _ => None,
        }
    }
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::G, Self::H, Self::I, Self::L];
}
