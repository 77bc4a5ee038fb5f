//! The way to a PBX: one socket, requests one after another, and what the PBX sends meanwhile.

use bellhop_core::flow::Transport;
use bellhop_wire::{Frame, Framer, HeaderId, Limits, Message, Owned, Reply, ViaMark};
use socket2::{Domain, Socket, Type};
use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

/// An open way.
#[derive(Debug)]
pub(super) struct Line {
    link: Link,
    local: SocketAddr,
    transport: Transport,
    /// What a stream brought that is not a whole message yet.
    rest: Vec<u8>,
    /// The events of NOTIFYs that came.
    pub(super) notified: Vec<String>,
}

#[derive(Debug)]
enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Line {
    /// Opens one from an address of ours.
    ///
    /// # Errors
    /// Those of the sockets.
    pub(super) fn open(transport: Transport, from: SocketAddr, to: SocketAddr) -> io::Result<Self> {
        let (link, local) = match transport.is_reliable() {
            false => {
                let socket = UdpSocket::bind(from)?;
                socket.connect(to)?;
                socket.set_read_timeout(Some(LOOK))?;
                let local = socket.local_addr()?;
                (Link::Udp(socket), local)
            }
            true => {
                let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
                socket.bind(&from.into())?;
                socket.connect_timeout(&to.into(), PATIENCE)?;
                let stream = TcpStream::from(socket);
                stream.set_read_timeout(Some(LOOK))?;
                let local = stream.local_addr()?;
                (Link::Tcp(stream), local)
            }
        };
        Ok(Self {
            link,
            local,
            transport,
            rest: Vec::new(),
            notified: Vec::new(),
        })
    }

    /// Our address on it.
    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// What it is carried by.
    pub(super) const fn transport(&self) -> Transport {
        self.transport
    }

    /// Sends a request, again over UDP where no answer comes; gives the final response, `None` if there is none in
    /// time. A 1xx only ends the sending.
    pub(super) fn ask(&mut self, request: &str) -> Option<Owned> {
        let start = Instant::now();
        let mut again = FIRST;
        let mut next = Duration::ZERO;
        let mut is_heard = self.transport.is_reliable();
        self.send(request.as_bytes()).ok()?;
        while start.elapsed() < PATIENCE {
            if !is_heard && start.elapsed() >= next.saturating_add(again) {
                next = start.elapsed();
                again = again.saturating_mul(2);
                // Refused by ICMP: perhaps it starts just now.
                let _ = self.send(request.as_bytes());
            }
            let Some(response) = self.receive() else {
                continue;
            };
            is_heard = true;
            let message = response.message();
            let is_for_it = contains(request.as_bytes(), message.call_id())
                && message
                    .cseq()
                    .is_ok_and(|(number, _)| request.contains(&format!("CSeq: {number} ")));
            if is_for_it && message.status().is_some_and(|status| status >= 200) {
                return Some(response);
            }
        }
        None
    }

    /// Listens for so long.
    pub(super) fn listen(&mut self, time: Duration) {
        let start = Instant::now();
        while start.elapsed() < time && self.notified.is_empty() {
            self.receive();
        }
    }

    /// Sends what has no answer.
    pub(super) fn tell(&mut self, request: &str) {
        let _ = self.send(request.as_bytes());
    }

    /// A response, if one comes just now. Requests are answered 200.
    fn receive(&mut self) -> Option<Owned> {
        let mut buffer = vec![0; 65_536];
        let read = match &mut self.link {
            Link::Udp(socket) => socket.recv(&mut buffer),
            Link::Tcp(stream) => stream.read(&mut buffer),
        };
        if let Ok(length) = read {
            self.rest.extend_from_slice(buffer.get(..length)?);
        }
        let message = self.take()?;
        if message.message().method().is_none() {
            return Some(message);
        }
        self.answer(message.message());
        None
    }

    /// The first whole message of what has come.
    fn take(&mut self) -> Option<Owned> {
        let limits = Limits::default();
        if let Link::Udp(_) = self.link {
            let bytes = std::mem::take(&mut self.rest);
            return Owned::parse(&bytes, &limits).ok();
        }
        let found = Framer::new().next(&self.rest, &limits).ok().flatten();
        let (owned, used) = match found {
            Some((Frame::Message(bytes), used)) => (Owned::parse(bytes, &limits).ok(), used),
            Some((Frame::Ping | Frame::Nothing, used)) => (None, used),
            None => return None,
        };
        self.rest.drain(..used);
        owned
    }

    fn answer(&mut self, request: Message<'_>) {
        if let Some(event) = request.first_value(HeaderId::Event) {
            self.notified
                .push(String::from_utf8_lossy(event.raw).into_owned());
        }
        let mut bytes = Vec::new();
        Reply::new(
            &mut bytes,
            request,
            ViaMark::default(),
            200,
            "OK",
            b"doctor",
        )
        .end();
        let _ = self.send(&bytes);
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.link {
            Link::Udp(socket) => socket.send(bytes).map(drop),
            Link::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

const LOOK: Duration = Duration::from_millis(50);
/// RFC 3261 17.1.1.1, T1.
const FIRST: Duration = Duration::from_millis(500);
/// How long a PBX may take.
const PATIENCE: Duration = Duration::from_secs(4);
