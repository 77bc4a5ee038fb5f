//! One stream connection as the rest of the program sees it: a bounded queue towards its peer. Whoever
//! sends only appends to the queue, so a peer that does not read holds up nobody but itself.

mod closed;

pub(crate) use closed::Closed;

use super::{budget::Budget, websocket};
use bellhop_core::{
    flow::{ConnectionId, Flow, ListenerId, Transport},
    outbox::Token,
};
use bellhop_wire::frame::PONG;
use std::{
    collections::VecDeque,
    mem,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A connection, open or still being opened.
#[derive(Debug)]
pub(crate) struct Connection {
    id: ConnectionId,
    transport: Transport,
    remote: SocketAddr,
    listener: ListenerId,
    accepted: bool,
    proven: AtomicBool,
    welcome: AtomicBool,
    /// A WebSocket whose handshake is over.
    upgraded: AtomicBool,
    budget: Arc<Budget>,
    queue: Mutex<Queue>,
    wake: Notify,
}

/// What became of a message given to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It will be written if the connection lives.
    Queued,
    /// Too much waits already: the connection is closed now, the message is lost.
    Overflow,
    /// The connection is closed: the message is lost.
    Closed,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Bytes that the connection's task has taken and not yet written.
    in_flight: usize,
    /// Whose messages wait or were written lately, oldest first.
    tokens: VecDeque<(Instant, Token)>,
    closed: Option<Closed>,
}

