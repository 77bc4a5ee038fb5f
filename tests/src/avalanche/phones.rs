//! Phones of one socket that all register at once, with the timers of RFC 3261 17.1.2.

use crate::digest;
use crate::message::Message;
use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// What came of them.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) bound: Vec<Duration>,
    pub(super) unbound: usize,
    pub(super) sent: u64,
    pub(super) copies: u64,
    pub(super) answers: [u64; 3],
}

pub(super) struct Phones {
    socket: UdpSocket,
    local: SocketAddr,
    server: SocketAddr,
    phones: Vec<Phone>,
    done: Done,
    left: usize,
}

struct Phone {
    number: u32,
    cseq: u32,
    /// The credentials' line; empty: it has not been challenged.
    proof: String,
    /// When its REGISTER is sent again, and after which time then.
    again: Instant,
    pause: Duration,
    /// When its REGISTER, as it is, was sent first.
    began: Instant,
    is_bound: bool,
}

impl Phones {
    pub(super) fn new(
        local: SocketAddr,
        server: SocketAddr,
        numbers: impl Iterator<Item = u32>,
    ) -> Self {
        let socket = UdpSocket::bind(local).expect("an address");
        let raw = socket2::SockRef::from(&socket);
        // As if each phone had a socket of its own.
        let _ = raw.set_recv_buffer_size(64 << 20);
        socket.connect(server).expect("Bellhop's address");
        socket.set_read_timeout(Some(LOOK)).expect("a timeout");
        let now = Instant::now();
        let phone = |number| Phone {
            number,
            cseq: 1,
            proof: String::new(),
            again: now,
            pause: Duration::ZERO,
            began: now,
            is_bound: false,
        };
        let phones: Vec<Phone> = numbers.map(phone).collect();
        Self {
            socket,
            local,
            server,
            left: phones.len(),
            phones,
            done: Done::default(),
        }
    }

    /// Has all of them register; comes back when all are bound or the time is up.
    pub(super) fn register(mut self, start: Instant, within: Duration) -> Done {
        let places: std::collections::HashMap<u32, usize> = self
            .phones
            .iter()
            .enumerate()
            .map(|(at, phone)| (phone.number, at))
            .collect();
        for at in 0..self.phones.len() {
            self.begin(at);
            // Answers come meanwhile.
            if at.is_multiple_of(16) {
                self.hear(&places, start, 16);
            }
        }
        let mut round: VecDeque<usize> = (0..self.phones.len()).collect();
        while self.left > 0 && start.elapsed() < within {
            self.hear(&places, start, 256);
            let now = Instant::now();
            for _ in 0..round.len().min(1_024) {
                let Some(at) = round.pop_front() else { break };
                if !self.phones[at].is_bound {
                    self.remind(at, now);
                    round.push_back(at);
                }
            }
        }
        self.done.unbound = self.left;
        self.done
    }

    /// Sends a new REGISTER.
    fn begin(&mut self, at: usize) {
        let now = Instant::now();
        let phone = &mut self.phones[at];
        (phone.began, phone.again, phone.pause) = (now, now + T1, T1);
        self.send(at);
    }

    /// Sends a REGISTER again whose time has come.
    fn remind(&mut self, at: usize, now: Instant) {
        let phone = &mut self.phones[at];
        if phone.again > now {
            return;
        }
        if phone.pause.is_zero() || now.duration_since(phone.began) > T1 * 64 {
            // Timer F, or what a 503 asked to wait for: all begins anew.
            phone.cseq += 1;
            phone.proof.clear();
            return self.begin(at);
        }
        phone.pause = (phone.pause * 2).min(T2);
        phone.again = now + phone.pause;
        self.done.copies += 1;
        self.send(at);
    }

    fn send(&mut self, at: usize) {
        let (phone, local, host) = (&self.phones[at], self.local, self.server.ip());
        let (number, cseq, proof) = (phone.number, phone.cseq, &phone.proof);
        let user = 6001 + number;
        let text = format!(
            "REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKav{number}x{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{host}>;tag=av{number}\r\nTo: <sip:{user}@{host}>\r\n\
             Call-ID: {number}-avalanche@{local}\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <sip:{user}@{local}>\r\nExpires: 3600\r\nUser-Agent: Bellhop avalanche\r\n\
             {proof}Content-Length: 0\r\n\r\n"
        );
        self.done.sent += 1;
        // The buffer may be full: it is sent again.
        let _ = self.socket.send(text.as_bytes());
    }

    /// Takes in what has come, so many messages at most.
    fn hear(
        &mut self,
        places: &std::collections::HashMap<u32, usize>,
        start: Instant,
        most: usize,
    ) {
        let mut buffer = [0; 4_096];
        for _ in 0..most {
            let Ok(length) = self.socket.recv(&mut buffer) else {
                return;
            };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let answer = Message::new(text);
            let number = answer.header("Call-ID").split('-').next();
            let number = number.and_then(|number| number.parse().ok());
            if let Some(at) = number.and_then(|number| places.get(&number)) {
                self.take(*at, &answer, start);
            }
        }
    }

    fn take(&mut self, at: usize, answer: &Message, start: Instant) {
        let phone = &mut self.phones[at];
        let cseq = answer.header("CSeq").split(' ').next();
        let is_of_it = cseq.and_then(|n| n.parse().ok()) == Some(phone.cseq);
        let status = answer.status().unwrap_or(0);
        if phone.is_bound || !is_of_it || status < 200 {
            return;
        }
        match status {
            401 => {
                self.done.answers[0] += 1;
                let user = (6001 + phone.number).to_string();
                let uri = format!("sip:{}", self.server.ip());
                let challenge = answer.header("WWW-Authenticate");
                let password = format!("secret{user}");
                let proof = digest::answer(challenge, &user, &password, "REGISTER", &uri, 1);
                phone.proof = format!("Authorization: {proof}\r\n");
                phone.cseq += 1;
                self.begin(at);
            }
            200 => {
                self.done.answers[1] += 1;
                self.done.bound.push(start.elapsed());
                phone.is_bound = true;
                self.left -= 1;
            }
            _ => {
                self.done.answers[2] += 1;
                let rest = answer.header("Retry-After").parse().unwrap_or(1);
                phone.pause = Duration::ZERO;
                phone.again = Instant::now() + Duration::from_secs(rest);
            }
        }
    }
}

/// RFC 3261 17.1.1.1, 17.1.2.2.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(1);
