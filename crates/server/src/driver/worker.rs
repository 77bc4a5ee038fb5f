//! What one worker thread has, and its tasks: datagrams, timers, look-ups.

use super::{
    Clock, Observer, Shards, Traffic, Turn,
    report::{self, Problem},
    turn::Room,
};
use crate::{
    resolve::{Answer, Asker, Question, Resolver},
    serve::Elsewhere,
    store::Store,
    transport::{
        Counters, Rules, StreamLimits,
        connection::{Closed, Connection},
        errors::{self, Errors},
        table::Table,
        tcp,
        udp::{BATCH, Inbox},
    },
};
use bellhop_core::{
    flow::{Flow, ListenerId, Transport},
    outbox::Resolve,
};
use bellhop_wire::{Frame, Limits, frame};
use nix::errno::Errno;
use std::{
    cell::Cell,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{io::Interest, net::UdpSocket, task::spawn_local, time};

/// What the tasks of one worker thread share.
pub(crate) struct Worker {
    /// All shards.
    pub(crate) shards: Arc<Shards>,
    /// All connections.
    pub(crate) table: Arc<Table>,
    /// The program's clock.
    pub(crate) clock: Clock,
    /// The program's counters.
    pub(crate) counters: Arc<Counters>,
    /// What this worker moved.
    pub(crate) traffic: Arc<Traffic>,
    /// Who watches.
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// Bounds on connections.
    pub(crate) limits: StreamLimits,
    /// Bounds on messages, for streams opened from now on.
    pub(crate) message: Arc<Mutex<Limits>>,
    /// What each listener asks of WebSockets, for those opened from now on.
    pub(crate) rules: Arc<Mutex<WebRules>>,
    /// This worker's UDP sockets, by listener.
    pub(crate) udp: Vec<Option<UdpSocket>>,
    /// The listeners' addresses.
    pub(crate) locals: Arc<[SocketAddr]>,
    /// What turns use.
    pub(crate) room: Cell<Option<Box<Room>>>,
    /// Where stream tasks read to, one after another.
    pub(crate) scratch: Cell<Vec<u8>>,
    /// Looks names up, elsewhere.
    pub(crate) resolver: Resolver,
    /// Looks users up and wakes phones.
    pub(crate) elsewhere: Elsewhere,
    /// Keeps what must outlive us.
    pub(crate) store: Store,
}

/// What each listener asks of WebSockets, in the order of the configuration; `None`: it takes none.
pub(crate) type WebRules = Vec<Option<Arc<Rules>>>;

impl Worker {
    /// The bounds on messages.
    pub(crate) fn message_limits(&self) -> Limits {
        let limits = self.message.lock().unwrap_or_else(PoisonError::into_inner);
        limits.clone()
    }

    /// What a listener asks of a WebSocket.
    pub(crate) fn rules(&self, listener: ListenerId) -> Option<Arc<Rules>> {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.get(usize::from(listener.0)).cloned().flatten()
    }

    /// Reads and serves one UDP listener for ever.
    pub(crate) async fn serve_udp(self: Rc<Self>, listener: ListenerId) {
        let Some(Some(socket)) = self.udp.get(usize::from(listener.0)) else {
            return;
        };
        let (mut inbox, mut errors) = (Inbox::new(), Errors::new());
        loop {
            match socket.ready(Interest::READABLE | Interest::ERROR).await {
                Ok(ready) if ready.is_error() => self.undelivered(socket, &mut errors),
                Ok(_) => {}
                Err(error) => {
                    self.unread(error);
                    time::sleep(PAUSE).await;
                    continue;
                }
            }
            let mut is_empty = false;
            for _ in 0..BATCHES {
                match socket.try_io(Interest::READABLE, || inbox.receive(socket)) {
                    Ok(count) => self.datagrams(listener, &inbox, count),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        is_empty = true;
                        break;
                    }
                    // Its report is in the error queue.
                    Err(error) if is_earlier(&error) => {}
                    Err(error) => {
                        self.unread(error);
                        time::sleep(PAUSE).await;
                        break;
                    }
                }
            }
            // Streams and timers have their turn. Who waits for more lets them have it anyway, and yielding
            // before that would ask the system for news twice.
            if !is_empty {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Serves the deadlines of one shard for ever.
    pub(crate) async fn serve_timers(self: Rc<Self>, shard: usize) {
        loop {
            let armed = self.shards.lock(shard).and_then(|guard| guard.armed);
            match armed {
                None => self.shards.sooner(shard).await,
                Some(at) => {
                    tokio::select! {
                        () = self.shards.sooner(shard) => continue,
                        () = time::sleep_until(self.clock.deadline(at)) => {}
                    }
                    let mut turn = Turn::begin(&self);
                    turn.timeout(shard);
                    turn.end();
                }
            }
        }
    }

    /// Has a name looked up, and tells the shard that asked.
    pub(crate) fn resolve(self: &Rc<Self>, resolve: Resolve) {
        let question = Question {
            host: resolve.host,
            port: resolve.port,
            transport: resolve.transport,
        };
        let heard = self.resolver.ask(question, Asker::Request);
        if heard.is_none() {
            self.counters.refused_lookups.one();
            report::problem(Problem::Resolver);
        }
        let worker = Rc::clone(self);
        spawn_local(async move {
            let answer = match heard {
                Some(heard) => heard.await.unwrap_or(Answer::none()),
                None => Answer::none(),
            };
            let mut turn = Turn::begin(&worker);
            turn.resolved(resolve.ticket, &answer.places);
            turn.end();
        });
    }

    /// Opens a connection that the table has just named.
    pub(crate) fn open(self: &Rc<Self>, connection: Arc<Connection>) {
        spawn_local(tcp::open(Rc::clone(self), connection));
    }

    /// A connection is gone: nothing finds it any more, and the core hears of it and of what was lost.
    pub(crate) fn gone(self: &Rc<Self>, connection: &Connection, why: Closed) {
        self.table.remove(connection.id());
        self.counters.closed(&why);
        if why == Closed::Unread {
            report::problem(Problem::Unread(connection.flow().remote));
        }
        tracing::debug!(
            target: "bellhop::transport",
            flow = %report::Path(&connection.flow()),
            "connection closed: {why}"
        );
        let tokens = connection.finish(why);
        let mut turn = Turn::begin(self);
        turn.connection_closed(connection.id());
        for token in tokens {
            turn.transmit_failed(token);
        }
        turn.end();
    }

    /// Tells the core of datagrams that did not arrive, a batch of reports at most.
    fn undelivered(self: &Rc<Self>, socket: &UdpSocket, errors: &mut Errors) {
        let mut turn = Turn::begin(self);
        for _ in 0..BATCH {
            // Readiness ends with an empty queue, and with an error too: that could come again at once.
            let taken = socket.try_io(Interest::ERROR, || {
                errors.take(socket).map_err(|error| {
                    if error.kind() != io::ErrorKind::WouldBlock {
                        self.unread(error);
                    }
                    io::ErrorKind::WouldBlock.into()
                })
            });
            match taken {
                Ok(Some(report)) => {
                    tracing::debug!(
                        target: "bellhop::transport",
                        to = %report.to,
                        "a datagram did not arrive: {}",
                        report.why.desc()
                    );
                    turn.unreachable(errors.quoted(&report));
                }
                Ok(None) => {}
                Err(_) => break,
            }
        }
        turn.end();
    }

    /// The system gave an error in place of a datagram.
    fn unread(&self, error: io::Error) {
        self.counters.receive_errors.one();
        report::problem(Problem::Receive(error));
    }

    fn datagrams(self: &Rc<Self>, listener: ListenerId, inbox: &Inbox, count: usize) {
        self.traffic.batch(count);
        let mut turn = Turn::begin(self);
        for (bytes, remote) in inbox.datagrams(count.min(BATCH)) {
            // Keep-alives over UDP ask for no answer (RFC 5626 4.4.1 is for streams).
            if let Frame::Message(message) = frame::datagram(bytes) {
                let flow = Flow {
                    listener,
                    transport: Transport::Udp,
                    remote,
                    connection: None,
                };
                turn.receive(flow, message);
            }
        }
        turn.end();
    }
}

/// Whether an error in reading belongs to a datagram that was sent.
fn is_earlier(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    errno.is_some_and(errors::is_earlier)
}

/// Batches read from one socket before others have their turn.
const BATCHES: usize = 4;
/// After an error that may come again at once.
const PAUSE: Duration = Duration::from_millis(100);
