//! Where a registration of ours at the PBX is, and what happens to it next: a pure machine.

use crate::time::Instant;

/// The life of a lease.
///
/// ```text
///   a phone is bound                                             due, renewed      
///         |                                                  .-------------------------.
///         v         turn:                  granted           v                         |
///     +--------+  REGISTER  +--------+ -----------------> [Wanted]    +------+         |
///     | Wanted |----------->| Asking |------------------------------->| Held |---------'
///     +--------+            +--------+                                +------+
///         ^     due, wanted   |    refused, silent                       |
///         |                   v                                          | no phone is
///         |               +---------+   no phone is bound any more       | bound any more
///         '---------------| Resting |-------------.                      |
///                         +---------+             v                      v
///                   in vain    +---------+ turn: REGISTER  +--------+<---'
///                 .----------->| Leaving |  Expires 0      | Ending |
///                 |            +---------+---- due ------->+--------+
///            +----------+<----------------------------------- turn
///            | Removing |------ answered ----> Gone
///            +----------+
/// ```
///
/// A phone that comes back takes a lease that is on its way out back to `Held` or `Wanted`; one that leaves
/// while the PBX is asked has the lease ended once the answer is there, so that no REGISTER of ours
/// overtakes another (RFC 3261 10.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is to be registered and waits for its turn.
    Wanted {
        /// What the PBX has meanwhile.
        hold: Hold,
    },
    /// A REGISTER is under way.
    Asking {
        /// What the PBX has meanwhile.
        hold: Hold,
        /// No phone is bound any more: it ends as soon as the answer is there.
        then_ends: bool,
    },
    /// The PBX has it.
    Held {
        /// Until then.
        until: Instant,
    },
    /// It was refused, or nobody answered: it is tried again later.
    Resting {
        /// What the PBX has meanwhile.
        hold: Hold,
    },
    /// It is to be taken down and waits for its turn.
    Ending {
        /// What the PBX has meanwhile.
        hold: Hold,
    },
    /// A REGISTER that takes it down is under way.
    Removing {
        /// A phone is bound again: it is registered anew after the answer.
        is_wanted: bool,
    },
    /// It could not be taken down: that is tried again later.
    Leaving,
    /// It is over.
    Gone,
}

/// What the PBX has of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing.
    No,
    /// Perhaps nothing: an answer was lost, or the PBX was away.
    Unsure,
    /// All of it until then.
    Until(Instant),
}

/// What can happen to a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A phone is bound, or will be if the PBX agrees.
    Want,
    /// The same, and the PBX is to hear of it.
    Renew,
    /// No phone is bound any more.
    Drop,
    /// It may send now.
    Turn,
    /// The PBX agrees, until then.
    Granted(Instant),
    /// The PBX does not.
    Refused,
    /// The PBX said nothing, or that it cannot.
    Silent,
    /// The time it waited for has come: to refresh, or to try again.
    Due,
    /// Whatever the PBX had has run out there.
    Expired,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing.
    Nothing,
    /// Wait for a turn.
    Queue,
    /// Send a REGISTER.
    Register,
    /// Send a REGISTER that takes it down.
    Remove,
    /// Wait for the time of its state.
    Wait,
    /// Forget it.
    Forget,
}

