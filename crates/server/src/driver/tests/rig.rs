//! A running driver over loopback sockets, with a core that does what its messages say.

use super::super::{Answers, Clock, Core, Driver, Parts};
use crate::{
    driver::OsEntropy,
    resolve::{Bounds, Place, Reach, Resolver},
    serve::Elsewhere,
    store::Store,
    transport::{StreamLimits, bind::Listen},
};
use bellhop_core::{
    auth::Authenticator,
    config::Config,
    engine::LookedUp,
    flow::{ConnectionId, Destination, Flow, ListenerId, Transport},
    outbox::{Outbox, Ticket, Token},
    time::{Instant, Now},
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::runtime;

/// What the core was told, with its shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Failed(usize, Token),
    Unreachable(usize, Vec<u8>),
    Closed(usize, ConnectionId),
}

pub(super) struct Rig {
    pub(super) driver: Option<Driver>,
    pub(super) at: Vec<SocketAddr>,
    pub(super) heard: Arc<Mutex<Vec<Heard>>>,
}

/// How often the order `both` sends `first` to where it came from before it sends on.
pub(super) const FIRST: usize = 40;
/// What it sends on.
pub(super) const RELAYED: &[u8] = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n";
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl Rig {
    pub(super) fn start(workers: usize, listen: &[&str], limits: StreamLimits) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listeners: Vec<_> = listen
            .iter()
            .map(|text| {
                let (transport, address) = text.split_once(':').unwrap();
                let listen = Listen {
                    name: (*text).to_owned(),
                    transport: Transport::of(transport.as_bytes()).unwrap(),
                    address: address.parse().unwrap(),
                };
                listen.bind(workers).unwrap()
            })
            .collect();
        let at = listeners.iter().map(|l| l.local).collect();
        let core = |shard| -> Box<dyn Core> {
            Box::new(Puppet {
                shard,
                shards: workers,
                heard: Arc::clone(&heard),
                alarm: None,
                seen: Vec::new(),
            })
        };
        // Nothing is looked up here.
        let idle = runtime::Builder::new_current_thread().build().unwrap();
        let resolver = {
            let _entered = idle.enter();
            let file = Path::new("/nonexistent/resolv.conf");
            let entropy = Box::new(OsEntropy::new());
            Resolver::new(file, Reach::of(&[]), Bounds::default(), entropy)
        };
        let driver = Driver::start(Parts {
            cores: (0..workers).map(core).collect(),
            shard_of,
            listeners,
            clock: Clock::start(),
            limits,
            message: bellhop_wire::Limits::default(),
            rules: Vec::new(),
            observer: None,
            resolver,
            elsewhere: Elsewhere::new(Answers::new(0).0),
            store: Store::default(),
            answers: Vec::new(),
        });
        Self {
            driver: Some(driver.unwrap()),
            at,
            heard,
        }
    }

    pub(super) fn heard(&self, what: impl Fn(&Heard) -> bool) -> usize {
        self.heard
            .lock()
            .unwrap()
            .iter()
            .filter(|h| what(h))
            .count()
    }

    pub(super) fn tcp(&self, listener: usize) -> TcpStream {
        let stream = TcpStream::connect(self.at[listener]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        if let Some(driver) = self.driver.take() {
            runtime.block_on(driver.stop(Duration::from_millis(1)));
        }
    }
}

