//! The non-INVITE server transaction (RFC 3261 17.2.2, RFC 4320 4).
//!
//! That a response could not be sent is no event here, as in [`super::invite_server`].

use super::machine::{self, Env};
use smallvec::smallvec;
use std::time::Duration;

/// Where a non-INVITE server transaction is.
///
/// ```text
///                 | request: to TU
///                 v
///           +-----------+ request: absorb
///           |  Trying   |---+
///           +-----------+<--+
///             |   |    '------------------------.
///   late 100  |   |  200-699 from TU            |
///   from TU:  |   |  but 408: send it           |
///   send it   |   '--------------.              |
///             v                  |              |
///       +------------+           |              | no final response
///    +->| Proceeding |           |              | within 64*T1
///    +--+------------+           |              |
///  100 from     |   |            |              |
///  TU: send it  |   | 200-699    |              |
///  request:     |   | but 408:   |              |
///  send last    |   | send it    |              |
///  again        |   '----------. |              |
///               |              v v              v
///               |      +-----------+ timer J  +------------+
///               |   +->| Completed |--------->| Terminated |
///               |   +--+-----------+          +------------+
///               |   request: send final again       ^
///               '-----------------------------------'
///                  no final response within 64*T1
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was sent.
    Trying,
    /// A 100 was sent.
    Proceeding,
    /// A final response was sent; it goes out again for each copy of the request.
    Completed,
    /// It is over.
    Terminated,
}

/// What can happen to a non-INVITE server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The request came again.
    Request,
    /// The transaction user sends a 100, `age` after the request came.
    Trying {
        /// How long ago the request came.
        age: Duration,
    },
    /// The transaction user sends a response that RFC 4320 forbids: 101-199 (4.1) or 408 (4.2).
    Forbidden,
    /// The transaction user sends another 200-699.
    Final,
    /// A timer fired.
    Timer(Timer),
}

/// The timers of a non-INVITE server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// When no copy of the request can come any more.
    J,
    /// When the client has given up (its timer F), so that no response is of use to it and none is to
    /// be sent (RFC 4320 4.2). Not in RFC 3261, where a request that its user forgets stays for ever.
    Unanswered,
}

/// What the machine asks for.
pub type Action = machine::ServerAction<Timer>;
/// What the machine asks for, in order.
pub type Actions = machine::Actions<Action>;

impl State {
    /// The request has come and goes to the transaction user.
    pub fn start(env: &Env) -> (Self, Actions) {
        (
            Self::Trying,
            smallvec![Action::Start(Timer::Unanswered, env.timers.transaction())],
        )
    }

    /// One transition. A response without [`Action::Send`] is refused: it must not be sent.
    pub fn on(self, event: Event, env: &Env) -> (Self, Actions) {
        use machine::ServerAction::{Send, SendAgain, Start, Stop};
        match (self, event) {
            // RFC 4320 4.1: over a reliable transport at any time, else not before it is late.
            (Self::Trying | Self::Proceeding, Event::Trying { age })
                if env.reliable || age >= env.timers.late() =>
            {
                (Self::Proceeding, smallvec![Send])
            }
            (Self::Trying | Self::Proceeding, Event::Final) => {
                let mut actions: Actions = smallvec![Stop(Timer::Unanswered), Send];
                if env.reliable {
                    // Timer J is zero (17.2.2).
                    return (Self::Terminated, actions);
                }
                actions.push(Start(Timer::J, env.timers.transaction()));
                (Self::Completed, actions)
            }
            (Self::Trying | Self::Proceeding, Event::Timer(Timer::Unanswered)) => {
                (Self::Terminated, Actions::default())
            }
            (Self::Proceeding | Self::Completed, Event::Request) => (self, smallvec![SendAgain]),
            (Self::Completed, Event::Timer(Timer::J)) => (Self::Terminated, Actions::default()),

            (state, _) => (state, Actions::default()),
        }
    }
}

impl Event {
    /// The event that a response of this status is, `age` after the request came; `None` below 100 and
    /// above 699.
    pub const fn of_status(status: u16, age: Duration) -> Option<Self> {
        match status {
            100 => Some(Self::Trying { age }),
            101..=199 | 408 => Some(Self::Forbidden),
            200..=699 => Some(Self::Final),
            _ => None,
        }
    }
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::J, Self::Unanswered];
}
