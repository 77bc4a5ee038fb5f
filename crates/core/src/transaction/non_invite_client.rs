//! The non-INVITE client transaction (RFC 3261 17.1.2).

use super::machine::{self, Env};
use smallvec::smallvec;
use std::time::Duration;

/// Where a non-INVITE client transaction is.
///
/// ```text
///               | request from TU: send it
///               v
///         +-----------+ timer E: send it again
///         |  Trying   |---+
///         +-----------+<--+
///           |   |   '----------------------.
///       1xx |   | 200-699: deliver         | timer F,
///   deliver |   '------------------.       | transport error:
///           v                      |       | report
///     +------------+ timer E:      |       |
///  +->| Proceeding |-- send again -|-+     |
///  +--+------------+<--------------|-+     |
///  1xx   |       |                 |       |
/// deliver|       | 200-699:        |       |
///        |       | deliver         |       |
///        |       |  .--------------'       |
///        |       v  v                      |
///        |    +-----------+ timer K  +------------+
///        |    | Completed |--------->| Terminated |
///        |    +-----------+          +------------+
///        |                                 ^
///        '---------------------------------'
///          timer F, transport error: report
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The request was sent, nothing has come back.
    Trying {
        /// What timer E was last set to.
        interval: Duration,
    },
    /// A provisional response came; the request is still sent again, every T2.
    Proceeding,
    /// The final response came; its copies are absorbed.
    Completed,
    /// It is over.
    Terminated,
}

/// What can happen to a non-INVITE client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A 1xx response.
    Provisional,
    /// A 200-699 response.
    Final,
    /// A timer fired.
    Timer(Timer),
    /// The request could not be sent.
    TransportError,
}

/// The timers of a non-INVITE client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// When to send the request again.
    E,
    /// When to give up waiting for a final response.
    F,
    /// When no copy of the final response can come any more.
    K,
}

/// What the machine asks for.
pub type Action = machine::ClientAction<Timer>;
/// What the machine asks for, in order.
pub type Actions = machine::Actions<Action>;

impl State {
    /// Sends the request: 17.1.2.2 "Trying".
    pub fn start(env: &Env) -> (Self, Actions) {
        let interval = env.timers.first_interval();
        let mut actions: Actions = smallvec![Action::Send];
        if !env.reliable {
            actions.push(Action::Start(Timer::E, interval));
        }
        actions.push(Action::Start(Timer::F, env.timers.transaction()));
        (Self::Trying { interval }, actions)
    }

    /// One transition.
    pub fn on(self, event: Event, env: &Env) -> (Self, Actions) {
        use machine::ClientAction::{Deliver, ReportFailure, ReportTimeout, Send, Start, Stop};
        match (self, event) {
            (Self::Trying { interval }, Event::Timer(Timer::E)) => {
                let interval = env.timers.next_interval(interval);
                (
                    Self::Trying { interval },
                    smallvec![Send, Start(Timer::E, interval)],
                )
            }
            (Self::Proceeding, Event::Timer(Timer::E)) => (
                Self::Proceeding,
                smallvec![Send, Start(Timer::E, env.timers.longest_interval())],
            ),
            (Self::Trying { .. } | Self::Proceeding, Event::Provisional) => {
                (Self::Proceeding, smallvec![Deliver])
            }
            (Self::Trying { .. } | Self::Proceeding, Event::Final) => {
                let mut actions: Actions = smallvec![Stop(Timer::E), Stop(Timer::F), Deliver];
                if env.reliable {
                    // Timer K is zero (17.1.2.2).
                    return (Self::Terminated, actions);
                }
                actions.push(Start(Timer::K, env.timers.linger()));
                (Self::Completed, actions)
            }
            (Self::Trying { .. } | Self::Proceeding, Event::Timer(Timer::F)) => {
                (Self::Terminated, smallvec![Stop(Timer::E), ReportTimeout])
            }
            (Self::Trying { .. } | Self::Proceeding, Event::TransportError) => (
                Self::Terminated,
                smallvec![Stop(Timer::E), Stop(Timer::F), ReportFailure],
            ),

            (Self::Completed, Event::Timer(Timer::K)) => (Self::Terminated, Actions::default()),

            (state, _) => (state, Actions::default()),
        }
    }
}

impl Event {
    /// The event that a response of this status is; `None` below 100 and above 699.
    pub const fn of_status(status: u16) -> Option<Self> {
        match status {
            100..=199 => Some(Self::Provisional),
            200..=699 => Some(Self::Final),
            _ => None,
        }
    }
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::E, Self::F, Self::K];
}
