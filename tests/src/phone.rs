//! A phone that a test scripts message by message: for what no real phone can
//! be made to do on demand. One socket, one user.

mod dialog;
mod link;
mod shown;

use self::link::Link;
use crate::deadline::until;
use crate::digest;
use crate::lane::Transport;
use crate::message::Message;
use crate::websocket::WebSocket;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The phone. Dropping it cuts its connection without a word.
#[derive(Debug)]
pub struct Phone {
    user: String,
    local: SocketAddr,
    remote: SocketAddr,
    link: Link,
    /// What a stream brought that is not a whole message yet.
    rest: Vec<u8>,
    /// Where it receives.
    buffer: Vec<u8>,
    sent: u32,
    /// How many calls it has made with a Call-ID of their own.
    calls: u32,
    contact: String,
    /// Where its Via says that answers go.
    sent_by: String,
    /// Header lines that each of its requests has besides, as bytes.
    more: Vec<u8>,
}

impl Phone {
    /// A phone of `user` at `local` (by TCP: a port the system chooses),
    /// connected to `remote`.
    ///
    /// # Panics
    /// If the socket cannot be had.
    pub fn new(user: &str, local: SocketAddr, remote: SocketAddr, transport: Transport) -> Self {
        Self::over(Link::open(local, remote, transport), user, remote)
            .with_contact_parameter(transport.uri_parameter())
    }

