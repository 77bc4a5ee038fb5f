//! Answers to REGISTERs and SUBSCRIBEs that wait until what they promise is on disk: a 200 that a crash could
//! belie is not sent.

use super::{Engine, SHARD_MASK, kept::Then, local::Received};
use crate::{
    digits::decimal,
    event::{Decision, Event, Level, Registration},
    flow::Destination,
    outbox::{Changed, Outbox, Persist, Ticket, Transmit, Unstored},
    registrar::{Aor, Binding, Registered},
    share::Gone,
    time::{Instant, Now},
    transaction::TransactionId,
};
use std::{collections::VecDeque, ops::Range, sync::Arc, time::Duration};

/// The answers of one shard, in the order in which they were made; all have the same patience, so the first
/// is the first to be given up. Bounded in number and bytes.
#[derive(Debug, Default)]
pub(super) struct Holds {
    is_on: bool,
    /// The name of the first; those behind it have the names that follow.
    first: u64,
    waiting: VecDeque<Option<Hold>>,
    bytes: usize,
}

/// What waits, and until when.
#[derive(Debug)]
struct Hold {
    /// `None`: nobody is answered.
    answer: Option<Answer>,
    until: Instant,
    then: Then,
}

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The whole 200.
    text: Vec<u8>,
    /// The lines of it that any answer to its request has.
    common: Range<usize>,
    to: Destination,
    server: Option<TransactionId>,
    event: Option<Event>,
}

impl Holds {
    fn is_full(&self) -> bool {
        self.waiting.len() >= MOST || self.bytes >= MOST_BYTES
    }

    /// Keeps an answer; its name.
    fn push(&mut self, hold: Hold) -> u64 {
        let behind = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(hold.size());
        self.waiting.push_back(Some(hold));
        self.first.wrapping_add(behind) & SHARD_MASK
    }

    /// The answer of this name, if it still waits.
    fn take(&mut self, name: u64) -> Option<Hold> {
        let place = name.wrapping_sub(self.first) & SHARD_MASK;
        let place = usize::try_from(place).ok()?;
        let hold = self.waiting.get_mut(place)?.take()?;
        self.bytes = self.bytes.saturating_sub(hold.size());
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.first = self.first.wrapping_add(1) & SHARD_MASK;
        }
        Some(hold)
    }

    /// The name of the first, if its time is up.
    fn due(&self, now: Instant) -> Option<u64> {
        self.next()
            .is_some_and(|until| until <= now)
            .then_some(self.first)
    }

    /// When the first is given up.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.front()?.as_ref().map(|hold| hold.until)
    }

    /// How many wait, and the bytes that they hold.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.waiting.iter().flatten().count(), self.bytes)
    }
}

impl Hold {
    fn size(&self) -> usize {
        let text = self.answer.as_ref().map_or(0, |answer| answer.text.len());
        text.saturating_add(ENTRY)
    }
}

impl Engine {
    /// From now on a REGISTER, and a SUBSCRIBE that ends here, is answered 200 only after [`Engine::persisted`] has
    /// said that what it changed is on disk ([`Outbox::persists`] asks for that).
    pub fn set_durable(&mut self) {
        self.holds.is_on = true;
        self.shared.subscriptions.keep(self.shard);
    }

    /// What this ticket is of is on disk as it stood then, or why not. To be told once for each ticket; where nobody
    /// tells, who waits is refused after [`PATIENCE`].
    pub fn persisted(
        &mut self,
        now: Now,
        ticket: Ticket,
        stored: Result<(), Unstored>,
        out: &mut Outbox,
    ) {
        let first = out.transmits.len();
        if let Some(hold) = self.holds.take(ticket.0 & SHARD_MASK) {
            self.settle_held(now, hold, stored, out);
        }
        self.finish(now, first, out);
    }

    /// Whether nothing more can be promised now, for too many wait.
    pub(super) fn is_disk_behind(&self) -> bool {
        self.holds.is_on && self.holds.is_full()
    }

