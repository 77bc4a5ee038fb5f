//! A flood of REGISTERs and INVITEs from many addresses, no two alike, while an
//! honest phone registers: what Bellhop's memory and the phone's patience do
//! (`cargo xtask flood`).

use crate::bellhop::{Bellhop, Setup};
use crate::deadline::{holds_within, until};
use crate::lane::{Lane, Transport};
use crate::message::Message;
use crate::phone::Phone;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a flood was.
#[derive(Clone, Debug, Default)]
pub struct Flood {
    /// Messages sent.
    pub sent: u64,
    /// Answers read.
    pub answered: u64,
    /// Resident memory in kB, and when it was read.
    pub memory: Vec<(Duration, u64)>,
    /// How long each registration of the honest phone took.
    pub honest: Vec<Duration>,
}

impl Flood {
    /// The first reading after a fifth of the time, when all tables are full
    /// that will be, and the greatest from then on.
    pub fn warm_and_most(&self) -> Option<(u64, u64)> {
        let (end, _) = self.memory.last()?;
        let warm = *end / 5;
        let mut after = self.memory.iter().filter(|(at, _)| *at >= warm);
        let (_, first) = after.next()?;
        let most = after.map(|(_, kb)| *kb).fold(*first, u64::max);
        Some((*first, most))
    }

    /// Whether memory grew by less than a twentieth once it was warm.
    pub fn is_flat(&self) -> bool {
        self.warm_and_most()
            .is_some_and(|(warm, most)| most * 20 <= warm * 21)
    }
}

/// Floods a Bellhop with `rate` messages a second for `time`; tells each
/// reading of its memory.
///
/// # Panics
/// If Bellhop or the honest phone fails.
pub fn run(rate: u64, time: Duration, tell: impl Fn(Duration, u64)) -> Flood {
    let lane = Lane::take();
    let bellhop = Setup::new(&lane).alone().log("warn").start();
    let sources: Vec<_> = (2..SOURCES).map(|n| source(&lane, n)).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let honest = scope.spawn(|| register_until(&lane, &is_over));
        let mut flood = pour(&bellhop, &sources, rate, time, tell);
        is_over.store(true, Ordering::Relaxed);
        flood.honest = honest.join().expect("the honest phone");
        flood
    })
}

fn pour(
    bellhop: &Bellhop,
    sources: &[UdpSocket],
    rate: u64,
    time: Duration,
    tell: impl Fn(Duration, u64),
) -> Flood {
    let mut flood = Flood::default();
    let mut nonces = vec![String::new(); sources.len()];
    let mut buffer = vec![0; 65536];
    let start = Instant::now();
    let mut next_reading = Duration::ZERO;
    let due = || u64::try_from(start.elapsed().as_micros()).expect("a time") * rate / 1_000_000;
    while start.elapsed() < time {
        let due = until("messages are due", time, || {
            Some(due()).filter(|due| *due > flood.sent)
        });
        while flood.sent < due {
            let at = usize::try_from(flood.sent).expect("a count") % sources.len();
            let text = request(&sources[at], flood.sent, &nonces[at]);
            // A full buffer of ours loses it, as a network may.
            let _ = sources[at].send(text.as_bytes());
            flood.sent += 1;
        }
        for (source, nonce) in sources.iter().zip(&mut nonces) {
            while let Ok(length) = source.recv(&mut buffer) {
                flood.answered += 1;
                remember(&buffer[..length], nonce);
            }
        }
        let elapsed = start.elapsed();
        if elapsed >= next_reading {
            let kb = bellhop.resident_kb();
            tell(elapsed, kb);
            flood.memory.push((elapsed, kb));
            next_reading = elapsed + READING;
        }
    }
    let kb = bellhop.resident_kb();
    tell(time, kb);
    flood.memory.push((time, kb));
    flood
}

/// One of four: a REGISTER or an INVITE, with no credentials or with wrong ones for a nonce of Bellhop's.
fn request(source: &UdpSocket, number: u64, nonce: &str) -> String {
    let local = source.local_addr().expect("its address");
    let server = source.peer_addr().expect("Bellhop's address");
    let user = format!("60{:02}", number % 12);
    let (method, name, uri) = match number % 2 {
        0 => ("REGISTER", "Authorization", format!("sip:{server}")),
        _ => ("INVITE", "Proxy-Authorization", format!("sip:600@{server}")),
    };
    let proof = match number / 2 % 2 {
        0 => String::new(),
        _ => format!(
            "{name}: Digest username=\"{user}\", realm=\"bellhop.test\", nonce=\"{nonce}\", uri=\"{uri}\", \
             algorithm=MD5, qop=auth, nc={:08x}, cnonce=\"{number:x}\", response=\"{number:032x}\"\r\n",
            number % 1000 + 1,
        ),
    };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@{server}>;tag={number}\r\nTo: <sip:{user}@{server}>\r\n\
         Call-ID: flood-{number}\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:{user}@{local};line={number}>\r\nExpires: 3600\r\n{proof}Content-Length: 0\r\n\r\n",
        number = number % 2_000_000_000,
    )
}

/// Keeps the nonce of a challenge.
fn remember(answer: &[u8], nonce: &mut String) {
    let message = Message::new(String::from_utf8_lossy(answer).into_owned());
    let challenge = message.header("WWW-Authenticate");
    let value = challenge.split_once("nonce=\"").map(|(_, rest)| rest);
    if let Some((value, _)) = value.and_then(|rest| rest.split_once('"')) {
        value.clone_into(nonce);
    }
}

/// Registers a phone again and again, each time anew.
fn register_until(lane: &Lane, is_over: &AtomicBool) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut phone = Phone::new("6001", lane.phone(1), lane.bellhop(), Transport::Udp);
    while !holds_within(PAUSE, || is_over.load(Ordering::Relaxed)) {
        let start = Instant::now();
        phone.register();
        took.push(start.elapsed());
    }
    took
}

fn source(lane: &Lane, n: u8) -> UdpSocket {
    let local: SocketAddr = lane.phone(n);
    let socket = UdpSocket::bind(local).expect("a source's address");
    socket.connect(lane.bellhop()).expect("Bellhop's address");
    socket
        .set_nonblocking(true)
        .expect("a socket that does not wait");
    socket
}

const SOURCES: u8 = 200;
const READING: Duration = Duration::from_secs(10);
/// Each of its registrations leaves a nonce in the table of used ones, which is bounded but never given back.
const PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kb: &[u64]) -> Flood {
        let at = |n: usize| Duration::from_secs(10 * u64::try_from(n).expect("a few"));
        Flood {
            memory: kb.iter().enumerate().map(|(n, kb)| (at(n), *kb)).collect(),
            ..Flood::default()
        }
    }

    #[test]
    fn what_grows_only_until_it_is_warm_is_flat() {
        assert!(read(&[10, 50, 100, 101, 100, 99, 104, 100, 100, 100]).is_flat());
    }

    #[test]
    fn what_goes_on_growing_is_not_flat() {
        assert!(!read(&[10, 50, 100, 101, 102, 103, 104, 105, 106, 107]).is_flat());
        assert!(!Flood::default().is_flat());
    }
}