    /// A phone of `user` in a browser, whose names lead nowhere (RFC 7118 5.2): its WebSocket is all.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub fn in_browser(user: &str, remote: SocketAddr) -> Self {
        let link = Link::Web(WebSocket::open(remote));
        Self::over(link, user, remote).as_browser()
    }

    fn over(link: Link, user: &str, remote: SocketAddr) -> Self {
        let local = link.local();
        let contact = format!("sip:{user}@{local}");
        Self {
            user: user.to_owned(),
            local,
            remote,
            link,
            rest: Vec::new(),
            buffer: vec![0; 65_536],
            sent: 0,
            calls: 0,
            contact,
            sent_by: local.to_string(),
            more: Vec::new(),
        }
    }

    /// Registers its address: REGISTER, 401, REGISTER, 200.
    ///
    /// # Panics
    /// If the answers are others.
    pub fn register(&mut self) -> Message {
        let (challenge, answer) = self.register_twice();
        assert_eq!(challenge.status(), Some(401), "{}", challenge.text());
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
        answer
    }

    /// One REGISTER that shows this in place of a digest, the value of Authorization; the answer.
    ///
    /// # Panics
    /// If there is none.
    pub fn register_showing(&mut self, credentials: &str) -> Message {
        let uri = format!("sip:{}", self.remote);
        let to = format!("sip:{}@{}", self.user, self.remote);
        let lines = format!("Expires: 60\r\nAuthorization: {credentials}\r\n");
        self.request("REGISTER", &uri, &to, &lines, "")
    }

    /// Takes its registration down.
    ///
    /// # Panics
    /// If the answers are others.
    pub fn unregister(&mut self) -> Message {
        let (_, answer) = self.register_for(0);
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
        answer
    }

    /// As [`Phone::register`], for so many seconds.
    ///
    /// # Panics
    /// If the answers are others.
    pub fn register_lasting(&mut self, seconds: u32) -> Message {
        let (_, answer) = self.register_for(seconds);
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
        answer
    }

    /// How many requests it has sent, ACKs left out.
    pub fn requests(&self) -> u32 {
        self.sent
    }

    /// Looks without waiting from now on: for one of many that are looked after together.
    ///
    /// # Panics
    /// If the socket cannot do that.
    pub fn never_wait(&mut self) {
        self.link.never_wait();
    }

    /// Its socket, to wait for one of many.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.link.socket()
    }

    /// Registers its address; the status of the second REGISTER, which carries
    /// credentials.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn try_register(&mut self) -> u16 {
        self.register_twice().1.status().expect("a status")
    }

    /// Calls `extension`, answering a challenge; the final response, which is
    /// acknowledged if it is not a 2xx.
    ///
    /// # Panics
    /// If none comes `within` the time.
    pub fn invite(&mut self, extension: &str, within: Duration) -> Message {
        let uri = format!("sip:{extension}@{}", self.remote);
        let mut response = self.call(&uri, "", within);
        if response.status() == Some(407) {
            let proof = self.proof(&response, "INVITE", &uri);
            response = self.call(&uri, &proof, within);
        }
        response
    }

    /// Waits for a message whose start line begins with `start`. Provisional
    /// responses and repeated requests may come before it, nothing else.
    ///
    /// # Panics
    /// If something else comes, or nothing in time.
    pub fn expect(&mut self, start: &str) -> Message {
        self.expect_within(start, PATIENCE)
    }

    /// As [`Phone::expect`], for so long.
    ///
    /// # Panics
    /// As it does.
    pub fn expect_within(&mut self, start: &str, within: Duration) -> Message {
        let mut seen: Vec<String> = Vec::new();
        until(&format!("{} receives {start}", self.user), within, || {
            let message = self.receive()?;
            if message.start_line().starts_with(start) {
                return Some(message);
            }
            let known = seen.contains(&message.start_line().to_owned());
            let passing = message.status().is_some_and(|status| status < 200);
            assert!(
                known || passing,
                "{} waits for {start} and got\n{}",
                self.user,
                message.text()
            );
            seen.push(message.start_line().to_owned());
            None
        })
    }

    /// Answers a request; a status of 200 to an INVITE carries a session.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub fn answer(&mut self, request: &Message, status: &str) {
        let invite = request.start_line().starts_with("INVITE");
        let body = if invite && status.starts_with("200") {
            self.session()
        } else {
            String::new()
        };
        let to = match request.header("To") {
            to if to.contains(";tag=") => to.to_owned(),
            to => format!("{to};tag=phone{}", self.local.port()),
        };
        let text = format!(
            "SIP/2.0 {status}\r\n{}To: {to}\r\n{}Content-Length: {}\r\n\r\n{body}",
            request.lines_of(&["Via", "Record-Route", "From", "Call-ID", "CSeq"]),
            self.contact_lines(&body),
            body.len(),
        );
        self.send(&text);
    }

    /// One look for a message.
    ///
    /// # Panics
    /// If the connection is broken.
    pub fn receive(&mut self) -> Option<Message> {
        if let Some(message) = Message::from_stream(&mut self.rest) {
            return Some(message);
        }
        match self.link.receive(&mut self.buffer) {
            Ok(0) => panic!("{}: the connection was closed", self.user),
            Ok(length) => self.rest.extend(&self.buffer[..length]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return None;
            }
            Err(e) => panic!("{}: {e}", self.user),
        }
        Message::from_stream(&mut self.rest)
    }

    /// Sends bytes as they stand.
    ///
    /// # Panics
    /// If they cannot be sent.
    pub fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        let sent = self.link.send(bytes);
        sent.unwrap_or_else(|e| panic!("{}: {e}", self.user));
    }

    fn register_twice(&mut self) -> (Message, Message) {
        self.register_for(60)
    }

    fn register_for(&mut self, seconds: u32) -> (Message, Message) {
        let expires = format!("Expires: {seconds}\r\n");
        let to = format!("sip:{}@{}", self.user, self.remote);
        let uri = format!("sip:{}", self.remote);
        let first = self.request("REGISTER", &uri, &to, &expires, "");
        let proof = self.proof(&first, "REGISTER", &uri);
        let second = self.request("REGISTER", &uri, &to, &format!("{expires}{proof}"), "");
        (first, second)
    }

    /// The credentials' line that answers a challenge.
    fn proof(&self, challenge: &Message, method: &str, uri: &str) -> String {
        let (asked, answered) = match challenge.status() {
            Some(401) => ("WWW-Authenticate", "Authorization"),
            _ => ("Proxy-Authenticate", "Proxy-Authorization"),
        };
        let password = format!("secret{}", self.user);
        let proof = digest::answer(
            challenge.header(asked),
            &self.user,
            &password,
            method,
            uri,
            1,
        );
        format!("{answered}: {proof}\r\n")
    }

    fn call(&mut self, uri: &str, lines: &str, within: Duration) -> Message {
        let body = self.session();
        self.send_request("INVITE", uri, uri, lines, &body);
        let number = self.sent;
        let response = self.final_response(within);
        if response.status().is_some_and(|status| status >= 300) {
            let to = response.header("To").to_owned();
            let ack = format!(
                "ACK {uri} SIP/2.0\r\n{}To: {to}\r\nContent-Length: 0\r\n\r\n",
                self.common("ACK", number)
            );
            self.send(&ack);
        }
        response
    }

    fn request(&mut self, method: &str, uri: &str, to: &str, lines: &str, body: &str) -> Message {
        self.send_request(method, uri, to, lines, body);
        self.final_response(PATIENCE)
    }

    fn send_request(&mut self, method: &str, uri: &str, to: &str, lines: &str, body: &str) {
        self.sent += 1;
        let head = format!(
            "{method} {uri} SIP/2.0\r\n{}To: <{to}>\r\n",
            self.common(method, self.sent)
        );
        let tail = format!(
            "{}{lines}Content-Length: {}\r\n\r\n{body}",
            self.contact_lines(body),
            body.len(),
        );
        self.send_bytes(&[head.as_bytes(), &self.more, tail.as_bytes()].concat());
    }

    fn final_response(&mut self, within: Duration) -> Message {
        until(
            &format!("{} gets a final response", self.user),
            within,
            || {
                self.receive()
                    .filter(|message| message.status().is_some_and(|status| status >= 200))
            },
        )
    }

    /// The headers that every request of transaction `number` has, but To.
    fn common(&self, method: &str, number: u32) -> String {
        let (local, user, calls, sent_by) = (self.local, &self.user, self.calls, &self.sent_by);
        let carried = self.link.carried();
        format!(
            "Via: SIP/2.0/{carried} {sent_by};branch=z9hG4bKp{}x{number};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{}>;tag=p{}\r\nCall-ID: {user}-{calls}-{local}\r\nCSeq: {number} {method}\r\n",
            local.port(),
            self.remote,
            local.port(),
        )
    }

    fn contact_lines(&self, body: &str) -> String {
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!("Contact: <{}>\r\n{kind}", self.contact)
    }

    fn session(&self) -> String {
        let ip = self.local.ip();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
