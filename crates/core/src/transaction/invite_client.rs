//! The INVITE client transaction (RFC 3261 17.1.1, RFC 6026 7.2).

use super::machine::{self, Env};
use smallvec::smallvec;
use std::time::Duration;

/// Where an INVITE client transaction is.
///
/// ```text
///                  | INVITE from TU: send it
///                  v
///            +-----------+ timer A: send it again
///            |  Calling  |---+
///            +-----------+<--+        timer B, transport error: report
///              |   |   |  '---------------------------------------------.
///          1xx |   |   | 2xx: deliver                                   |
///      deliver |   |   '--------------------------------.               |
///              |   | 300-699: send ACK, deliver         |               |
///              v   '---------------.                    |               |
///      +------------+ 300-699      |                    |               |
///  +-->| Proceeding |------------. |                    |               |
///  '---+------------+  ACK,      | |                    |               |
///   1xx      |         deliver   v v                    v               |
///   deliver  |              +-----------+          +----------+         |
///            |  300-699 +-->| Completed |      +-->| Accepted |         |
///            |     ACK  '---+-----------+      '---+----------+         |
///            |                |    |   2xx: deliver  ^   |              |
///            | 2xx: deliver   |    |                 |   | timer M      |
///            '----------------|----|-----------------'   |              |
///                     timer D |    | transport error:    v              |
///                             v    v report          +------------+     |
///                             '----'---------------->| Terminated |<----'
///                                                    +------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The INVITE was sent, nothing has come back.
    Calling {
        /// What timer A was last set to.
        interval: Duration,
    },
    /// A provisional response came. No timer runs: what bounds this state is the proxy's timer C
    /// (RFC 3261 16.6 step 11) or the user.
    Proceeding,
    /// A final response other than 2xx came and was acknowledged; its copies are too.
    Completed,
    /// A 2xx came; every further 2xx, from other branches of a fork or again, is the user's.
    Accepted,
    /// It is over.
    Terminated,
}

/// What can happen to an INVITE client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A 1xx response.
    Provisional,
    /// A 2xx response.
    Success,
    /// A 300-699 response.
    Failure,
    /// A timer fired.
    Timer(Timer),
    /// The request or the ACK could not be sent.
    TransportError,
}

/// The timers of an INVITE client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// When to send the INVITE again.
    A,
    /// When to give up waiting for any response.
    B,
    /// When no copy of the final response can come any more.
    D,
    /// When no 2xx can come any more.
    M,
}

/// What the machine asks for.
pub type Action = machine::ClientAction<Timer>;
/// What the machine asks for, in order.
pub type Actions = machine::Actions<Action>;

impl State {
    /// Sends the INVITE: 17.1.1.2 "Calling".
    pub fn start(env: &Env) -> (Self, Actions) {
        let interval = env.timers.first_interval();
        let mut actions: Actions = smallvec![Action::Send];
        if !env.reliable {
            actions.push(Action::Start(Timer::A, interval));
        }
        actions.push(Action::Start(Timer::B, env.timers.transaction()));
        (Self::Calling { interval }, actions)
    }

    /// One transition.
    pub fn on(self, event: Event, env: &Env) -> (Self, Actions) {
        use machine::ClientAction::{
            Acknowledge, Deliver, ReportFailure, ReportTimeout, Send, Start, Stop,
        };
        match (self, event) {
            (Self::Calling { interval }, Event::Timer(Timer::A)) => {
                let interval = interval.saturating_mul(2);
                (
                    Self::Calling { interval },
                    smallvec![Send, Start(Timer::A, interval)],
                )
            }
            (Self::Calling { .. }, Event::Timer(Timer::B)) => {
                (Self::Terminated, smallvec![Stop(Timer::A), ReportTimeout])
            }
            (Self::Calling { .. }, Event::TransportError) => (
                Self::Terminated,
                smallvec![Stop(Timer::A), Stop(Timer::B), ReportFailure],
            ),
            (Self::Calling { .. }, Event::Provisional) => (
                Self::Proceeding,
                smallvec![Stop(Timer::A), Stop(Timer::B), Deliver],
            ),
            (Self::Calling { .. }, Event::Success) => (
                Self::Accepted,
                smallvec![
                    Stop(Timer::A),
                    Stop(Timer::B),
                    Deliver,
                    Start(Timer::M, env.timers.transaction()),
                ],
            ),
            (Self::Calling { .. }, Event::Failure) => {
                completed(smallvec![Stop(Timer::A), Stop(Timer::B)], env)
            }

            (Self::Proceeding, Event::Provisional) => (Self::Proceeding, smallvec![Deliver]),
            (Self::Proceeding, Event::Success) => (
                Self::Accepted,
                smallvec![Deliver, Start(Timer::M, env.timers.transaction())],
            ),
            (Self::Proceeding, Event::Failure) => completed(Actions::default(), env),

            (Self::Completed, Event::Failure) => (Self::Completed, smallvec![Acknowledge]),
            (Self::Completed, Event::TransportError) => {
                (Self::Terminated, smallvec![Stop(Timer::D), ReportFailure])
            }
            (Self::Completed, Event::Timer(Timer::D)) => (Self::Terminated, Actions::default()),

            (Self::Accepted, Event::Success) => (Self::Accepted, smallvec![Deliver]),
            (Self::Accepted, Event::Timer(Timer::M)) => (Self::Terminated, Actions::default()),

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
    pub const ALL: [Self; 4] = [Self::A, Self::B, Self::D, Self::M];
}

/// To Completed, or past it where timer D is zero: over a reliable transport (17.1.1.2).
fn completed(mut actions: Actions, env: &Env) -> (State, Actions) {
    actions.extend([Action::Acknowledge, Action::Deliver]);
    if env.reliable {
        return (State::Terminated, actions);
    }
    actions.push(Action::Start(Timer::D, env.timers.d()));
    (State::Completed, actions)
}
