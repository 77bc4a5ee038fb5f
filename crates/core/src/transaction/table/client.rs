//! The client side of the table.

use super::{Event, Response, Table, comes, env, keep};
use crate::{
    flow::{ConnectionId, Destination},
    outbox::Outbox,
    time::Instant,
    transaction::{
        ack,
        due::Due,
        id::{Owner, Role, TransactionId},
        key,
        machine::{self, ClientAction, ClientActions, ClientInput, Timer},
    },
};
use bellhop_wire::{Message, Method, ViaRef};

/// One client transaction.
#[derive(Debug)]
pub(super) struct Client {
    machine: machine::Client,
    owner: Owner,
    to: Destination,
    /// The request until a final response comes; then the ACK, if there is one to be sent again.
    message: Box<[u8]>,
    /// Its timers.
    pub(super) due: Due,
}

impl Table {
    /// Starts a client transaction and sends its request. `branch` is the one in the request's top Via.
    /// The transaction stands in the table before the request is in `out`, so that no response comes
    /// too early. `None` if the table is full: nothing is sent.
    #[allow(clippy::too_many_arguments, reason = "each is part of one request")]
    pub fn create_client(
        &mut self,
        now: Instant,
        method: Method<'_>,
        branch: &[u8],
        request: &[u8],
        to: Destination,
        owner: Owner,
        out: &mut Outbox,
    ) -> Option<TransactionId> {
        if !self.has_room(Role::Client) {
            return None;
        }
        let env = env(self.config, to.transport());
        let (machine, actions) = machine::Client::start(method == Method::Invite, &env);
        let client = Client {
            machine,
            owner,
            to,
            message: request.into(),
            due: Due::default(),
        };
        let id = self.clients.insert(&key::client(branch, method), client)?;
        self.messages = self.messages.saturating_add(request.len());
        self.perform_client(now, id, &actions, None, out);
        Some(id)
    }

    /// The request a client transaction sent and where to, from which its CANCEL is made (RFC 3261 9.1).
    /// `None` once a final response has come: there is nothing left to cancel.
    pub fn client_request(&self, id: TransactionId) -> Option<(&[u8], Destination)> {
        let client = self.clients.get(id)?;
        client
            .machine
            .is_pending()
            .then_some((&*client.message, client.to))
    }

    /// Matches a response by the branch in its top Via and the method in its CSeq (RFC 3261 17.1.3) and feeds it to
    /// its transaction. That the Via is ours, sent-by included (18.1.2), is the caller's to check.
    pub fn receive_response(
        &mut self,
        now: Instant,
        response: Message<'_>,
        (via, method): (&ViaRef<'_>, Method<'_>),
        out: &mut Outbox,
    ) -> Response {
        match self.match_response(response, via, method) {
            Some((id, owner, status)) => {
                let input = ClientInput::Response(status);
                if self.step_client(now, id, input, Some(response), out) {
                    Response::Deliver { id, owner }
                } else {
                    Response::Absorbed
                }
            }
            None => Response::Stray,
        }
    }

    /// The transport could not send this client transaction's request.
    pub fn transport_failed(&mut self, now: Instant, id: TransactionId) {
        // A failure ends the machine or changes nothing; it never sends.
        let mut unused = Outbox::default();
        self.step_client(now, id, ClientInput::TransportError, None, &mut unused);
    }

    /// The network reported that a request with this branch and method did not arrive (RFC 3261 18.4).
    /// Where that was to go, if a transaction failed for it: only one that sent it as a datagram and has had no
    /// response at all. A peer that has answered is there, whatever became of a copy.
    pub fn unreachable(
        &mut self,
        now: Instant,
        method: Method<'_>,
        branch: &[u8],
    ) -> Option<Destination> {
        let found = self.clients.find(&key::client(branch, method), |client| {
            !client.to.transport().is_reliable() && client.machine.is_unanswered()
        });
        let id = found?;
        let to = self.clients.get(id)?.to;
        self.transport_failed(now, id);
        Some(to)
    }

