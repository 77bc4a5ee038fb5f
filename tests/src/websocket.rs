//! A WebSocket as a test's client has it (RFC 6455): written here and not taken from a library, so that frames can be sent
//! that no library would send.

use crate::deadline::until;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The client's end of a WebSocket that is open. Dropping it cuts the connection without a word.
#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
    /// What has come and is no whole frame.
    rest: Vec<u8>,
    /// The end of the stream has come.
    is_over: bool,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// With FIN and reserved bits: the first octet.
    pub first: u8,
    /// What it carries.
    pub data: Vec<u8>,
}

impl WebSocket {
    /// Opens one for SIP.
    ///
    /// # Panics
    /// If that is refused.
    pub fn open(to: SocketAddr) -> Self {
        match Self::ask(to, &request("Sec-WebSocket-Protocol: sip\r\n")) {
            Ok(web) => web,
            Err(answer) => panic!("no WebSocket: {answer}"),
        }
    }

    /// Sends this request, and whatever stands behind it.
    ///
    /// # Errors
    /// The answer, if it is not 101; all that came before the end, if there was none.
    ///
    /// # Panics
    /// If there is no connection.
    pub fn ask(to: SocketAddr, request: &str) -> Result<Self, String> {
        let mut stream = TcpStream::connect(to).expect("a connection to Bellhop");
        stream.set_nodelay(true).expect("a stream without delay");
        stream.set_read_timeout(Some(LOOK)).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut web = Self {
            stream,
            rest: Vec::new(),
            is_over: false,
        };
        let head = until("the answer to a handshake", PATIENCE, || {
            web.look();
            let end = web.rest.windows(4).position(|window| window == b"\r\n\r\n");
            match end {
                Some(end) => Some(web.rest.drain(..end + 4).collect::<Vec<u8>>()),
                None => web.is_over.then(Vec::new),
            }
        });
        let head = String::from_utf8_lossy(&head).into_owned();
        if head.starts_with("HTTP/1.1 101 ") {
            return Ok(web);
        }
        until("the end of a refusal", PATIENCE, || {
            web.look();
            web.is_over.then_some(())
        });
        Err(head + &String::from_utf8_lossy(&web.rest))
    }

    /// Sends a message as text.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn send(&mut self, message: &[u8]) {
        self.send_octets(&frame(TEXT, message));
    }

    /// Sends octets as they stand.
    ///
    /// # Panics
    /// If they cannot be sent.
    pub fn send_octets(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).expect("an open connection");
    }

    /// Sends as much of these octets as there is room for; `None`: the other end has gone.
    pub fn try_send(&mut self, octets: &[u8]) -> Option<usize> {
        match self.stream.write(octets) {
            Ok(sent) => Some(sent),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Some(0),
            Err(_) => None,
        }
    }

    /// One look for a frame; Pings are answered, and not given.
    pub fn frame(&mut self) -> Option<Frame> {
        loop {
            let frame = match self.take() {
                Some(frame) => frame,
                None => {
                    self.look();
                    self.take()?
                }
            };
            if frame.first != PING {
                return Some(frame);
            }
            self.send_octets(&self::frame(PONG, &frame.data));
        }
    }

    /// One look for a frame, a Ping too, which is not answered.
    pub fn any_frame(&mut self) -> Option<Frame> {
        self.take().or_else(|| {
            self.look();
            self.take()
        })
    }

    /// Waits for the end: the code of the Close that came before it, if one came.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn end(&mut self) -> Option<u16> {
        let mut code = None;
        until("the end of the WebSocket", PATIENCE, || {
            while let Some(frame) = self.any_frame() {
                if frame.first == CLOSE {
                    code = frame.data.first_chunk().map(|two| u16::from_be_bytes(*two));
                }
            }
            self.is_over.then_some(())
        });
        code
    }

    /// Whether the other end has gone.
    pub fn is_over(&mut self) -> bool {
        self.look();
        self.is_over
    }

    /// Its own address.
    ///
    /// # Panics
    /// If it has none.
    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().expect("its own address")
    }

    /// Looks without waiting from now on.
    ///
    /// # Panics
    /// If the socket cannot do that.
    pub fn never_wait(&self) {
        let done = self.stream.set_nonblocking(true);
        done.expect("a socket that does not wait");
    }

    fn look(&mut self) {
        let mut buffer = [0; 16_384];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.is_over = true,
            Ok(length) => self.rest.extend(&buffer[..length]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.is_over = true,
        }
    }

    /// A server's frame (5.2), which is not masked.
    fn take(&mut self) -> Option<Frame> {
        let rest = &self.rest;
        let (first, second) = (*rest.first()?, *rest.get(1)?);
        assert!(second < 128, "a server masks nothing (RFC 6455 5.1)");
        let number = |octets: &[u8]| octets.iter().fold(0, |n, o| n << 8 | usize::from(*o));
        let (from, length) = match second {
            126 => (4, number(rest.get(2..4)?)),
            127 => (10, number(rest.get(2..10)?)),
            length => (2, usize::from(length)),
        };
        let data = rest.get(from..from + length)?.to_vec();
        self.rest.drain(..from + length);
        Some(Frame { first, data })
    }
}

impl AsFd for WebSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The request for a WebSocket with these header lines besides.
pub fn request(lines: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: bellhop.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// A client's frame.
pub fn frame(first: u8, data: &[u8]) -> Vec<u8> {
    let mask = [0x55, 0xaa, 0x0f, 0xf0];
    let mut octets = vec![first];
    match data.len() {
        length @ 0..126 => octets.push(128 | u8::try_from(length).unwrap_or_default()),
        length => {
            octets.push(255);
            octets.extend((length as u64).to_be_bytes());
        }
    }
    octets.extend(mask);
    octets.extend(data.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    octets
}

/// First octets of frames.
pub const TEXT: u8 = 0x81;
/// As octets.
pub const BINARY: u8 = 0x82;
/// The last of all.
pub const CLOSE: u8 = 0x88;
/// To be answered.
pub const PING: u8 = 0x89;
/// The answer.
pub const PONG: u8 = 0x8a;
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(20);
