//! One turn of a worker: a batch of inputs handled under the shards' locks, and what they made sent when
//! a shard is let go.

use super::{
    Worker, refuse,
    report::{self, Problem},
    shard::{Core, Shard},
    traffic::Way,
};
use crate::{resolve::Place, transport::udp_send::Sender};
use bellhop_core::{
    engine::LookedUp,
    event::Level,
    flow::{ConnectionId, Destination, Flow},
    lease::{Demand, Outcome},
    outbox::{Outbox, Ticket, Token, Unstored},
    share::Note,
    time::Now,
};
use bellhop_wire::Error;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::MutexGuard,
    time::Duration,
};

/// A worker's turn. [`Turn::end`] sends what it made.
#[must_use = "what a turn made is sent by its end"]
pub(crate) struct Turn<'w> {
    worker: &'w Rc<Worker>,
    now: Now,
    room: Box<Room>,
    held: Option<(usize, MutexGuard<'w, Shard>)>,
    /// How many transmits have been sent.
    sent: usize,
}

/// What turns use one after another, so that none allocates.
pub(crate) struct Room {
    outbox: Outbox,
    failed: Vec<Token>,
    sender: Sender,
}

impl Room {
    /// Empty room.
    pub(crate) fn new() -> Self {
        Self {
            outbox: Outbox::default(),
            failed: Vec::new(),
            sender: Sender::new(),
        }
    }
}

impl<'w> Turn<'w> {
    /// A turn at this moment.
    pub(crate) fn begin(worker: &'w Rc<Worker>) -> Self {
        let mut room = worker.room.take().unwrap_or_else(|| Box::new(Room::new()));
        room.outbox.min_level = match worker.observer {
            Some(_) => Level::Debug,
            None => report::lowest_level(),
        };
        Self {
            worker,
            now: worker.clock.now(),
            room,
            held: None,
            sent: 0,
        }
    }

    /// Hands one framed message to its shard.
    pub(crate) fn receive(&mut self, flow: Flow, bytes: &[u8]) {
        self.worker.counters.received.one();
        let traffic = &self.worker.traffic;
        traffic.count(Way::In, flow.transport, bytes);
        if let Some(observer) = &self.worker.observer {
            observer.received(&flow, bytes);
        }
        let shard = self.worker.shards.of(bytes);
        let sound = self.with(shard, |core, now, out| core.receive(now, flow, bytes, out));
        if !sound {
            report::panicked(&flow, bytes);
        }
    }

    /// Answers the message at the head of a stream that cannot be followed any more; the stream is closed
    /// after it, so the core has no part in it.
    pub(crate) fn unframed(&mut self, flow: Flow, head: &[u8], error: Error) {
        self.release();
        let mut answer = Vec::new();
        if refuse::answer(head, flow.remote, error, &mut answer) {
            let to = Destination::Flow {
                flow,
                else_connect: None,
            };
            let traffic = &self.worker.traffic;
            traffic.count(Way::Out, flow.transport, &answer);
            if !self.worker.push(&to, &answer, None) {
                self.worker.counters.dropped_unsendable.one();
            }
        }
        report::problem(Problem::Unframed(flow.remote, error));
    }

    /// Tells all shards that a connection is gone.
    pub(crate) fn connection_closed(&mut self, id: ConnectionId) {
        for shard in 0..self.worker.shards.len() {
            self.with(shard, |core, now, out| core.connection_closed(now, id, out));
        }
    }

    /// Tells a shard that a message could not be sent.
    pub(crate) fn transmit_failed(&mut self, token: Token) {
        self.with(shard_of_tag(token.0), |core, now, out| {
            core.transmit_failed(now, token, out);
        });
    }

    /// Tells the shard that sent it that a datagram did not arrive; these bytes of it are known. All are
    /// asked until one says that it was his: the Call-ID may stand beyond the bytes that are quoted.
    pub(crate) fn unreachable(&mut self, bytes: &[u8]) {
        let likely = self.worker.shards.of(bytes);
        for shard in (likely..self.worker.shards.len()).chain(0..likely) {
            let mut was_his = false;
            self.with(shard, |core, now, out| {
                was_his = core.unreachable(now, bytes, out);
            });
            if was_his {
                break;
            }
        }
    }

    /// Tells a shard what a name stands for.
    pub(crate) fn resolved(&mut self, ticket: Ticket, places: &[Place]) {
        self.with(shard_of_tag(ticket.0), |core, now, out| {
            core.resolved(now, ticket, places, out);
        });
    }

    /// Tells a shard that a plugin's answer is there.
    pub(crate) fn consulted(&mut self, ticket: Ticket) {
        self.with(shard_of_tag(ticket.0), |core, now, out| {
            core.consulted(now, ticket, out);
        });
    }

    /// Has told what a plugin has published.
    pub(crate) fn published(&mut self) {
        self.with(0, |core, now, out| core.published(now, out));
    }

    /// Hands a shard what another has to say.
    pub(crate) fn note(&mut self, note: Note) {
        let shard = usize::from(note.shard);
        self.with(shard, |core, now, out| core.note(now, note, out));
    }

    /// Tells a shard whether what a request waits for is on disk.
    pub(crate) fn persisted(&mut self, ticket: Ticket, stored: Result<(), Unstored>) {
        self.with(shard_of_tag(ticket.0), |core, now, out| {
            core.persisted(now, ticket, stored, out);
        });
    }

    /// Tells a shard what became of a look-up.
    pub(crate) fn looked_up(&mut self, ticket: Ticket, found: LookedUp) {
        self.with(shard_of_tag(ticket.0), |core, now, out| {
            core.looked_up(now, ticket, found, out);
        });
    }

