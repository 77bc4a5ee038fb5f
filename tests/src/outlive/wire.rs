//! A socket that many dialogs share: requests are sent again until they are answered (RFC 3261 17.1.2).

use super::ends::SOON;
use crate::deadline::until;
use crate::message::Message;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Wire {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
    branches: u64,
    /// By branches.
    waiting: HashMap<String, Waiting>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Waiting {
    text: String,
    next: Instant,
    interval: Duration,
    until: Instant,
}

impl Wire {
    pub(super) fn new(local: SocketAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(local).expect("an end's address");
        socket2::SockRef::from(&socket)
            .set_recv_buffer_size(4 << 20)
            .expect("room");
        socket.set_nonblocking(true).expect("no waiting");
        Self {
            socket,
            local,
            server,
            branches: 0,
            waiting: HashMap::new(),
            buffer: vec![0; 65_536],
        }
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn server(&self) -> SocketAddr {
        self.server
    }

    /// The lines that begin a request.
    pub(super) fn via(&mut self) -> String {
        self.branches += 1;
        format!(
            "Via: SIP/2.0/UDP {};branch=z9hG4bKlast{}\r\nMax-Forwards: 70\r\n",
            self.local, self.branches
        )
    }

    /// Sends what nobody answers.
    pub(super) fn send(&self, text: &str) {
        // Nobody may be there to take it, or there is no room: it is sent again.
        let _ = self.socket.send_to(text.as_bytes(), self.server);
    }

    /// Sends a request, and again until it is answered.
    pub(super) fn request(&mut self, text: &str) {
        self.send(text);
        let now = Instant::now();
        let waiting = Waiting {
            text: text.to_owned(),
            next: now + T1,
            interval: T1,
            until: now + 64 * T1,
        };
        self.waiting.insert(branch(text), waiting);
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Nothing is sent again any more.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    pub(super) fn send_again(&mut self) {
        let now = Instant::now();
        self.waiting.retain(|_, waiting| waiting.until > now);
        for waiting in self.waiting.values_mut() {
            if waiting.next <= now {
                let _ = self.socket.send_to(waiting.text.as_bytes(), self.server);
                waiting.interval = (2 * waiting.interval).min(T2);
                waiting.next = now + waiting.interval;
            }
        }
    }

    /// The next message that is there.
    pub(super) fn receive(&mut self) -> Option<Message> {
        let length = self.socket.recv(&mut self.buffer).ok()?;
        let text = String::from_utf8_lossy(self.buffer.get(..length)?).into_owned();
        if text.starts_with("SIP/2.0 ") {
            self.waiting.remove(&branch(&text));
        }
        Some(Message::new(text))
    }

    /// Waits for an answer with this Call-ID.
    pub(super) fn answer_to(&mut self, call_id: &str) -> Message {
        until("an answer", SOON, || {
            self.send_again();
            let message = self.receive()?;
            (message.header("Call-ID") == call_id).then_some(message)
        })
    }

    /// Answers a request; its To gets this tag if it has none, and an INVITE's 200 a session.
    pub(super) fn answer(&self, request: &Message, status: u16, tag: &str) {
        let mut text = format!("SIP/2.0 {status} As it is\r\n");
        text += &request.lines_of(&["Via", "Record-Route", "From", "Call-ID", "CSeq"]);
        let to = request.header("To");
        let tag = match to.contains(";tag=") {
            true => String::new(),
            false => format!(";tag=t{tag}"),
        };
        let _ = write!(text, "To: {to}{tag}\r\nContact: <sip:x@{}>\r\n", self.local);
        let is_accepted = status == 200 && request.start_line().starts_with("INVITE");
        text += if is_accepted { SESSION } else { NOTHING };
        self.send(&text);
    }
}

fn branch(text: &str) -> String {
    let rest = text.split_once(";branch=").map_or("", |(_, rest)| rest);
    let end = rest.find([';', '\r', ',']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().to_owned()
}

/// The end of a message without a body.
pub(super) const NOTHING: &str = "Content-Length: 0\r\n\r\n";
/// The end of one with a session.
pub(super) const SESSION: &str = "Content-Type: application/sdp\r\nContent-Length: 89\r\n\r\n\
    v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n";
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
