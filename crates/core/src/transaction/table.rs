//! The live transactions of one shard.

mod client;
mod server;

use super::{
    due::Clock,
    id::{Owner, Role, TransactionId},
    machine::{Env, Timer},
    pool::Pool,
    timer::TimerConfig,
};
use crate::{flow::Transport, outbox::Outbox, time::Instant};
use ahash::RandomState;
use bellhop_wire::Index;
use client::Client;
use server::Server;
use std::{collections::VecDeque, time::Duration};

/// The live transactions: matches what is received, sends what is to be sent and sent again, and tells
/// by [`Event`]s what comes of it.
///
/// After each call drain [`Table::poll_event`]; call [`Table::handle_timeout`] when
/// [`Table::next_timeout`] has come.
#[derive(Debug)]
pub struct Table {
    config: TimerConfig,
    servers: Pool<Server>,
    clients: Pool<Client>,
    clock: Clock,
    events: VecDeque<Event>,
    /// How many bytes the live ones may hold.
    capacity: usize,
    /// How many bytes of messages they hold.
    messages: usize,
    /// How many bytes others hold that count here too.
    besides: usize,
    /// For reading our own INVITE when its ACK is made.
    index: Index,
}

/// What a received request was to its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// No transaction has it.
    New,
    /// A retransmission: absorbed, the last response was sent again if there was any.
    Absorbed,
    /// An ACK that an INVITE server transaction took (RFC 3261 17.2.1).
    AckAbsorbed,
    /// An ACK for the transaction user: its INVITE was accepted (RFC 6026 7.1), or nothing has it.
    Ack,
}

/// What a received response was to its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// No transaction has it: to be dropped (RFC 6026 7.3).
    Stray,
    /// A copy of one that the user has.
    Absorbed,
    /// For the user. If it is final the transaction may be over already.
    Deliver {
        /// The transaction.
        id: TransactionId,
        /// Its owner.
        owner: Owner,
    },
}

/// What became of a transaction. The last event of each is `ClientGone` or `ServerGone`, unless it was
/// abandoned; from there on its id means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// No response in time, timer B or F: counts as a 408 (RFC 3261 8.1.3.1, 16.7).
    ClientTimeout {
        /// The transaction.
        id: TransactionId,
        /// Its owner.
        owner: Owner,
    },
    /// The request could not be sent: counts as a 503 (RFC 3261 8.1.3.1, 16.9).
    ClientFailed {
        /// The transaction.
        id: TransactionId,
        /// Its owner.
        owner: Owner,
    },
    /// A final response was never acknowledged, timer H.
    ServerTimeout {
        /// The transaction.
        id: TransactionId,
        /// Its owner.
        owner: Option<Owner>,
    },
    /// A client transaction is over.
    ClientGone {
        /// The transaction.
        id: TransactionId,
        /// Its owner.
        owner: Owner,
    },
    /// A server transaction is over.
    ServerGone {
        /// The transaction.
        id: TransactionId,
        /// Its owner.
        owner: Option<Owner>,
    },
}

impl Table {
    /// An empty table for at most `most` server and as many client transactions, which hold at most
    /// `capacity` bytes, one message more or less. `seeds` are secret: they keep peers from choosing keys
    /// of equal hash.
    pub fn new(config: TimerConfig, most: usize, capacity: usize, seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = seeds;
        let hasher = RandomState::with_seeds(a, b, c, d);
        Self {
            config,
            servers: Pool::new(Role::Server, most, hasher.clone()),
            clients: Pool::new(Role::Client, most, hasher),
            clock: Clock::new(),
            events: VecDeque::new(),
            capacity,
            messages: 0,
            besides: 0,
            index: Index::new(),
        }
    }