    /// Serves a shard's deadline if it has come.
    pub(crate) fn timeout(&mut self, shard: usize) {
        self.release();
        let Some(mut guard) = self.worker.shards.lock(shard) else {
            return;
        };
        // Set anew when the shard is released.
        guard.armed = None;
        let due = guard.core.next_timeout();
        if due.is_none_or(|due| due > self.now.instant) {
            self.held = Some((shard, guard));
            return;
        }
        self.held = Some((shard, guard));
        if !self.with(shard, |core, now, out| core.handle_timeout(now, out)) {
            report::timeout_panicked(shard);
            if let Some((_, guard)) = &mut self.held {
                guard.rests_until = self.now.instant.after(REST);
            }
        }
    }

    /// Sends everything, and again what the core makes of what could not be sent.
    pub(crate) fn end(mut self) {
        loop {
            self.release();
            for event in &self.room.outbox.events {
                report::event(event);
                if let Some(observer) = &self.worker.observer {
                    observer.event(event);
                }
            }
            for resolve in self.room.outbox.resolves.drain(..) {
                self.worker.resolve(resolve);
            }
            for sought in self.room.outbox.lookups.drain(..) {
                self.worker.elsewhere.seeker.seek(sought);
            }
            for wake in self.room.outbox.wakes.drain(..) {
                self.worker.elsewhere.notifier.wake(wake);
            }
            let records = self.room.outbox.records.drain(..);
            self.worker.elsewhere.ledger.submit(records);
            let persists = self.room.outbox.persists.drain(..);
            let unstored = self.worker.store.submit(persists);
            self.worker
                .counters
                .dropped_core
                .add(self.room.outbox.dropped);
            let outbox = &self.room.outbox;
            let traffic = &self.worker.traffic;
            traffic.decided(outbox.challenged, &outbox.drops);
            let outbox = &self.room.outbox;
            let is_said =
                outbox.demands.is_empty() && outbox.outcomes.is_empty() && outbox.notes.is_empty();
            let notes = std::mem::take(&mut self.room.outbox.notes);
            let demands = std::mem::take(&mut self.room.outbox.demands);
            let outcomes = std::mem::take(&mut self.room.outbox.outcomes);
            self.room.outbox.clear();
            self.sent = 0;
            if self.room.failed.is_empty() && is_said && unstored.is_empty() {
                break;
            }
            for ticket in unstored {
                self.persisted(ticket, Err(NO_ROOM));
            }
            self.between_shards(demands, outcomes);
            // Who is wanted answers, and what is told wants nothing: this comes to an end, too.
            for note in notes {
                self.note(note);
            }
            // A failed message makes the core try another target or answer the caller; each failure
            // ends one branch, so this comes to an end.
            let mut failed = std::mem::take(&mut self.room.failed);
            for token in failed.drain(..) {
                self.transmit_failed(token);
            }
            if self.room.failed.is_empty() {
                self.room.failed = failed;
            }
        }
        self.worker.room.set(Some(self.room));
    }

    /// Tells shards what others want of their registrations at the PBX, and what became of that. A demand brings
    /// outcomes and an outcome no further demand that waits, so this comes to an end.
    fn between_shards(&mut self, demands: Vec<Demand>, outcomes: Vec<Outcome>) {
        for demand in demands {
            let home = usize::from(demand.home);
            self.with(home, |core, now, out| core.demand(now, demand, out));
        }
        for outcome in outcomes {
            let shard = shard_of_tag(outcome.ticket.0);
            self.with(shard, |core, now, out| core.outcome(now, outcome, out));
        }
    }

    /// Runs the core of a shard; `false` if it panicked, and then its output is dropped.
    fn with(&mut self, index: usize, run: impl FnOnce(&mut dyn Core, Now, &mut Outbox)) -> bool {
        if self.held.as_ref().is_none_or(|(held, _)| *held != index) {
            self.release();
            self.held = self.worker.shards.lock(index).map(|guard| (index, guard));
        }
        let Some((_, shard)) = &mut self.held else {
            return true;
        };
        let (transmits, bytes) = (
            self.room.outbox.transmits.len(),
            self.room.outbox.bytes.len(),
        );
        let now = self.now;
        let outbox = &mut self.room.outbox;
        let core = shard.core.as_mut();
        // The core is a value of tables; a message that makes it panic leaves at worst an entry of its
        // own behind, which a timer removes. The others go on.
        let sound = catch_unwind(AssertUnwindSafe(|| run(core, now, outbox))).is_ok();
        if !sound {
            self.worker.counters.panics.one();
            self.room.outbox.transmits.truncate(transmits);
            self.room.outbox.bytes.truncate(bytes);
        }
        sound
    }

    /// Sets the shard's timer, lets it go, and sends what it made. A shard's messages leave in the order
    /// they were decided in, whichever worker sends them: the gate is entered before the shard is let go,
    /// and the shard serves others while we send.
    fn release(&mut self) {
        let Some((index, mut guard)) = self.held.take() else {
            return;
        };
        self.worker.shards.arm(index, &mut guard);
        let Room {
            outbox,
            failed,
            sender,
        } = &mut *self.room;
        let made = outbox.transmits.get(self.sent..).unwrap_or_default();
        if !made.is_empty() {
            let gate = self.worker.shards.gate(index);
            drop(guard);
            self.worker.send(outbox, made, sender, failed);
            drop(gate);
        }
        self.sent = outbox.transmits.len();
    }
}

/// The store has no room: it is far behind.
const NO_ROOM: Unstored = Unstored { retry_after: 10 };

/// How long a shard whose timer panicked is left alone.
const REST: Duration = Duration::from_secs(1);

/// The shard that a token or ticket names in its top 16 bits.
fn shard_of_tag(tag: u64) -> usize {
    usize::try_from(tag >> 48).unwrap_or(usize::MAX)
}
