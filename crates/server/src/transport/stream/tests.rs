//! The deadlines of a stream, on paused time: a moment passes as soon as nobody has anything to do.

mod web;

use super::*;
use crate::{
    driver::{Clock, Core, OsEntropy, Shards},
    resolve::{Bounds, Place, Reach, Resolver},
    transport::{Counters, StreamLimits, table::Table},
};
use bellhop_core::{
    auth::Authenticator,
    config::Config,
    engine::LookedUp,
    flow::{ConnectionId, Flow, ListenerId, Transport},
    outbox::{Outbox, Ticket, Token},
    time::{self, Now},
};
use std::{cell::Cell, future::Future, path::Path, sync::Mutex};
use tokio::{
    net::TcpListener,
    runtime,
    task::{LocalSet, spawn_local},
};

/// A core that hears all and says nothing.
struct Mute;

impl Core for Mute {
    fn receive(&mut self, _: Now, _: Flow, _: &[u8], _: &mut Outbox) {}
    fn transmit_failed(&mut self, _: Now, _: Token, _: &mut Outbox) {}
    fn unreachable(&mut self, _: Now, _: &[u8], _: &mut Outbox) -> bool {
        false
    }
    fn connection_closed(&mut self, _: Now, _: ConnectionId, _: &mut Outbox) {}
    fn resolved(&mut self, _: Now, _: Ticket, _: &[Place], _: &mut Outbox) {}
    fn consulted(&mut self, _: Now, _: Ticket, _: &mut Outbox) {}
    fn looked_up(&mut self, _: Now, _: Ticket, _: LookedUp, _: &mut Outbox) {}

    fn handle_timeout(&mut self, _: Now, _: &mut Outbox) {}
    fn next_timeout(&self) -> Option<time::Instant> {
        None
    }
    fn reconfigure(&mut self, _: Arc<Config>, _: Arc<Authenticator>) {}
}

fn worker() -> Rc<Worker> {
    let limits = StreamLimits::default();
    let entropy = Box::new(OsEntropy::new());
    let nowhere = Path::new("/nonexistent/resolv.conf");
    Rc::new(Worker {
        shards: Arc::new(Shards::new(vec![Box::new(Mute)], |_, _| 0)),
        table: Arc::new(Table::new(&limits)),
        clock: Clock::start(),
        counters: Arc::new(Counters::default()),
        traffic: Arc::default(),
        observer: None,
        limits,
        message: Arc::new(Mutex::new(Limits::default())),
        rules: Arc::default(),
        udp: Vec::new(),
        locals: Arc::new([]),
        room: Cell::new(None),
        scratch: Cell::default(),
        resolver: Resolver::new(nowhere, Reach::of(&[]), Bounds::default(), entropy),
        elsewhere: crate::serve::Elsewhere::new(crate::driver::Answers::new(0).0),
        store: crate::store::Store::default(),
    })
}

/// After how many seconds a peer that does this is cut off, and how often that was a deadline.
fn cut_after<F: Future<Output = ()> + 'static>(
    peer: impl FnOnce(Arc<TcpStream>) -> F,
) -> (u64, u64) {
    cut_as(None, peer)
}

fn cut_as<F: Future<Output = ()> + 'static>(
    rules: Option<Arc<Rules>>,
    peer: impl FnOnce(Arc<TcpStream>) -> F,
) -> (u64, u64) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let stream = Arc::new(TcpStream::connect(at).await.unwrap());
        let (accepted, remote) = listener.accept().await.unwrap();
        let worker = worker();
        let connection = worker.table.accept(Transport::Tcp, remote, ListenerId(0));
        let start = Instant::now();
        let connection = connection.unwrap();
        spawn_local(serve(Rc::clone(&worker), connection, accepted, rules));
        spawn_local(peer(Arc::clone(&stream)));
        let mut byte = [0; 64];
        loop {
            stream.readable().await.unwrap();
            match stream.try_read(&mut byte) {
                // A reset is the end of one who went on writing.
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Ok(_) | Err(_) => {}
            }
        }
        let seconds = start.elapsed().as_secs_f64().round() as u64;
        assert!(worker.table.all().is_empty());
        (seconds, worker.counters.closed_late.value())
    })
}

/// Sends these bytes one by one, a second between each two.
async fn drip(stream: &TcpStream, bytes: impl IntoIterator<Item = u8>) {
    for byte in bytes {
        stream.writable().await.unwrap();
        if stream.try_write(&[byte]).is_err() {
            return;
        }
        sleep_until(Instant::now() + Duration::from_secs(1)).await;
    }
}

const MESSAGE: &[u8] =
    b"OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nl: 0\r\n\r\n";

#[test]
fn one_who_says_nothing_is_cut_off_after_30_s() {
    assert_eq!(cut_after(|_| async {}), (30, 1));
}

#[test]
fn a_message_that_is_not_whole_after_10_s_ends_the_connection() {
    let half = |stream: Arc<TcpStream>| async move {
        stream.try_write(&MESSAGE[..20]).unwrap();
    };
    assert_eq!(cut_after(half), (10, 1));
}

#[test]
fn a_byte_each_second_does_not_put_the_end_off() {
    let slow = |stream: Arc<TcpStream>| async move {
        drip(&stream, MESSAGE.iter().copied()).await;
    };
    assert_eq!(cut_after(slow), (10, 1));
}

#[test]
fn a_body_that_drips_is_cut_off_as_a_head_is() {
    let slow = |stream: Arc<TcpStream>| async move {
        let head = MESSAGE.strip_suffix(b"l: 0\r\n\r\n").unwrap();
        stream
            .try_write(&[head, b"l: 500\r\n\r\n"].concat())
            .unwrap();
        drip(&stream, std::iter::repeat(b'x')).await;
    };
    assert_eq!(cut_after(slow), (10, 1));
}

#[test]
fn keep_alives_are_no_message() {
    let pinging = |stream: Arc<TcpStream>| async move {
        drip(&stream, b"\r\n\r\n".iter().copied().cycle()).await;
    };
    assert_eq!(cut_after(pinging), (30, 1));
}

#[test]
fn one_who_has_spoken_may_be_silent_for_two_hours() {
    let once = |stream: Arc<TcpStream>| async move {
        stream.try_write(MESSAGE).unwrap();
    };
    assert_eq!(cut_after(once), (7_200, 1));
}

#[test]
fn the_second_message_has_10_s_as_the_first_had() {
    let slow = |stream: Arc<TcpStream>| async move {
        stream.try_write(MESSAGE).unwrap();
        sleep_until(Instant::now() + Duration::from_secs(100)).await;
        drip(&stream, MESSAGE.iter().copied()).await;
    };
    assert_eq!(cut_after(slow), (110, 1));
}
