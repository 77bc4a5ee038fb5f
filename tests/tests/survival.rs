//! Asterisk dies under two hundred registered phones: calls between phones go on, and Asterisk has all contacts
//! again though no phone has registered.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test's helper may fail loudly"
)]

use bellhop_tests::Transport::Udp;
use bellhop_tests::asterisk::{Asterisk, Mode};
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Bellhop, Crowd, Phone, Site, until};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

#[test]
fn in_mode_contact_with_a_store_two_hundred_phones_outlive_a_crash_of_asterisk() {
    survive("contact", true);
}

#[test]
fn in_mode_aor_without_a_store_two_hundred_phones_outlive_a_crash_of_asterisk() {
    survive("aor", false);
}

fn survive(mode: &str, is_durable: bool) {
    let data = TempDir::new();
    let bellhop = |mut setup: bellhop_tests::bellhop::Setup| {
        setup.registrar += &format!("mode = \"{mode}\"\n");
        setup.user_count = PHONES.into();
        setup.probe = Some("1s");
        if is_durable {
            setup = setup.data_dir(data.path());
        }
        setup
    };
    let Some(site) = Site::of(Udp, bellhop, |mut setup| {
        setup.mode = Mode::Registered;
        let last = 6000 + u32::from(PHONES);
        setup.more.push(("AST_LAST", last.to_string()));
        setup
    }) else {
        return;
    };
    let mut phones: Vec<Phone> = (1..=PHONES).map(|n| site.phone(n, Udp)).collect();
    // Bellhop was there before Asterisk, and asks now and then.
    until("Bellhop has seen Asterisk", PATIENCE, || {
        (register(&mut phones[0]) > LEASE / 2).then_some(())
    });
    for phone in &mut phones {
        assert!(register(phone) > LEASE / 2);
    }
    let asked: Vec<u32> = phones.iter().map(Phone::requests).collect();
    let crowd = Crowd::start(phones);
    let Site {
        bellhop,
        mut asterisk,
        lane,
        ..
    } = site;
    contacts(&asterisk);
    let mut caller = Caller {
        phone: Phone::new("6001", lane.phone(PHONES + 1), lane.bellhop(), Udp),
        callee: 1,
        made: 0,
        slowest: Duration::ZERO,
    };
    caller.call();
    let before = falls(&bellhop);
    asterisk.kill();
    // What is under way at the moment of the crash, and what comes before it has been noticed.
    caller.calls(5);
    until("its death is noticed", PATIENCE, || {
        (falls(&bellhop) > before).then_some(())
    });
    caller.calls(5);
    let (watch, is_over) = (lane.phone(PHONES + 2), AtomicBool::new(false));
    let took = std::thread::scope(|scope| {
        let back = scope.spawn(|| answers(watch, lane.pbx()));
        let calls = scope.spawn(|| {
            while !is_over.load(Relaxed) {
                caller.call();
            }
        });
        // What starts a peer must live as long as it.
        asterisk.start();
        contacts(&asterisk);
        let whole = Instant::now();
        is_over.store(true, Relaxed);
        calls.join().expect("calls that were answered");
        whole.saturating_duration_since(back.join().expect("an answer"))
    });
    caller.calls(5);
    eprintln!(
        "{mode}: all {PHONES} contacts were back {took:.1?} after Asterisk's first answer; {} calls, the slowest \
         took {:.1?}",
        caller.made, caller.slowest
    );
    assert!(took < Duration::from_secs(30), "{took:?}");
    let after: Vec<u32> = crowd.dismiss().iter().map(Phone::requests).collect();
    assert_eq!(asked, after, "a phone has registered again");
    let log = bellhop.log();
    assert!(log.contains("is up again"), "the probes saw nothing");
}

/// How often Bellhop has seen Asterisk go.
fn falls(bellhop: &Bellhop) -> usize {
    bellhop.log().matches("udp is down").count()
}

/// Registers a phone; for how long.
fn register(phone: &mut Phone) -> u32 {
    let answer = phone.register_lasting(LEASE);
    let granted = answer.header("Contact").rsplit_once("expires=");
    let (_, seconds) = granted.expect("a time");
    seconds.parse().expect("a number")
}

/// Calls one phone after another.
struct Caller {
    phone: Phone,
    callee: u8,
    made: usize,
    slowest: Duration,
}

impl Caller {
    fn calls(&mut self, count: usize) {
        for _ in 0..count {
            self.call();
        }
    }

    /// A call that is answered and ended.
    fn call(&mut self) {
        // Asterisk's dial plan knows these.
        self.callee = self.callee % 98 + 1;
        let start = Instant::now();
        self.phone.begin_anew();
        let to = (6001 + u32::from(self.callee)).to_string();
        let answer = self.phone.invite(&to, PATIENCE);
        assert_eq!(
            answer.status(),
            Some(200),
            "call {} to {to}: {}",
            self.made,
            answer.text()
        );
        self.phone.acknowledge(&answer);
        self.phone.hang_up(&answer);
        self.made += 1;
        self.slowest = self.slowest.max(start.elapsed());
    }
}

/// Asks the PBX whether it is there until it answers; when that was.
fn answers(from: SocketAddr, pbx: SocketAddr) -> Instant {
    let socket = UdpSocket::bind(from).expect("an address");
    socket.set_nonblocking(true).expect("a socket");
    let mut asked = 0;
    until("Asterisk answers OPTIONS", PATIENCE * 3, || {
        asked += 1;
        let text = format!(
            "OPTIONS sip:{pbx} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKwatch{asked};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:watch@{from}>;tag=watch\r\nTo: <sip:{pbx}>\r\n\
             Call-ID: watch-{asked}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        // Nobody may be there to take it.
        let _ = socket.send_to(text.as_bytes(), pbx);
        let mut buffer = [0; 2048];
        socket.recv(&mut buffer).ok().map(|_| Instant::now())
    })
}

/// Waits until Asterisk has a contact of each phone.
fn contacts(asterisk: &Asterisk) {
    until("all contacts are there", PATIENCE * 2, || {
        let shown = asterisk.cli("pjsip show contacts");
        (shown.matches("/sip:bh").count() == usize::from(PHONES)).then_some(())
    });
}

const PHONES: u8 = 200;
/// What the phones ask for, in seconds: longer than all this takes.
const LEASE: u32 = 900;
const PATIENCE: Duration = Duration::from_secs(30);
