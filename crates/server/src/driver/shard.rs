//! The shards: each a core behind its lock, with the moment its timer is set to.

use super::Live;
use crate::resolve::Place;
use bellhop_core::{
    auth::Authenticator,
    b2bua::{CallKey, SavedBond, SavedCall},
    config::Config,
    engine::{Engine, LookedUp},
    flow::{ConnectionId, Flow},
    lease::{Demand, Outcome},
    outbox::{Outbox, Ticket, Token, Unstored},
    share::Note,
    time::{Instant, Now},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What the shell drives: the engine of one shard, or a test's own.
pub(crate) trait Core: Send {
    /// One framed message from a flow.
    fn receive(&mut self, now: Now, flow: Flow, bytes: &[u8], out: &mut Outbox);
    /// A message could not be sent.
    fn transmit_failed(&mut self, now: Now, token: Token, out: &mut Outbox);
    /// A datagram that begins like this did not arrive; whether it was a live request of this shard.
    fn unreachable(&mut self, now: Now, bytes: &[u8], out: &mut Outbox) -> bool;
    /// A connection is gone.
    fn connection_closed(&mut self, now: Now, connection: ConnectionId, out: &mut Outbox);
    /// A name was looked up; no addresses if it has none.
    fn resolved(&mut self, now: Now, ticket: Ticket, places: &[Place], out: &mut Outbox);
    /// A plugin's answer is there.
    fn consulted(&mut self, now: Now, ticket: Ticket, out: &mut Outbox);
    /// A user has been looked up.
    fn looked_up(&mut self, now: Now, ticket: Ticket, found: LookedUp, out: &mut Outbox);
    /// Another shard, or this one, wants something of the registrations at the PBX that live here.
    fn demand(&mut self, now: Now, demand: Demand, out: &mut Outbox) {
        let _ = (now, demand, out);
    }
    /// What became of what this shard wanted.
    fn outcome(&mut self, now: Now, outcome: Outcome, out: &mut Outbox) {
        let _ = (now, outcome, out);
    }
    /// A plugin has published something.
    fn published(&mut self, now: Now, out: &mut Outbox) {
        let _ = (now, out);
    }
    /// What a shard has to say of subscriptions that are shared.
    fn note(&mut self, now: Now, note: Note, out: &mut Outbox) {
        let _ = (now, note, out);
    }
    /// The bindings of a REGISTER that waits are on disk, or not.
    fn persisted(
        &mut self,
        now: Now,
        ticket: Ticket,
        stored: Result<(), Unstored>,
        out: &mut Outbox,
    ) {
        let _ = (now, ticket, stored, out);
    }
    /// A deadline passed.
    fn handle_timeout(&mut self, now: Now, out: &mut Outbox);
    /// The next deadline.
    fn next_timeout(&self) -> Option<Instant>;
    /// The configuration has changed.
    fn reconfigure(&mut self, config: Arc<Config>, auth: Arc<Authenticator>);
    /// What it holds.
    fn live(&self) -> Live {
        Live::default()
    }
    /// How a call stands, to be written; `None`: it is over.
    fn save_call(&self, now: Now, key: CallKey) -> Option<SavedCall> {
        let _ = (now, key);
        None
    }
    /// Whether there is such a call.
    fn has_call(&self, key: CallKey) -> bool {
        let _ = key;
        false
    }
    /// All calls that are to be kept.
    fn kept_calls(&self) -> Vec<CallKey> {
        Vec::new()
    }
    /// How a relayed subscription of two dialogs stands, to be written; `None`: it is over.
    fn save_bond(&self, now: Now, key: CallKey) -> Option<SavedBond> {
        let _ = (now, key);
        None
    }
    /// Whether there is such a subscription.
    fn has_bond(&self, key: CallKey) -> bool {
        let _ = key;
        false
    }
    /// All such subscriptions that are to be kept.
    fn kept_bonds(&self) -> Vec<CallKey> {
        Vec::new()
    }
}

impl Core for Engine {
    fn receive(&mut self, now: Now, flow: Flow, bytes: &[u8], out: &mut Outbox) {
        self.receive(now, flow, bytes, out);
    }

    fn transmit_failed(&mut self, now: Now, token: Token, out: &mut Outbox) {
        self.transmit_failed(now, token, out);
    }

    fn unreachable(&mut self, now: Now, bytes: &[u8], out: &mut Outbox) -> bool {
        self.unreachable(now, bytes, out)
    }

    fn connection_closed(&mut self, now: Now, connection: ConnectionId, out: &mut Outbox) {
        let lost = self.connection_closed(now, connection, out);
        if lost > 0 {
            tracing::info!(
                target: "bellhop::sip",
                bindings = lost,
                "a connection is gone, and with it the bindings that were registered over it"
            );
        }
    }

    fn resolved(&mut self, now: Now, ticket: Ticket, places: &[Place], out: &mut Outbox) {
        self.resolved(now, ticket, places, out);
    }

    fn consulted(&mut self, now: Now, ticket: Ticket, out: &mut Outbox) {
        self.consulted(now, ticket, out);
    }

    fn looked_up(&mut self, now: Now, ticket: Ticket, found: LookedUp, out: &mut Outbox) {
        self.looked_up(now, ticket, found, out);
    }

    fn demand(&mut self, now: Now, demand: Demand, out: &mut Outbox) {
        self.demand(now, demand, out);
    }

    fn published(&mut self, now: Now, out: &mut Outbox) {
        self.published(now, out);
    }

    fn note(&mut self, now: Now, note: Note, out: &mut Outbox) {
        self.note(now, note, out);
    }

    fn outcome(&mut self, now: Now, outcome: Outcome, out: &mut Outbox) {
        self.outcome(now, outcome, out);
    }

    fn persisted(
        &mut self,
        now: Now,
        ticket: Ticket,
        stored: Result<(), Unstored>,
        out: &mut Outbox,
    ) {
        self.persisted(now, ticket, stored, out);
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Outbox) {
        self.handle_timeout(now, out);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.next_timeout()
    }

    fn reconfigure(&mut self, config: Arc<Config>, auth: Arc<Authenticator>) {
        self.reconfigure(config, auth);
    }

    fn save_call(&self, now: Now, key: CallKey) -> Option<SavedCall> {
        self.save_call(now, key)
    }

    fn has_call(&self, key: CallKey) -> bool {
        self.has_call(key)
    }

    fn kept_calls(&self) -> Vec<CallKey> {
        self.kept_calls()
    }

    fn save_bond(&self, now: Now, key: CallKey) -> Option<SavedBond> {
        self.save_bond(now, key)
    }

    fn has_bond(&self, key: CallKey) -> bool {
        self.has_bond(key)
    }

    fn kept_bonds(&self) -> Vec<CallKey> {
        self.kept_bonds()
    }

    fn live(&self) -> Live {
        let (server, client, contexts) = self.live();
        Live {
            server,
            client,
            contexts,
            held: self.held(),
        }
    }
}

/// All shards.
pub(crate) struct Shards {
    slots: Vec<Slot>,
    of: fn(&[u8], usize) -> usize,
}

/// A shard under its lock.
pub(crate) struct Shard {
    /// The core.
    pub(crate) core: Box<dyn Core>,
    /// When its home worker wakes next for it.
    pub(crate) armed: Option<Instant>,
    /// Its timer is not served before: a core whose timer panics would else be called without end.
    pub(crate) rests_until: Instant,
}

struct Slot {
    shard: Mutex<Shard>,
    /// Held by the worker that sends what the shard made.
    gate: Mutex<()>,
    /// The deadline became earlier.
    sooner: Notify,
}

impl Shards {
    /// Shards of these cores; `of` says which one a message belongs to.
    pub(crate) fn new(cores: Vec<Box<dyn Core>>, of: fn(&[u8], usize) -> usize) -> Self {
        let slot = |core: Box<dyn Core>| Slot {
            shard: Mutex::new(Shard {
                // Some cores want to act before anything comes.
                armed: core.next_timeout(),
                core,
                rests_until: Instant::default(),
            }),
            gate: Mutex::new(()),
            sooner: Notify::new(),
        };
        Self {
            slots: cores.into_iter().map(slot).collect(),
            of,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The shard of a message.
    pub(crate) fn of(&self, message: &[u8]) -> usize {
        if self.len() == 1 {
            return 0;
        }
        (self.of)(message, self.len())
    }

    /// Locks one shard; `None` if there is none of that number.
    pub(crate) fn lock(&self, index: usize) -> Option<MutexGuard<'_, Shard>> {
        let slot = self.slots.get(index)?;
        Some(slot.shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enters the gate of a shard that is still locked; whoever holds it sends first.
    pub(crate) fn gate(&self, index: usize) -> Option<MutexGuard<'_, ()>> {
        let slot = self.slots.get(index)?;
        Some(slot.gate.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets a locked shard's timer; wakes its home worker if the deadline became earlier.
    pub(crate) fn arm(&self, index: usize, shard: &mut Shard) {
        let Some(next) = shard.core.next_timeout() else {
            return;
        };
        let next = next.max(shard.rests_until);
        if shard.armed.is_none_or(|armed| next < armed) {
            shard.armed = Some(next);
            if let Some(slot) = self.slots.get(index) {
                slot.sooner.notify_one();
            }
        }
    }

    /// Waits until a shard's deadline became earlier.
    pub(crate) async fn sooner(&self, index: usize) {
        match self.slots.get(index) {
            Some(slot) => slot.sooner.notified().await,
            None => std::future::pending().await,
        }
    }
}