    /// Lets the timers that are due fire.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(deadline) = self.clock.pop_due(now) {
            let (id, timer) = deadline.key;
            let due = match id.role() {
                Role::Server => self.servers.get_mut(id).map(|server| &mut server.due),
                Role::Client => self.clients.get_mut(id).map(|client| &mut client.due),
            };
            if due.is_none_or(|due| !self.clock.fires(due, &deadline)) {
                continue;
            }
            match id.role() {
                Role::Server => self.server_timer(now, id, timer, out),
                Role::Client => self.client_timer(now, id, timer, out),
            }
        }
        self.tidy();
    }

    /// When [`Table::handle_timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.clock.next()
    }

    /// Whether the transaction user is to be told something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next thing that the transaction user is to be told.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Forgets a transaction at once and without an event, because its user gives it up.
    pub fn abandon(&mut self, id: TransactionId) {
        match id.role() {
            Role::Server => {
                if let Some(server) = self.servers.remove(id) {
                    self.messages = self.messages.saturating_sub(server.held());
                    self.clock.stop_all(&server.due);
                }
            }
            Role::Client => {
                if let Some(client) = self.clients.remove(id) {
                    self.messages = self.messages.saturating_sub(client.held());
                    self.clock.stop_all(&client.due);
                }
            }
        }
        self.tidy();
    }

    /// Whether no transaction of a request of ours has room.
    pub(crate) fn is_full(&self) -> bool {
        !self.has_room(Role::Client)
    }

    /// Keeps the earliest deadline one of a timer that runs.
    fn tidy(&mut self) {
        let (servers, clients) = (&self.servers, &self.clients);
        self.clock.tidy(|deadline| {
            let (id, _) = deadline.key;
            let due = match id.role() {
                Role::Server => servers.get(id).map(|server| &server.due),
                Role::Client => clients.get(id).map(|client| &client.due),
            };
            due.is_some_and(|due| due.has(deadline))
        });
    }

    /// How many bytes of messages a transaction holds.
    #[cfg(test)]
    pub(super) fn held_bytes(&self, id: TransactionId) -> Option<usize> {
        match id.role() {
            Role::Server => self.servers.get(id).map(Server::held),
            Role::Client => self.clients.get(id).map(Client::held),
        }
    }

    /// Changes how many bytes may be held; what is live stays.
    pub fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Counts bytes that the transactions' users hold for them, in place of those of the last call.
    pub fn count_besides(&mut self, bytes: usize) {
        self.besides = bytes;
    }

    /// How many bytes live transactions hold, about, timers included.
    pub fn held(&self) -> usize {
        let pools = self.servers.held().saturating_add(self.clients.held());
        pools.saturating_add(self.messages)
    }

    /// Whether there is room for one more transaction of this role. An eighth of it is for client
    /// transactions alone: what was taken in can be sent on.
    fn has_room(&self, role: Role) -> bool {
        let kept = match role {
            Role::Server => self.capacity >> 3,
            Role::Client => 0,
        };
        let held = self.held().saturating_add(self.besides);
        held < self.capacity.saturating_sub(kept)
    }

    /// How many server and client transactions are live.
    pub fn live(&self) -> (usize, usize) {
        (self.servers.len(), self.clients.len())
    }

    /// How many timers run.
    pub fn running_timers(&self) -> usize {
        self.clock.running()
    }

    /// How many deadlines take up memory, those of stopped timers included.
    pub fn held_deadlines(&self) -> usize {
        self.clock.held()
    }
}

/// Puts a message in place of another and counts its bytes.
fn keep(place: &mut Box<[u8]>, message: Box<[u8]>, total: &mut usize) {
    *total = total
        .saturating_sub(place.len())
        .saturating_add(message.len());
    *place = message;
}

fn env(config: TimerConfig, transport: Transport) -> Env {
    Env {
        timers: config,
        reliable: transport.is_reliable(),
    }
}

/// When a timer that is started now comes.
fn comes(now: Instant, timer: Timer, after: Duration) -> Instant {
    let at = now.after(after);
    if !timer.lingers() {
        return at;
    }
    let steps = at.as_micros().div_ceil(STEP);
    Instant::from_micros(steps.saturating_mul(STEP))
}

/// What only forgets does so for many transactions at once, every so many microseconds: each wake-up costs more than
/// what is done in it.
const STEP: u64 = 100_000;
