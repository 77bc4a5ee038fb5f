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

impl Timer {
    /// Whether it only forgets a transaction that has come to its end: nothing is sent and nobody is told.
    pub(super) const fn lingers(self) -> bool {
        use {
            invite_client::Timer::{D, M},
            invite_server::Timer::{I, L},
            non_invite_client::Timer::K,
            non_invite_server::Timer::J,
        };
        matches!(
            self,
            Self::InviteClient(D | M)
                | Self::NonInviteClient(K)
                | Self::InviteServer(I | L)
                | Self::NonInviteServer(J)
        )
    }
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

/// What a client machine of either kind asks for.
#[derive(Debug)]
pub(super) enum ClientActions {
    Invite(invite_client::Actions),
    NonInvite(non_invite_client::Actions),
}

/// What a server machine of either kind asks for.
#[derive(Debug)]
pub(super) enum ServerActions {
    Invite(invite_server::Actions),
    NonInvite(non_invite_server::Actions),
}

type ClientStep = (Client, ClientActions);
type ServerStep = (Server, ServerActions);

impl ClientActions {
    /// In the order they are to be done.
    pub(super) fn iter(&self) -> impl Iterator<Item = ClientAction<Timer>> {
        let (invite, other) = match self {
            Self::Invite(actions) => (actions.as_slice(), [].as_slice()),
            Self::NonInvite(actions) => ([].as_slice(), actions.as_slice()),
        };
        let invite = invite.iter().map(|a| a.named(Timer::InviteClient));
        invite.chain(other.iter().map(|a| a.named(Timer::NonInviteClient)))
    }

    pub(super) fn contains(&self, action: ClientAction<Timer>) -> bool {
        self.iter().any(|other| other == action)
    }
}

impl ServerActions {
    /// In the order they are to be done.
    pub(super) fn iter(&self) -> impl Iterator<Item = ServerAction<Timer>> {
        let (invite, other) = match self {
            Self::Invite(actions) => (actions.as_slice(), [].as_slice()),
            Self::NonInvite(actions) => ([].as_slice(), actions.as_slice()),
        };
        let invite = invite.iter().map(|a| a.named(Timer::InviteServer));
        invite.chain(other.iter().map(|a| a.named(Timer::NonInviteServer)))
    }

    pub(super) fn contains(&self, action: ServerAction<Timer>) -> bool {
        self.iter().any(|other| other == action)
    }
}

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

    fn invite(step: (invite_client::State, invite_client::Actions)) -> ClientStep {
        (Self::Invite(step.0), ClientActions::Invite(step.1))
    }

    fn non_invite(step: (non_invite_client::State, non_invite_client::Actions)) -> ClientStep {
        (Self::NonInvite(step.0), ClientActions::NonInvite(step.1))
    }
}

impl Server {
    /// The machine of a request that has just come.
    pub(super) fn start(invite: bool, env: &Env) -> ServerStep {
        if invite {
            (
                Self::Invite(invite_server::State::start()),
                ServerActions::Invite(Actions::default()),
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

    fn invite(step: (invite_server::State, invite_server::Actions)) -> ServerStep {
        (Self::Invite(step.0), ServerActions::Invite(step.1))
    }

    fn non_invite(step: (non_invite_server::State, non_invite_server::Actions)) -> ServerStep {
        (Self::NonInvite(step.0), ServerActions::NonInvite(step.1))
    }
}

impl<T: Copy> ClientAction<T> {
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

impl<T: Copy> ServerAction<T> {
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
