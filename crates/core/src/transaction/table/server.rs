//! The server side of the table.

use super::{Event, Request, Table, comes, env, keep};
use crate::{
    flow::Destination,
    outbox::Outbox,
    time::Instant,
    transaction::{
        due::Due,
        id::{Owner, Role, TransactionId},
        key::ServerKey,
        machine::{self, ServerAction, ServerActions, ServerInput, Timer},
    },
};
use bellhop_wire::{Limits, Message, Method, ViaRef, message::Owned};

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    machine: machine::Server,
    owner: Option<Owner>,
    reply_to: Destination,
    created: Instant,
    /// What was sent last; empty when it will not be sent again.
    last: Box<[u8]>,
    /// Its status; 0 before there was any.
    status: u16,
    /// To tags by which an RFC 2543 client's INVITE and ACK are matched.
    legacy: Option<Box<LegacyTags>>,
    /// Its timers.
    pub(super) due: Due,
}

/// To tags of an INVITE without a unique branch (RFC 3261 17.2.3).
#[derive(Debug, Default)]
struct LegacyTags {
    /// In the INVITE, and so in its copies and its CANCEL.
    request: Box<[u8]>,
    /// In our last response, and so in its ACK.
    response: Box<[u8]>,
}

impl Table {
    /// Matches a request with a live server transaction (RFC 3261 17.2.3) and feeds it. An ACK never
    /// makes a transaction; a CANCEL has its own. `via` is the request's topmost.
    pub fn receive_request(
        &mut self,
        now: Instant,
        request: Message<'_>,
        via: &ViaRef<'_>,
        out: &mut Outbox,
    ) -> Request {
        let Some(method) = request.method() else {
            return Request::New;
        };
        let is_ack = method == Method::Ack;
        let class = if is_ack { Method::Invite } else { method };
        let Some(id) = self.find_server(request, via, class, is_ack) else {
            return if is_ack { Request::Ack } else { Request::New };
        };
        let input = if is_ack {
            ServerInput::Ack
        } else {
            ServerInput::Request
        };
        let to_user = self.step_server(now, id, input, out);
        match (is_ack, to_user) {
            (false, _) => Request::Absorbed,
            (true, false) => Request::AckAbsorbed,
            (true, true) => Request::Ack,
        }
    }

    /// The INVITE server transaction that this CANCEL means (RFC 3261 9.2), whatever its state.
    pub fn cancelled_by(
        &self,
        cancel: Message<'_>,
        via: &ViaRef<'_>,
    ) -> Option<(TransactionId, Option<Owner>)> {
        let id = self.find_server(cancel, via, Method::Invite, false)?;
        Some((id, self.servers.get(id)?.owner))
    }

    /// Makes the server transaction of a request that [`Table::receive_request`] called new, and that is
    /// not an ACK. `None` if the table is full, or if the request has got its transaction meanwhile.
    pub fn create_server(
        &mut self,
        now: Instant,
        request: Message<'_>,
        via: &ViaRef<'_>,
        reply_to: Destination,
        owner: Option<Owner>,
    ) -> Option<TransactionId> {
        let method = request.method().filter(|method| *method != Method::Ack)?;
        let key = ServerKey::of(request, via, method)?;
        if !self.has_room(Role::Server) || self.find_by_key(&key, request, false).is_some() {
            return None;
        }
        let is_invite = method == Method::Invite;
        let legacy = (key.legacy && is_invite).then(|| {
            Box::new(LegacyTags {
                request: request.to_tag().unwrap_or_default().into(),
                response: Box::default(),
            })
        });
        let env = env(self.config, reply_to.transport());
        let (machine, actions) = machine::Server::start(is_invite, &env);
        let server = Server {
            machine,
            owner,
            reply_to,
            created: now,
            last: Box::default(),
            status: 0,
            legacy,
            due: Due::default(),
        };
        let id = self.servers.insert(&key.bytes, server)?;
        // One that has only begun sends nothing.
        let due = &mut self.servers.get_mut(id)?.due;
        for action in actions.iter() {
            if let ServerAction::Start(timer, after) = action {
                let at = comes(now, timer, after);
                self.clock.start(due, id, timer, at);
            }
        }
        self.tidy();
        Some(id)
    }

    /// Names the owner of a server transaction that had none, or another one.
    pub fn set_owner(&mut self, id: TransactionId, owner: Owner) {
        if let Some(server) = self.servers.get_mut(id) {
            server.owner = Some(owner);
        }
    }