    /// Answers a REGISTER that was applied: at once, or, if it changed or confirmed bindings and these are to
    /// be durable, as soon as they are on disk. A copy of it that comes meanwhile waits as it does.
    pub(super) fn registered(
        &mut self,
        now: Now,
        received: &Received<'_>,
        aor: Aor,
        registered: Registered,
        out: &mut Outbox,
    ) {
        let message = received.message;
        let mut missed = None;
        if self.has_followers() && !registered.changes.is_empty() {
            missed = self.mailbox_for(&aor, &registered);
            self.tell_bound(&aor, Gone::Unregistered, out);
        }
        let (start, told) = (out.bytes.len(), out.events.len());
        let mut common = 0;
        self.write(received, 200, "OK", out, |engine, reply| {
            reply.lines_with(|out| common = out.len());
            registered.write(now.instant, message, reply);
            // RFC 3261 10.3 step 8.
            let date = engine.date.of(now.unix);
            reply.lines_with(|out| out.extend_from_slice(date));
        });
        let must_wait = self.holds.is_on && !registered.is_query;
        if !must_wait {
            self.deliver(received, 200, start, out);
        }
        let bindings = registered.bindings.len();
        let waits_for = must_wait.then(|| aor.clone());
        out.tell(message, received.flow, Level::Info, 200, || {
            Decision::Registered(Registration {
                aor,
                changes: registered.changes,
                bindings,
            })
        });
        if let Some(aor) = waits_for {
            let server = received.server;
            let answer = self.take_answer(received, (start, common, told), server, out);
            let what = Changed::Bindings(aor);
            self.hold(now, Some(answer), Then::Nothing, what, out);
        }
        if let Some(missed) = missed {
            self.tell_mailbox(now, missed, out);
        }
    }

    /// Whether anything is put on disk.
    pub(crate) fn is_durable(&self) -> bool {
        self.holds.is_on
    }

    /// Takes the answer that begins at `start`, the end of whose common lines is at `common`, and the event that was
    /// told of it if there are more than `told`, out of the outbox.
    pub(super) fn take_answer(
        &self,
        received: &Received<'_>,
        (start, common, told): (usize, usize, usize),
        server: Option<TransactionId>,
        out: &mut Outbox,
    ) -> Answer {
        let event = (out.events.len() > told)
            .then(|| out.events.pop())
            .flatten();
        let text = out.bytes.split_off(start);
        let line = memchr::memchr(b'\n', &text).map_or(0, |end| end.saturating_add(1));
        Answer {
            common: line..common.saturating_sub(start),
            text,
            to: received.reply_to,
            server,
            event,
        }
    }

    /// Has something put on disk; the answer is sent, and what is to be done then is done, when it is there.
    pub(super) fn hold(
        &mut self,
        now: Now,
        answer: Option<Answer>,
        then: Then,
        what: Changed,
        out: &mut Outbox,
    ) {
        let name = self.holds.push(Hold {
            answer,
            until: now.instant.after(PATIENCE),
            then,
        });
        let ticket = Some(Ticket(self.in_shard(name)));
        out.persists.push(Persist { ticket, what });
    }

    /// Has the AoRs of bindings that went without a REGISTER written anew; nobody waits for that.
    pub(super) fn forget_on_disk(&self, lost: Vec<(Aor, Arc<Binding>)>, out: &mut Outbox) {
        if self.holds.is_on {
            let forget = |(aor, _)| Persist {
                ticket: None,
                what: Changed::Bindings(aor),
            };
            out.persists.extend(lost.into_iter().map(forget));
        }
    }

    /// Refuses those whose patience has ended.
    pub(super) fn give_up_on_disk(&mut self, now: Now, out: &mut Outbox) {
        while let Some(hold) = self
            .holds
            .due(now.instant)
            .and_then(|name| self.holds.take(name))
        {
            let late = Err(Unstored {
                retry_after: RETRY_AFTER,
            });
            self.settle_held(now, hold, late, out);
        }
    }

    fn settle_held(
        &mut self,
        now: Now,
        hold: Hold,
        stored: Result<(), Unstored>,
        out: &mut Outbox,
    ) {
        if let Some(answer) = hold.answer {
            self.answer_held(now, answer, stored, hold.then, out);
        }
        self.settle_then(now, hold.then, stored.is_ok(), out);
    }

