//! Whether the time to an answer tells a stranger which users there are (`cargo xtask timing`).

use crate::bellhop::Setup;
use crate::digest::{answer, parameter};
use crate::lane::Lane;
use crate::message::Message;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How long answers took to requests for a user who is there and for one who is not.
#[derive(Clone, Debug, Default)]
pub struct Timing {
    /// With a wrong password for a user who is there.
    pub known: Vec<Duration>,
    /// For a user who is not there.
    pub unknown: Vec<Duration>,
}

impl Timing {
    /// Both medians.
    pub fn medians(&self) -> (Duration, Duration) {
        (median(&self.known), median(&self.unknown))
    }

    /// By how many percent the greater median is above the lesser.
    pub fn difference(&self) -> f64 {
        let (known, unknown) = self.medians();
        let (less, more) = (known.min(unknown), known.max(unknown));
        (more.as_secs_f64() / less.as_secs_f64() - 1.0) * 100.0
    }
}

/// Sends `count` requests of either kind, one after another and taking turns at being first, and waits for
/// the answer to each. Answers differ in nothing but nonce, branch and Call-ID.
///
/// # Panics
/// If one is not answered 401, or the answers differ.
pub fn run(count: u32) -> Timing {
    let lane = Lane::take();
    let _bellhop = Setup::new(&lane).alone().log("warn").start();
    let socket = UdpSocket::bind(lane.phone(1)).expect("a phone's address");
    socket.connect(lane.bellhop()).expect("Bellhop's address");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a time limit");
    let mut timing = Timing::default();
    let mut challenge = String::new();
    for n in 0..count {
        if n % FRESH == 0 {
            let (text, _) = exchange(&socket, &request(&socket, KNOWN, n, ""));
            challenge = Message::new(text).header("WWW-Authenticate").to_owned();
        }
        let mut both = [(KNOWN, &mut timing.known), (UNKNOWN, &mut timing.unknown)];
        if n % 2 == 1 {
            both.reverse();
        }
        let mut told = Vec::new();
        for (user, times) in both {
            let uri = format!("sip:{}", lane.bellhop());
            let value = answer(&challenge, user, "guessed", "REGISTER", &uri, n + 1);
            let line = format!("Authorization: {value}\r\n");
            let (text, took) = exchange(&socket, &request(&socket, user, n, &line));
            assert!(text.starts_with("SIP/2.0 401 "), "{text}");
            told.push(plain(&text, user));
            times.push(took);
        }
        assert_eq!(told[0], told[1], "the answers differ");
    }
    timing
}

/// The answer without its nonces, its tag and the user's name; digits like the name's may stand in a
/// number or a tag as well.
fn plain(text: &str, user: &str) -> String {
    let nonce = Message::new(text.to_owned());
    let nonce = parameter(nonce.header("WWW-Authenticate"), "nonce").unwrap_or_default();
    let tag = text
        .split(";tag=")
        .last()
        .and_then(|rest| rest.split("\r\n").next());
    text.replace(nonce, "N")
        .replace(tag.unwrap_or_default(), "T")
        .replace(&format!("sip:{user}@"), "sip:U@")
        .replace(&format!("z9hG4bK{user}x"), "z9hG4bKUx")
        .replace(&format!("-{user}\r\n"), "-U\r\n")
}

fn exchange(socket: &UdpSocket, request: &str) -> (String, Duration) {
    let mut buffer = [0; 4096];
    let start = Instant::now();
    socket.send(request.as_bytes()).expect("it can be sent");
    let length = socket.recv(&mut buffer).expect("an answer");
    let took = start.elapsed();
    (
        String::from_utf8_lossy(&buffer[..length]).into_owned(),
        took,
    )
}

fn request(socket: &UdpSocket, user: &str, number: u32, line: &str) -> String {
    let local: SocketAddr = socket.local_addr().expect("its address");
    let server = socket.peer_addr().expect("Bellhop's address");
    format!(
        "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{user}x{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@{server}>;tag={number}\r\nTo: <sip:{user}@{server}>\r\n\
         Call-ID: {number}-{user}\r\nCSeq: {number} REGISTER\r\nContact: <sip:{user}@{local}>\r\n\
         Expires: 3600\r\nUser-Agent: A stopwatch that is as large as a phone\r\n{line}Content-Length: 0\r\n\r\n"
    )
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

const KNOWN: &str = "6001";
const UNKNOWN: &str = "7001";
/// After so many pairs a new nonce is asked for.
const FRESH: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_a_name_elsewhere_are_no_difference() {
        let answer = |user: &str, tag: &str| {
            format!(
                "SIP/2.0 401 X\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{user}x7001\r\nFrom: <sip:{user}@h>;tag=6001\r\n\
                 To: <sip:{user}@h>;tag={tag}\r\nCall-ID: 6001-{user}\r\nWWW-Authenticate: Digest nonce=\"{tag}\"\r\n\r\n"
            )
        };
        let (known, unknown) = (answer(KNOWN, "af6001"), answer(UNKNOWN, "17001b"));
        assert_eq!(plain(&known, KNOWN), plain(&unknown, UNKNOWN));
        assert_ne!(
            plain(&known, KNOWN),
            plain(&known.replace("401", "403"), KNOWN)
        );
    }

    #[test]
    fn the_difference_is_that_of_the_medians() {
        let times = |of: [u64; 3]| of.map(Duration::from_micros).to_vec();
        let timing = Timing {
            known: times([100, 9_000, 50]),
            unknown: times([110, 1, 120]),
        };
        let (known, unknown) = timing.medians();
        assert_eq!((known.as_micros(), unknown.as_micros()), (100, 110));
        assert!((timing.difference() - 10.0).abs() < 0.01);
    }
}
