//! Connections that cost and bring nothing: idle ones, slow ones, more than there is room for, and one that
//! does not read (AST-2016-005: some sixty idle ones ended the service of others).

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

use bellhop_tests::Transport::Tcp;
use bellhop_tests::bellhop::Setup;
use bellhop_tests::{Bellhop, Lane, Phone, skip, until};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Half of them idle, half sending a byte each second of a message that they never end.
#[test]
fn ten_thousand_idle_and_dripping_connections_keep_no_phone_waiting() {
    let Some(crowd) = Crowd::or_skip(10_000) else {
        return;
    };
    let mut silent = crowd.open(5_000, |_| String::new());
    let mut dripping = crowd.open(5_000, |_| String::new());
    let message = b"REGISTER sip:bellhop.test SIP/2.0\r\nVia: SIP/2.0/TCP slow.test";
    let start = Instant::now();
    for (second, byte) in message.iter().take(SECONDS).enumerate() {
        for stream in &mut dripping {
            // Those that were cut off do not take it.
            let _ = stream.write_all(&[*byte]);
        }
        crowd.registers_within_a_second();
        let next = Duration::from_secs(second as u64 + 1);
        until("the next second", PATIENCE, || {
            (start.elapsed() >= next).then_some(())
        });
    }
    let is_cut = |streams: &mut [TcpStream]| {
        let cut = streams
            .iter_mut()
            .filter_map(|s| is_closed(s).then_some(()));
        cut.count()
    };
    until("all that drip are cut off", PATIENCE, || {
        (is_cut(&mut dripping) == dripping.len()).then_some(())
    });
    let early = is_cut(&mut silent);
    assert_eq!(early, 0, "who has begun no message has longer");
}

/// More than the program has room for, all of them speaking: strangers' messages buy no place for good.
#[test]
fn connections_beyond_all_room_push_out_each_other_and_no_phone() {
    let Some(crowd) = Crowd::or_skip(17_500) else {
        return;
    };
    let mut first = crowd.phone();
    first.register();
    let mut held = Vec::new();
    for _ in 0..7 {
        let mut more = crowd.open(2_500, stranger);
        // An answer, or the end.
        let is_told = |stream: &TcpStream| match stream.peek(&mut [0]) {
            Ok(_) => true,
            Err(error) => !is_busy(error.kind()),
        };
        until("all are told", PATIENCE, || {
            more.iter().all(is_told).then_some(())
        });
        held.append(&mut more);
        crowd.registers_within_a_second();
    }
    let pushed_out = held.iter_mut().filter_map(|s| is_closed(s).then_some(()));
    assert!(pushed_out.count() >= 1_000);
    assert!(crowd.bellhop.log().contains("another needs its place"));
    // Its connection is still the same.
    first.register();
}

/// RFC 3261 says nothing of it; the first of the pitfalls that others paid for does.
#[test]
fn of_fifty_peers_one_that_never_reads_delays_no_other() {
    let Some(crowd) = Crowd::or_skip(100) else {
        return;
    };
    let mut phones: Vec<Phone> = (0..49).map(|n| crowd.phone_of(n)).collect();
    phones.iter_mut().for_each(|phone| drop(phone.register()));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    socket
        .connect(&crowd.lane.bellhop().into())
        .expect("a connection");
    let mut deaf = TcpStream::from(socket);
    deaf.set_write_timeout(Some(LOOK)).expect("a timeout");
    let mut slowest = Duration::ZERO;
    let batch: String = (0..100).map(stranger).collect();
    let start = Instant::now();
    for round in 0.. {
        assert!(start.elapsed() < 3 * PATIENCE, "it is never shed");
        if let Err(error) = deaf.write_all(batch.as_bytes()) {
            // A full buffer is no end; what stands behind half a message cannot be read, and need not be.
            if !is_busy(error.kind()) {
                break;
            }
        }
        let began = Instant::now();
        phones[round % 49].register();
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < SECOND, "{slowest:?}");
    crowd.registers_within_a_second();
    until("it is told", PATIENCE, || {
        let log = crowd.bellhop.log();
        let told = ["it does not read", "the peer reads nothing"];
        told.iter().any(|text| log.contains(text)).then_some(())
    });
}

/// A Bellhop, and the right to many descriptors.
struct Crowd {
    lane: Lane,
    bellhop: Bellhop,
    /// The number of the next source.
    sources: Cell<u8>,
    /// The tests of this file share one process and its descriptors.
    _alone: MutexGuard<'static, ()>,
}

impl Crowd {
    /// `None`: this machine has no room for so many connections, and the test is counted as skipped.
    fn or_skip(connections: u64) -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit of descriptors");
        if hard < connections + SPARE {
            skip(&format!(
                "{connections} connections, and at most {hard} descriptors"
            ));
            return None;
        }
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("as many descriptors as allowed");
        let lane = Lane::take();
        Some(Self {
            bellhop: Setup::new(&lane).alone().start(),
            lane,
            sources: Cell::new(20),
            _alone: alone,
        })
    }

    /// So many connections, each source with at most 1,000 of them, and each says something at once.
    fn open(&self, count: usize, says: impl Fn(usize) -> String) -> Vec<TcpStream> {
        let to = self.lane.bellhop();
        let first = self.sources.get();
        self.sources
            .set(first + u8::try_from(count.div_ceil(1_000)).expect("few sources"));
        (0..count)
            .map(|n| {
                let mut from = self
                    .lane
                    .phone(first + u8::try_from(n / 1_000).expect("few sources"));
                from.set_port(0);
                let mut stream = connect(from, to);
                let _ = stream.write_all(says(n).as_bytes());
                stream
            })
            .collect()
    }

    fn phone(&self) -> Phone {
        self.phone_of(0)
    }

    fn phone_of(&self, n: usize) -> Phone {
        let user = format!("60{:02}", n % 10 + 1);
        Phone::new(&user, self.lane.phone(1), self.lane.bellhop(), Tcp)
    }

    fn registers_within_a_second(&self) {
        let start = Instant::now();
        self.phone_of(9).register();
        assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    }
}

fn connect(from: SocketAddr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&from.into()).expect("a source address");
    socket.connect(&to.into()).expect("a connection");
    socket
        .set_nonblocking(true)
        .expect("a socket that does not block");
    socket.into()
}

/// Whether the other side has ended it; what it said before is read.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 2_048];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return !is_busy(error.kind()),
        }
    }
}

fn is_busy(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// A request that is answered with a challenge.
fn stranger(n: usize) -> String {
    format!(
        "REGISTER sip:bellhop.test SIP/2.0\r\nVia: SIP/2.0/TCP stranger.test;branch=z9hG4bKs{n}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:s@bellhop.test>;tag=s\r\nTo: <sip:s@bellhop.test>\r\n\
         Call-ID: stranger-{n}\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
    )
}

/// As long as a message may take, and some more.
const SECONDS: usize = 13;
/// Descriptors that this process needs besides.
const SPARE: u64 = 500;
const SECOND: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(20);