impl Connection {
    /// A connection. `accepted`: the peer opened it.
    pub(crate) fn new(
        id: ConnectionId,
        transport: Transport,
        remote: SocketAddr,
        listener: ListenerId,
        accepted: bool,
        budget: Arc<Budget>,
    ) -> Self {
        Self {
            id,
            transport,
            remote,
            listener,
            accepted,
            proven: AtomicBool::new(!accepted),
            welcome: AtomicBool::new(!accepted),
            upgraded: AtomicBool::new(false),
            budget,
            queue: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Its identity.
    pub(crate) const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whether the peer opened it.
    pub(crate) const fn accepted(&self) -> bool {
        self.accepted
    }

    /// What messages from it carry.
    pub(crate) const fn flow(&self) -> Flow {
        Flow {
            listener: self.listener,
            transport: self.transport,
            remote: self.remote,
            connection: Some(self.id),
        }
    }

    /// Whether it ever delivered a whole message (one that we opened counts as proven).
    pub(crate) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// It delivered a whole message.
    pub(crate) fn prove(&self) {
        if !self.is_proven() {
            self.proven.store(true, Ordering::Relaxed);
        }
    }

    /// Whether we ever had more to say to it than a refusal (one that we opened counts as welcome). A
    /// stranger delivers whole messages too, and hears challenges.
    pub(crate) fn is_welcome(&self) -> bool {
        self.welcome.load(Ordering::Relaxed)
    }

    /// What it shares with all connections.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Queues a message for writing; `limit` bytes may wait, fewer if all connections hold too much.
    pub(crate) fn push(&self, message: &[u8], token: Option<Token>, limit: usize) -> Pushed {
        let is_framed = self.transport.is_websocket();
        self.append(message.len(), token, limit, |bytes| {
            if !self.is_welcome() && !is_refusal(message) {
                self.welcome.store(true, Ordering::Relaxed);
            }
            match is_framed {
                true => websocket::write(message, bytes),
                false => bytes.extend_from_slice(message),
            }
        })
    }

    /// Queues what is no message, as it is: a WebSocket's handshake, its control frames.
    pub(crate) fn push_octets(&self, octets: &[u8], limit: usize) -> Pushed {
        self.append(octets.len(), None, limit, |bytes| {
            bytes.extend_from_slice(octets);
        })
    }

    /// A WebSocket's handshake is over.
    pub(crate) fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    /// Says that the program ends, where there is a way to say it.
    pub(crate) fn say_goodbye(&self, limit: usize) {
        if self.upgraded.load(Ordering::Relaxed) {
            self.push_octets(&websocket::going_away(), limit);
        }
    }

    fn append(
        &self,
        length: usize,
        token: Option<Token>,
        limit: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Pushed {
        let mut queue = self.queue();
        if queue.closed.is_some() {
            return Pushed::Closed;
        }
        let limit = match self.budget.is_spent() {
            true => limit.min(Budget::LITTLE),
            false => limit,
        };
        let waiting = queue.bytes.len().saturating_add(queue.in_flight);
        if waiting.saturating_add(length) > limit {
            queue.closed = Some(Closed::Unread);
            drop(queue);
            self.wake.notify_one();
            return Pushed::Overflow;
        }
        let before = queue.bytes.len();
        write(&mut queue.bytes);
        self.budget.take(queue.bytes.len().saturating_sub(before));
        if let Some(token) = token {
            queue.remember(token);
        }
        drop(queue);
        if before == 0 {
            self.wake.notify_one();
        }
        Pushed::Queued
    }

    /// Ends the connection; the first reason given stays.
    pub(crate) fn close(&self, why: Closed) {
        self.queue().closed.get_or_insert(why);
        self.wake.notify_one();
    }

    /// Waits until there is something to write or the connection is closed.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Takes all that waits into `into` (which is empty); what was taken before has been written.
    ///
    /// # Errors
    /// The connection has been closed.
    pub(crate) fn take(&self, into: &mut Vec<u8>) -> Result<(), Closed> {
        let mut queue = self.queue();
        if let Some(why) = &queue.closed {
            return Err(why.clone());
        }
        self.budget.give(queue.in_flight);
        mem::swap(&mut queue.bytes, into);
        queue.in_flight = into.len();
        Ok(())
    }

    /// Takes what waits though the connection is being closed, for a last try to write it.
    pub(crate) fn take_rest(&self, into: &mut Vec<u8>) {
        let mut queue = self.queue();
        mem::swap(&mut queue.bytes, into);
        queue.in_flight = queue.in_flight.saturating_add(into.len());
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_drained(&self) -> bool {
        let queue = self.queue();
        queue.bytes.is_empty() && queue.in_flight == 0
    }

    /// The connection is gone: nothing is queued any more, and the tokens returned are of messages that
    /// were not written, or were written so lately that the answer may be lost with the connection.
    pub(crate) fn finish(&self, why: Closed) -> Vec<Token> {
        let mut queue = self.queue();
        queue.closed.get_or_insert(why);
        let held = queue.bytes.len().saturating_add(queue.in_flight);
        self.budget.give(held);
        queue.bytes = Vec::new();
        queue.in_flight = 0;
        let tokens = mem::take(&mut queue.tokens);
        drop(queue);
        let now = Instant::now();
        tokens
            .into_iter()
            .filter(|(at, _)| now.saturating_duration_since(*at) < TRANSACTION)
            .map(|(_, token)| token)
            .collect()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn remember(&mut self, token: Token) {
        let now = Instant::now();
        while let Some((at, _)) = self.tokens.front() {
            let old = now.saturating_duration_since(*at) >= TRANSACTION;
            if !old && self.tokens.len() < REMEMBERED {
                break;
            }
            self.tokens.pop_front();
        }
        self.tokens.push_back((now, token));
    }
}

/// Whether a message says no: a final response other than 2xx, or the answer to a keep-alive.
fn is_refusal(message: &[u8]) -> bool {
    match message.strip_prefix(b"SIP/2.0 ") {
        Some(rest) => !matches!(rest.first(), Some(b'1' | b'2')),
        None => message == PONG,
    }
}

/// 64*T1, how long a client transaction can wait for its answer (RFC 3261 17.1.1.2, 17.1.2.2).
const TRANSACTION: Duration = Duration::from_secs(32);
/// Tokens kept for one connection; more transactions than this at once lean on their timers.
const REMEMBERED: usize = 4096;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let remote = "192.0.2.1:5060".parse().unwrap();
        let budget = Arc::new(Budget::new(30_000));
        let (id, listener) = (ConnectionId(1), ListenerId(0));
        Connection::new(id, Transport::Tcp, remote, listener, true, budget)
    }

    #[test]
    fn a_full_queue_closes_the_connection() {
        let c = connection();
        assert_eq!(c.push(b"0123456789", None, 15), Pushed::Queued);
        assert_eq!(c.push(b"0123456789", None, 15), Pushed::Overflow);
        assert_eq!(c.push(b"0", None, 15), Pushed::Closed);
        assert_eq!(c.take(&mut Vec::new()), Err(Closed::Unread));
    }

    #[test]
    fn bytes_being_written_count_as_waiting() {
        let c = connection();
        assert_eq!(c.push(b"0123456789", None, 15), Pushed::Queued);
        let mut out = Vec::new();
        c.take(&mut out).unwrap();
        assert_eq!(out, b"0123456789");
        assert!(!c.is_drained());
        assert_eq!(c.push(b"0123456789", None, 15), Pushed::Overflow);
    }

    #[test]
    fn when_all_hold_too_much_one_may_hold_little() {
        let c = connection();
        let message = [b'x'; 9_000];
        for _ in 0..4 {
            assert_eq!(c.push(&message, None, 100_000), Pushed::Queued);
        }
        assert_eq!(c.push(&message, None, 100_000), Pushed::Overflow);
        c.finish(Closed::ByPeer);
        assert_eq!(c.budget().held(), 0);
    }

    #[test]
    fn what_is_written_is_held_no_longer() {
        let c = connection();
        c.push(b"0123456789", None, 100);
        let mut out = Vec::new();
        c.take(&mut out).unwrap();
        assert_eq!(c.budget().held(), 10);
        out.clear();
        c.take(&mut out).unwrap();
        assert_eq!(c.budget().held(), 0);
        c.push(b"0123456789", None, 100);
        c.take_rest(&mut out);
        c.finish(Closed::ByPeer);
        assert_eq!(c.budget().held(), 0);
    }

    #[test]
    fn tokens_of_messages_lost_with_the_connection_are_told() {
        let c = connection();
        c.push(b"written", Some(Token(1)), 100);
        c.take(&mut Vec::new()).unwrap();
        c.push(b"waiting", Some(Token(2)), 100);
        assert_eq!(c.finish(Closed::ByPeer), [Token(1), Token(2)]);
        assert_eq!(c.finish(Closed::ByPeer), []);
    }

    #[test]
    fn a_peer_is_welcome_once_it_hears_more_than_refusals_and_pongs() {
        for (message, is_welcome) in [
            (&b"SIP/2.0 401 Unauthorized\r\n"[..], false),
            (b"SIP/2.0 503 x\r\n", false),
            (PONG, false),
            (b"SIP/2.0 100 Trying\r\n", true),
            (b"SIP/2.0 200 OK\r\n", true),
            (b"INVITE sip:a SIP/2.0\r\n", true),
        ] {
            let c = connection();
            c.push(message, None, 100);
            assert_eq!(c.is_welcome(), is_welcome, "{}", message.escape_ascii());
        }
    }

    #[test]
    fn a_connection_remembers_a_bounded_number_of_tokens() {
        let c = connection();
        for n in 0..5000 {
            c.push(b"", Some(Token(n)), 100);
        }
        let told = c.finish(Closed::ByPeer);
        assert_eq!(told.len(), REMEMBERED);
        assert_eq!(told.last(), Some(&Token(4999)));
    }
}