/// Waits until something is so.
pub(super) fn eventually(what: &str, so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(std::time::Instant::now() < deadline, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// A message that tells the core what to do; the Call-ID's length chooses the shard.
pub(super) fn message(order: &str, call_id: &str, cseq: u32) -> Vec<u8> {
    format!(
        "OPTIONS sip:{order} SIP/2.0\r\nVia: SIP/2.0/TCP c.example;branch=z9hG4bK{cseq}\r\n\
         From: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

pub(super) fn udp() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Reads until so many bytes have come.
pub(super) fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Sends a message and waits for its echo.
pub(super) fn echo(stream: &mut TcpStream) {
    let m = message("echo", "echo", 1);
    stream.write_all(&m).unwrap();
    assert_eq!(read(stream, m.len()), m);
}

struct Puppet {
    shard: usize,
    shards: usize,
    heard: Arc<Mutex<Vec<Heard>>>,
    alarm: Option<(Instant, Flow)>,
    seen: Vec<Flow>,
}

impl Core for Puppet {
    fn receive(&mut self, now: Now, flow: Flow, bytes: &[u8], out: &mut Outbox) {
        let text = std::str::from_utf8(bytes).unwrap();
        let order = text.split(' ').nth(1).unwrap().trim_start_matches("sip:");
        let mut words = order.split(';');
        let back = Destination::Flow {
            flow,
            else_connect: None,
        };
        let token = Token((self.shard as u64) << 48 | 7);
        match words.next().unwrap() {
            // How long this worker's thread has been running on a processor, in nanoseconds.
            "cpu" => {
                let spent = std::fs::read("/proc/thread-self/schedstat").unwrap();
                out.transmit(back, None, &spent);
            }
            "echo" => out.transmit(back, None, bytes),
            "blob" => {
                let size = words.next().unwrap().parse().unwrap();
                out.transmit(back, None, &vec![b'x'; size]);
            }
            "send" => {
                let to = address(&mut words);
                let size = words.next().map_or(0, |w| w.parse().unwrap());
                let mut sent = bytes.to_vec();
                sent.resize(bytes.len().max(size), b'x');
                out.transmit(to, Some(token), &sent);
            }
            "both" => {
                (0..FIRST).for_each(|_| out.transmit(back, None, b"first"));
                out.transmit(address(&mut words), Some(token), RELAYED);
            }
            "remember" => self.seen.push(flow),
            "again" => {
                let to = Destination::Flow {
                    flow: *self.seen.last().unwrap(),
                    else_connect: words.next().and_then(|port| port.parse().ok()),
                };
                out.transmit(to, Some(token), bytes);
            }
            "alarm" => {
                let after = Duration::from_millis(words.next().unwrap().parse().unwrap());
                self.alarm = Some((now.instant.after(after), flow));
            }
            "panic" => panic!("asked to"),
            other => unreachable!("{other}"),
        }
    }

    fn transmit_failed(&mut self, _: Now, token: Token, _: &mut Outbox) {
        let heard = Heard::Failed(self.shard, token);
        self.heard.lock().unwrap().push(heard);
    }

    fn unreachable(&mut self, _: Now, bytes: &[u8], _: &mut Outbox) -> bool {
        let is_mine = shard_of(bytes, self.shards) == self.shard;
        if is_mine {
            let heard = Heard::Unreachable(self.shard, bytes.to_vec());
            self.heard.lock().unwrap().push(heard);
        }
        is_mine
    }

    fn connection_closed(&mut self, _: Now, connection: ConnectionId, _: &mut Outbox) {
        let heard = Heard::Closed(self.shard, connection);
        self.heard.lock().unwrap().push(heard);
    }

    fn resolved(&mut self, _: Now, _: Ticket, _: &[Place], _: &mut Outbox) {}

    fn consulted(&mut self, _: Now, _: Ticket, _: &mut Outbox) {}

    fn looked_up(&mut self, _: Now, _: Ticket, _: LookedUp, _: &mut Outbox) {}

    fn handle_timeout(&mut self, now: Now, out: &mut Outbox) {
        let (at, flow) = self.alarm.take().unwrap();
        assert!(at <= now.instant);
        let back = Destination::Flow {
            flow,
            else_connect: None,
        };
        out.transmit(back, None, b"ring");
    }

    fn reconfigure(&mut self, _: Arc<Config>, _: Arc<Authenticator>) {}

    fn next_timeout(&self) -> Option<Instant> {
        self.alarm.map(|(at, _)| at)
    }
}

/// Listener, transport and remote address, as an order names them.
fn address<'w>(words: &mut impl Iterator<Item = &'w str>) -> Destination {
    Destination::Address {
        listener: ListenerId(words.next().unwrap().parse().unwrap()),
        transport: Transport::of(words.next().unwrap().as_bytes()).unwrap(),
        remote: words.next().unwrap().parse().unwrap(),
    }
}

fn shard_of(bytes: &[u8], shards: usize) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let call_id = text.lines().find_map(|l| l.strip_prefix("Call-ID: "));
    call_id.unwrap_or_default().len() % shards
}
