//! What the four machines have in common: what they are told about the transport and the times, what
//! they ask for, and one type over both kinds of each role for the table.

use super::{
    invite_client, invite_server, non_invite_client, non_invite_server, timer::TimerConfig,
};
use smallvec::SmallVec;
use std::time::Duration;

/// What a transition depends on besides state and event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Env {
    /// The times.
    pub timers: TimerConfig,
    /// Whether the transport retransmits by itself.
    pub reliable: bool,
}

/// What a client machine asks for; `T` is the machine's own timers, so that it can name no other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAction<T> {
    /// Send the request, for the first time or again.
    Send,
    /// Send the ACK of a final response that is not 2xx (RFC 3261 17.1.1.3).
    Acknowledge,
    /// Pass the response to the transaction user.
    Deliver,
    /// Tell the transaction user that no response came in time (RFC 3261 17.1.4: as a 408).
    ReportTimeout,
    /// Tell the transaction user that the request could not be sent (RFC 3261 17.1.4: as a 503).
    ReportFailure,
    /// Start a timer, or start it anew.
    Start(T, Duration),
    /// Stop a timer.
    Stop(T),
}

/// What a server machine asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerAction<T> {
    /// Send the transaction user's new response.
    Send,
    /// Send the last response again.
    SendAgain,
    /// The ACK is the transaction user's (RFC 6026 7.1).
    DeliverAck,
    /// Tell the transaction user that no ACK came (RFC 3261 17.2.1, timer H).
    ReportTimeout,
    /// Start a timer, or start it anew.
    Start(T, Duration),
    /// Stop a timer.
    Stop(T),
}

/// Actions in the order they are to be done.
pub type Actions<A> = SmallVec<[A; 6]>;

/// A timer of any of the four machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// One of [`invite_client`].
    InviteClient(invite_client::Timer),
    /// One of [`non_invite_client`].
    NonInviteClient(non_invite_client::Timer),
    /// One of [`invite_server`].
    InviteServer(invite_server::Timer),
    /// One of [`non_invite_server`].
    NonInviteServer(non_invite_server::Timer),
}

/// A client machine of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Invite(invite_client::State),
    NonInvite(non_invite_client::State),
}

/// What can happen to a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientInput {
    Response(u16),
    Timer(Timer),
    TransportError,
}

/// A server machine of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Invite(invite_server::State),
    NonInvite(non_invite_server::State),
}

/// What can happen to a server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerInput {
    /// The request came again.
    Request,
    Ack,
    /// A response of the transaction user, and how long ago the request came.
    Respond {
        status: u16,
        age: Duration,
    },
    Timer(Timer),
}

type ClientStep = (Client, Actions<ClientAction<Timer>>);
type ServerStep = (Server, Actions<ServerAction<Timer>>);

impl Client {
    /// The machine of a request that is about to be sent.
    pub(super) fn start(invite: bool, env: &Env) -> ClientStep {
        if invite {
            Self::invite(invite_client::State::start(env))
        } else {
            Self::non_invite(non_invite_client::State::start(env))
        }
    }

    /// One transition. `None`: not an event of this machine.
    pub(super) fn on(self, input: ClientInput, env: &Env) -> Option<ClientStep> {
        use ClientInput::{Response, TransportError};
        match self {
            Self::Invite(state) => {
                let event = match input {
                    Response(status) => invite_client::Event::of_status(status)?,
                    ClientInput::Timer(Timer::InviteClient(timer)) => {
                        invite_client::Event::Timer(timer)
                    }
                    TransportError => invite_client::Event::TransportError,
                    ClientInput::Timer(_) => return None,
                };
                Some(Self::invite(state.on(event, env)))
            }
            Self::NonInvite(state) => {
                let event = match input {
                    Response(status) => non_invite_client::Event::of_status(status)?,
                    ClientInput::Timer(Timer::NonInviteClient(timer)) => {
                        non_invite_client::Event::Timer(timer)
                    }
                    TransportError => non_invite_client::Event::TransportError,
                    ClientInput::Timer(_) => return None,
                };
                Some(Self::non_invite(state.on(event, env)))
            }
        }
    }

    /// Whether it is over.
    pub(super) fn is_terminated(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_client::State::Terminated)
                | Self::NonInvite(non_invite_client::State::Terminated)
        )
    }

    /// Whether no response at all has come yet.
    pub(super) fn is_unanswered(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_client::State::Calling { .. })
                | Self::NonInvite(non_invite_client::State::Trying { .. })
        )
    }

    /// Whether no final response has come yet, so that the request may still be needed.
    pub(super) fn is_pending(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_client::State::Calling { .. } | invite_client::State::Proceeding)
                | Self::NonInvite(
                    non_invite_client::State::Trying { .. } | non_invite_client::State::Proceeding
                )
        )
    }

    /// Whether it may still need its request, or the ACK that took the request's place.
    pub(super) fn keeps_message(self) -> bool {
        self.is_pending() || matches!(self, Self::Invite(invite_client::State::Completed))
    }

    /// All timers it may have running.
    pub(super) fn timers(self) -> Actions<Timer> {
        match self {
            Self::Invite(_) => invite_client::Timer::ALL
                .map(Timer::InviteClient)
                .into_iter()
                .collect(),
            Self::NonInvite(_) => non_invite_client::Timer::ALL
                .map(Timer::NonInviteClient)
                .into_iter()
                .collect(),
        }
    }

    fn invite(step: (invite_client::State, invite_client::Actions)) -> ClientStep {
        let actions = step.1.into_iter().map(|a| a.named(Timer::InviteClient));
        (Self::Invite(step.0), actions.collect())
    }

    fn non_invite(step: (non_invite_client::State, non_invite_client::Actions)) -> ClientStep {
        let actions = step.1.into_iter().map(|a| a.named(Timer::NonInviteClient));
        (Self::NonInvite(step.0), actions.collect())
    }
}

