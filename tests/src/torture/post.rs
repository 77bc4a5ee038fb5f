//! Sends one message from an address of its own and waits for what comes back.

use super::Outcome;
use crate::{Message, Transport};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// One sender.
pub(super) struct Post {
    link: Link,
    to: SocketAddr,
}

enum Link {
    /// The first sends. A response may come to the port that a Via of the RFCs names.
    Udp(Vec<UdpSocket>),
    Tcp(TcpStream),
}

impl Post {
    pub(super) fn new(own: IpAddr, to: SocketAddr, transport: Transport) -> Self {
        let link = match transport {
            Transport::Udp => {
                let bind = |port| {
                    let socket = UdpSocket::bind((own, port)).expect("a sender's address");
                    socket
                        .set_nonblocking(true)
                        .expect("a socket that does not block");
                    socket
                };
                Link::Udp(PORTS.map(bind).into())
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(to).expect("a connection");
                stream.set_read_timeout(Some(LOOK)).expect("a timeout");
                Link::Tcp(stream)
            }
        };
        Self { link, to }
    }

    /// Sends it; gives what came back until there was nothing for a while.
    pub(super) fn bring(mut self, message: &[u8]) -> Outcome {
        self.send(message);
        let mut outcome = Outcome::default();
        let mut rest = Vec::new();
        let mut end = Instant::now() + PATIENCE;
        while Instant::now() < end && !outcome.closed {
            outcome.closed = !self.receive(&mut rest);
            while let Some(answer) = Message::from_stream(&mut rest) {
                if answer.status().is_some_and(|status| status >= 200) {
                    outcome.answers.push(answer);
                    end = Instant::now() + AFTERWARDS;
                }
            }
        }
        outcome
    }

    /// How long a sound OPTIONS takes; `None`: longer than `limit`.
    pub(super) fn options(mut self, limit: Duration) -> Option<Duration> {
        let start = Instant::now();
        let (to, own) = (self.to, self.own());
        let mark = own.ip().to_string().replace('.', "x");
        let unique = start.elapsed().as_nanos();
        self.send(
            format!(
                "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{mark}{unique};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:tester@{own}>;tag={mark}\r\nTo: <sip:{to}>\r\n\
                 Call-ID: {mark}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            .as_bytes(),
        );
        let mut rest = Vec::new();
        while start.elapsed() < limit {
            self.receive(&mut rest);
            if let Some(answer) = Message::from_stream(&mut rest) {
                return (answer.status() == Some(200)).then(|| start.elapsed());
            }
        }
        None
    }

    fn own(&self) -> SocketAddr {
        match &self.link {
            Link::Udp(sockets) => sockets[0].local_addr(),
            Link::Tcp(stream) => stream.local_addr(),
        }
        .expect("its own address")
    }

    fn send(&mut self, message: &[u8]) {
        match &mut self.link {
            Link::Udp(sockets) => drop(sockets[0].send_to(message, self.to)),
            Link::Tcp(stream) => drop(stream.write_all(message)),
        }
    }

    /// One look for bytes; `false`: the connection is closed.
    fn receive(&mut self, into: &mut Vec<u8>) -> bool {
        let mut buffer = [0; 65_536];
        match &mut self.link {
            Link::Udp(sockets) => {
                let got = sockets.iter().find_map(|s| s.recv(&mut buffer).ok());
                into.extend(&buffer[..got.unwrap_or(0)]);
                if got.is_none() {
                    std::thread::yield_now();
                }
                true
            }
            Link::Tcp(stream) => match stream.read(&mut buffer) {
                Ok(0) => false,
                Ok(length) => {
                    into.extend(&buffer[..length]);
                    true
                }
                Err(e) => matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            },
        }
    }
}

/// Where responses come to: the sender's own port, and those that Vias of the RFCs name.
const PORTS: [u16; 5] = [5060, 5050, 5070, 6050, 19823];
const LOOK: Duration = Duration::from_millis(20);
/// How long to wait for an answer, and behind one for another.
const PATIENCE: Duration = Duration::from_millis(500);
const AFTERWARDS: Duration = Duration::from_millis(60);