impl State {
    /// One transition.
    pub(crate) fn on(self, event: Event) -> (Self, Action) {
        use Action::{Forget, Nothing, Queue, Register, Remove, Wait};
        use Event::{Drop, Due, Expired, Granted, Refused, Renew, Silent, Turn, Want};
        match (self, event) {
            (Self::Wanted { hold }, Turn) => (
                Self::Asking {
                    hold,
                    then_ends: false,
                },
                Register,
            ),
            (Self::Wanted { hold } | Self::Resting { hold }, Drop) => end(hold),

            (Self::Asking { hold, .. }, Want | Renew) => {
                let then_ends = false;
                (Self::Asking { hold, then_ends }, Nothing)
            }
            (Self::Asking { hold, .. }, Drop) => {
                let then_ends = true;
                (Self::Asking { hold, then_ends }, Nothing)
            }
            (
                Self::Asking {
                    then_ends: false, ..
                },
                Granted(until),
            ) => (Self::Held { until }, Wait),
            (
                Self::Asking {
                    then_ends: true, ..
                },
                Granted(until),
            ) => end(Hold::Until(until)),
            (
                Self::Asking {
                    hold,
                    then_ends: false,
                },
                Refused,
            ) => (Self::Resting { hold }, Wait),
            (
                Self::Asking {
                    hold,
                    then_ends: true,
                },
                Refused,
            ) => end(hold),
            (
                Self::Asking {
                    hold,
                    then_ends: false,
                },
                Silent,
            ) => {
                let hold = hold.or_unsure();
                (Self::Resting { hold }, Wait)
            }
            (
                Self::Asking {
                    hold,
                    then_ends: true,
                },
                Silent,
            ) => end(hold.or_unsure()),

            (Self::Held { until }, Renew | Due) => {
                let hold = Hold::Until(until);
                (Self::Wanted { hold }, Queue)
            }
            (Self::Held { until }, Drop) => end(Hold::Until(until)),

            (Self::Resting { hold }, Want | Renew | Due) => (Self::Wanted { hold }, Queue),

            (
                Self::Ending {
                    hold: Hold::Until(until),
                },
                Want,
            ) => (Self::Held { until }, Wait),
            (Self::Ending { hold }, Want | Renew) => (Self::Wanted { hold }, Queue),
            (Self::Ending { .. }, Turn) => (Self::Removing { is_wanted: false }, Remove),

            (Self::Removing { .. }, Want | Renew) => (Self::Removing { is_wanted: true }, Nothing),
            (Self::Removing { .. }, Drop) => (Self::Removing { is_wanted: false }, Nothing),
            (Self::Removing { is_wanted: false }, Granted(_)) => (Self::Gone, Forget),
            (Self::Removing { is_wanted: true }, Granted(_)) => {
                let hold = Hold::No;
                (Self::Wanted { hold }, Queue)
            }
            (Self::Removing { is_wanted: false }, Refused | Silent) => (Self::Leaving, Wait),
            (Self::Removing { is_wanted: true }, Refused | Silent) => {
                let hold = Hold::Unsure;
                (Self::Wanted { hold }, Queue)
            }

            (Self::Leaving, Want | Renew) => {
                let hold = Hold::Unsure;
                (Self::Wanted { hold }, Queue)
            }
            (Self::Leaving, Due) => {
                let hold = Hold::Unsure;
                (Self::Ending { hold }, Queue)
            }
            (Self::Leaving, Expired) => (Self::Gone, Forget),

            (state, _) => (state, Nothing),
        }
    }

    /// What the PBX has.
    #[cfg(test)]
    pub(crate) const fn hold(self) -> Hold {
        match self {
            Self::Wanted { hold }
            | Self::Asking { hold, .. }
            | Self::Resting { hold }
            | Self::Ending { hold } => hold,
            Self::Held { until } => Hold::Until(until),
            Self::Removing { .. } | Self::Leaving => Hold::Unsure,
            Self::Gone => Hold::No,
        }
    }

    /// Until when a call from the PBX finds it: until then a phone's refresh need not go there. Not one that
    /// is on its way out.
    pub(crate) const fn good_until(self) -> Option<Instant> {
        match self {
            Self::Held { until }
            | Self::Wanted {
                hold: Hold::Until(until),
            }
            | Self::Asking {
                hold: Hold::Until(until),
                then_ends: false,
            }
            | Self::Resting {
                hold: Hold::Until(until),
            } => Some(until),
            _ => None,
        }
    }

    /// Whether it waits for a turn.
    pub(crate) const fn waits_for_turn(self) -> bool {
        matches!(self, Self::Wanted { .. } | Self::Ending { .. })
    }

    /// Whether a phone that waits for it has its answer now.
    pub(crate) const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Held { .. } | Self::Resting { .. } | Self::Leaving | Self::Gone
        )
    }
}

impl Hold {
    /// A REGISTER of ours may have arrived.
    const fn or_unsure(self) -> Self {
        match self {
            Self::No => Self::Unsure,
            other => other,
        }
    }
}

/// No phone is bound any more.
const fn end(hold: Hold) -> (State, Action) {
    match hold {
        Hold::No => (State::Gone, Action::Forget),
        hold => (State::Ending { hold }, Action::Queue),
    }
}

#[cfg(test)]
mod tests;