    fn answer_held(
        &mut self,
        now: Now,
        answer: Answer,
        stored: Result<(), Unstored>,
        then: Then,
        out: &mut Outbox,
    ) {
        let what = match then {
            Then::Nothing => "registration",
            Then::Watcher { .. } => "subscription",
        };
        let start = out.bytes.len();
        let status = match stored {
            Ok(()) => {
                out.bytes.extend_from_slice(&answer.text);
                200
            }
            Err(Unstored { retry_after }) => {
                // Some of them later, lest all come at once.
                let seconds = u64::from(retry_after.max(1));
                let later = self.entropy.next_u64().checked_rem(seconds);
                let seconds = seconds.saturating_add(later.unwrap_or_default());
                out.bytes.extend_from_slice(b"SIP/2.0 503 The ");
                out.bytes.extend_from_slice(what.as_bytes());
                out.bytes.extend_from_slice(b" cannot be stored\r\n");
                let common = answer.text.get(answer.common.clone());
                out.bytes.extend_from_slice(common.unwrap_or_default());
                out.bytes.extend_from_slice(b"Retry-After: ");
                out.bytes.extend_from_slice(&decimal(seconds));
                out.bytes
                    .extend_from_slice(b"\r\nContent-Length: 0\r\n\r\n");
                503
            }
        };
        match answer.server {
            Some(server) => {
                let text = out.bytes.split_off(start);
                self.table.respond(now.instant, server, status, &text, out);
            }
            None => out.transmits.push(Transmit {
                to: answer.to,
                bytes: start..out.bytes.len(),
                token: None,
            }),
        }
        out.events.extend(answer.event.map(|event| match stored {
            Ok(()) => event,
            Err(_) => Event {
                level: Level::Warn,
                status,
                decision: Decision::Refused(format!("the {what} cannot be stored")),
                ..event
            },
        }));
    }
}

/// How long a request waits for the disk: shorter than the client's own patience (64 T1, RFC 3261 17.1.2.2),
/// so that it hears why.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Seconds after which a client whose request was given up may come again, at the earliest.
const RETRY_AFTER: u32 = 10;
/// Requests that may wait.
const MOST: usize = 16_384;
/// Bytes of their answers.
const MOST_BYTES: usize = 32 << 20;
/// What is kept beside an answer, about.
const ENTRY: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{ListenerId, Transport};

    fn hold(until: u64, bytes: usize) -> Hold {
        Hold {
            answer: Some(Answer {
                text: vec![b'x'; bytes],
                common: 0..0,
                to: Destination::Address {
                    listener: ListenerId(0),
                    transport: Transport::Udp,
                    remote: ([192, 0, 2, 1], 5060).into(),
                },
                server: None,
                event: None,
            }),
            until: Instant::from_micros(until),
            then: Then::Nothing,
        }
    }

    #[test]
    fn an_answer_is_found_by_its_name_whatever_the_order_and_only_once() {
        let mut holds = Holds::default();
        let names: Vec<u64> = (0..4).map(|n| holds.push(hold(n, 10))).collect();
        assert_eq!(holds.take(names[2]).unwrap().until, Instant::from_micros(2));
        assert!(holds.take(names[2]).is_none());
        assert_eq!(holds.take(names[0]).unwrap().until, Instant::from_micros(0));
        assert!(holds.take(names[0]).is_none());
        assert_eq!(holds.due(Instant::from_micros(1)), Some(names[1]));
        assert_eq!(holds.take(names[1]).unwrap().until, Instant::from_micros(1));
        // What was answered behind it went with it.
        assert_eq!(holds.next(), Some(Instant::from_micros(3)));
        assert!(holds.take(names[3]).is_some());
        assert_eq!((holds.held(), holds.next()), ((0, 0), None));
        let next = holds.push(hold(9, 1));
        assert!(!names.contains(&next));
    }

    #[test]
    fn there_is_an_end_to_how_many_wait_and_to_their_bytes() {
        let mut many = Holds::default();
        let mut large = Holds::default();
        while !many.is_full() {
            many.push(hold(0, 1));
        }
        while !large.is_full() {
            large.push(hold(0, 60_000));
        }
        assert_eq!(many.held().0, MOST);
        assert!(large.held().1 < MOST_BYTES + 61_000);
        many.take(many.first);
        assert!(!many.is_full());
    }

    #[test]
    fn a_name_that_was_never_given_finds_nothing() {
        let mut holds = Holds::default();
        holds.push(hold(0, 1));
        assert!(holds.take(1).is_none());
        assert!(holds.take(SHARD_MASK).is_none());
        assert!(holds.take(u64::MAX).is_none());
    }
}