    /// A connection is gone: what was sent over it and has had no response at all fails. A peer that has
    /// sent a provisional response may come back and send the final one over another connection
    /// (RFC 3261 18.2.2).
    pub fn connection_failed(&mut self, now: Instant, connection: ConnectionId) {
        let failed = self.clients.names_of(|client| {
            let is_over = matches!(client.to, Destination::Flow { flow, .. } if flow.connection == Some(connection));
            is_over && client.machine.is_unanswered()
        });
        for id in failed {
            self.transport_failed(now, id);
        }
    }

    pub(super) fn client_timer(
        &mut self,
        now: Instant,
        id: TransactionId,
        timer: Timer,
        out: &mut Outbox,
    ) {
        self.step_client(now, id, ClientInput::Timer(timer), None, out);
    }

    fn match_response(
        &self,
        response: Message<'_>,
        via: &ViaRef<'_>,
        method: Method<'_>,
    ) -> Option<(TransactionId, Owner, u16)> {
        let status = response.status()?;
        let key = key::client(via.branch()?, method);
        let id = self.clients.find(&key, |_| true)?;
        Some((id, self.clients.get(id)?.owner, status))
    }

    /// One transition; whether the response is to be delivered.
    fn step_client(
        &mut self,
        now: Instant,
        id: TransactionId,
        input: ClientInput,
        response: Option<Message<'_>>,
        out: &mut Outbox,
    ) -> bool {
        let Some(client) = self.clients.get_mut(id) else {
            return false;
        };
        let env = env(self.config, client.to.transport());
        let Some((next, actions)) = client.machine.on(input, &env) else {
            return false;
        };
        client.machine = next;
        let deliver = actions.contains(ClientAction::Deliver);
        self.perform_client(now, id, &actions, response, out);
        self.settle_client(id);
        deliver
    }

    /// Does what the machine asks for because of `response`, if one came.
    fn perform_client(
        &mut self,
        now: Instant,
        id: TransactionId,
        actions: &ClientActions,
        response: Option<Message<'_>>,
        out: &mut Outbox,
    ) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let owner = client.owner;
        for action in actions.iter() {
            match action {
                ClientAction::Send => out.transmit(client.to, Some(id.into()), &client.message),
                ClientAction::Acknowledge => {
                    // A copy's ACK is made from the last one, which has all that is taken from the INVITE.
                    if let Some(ack) = response
                        .and_then(|response| ack::build(&mut self.index, &client.message, response))
                    {
                        out.transmit(client.to, None, &ack);
                        keep(&mut client.message, ack, &mut self.messages);
                    }
                }
                ClientAction::Deliver => {}
                ClientAction::ReportTimeout => {
                    self.events.push_back(Event::ClientTimeout { id, owner });
                }
                ClientAction::ReportFailure => {
                    self.events.push_back(Event::ClientFailed { id, owner });
                }
                ClientAction::Start(timer, after) => {
                    let at = comes(now, timer, after);
                    self.clock.start(&mut client.due, id, timer, at);
                }
                ClientAction::Stop(timer) => self.clock.stop(&mut client.due, timer),
            }
        }
        self.tidy();
    }

    /// Lets go of what a transaction needs no more: all of it when it is over.
    fn settle_client(&mut self, id: TransactionId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if client.machine.is_terminated() {
            let owner = client.owner;
            self.messages = self.messages.saturating_sub(client.held());
            self.clock.stop_all(&client.due);
            self.clients.remove(id);
            self.tidy();
            self.events.push_back(Event::ClientGone { id, owner });
        } else if !client.machine.keeps_message() {
            keep(&mut client.message, Box::default(), &mut self.messages);
        }
    }
}

impl Client {
    /// How many bytes of messages it holds.
    pub(super) fn held(&self) -> usize {
        self.message.len()
    }
}
