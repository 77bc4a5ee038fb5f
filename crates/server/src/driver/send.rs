//! Sending what the core decided, to each peer in its order; and all that one turn decided leaves before anything
//! more is decided in its shard, so no answer to a relayed request overtakes the 100 to its sender.

use super::{
    Worker,
    report::{self, Problem},
    traffic::Way,
};
use crate::transport::{
    connection::{Connection, Pushed},
    udp_send::{Lost, Sender},
};
use bellhop_core::{
    flow::{Destination, ListenerId, Transport},
    outbox::{Outbox, Token, Transmit},
};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

impl Worker {
    /// Sends these messages of an outbox; `failed` gets the tokens of those that cannot be sent.
    pub(super) fn send(
        self: &Rc<Self>,
        outbox: &Outbox,
        transmits: &[Transmit],
        sender: &mut Sender,
        failed: &mut Vec<Token>,
    ) {
        if let Some(observer) = &self.observer {
            for transmit in transmits {
                observer.sent(&transmit.to, outbox.message(transmit));
            }
        }
        for run in
            transmits.chunk_by(|a, b| datagrams_of(a).is_some_and(|l| datagrams_of(b) == Some(l)))
        {
            for transmit in run {
                let (transport, message) = (transmit.to.transport(), outbox.message(transmit));
                self.traffic.count(Way::Out, transport, message);
            }
            match run {
                [first, ..] if datagrams_of(first).is_some() => {
                    self.send_datagrams(first.to.listener(), outbox, run, sender, failed);
                }
                run => {
                    for transmit in run {
                        if !self.push(&transmit.to, outbox.message(transmit), transmit.token) {
                            self.counters.dropped_unsendable.one();
                            failed.extend(transmit.token);
                        }
                    }
                }
            }
        }
    }

    /// Queues a message on the stream connection it is meant for, opening one where allowed.
    pub(super) fn push(
        self: &Rc<Self>,
        to: &Destination,
        message: &[u8],
        token: Option<Token>,
    ) -> bool {
        let (transport, remote, listener) = (to.transport(), to.remote(), to.listener());
        let alive = match to {
            // The number may be one that an earlier program gave, and be somebody else's now.
            Destination::Flow { flow, .. } => flow
                .connection
                .and_then(|id| self.table.find(id))
                .filter(|connection| connection.flow().remote == remote),
            Destination::Address { .. } => None,
        };
        let (connection, new) = match (alive, to) {
            (Some(connection), _) => (connection, false),
            (None, to) if to.transport().is_websocket() => return false,
            (None, to) => {
                let port = match to {
                    Destination::Flow { else_connect, .. } => *else_connect,
                    Destination::Address { .. } => Some(remote.port()),
                };
                let place = port.map(|port| SocketAddr::new(remote.ip(), port));
                match place.and_then(|place| self.dial(transport, place, listener)) {
                    Some(dialled) => dialled,
                    None => return false,
                }
            }
        };
        let pushed = connection.push(message, token, self.limits.queue);
        if new {
            self.open(connection);
        }
        if pushed == Pushed::Queued {
            self.counters.sent.one();
        }
        pushed == Pushed::Queued
    }

    /// The connection to a peer; `None`, counted and told: too many are open.
    fn dial(
        &self,
        transport: Transport,
        remote: SocketAddr,
        listener: ListenerId,
    ) -> Option<(Arc<Connection>, bool)> {
        let dialled = self.table.dial(transport, remote, listener);
        if dialled.is_none() {
            self.counters.refused_dials.one();
            report::problem(Problem::Dial(remote));
        }
        dialled
    }

    /// Sends one listener's datagrams.
    fn send_datagrams(
        &self,
        listener: ListenerId,
        outbox: &Outbox,
        run: &[Transmit],
        sender: &mut Sender,
        failed: &mut Vec<Token>,
    ) {
        let Some(Some(socket)) = self.udp.get(usize::from(listener.0)) else {
            for transmit in run {
                self.counters.dropped_unsendable.one();
                failed.extend(transmit.token);
                report::problem(Problem::NoSocket(transmit.to));
            }
            return;
        };
        self.counters.sent.add(run.len());
        let items = run.iter().map(|t| (outbox.message(t), t.to.remote(), t));
        sender.send(socket, items, |transmit, why| match why {
            Lost::Busy => self.counters.dropped_busy.one(),
            Lost::Unsendable(errno) => {
                self.counters.dropped_unsendable.one();
                failed.extend(transmit.token);
                report::problem(Problem::Unsendable(transmit.to.remote(), errno));
            }
        });
    }
}

/// The listener whose socket sends it, if it is a datagram.
fn datagrams_of(transmit: &Transmit) -> Option<ListenerId> {
    (transmit.to.transport() == Transport::Udp).then(|| transmit.to.listener())
}