    /// Sends a response of the transaction user through its server transaction. False if the transaction
    /// is gone or may not send this response now, e.g. a 1xx after a final one, or to a non-INVITE a 408
    /// (RFC 4320 4.2): nothing is sent then.
    pub fn respond(
        &mut self,
        now: Instant,
        id: TransactionId,
        status: u16,
        response: &[u8],
        out: &mut Outbox,
    ) -> bool {
        let Some(server) = self.servers.get_mut(id) else {
            return false;
        };
        let age = now.since(server.created);
        let input = ServerInput::Respond { status, age };
        let env = env(self.config, server.reply_to.transport());
        // Asked before anything is changed: what the user may not send leaves no trace.
        let Some((next, actions)) = server
            .machine
            .on(input, &env)
            .filter(|(_, actions)| actions.contains(ServerAction::Send))
        else {
            return false;
        };
        server.machine = next;
        server.status = status;
        let last = if next.repeats() {
            response.into()
        } else {
            Box::default()
        };
        keep(&mut server.last, last, &mut self.messages);
        if let Some(legacy) = &mut server.legacy {
            legacy.response = to_tag(response);
        }
        self.perform_server(now, id, &actions, response, out);
        self.settle_server(id);
        true
    }

    /// The status that a server transaction sent last; `None` before there was any.
    pub fn last_status(&self, id: TransactionId) -> Option<u16> {
        let status = self.servers.get(id)?.status;
        (status != 0).then_some(status)
    }

    pub(super) fn server_timer(
        &mut self,
        now: Instant,
        id: TransactionId,
        timer: Timer,
        out: &mut Outbox,
    ) {
        self.step_server(now, id, ServerInput::Timer(timer), out);
    }

    fn find_server(
        &self,
        request: Message<'_>,
        via: &ViaRef<'_>,
        method: Method<'_>,
        is_ack: bool,
    ) -> Option<TransactionId> {
        self.find_by_key(&ServerKey::of(request, via, method)?, request, is_ack)
    }

    fn find_by_key(
        &self,
        key: &ServerKey,
        request: Message<'_>,
        is_ack: bool,
    ) -> Option<TransactionId> {
        let to_tag = || request.to_tag().unwrap_or_default();
        self.servers
            .find(&key.bytes, |server| match &server.legacy {
                None => true,
                Some(tags) if is_ack => *tags.response == *to_tag(),
                Some(tags) => *tags.request == *to_tag(),
            })
    }

    /// One transition; whether an ACK is the transaction user's.
    fn step_server(
        &mut self,
        now: Instant,
        id: TransactionId,
        input: ServerInput,
        out: &mut Outbox,
    ) -> bool {
        let Some(server) = self.servers.get_mut(id) else {
            return false;
        };
        let env = env(self.config, server.reply_to.transport());
        let Some((next, actions)) = server.machine.on(input, &env) else {
            return false;
        };
        server.machine = next;
        self.perform_server(now, id, &actions, &[], out);
        self.settle_server(id);
        actions.contains(ServerAction::DeliverAck)
    }

    /// Does what the machine asks for.
    fn perform_server(
        &mut self,
        now: Instant,
        id: TransactionId,
        actions: &ServerActions,
        response: &[u8],
        out: &mut Outbox,
    ) {
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        for action in actions.iter() {
            match action {
                ServerAction::Send => out.transmit(server.reply_to, None, response),
                ServerAction::SendAgain => out.transmit(server.reply_to, None, &server.last),
                ServerAction::DeliverAck => {}
                ServerAction::ReportTimeout => self.events.push_back(Event::ServerTimeout {
                    id,
                    owner: server.owner,
                }),
                ServerAction::Start(timer, after) => {
                    let at = comes(now, timer, after);
                    self.clock.start(&mut server.due, id, timer, at);
                }
                ServerAction::Stop(timer) => self.clock.stop(&mut server.due, timer),
            }
        }
        self.tidy();
    }

    /// Lets go of what a transaction needs no more: all of it when it is over.
    fn settle_server(&mut self, id: TransactionId) {
        let Some(server) = self.servers.get_mut(id) else {
            return;
        };
        if server.machine.is_terminated() {
            let owner = server.owner;
            self.messages = self.messages.saturating_sub(server.held());
            self.clock.stop_all(&server.due);
            self.servers.remove(id);
            self.tidy();
            self.events.push_back(Event::ServerGone { id, owner });
        } else if !server.machine.repeats() {
            keep(&mut server.last, Box::default(), &mut self.messages);
        }
    }
}

impl Server {
    /// How many bytes of messages it holds.
    pub(super) fn held(&self) -> usize {
        self.last.len()
    }
}

/// The To tag of a response of ours; empty if it has none.
fn to_tag(response: &[u8]) -> Box<[u8]> {
    Owned::parse(response, &Limits::default())
        .ok()
        .and_then(|response| response.message().to_tag().map(Into::into))
        .unwrap_or_default()
}