impl Server {
    /// The machine of a request that has just come.
    pub(super) fn start(invite: bool, env: &Env) -> ServerStep {
        if invite {
            (
                Self::Invite(invite_server::State::start()),
                Actions::default(),
            )
        } else {
            Self::non_invite(non_invite_server::State::start(env))
        }
    }

    /// One transition. `None`: not an event of this machine.
    pub(super) fn on(self, input: ServerInput, env: &Env) -> Option<ServerStep> {
        use ServerInput::{Ack, Request, Respond};
        match self {
            Self::Invite(state) => {
                let event = match input {
                    Request => invite_server::Event::Invite,
                    Ack => invite_server::Event::Ack,
                    Respond { status, .. } => invite_server::Event::of_status(status)?,
                    ServerInput::Timer(Timer::InviteServer(timer)) => {
                        invite_server::Event::Timer(timer)
                    }
                    ServerInput::Timer(_) => return None,
                };
                Some(Self::invite(state.on(event, env)))
            }
            Self::NonInvite(state) => {
                let event = match input {
                    Request => non_invite_server::Event::Request,
                    Respond { status, age } => non_invite_server::Event::of_status(status, age)?,
                    ServerInput::Timer(Timer::NonInviteServer(timer)) => {
                        non_invite_server::Event::Timer(timer)
                    }
                    Ack | ServerInput::Timer(_) => return None,
                };
                Some(Self::non_invite(state.on(event, env)))
            }
        }
    }

    /// Whether it is over.
    pub(super) fn is_terminated(self) -> bool {
        matches!(
            self,
            Self::Invite(invite_server::State::Terminated)
                | Self::NonInvite(non_invite_server::State::Terminated)
        )
    }

    /// Whether it may still send its last response again.
    pub(super) fn repeats(self) -> bool {
        matches!(
            self,
            Self::Invite(
                invite_server::State::Proceeding { .. } | invite_server::State::Completed { .. }
            ) | Self::NonInvite(
                non_invite_server::State::Proceeding | non_invite_server::State::Completed
            )
        )
    }

    /// All timers it may have running.
    pub(super) fn timers(self) -> Actions<Timer> {
        match self {
            Self::Invite(_) => invite_server::Timer::ALL
                .map(Timer::InviteServer)
                .into_iter()
                .collect(),
            Self::NonInvite(_) => non_invite_server::Timer::ALL
                .map(Timer::NonInviteServer)
                .into_iter()
                .collect(),
        }
    }

    fn invite(step: (invite_server::State, invite_server::Actions)) -> ServerStep {
        let actions = step.1.into_iter().map(|a| a.named(Timer::InviteServer));
        (Self::Invite(step.0), actions.collect())
    }

    fn non_invite(step: (non_invite_server::State, non_invite_server::Actions)) -> ServerStep {
        let actions = step.1.into_iter().map(|a| a.named(Timer::NonInviteServer));
        (Self::NonInvite(step.0), actions.collect())
    }
}

impl<T> ClientAction<T> {
    /// The same action with its timer renamed.
    fn named<U>(self, name: impl FnOnce(T) -> U) -> ClientAction<U> {
        match self {
            Self::Send => ClientAction::Send,
            Self::Acknowledge => ClientAction::Acknowledge,
            Self::Deliver => ClientAction::Deliver,
            Self::ReportTimeout => ClientAction::ReportTimeout,
            Self::ReportFailure => ClientAction::ReportFailure,
            Self::Start(timer, after) => ClientAction::Start(name(timer), after),
            Self::Stop(timer) => ClientAction::Stop(name(timer)),
        }
    }
}

impl<T> ServerAction<T> {
    /// The same action with its timer renamed.
    fn named<U>(self, name: impl FnOnce(T) -> U) -> ServerAction<U> {
        match self {
            Self::Send => ServerAction::Send,
            Self::SendAgain => ServerAction::SendAgain,
            Self::DeliverAck => ServerAction::DeliverAck,
            Self::ReportTimeout => ServerAction::ReportTimeout,
            Self::Start(timer, after) => ServerAction::Start(name(timer), after),
            Self::Stop(timer) => ServerAction::Stop(name(timer)),
        }
    }
}
