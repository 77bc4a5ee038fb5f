//! What the core wants done: messages to send and events to tell. The caller owns it, drains it after
//! each input and uses it again, so that in steady state nothing is allocated for output.

use crate::b2bua::{CallKey, CallRecord};
use crate::event::{Decision, Event, Level};
use crate::flow::{Destination, Flow, Transport};
use crate::lease::{Demand, Outcome};
use crate::push::Wake;
use crate::registrar::Aor;
use crate::share::{Key, Note, Tag};
use bellhop_wire::Message;
use std::ops::Range;
use std::sync::Arc;

/// Messages and events, in the order they were decided.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The bytes of all messages, one after another.
    pub bytes: Vec<u8>,
    /// The messages.
    pub transmits: Vec<Transmit>,
    /// Names to resolve.
    pub resolves: Vec<Resolve>,
    /// Names of users to look up.
    pub lookups: Vec<LookUp>,
    /// What is to be put on disk as it stands when that is done, or later; only where [`crate::engine::Engine::set_durable`] was called.
    pub persists: Vec<Persist>,
    /// What is wanted of leases at the PBX, each to be handed to [`crate::engine::Engine::demand`] of its home shard.
    pub demands: Vec<Demand>,
    /// What became of demands, each to be handed to [`crate::engine::Engine::outcome`] of the shard that its ticket
    /// names.
    pub outcomes: Vec<Outcome>,
    /// What shards have to say to each other of subscriptions that are shared, each to be handed to
    /// [`crate::engine::Engine::note`] of its shard.
    pub notes: Vec<Note>,
    /// Phones to wake.
    pub wakes: Vec<Wake>,
    /// Calls of two legs that are over.
    pub records: Vec<CallRecord>,
    /// What happened, for the log.
    pub events: Vec<Event>,
    /// Events below this level are not made at all. Whoever drains the outbox sets it once; clearing
    /// keeps it.
    pub min_level: Level,
    /// Messages that were neither answered nor relayed, whether or not an event tells of them.
    pub dropped: usize,
    /// Why, for each of them.
    pub drops: Vec<&'static str>,
    /// Requests whose sender was asked for credentials.
    pub challenged: usize,
}

/// A host name whose addresses a request waits for. The answer, an empty one too, goes to
/// [`crate::engine::Engine::resolved`]; if none comes the engine gives up by its own timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// Names the waiting request; its top 16 bits are the shard.
    pub ticket: Ticket,
    /// The name.
    pub host: String,
    /// The port, if the URI has one.
    pub port: Option<u16>,
    /// The transport, if the URI or the topmost Route names one.
    pub transport: Option<Transport>,
}

/// The name of a user that requests wait to have looked up. The answer goes to
/// [`crate::engine::Engine::looked_up`]; if none comes the engine gives up by its own timer.
#[derive(Clone, PartialEq, Eq)]
pub struct LookUp {
    /// Names the question; its top 16 bits are the shard.
    pub ticket: Ticket,
    /// What `name` is.
    pub kind: Sought,
    /// The digest username, quoted pairs resolved, any octets; or a token.
    pub name: Box<[u8]>,
}

/// By what a sender is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sought {
    /// His name, as his digest credentials say it.
    Name,
    /// His token (RFC 8898): a secret.
    Token,
}

impl std::fmt::Debug for LookUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("LookUp");
        shown
            .field("ticket", &self.ticket)
            .field("kind", &self.kind);
        if self.kind == Sought::Name {
            shown.field("name", &String::from_utf8_lossy(&self.name));
        }
        shown.finish_non_exhaustive()
    }
}

/// Something that has changed and is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persist {
    /// Names the request that waits for it, to be told to [`crate::engine::Engine::persisted`]; its top 16
    /// bits are the shard. `None`: nobody waits.
    pub ticket: Option<Ticket>,
    /// What has changed.
    pub what: Changed,
}

/// What has changed. How it is now is read where it is kept, when it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Changed {
    /// The bindings of an AoR ([`crate::registrar::Location`]).
    Bindings(Aor),
    /// A watcher ([`crate::share::Saves`]).
    Watcher(Tag),
    /// A subscription of ours at the PBX ([`crate::share::Saves`]).
    Source(Tag),
    /// A call of two legs ([`crate::engine::Engine::save_call`]).
    Call(CallKey),
    /// A relayed subscription of two dialogs ([`crate::engine::Engine::save_bond`]).
    Bond(CallKey),
    /// A subscription that is relayed ([`crate::subscription::Board::saved`]).
    Relayed(Tag),
    /// What is kept of this by other ways than a subscription ([`crate::share::Held`]).
    Held(Arc<Key>),
}

/// Something could not be put on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unstored {
    /// Seconds after which it may be tried again.
    pub retry_after: u32,
}

/// Names a request that waits for an answer from outside the core. Its top 16 bits are the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// One message to send.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Where to.
    pub to: Destination,
    /// Its place in [`Outbox::bytes`].
    pub bytes: Range<usize>,
    /// Who wants to hear if it cannot be sent (connect refused, reset, queue full); `None`: nobody.
    pub token: Option<Token>,
}

/// Names a client transaction towards the shell. Its top 16 bits are the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

impl Outbox {
    /// Queues a message that `write` appends to the buffer; nothing is queued if it gives an error.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn transmit_with<E>(
        &mut self,
        to: Destination,
        token: Option<Token>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        self.transmits.push(Transmit {
            to,
            bytes: start..self.bytes.len(),
            token,
        });
        Ok(())
    }

    /// Queues a message.
    pub fn transmit(&mut self, to: Destination, token: Option<Token>, message: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.transmits.push(Transmit {
            to,
            bytes: start..self.bytes.len(),
            token,
        });
    }

    /// Tells of one decision about a message. The text is made only if somebody reads it.
    pub(crate) fn tell(
        &mut self,
        message: Message<'_>,
        flow: Flow,
        level: Level,
        status: u16,
        decision: impl FnOnce() -> Decision,
    ) {
        if level >= self.min_level {
            let event = Event::about(message, flow, level, status, decision());
            self.events.push(event);
        }
    }

    /// Counts a message that is neither answered nor relayed, and tells of it.
    pub(crate) fn drop(
        &mut self,
        message: Message<'_>,
        flow: Flow,
        status: u16,
        why: &'static str,
    ) {
        self.count_drop(why);
        self.tell(message, flow, Level::Debug, status, || {
            Decision::Dropped(why)
        });
    }

    /// Counts a message that is neither answered nor relayed.
    pub(crate) fn count_drop(&mut self, why: &'static str) {
        self.dropped = self.dropped.saturating_add(1);
        self.drops.push(why);
    }

    /// The bytes of a queued message.
    pub fn message(&self, transmit: &Transmit) -> &[u8] {
        self.bytes.get(transmit.bytes.clone()).unwrap_or_default()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.transmits.clear();
        self.resolves.clear();
        self.lookups.clear();
        self.wakes.clear();
        self.persists.clear();
        self.demands.clear();
        self.outcomes.clear();
        self.notes.clear();
        self.records.clear();
        self.events.clear();
        self.dropped = 0;
        self.drops.clear();
        self.challenged = 0;
    }
}
