//! What unproven requests draw out of us over UDP: never more than 1.5 bytes for each of theirs.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::event::{Decision, Event};
use bellhop_core::flow::Transport;
use bellhop_testkit::{Chance, Packet, header, header_of, status_of};
use common::*;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Every method, and one that nobody knows.
const METHODS: [&str; 15] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "REGISTER",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
    "PRACK",
    "BREW",
];

/// The first REGISTER of real clients, as they left SIPp 3.8, baresip 1.1, PJSUA 2.15 and Asterisk 22 in
/// the lab, with our realm's domain in them.
const PHONES: [(&str, &str); 4] = [
    (
        "sipp",
        "REGISTER sip:127.77.0.2:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-11516-1-0;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:6001@127.77.0.2>;tag=1r11516\r\nTo: <sip:6001@127.77.0.2>\r\n\
         Call-ID: 1-11516@203.0.113.1\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:6001@203.0.113.1:5060;transport=UDP>\r\nExpires: 60\r\nUser-Agent: sipp\r\n\
         Content-Length: 0\r\n\r\n",
    ),
    (
        "baresip",
        "REGISTER sip:192.0.2.1:5060;transport=udp SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bKb85e3792a3456f6b;rport\r\n\
         Contact: <sip:6001-0x55558b7807f0@203.0.113.1:5060>;expires=10\r\nMax-Forwards: 70\r\n\
         To: <sip:6001@192.0.2.1:5060>\r\nFrom: <sip:6001@192.0.2.1:5060>;tag=9c15147be7737f7a\r\n\
         Call-ID: f86acb48ac59b379\r\nCSeq: 58155 REGISTER\r\nUser-Agent: baresip v1.1.0 (x86_64/linux)\r\n\
         Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,REFER\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "pjsua",
        "REGISTER sip:192.0.2.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.1:5060;rport;branch=z9hG4bKPj9vfnFFjxp7cxrlAzO.MGDzXGdnHmjKvF\r\n\
         Max-Forwards: 70\r\nFrom: <sip:6001@192.0.2.1>;tag=NSfaauUQJtsl48adDw1gd6lYarARWY4s\r\n\
         To: <sip:6001@192.0.2.1>\r\nCall-ID: ssBV03qD33WXzgdv1ncST1.yohxh4x9U\r\nCSeq: 24235 REGISTER\r\n\
         User-Agent: pjsua2-lab\r\nContact: <sip:6001@203.0.113.1:5060;ob>\r\nExpires: 60\r\n\
         Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\n\
         Content-Length:  0\r\n\r\n",
    ),
    (
        "Asterisk",
        "REGISTER sip:192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.1:5060;rport;branch=z9hG4bKPja499c793-dcd2-47e5-ac16-f94cc2002012\r\n\
         From: <sip:6001@192.0.2.1>;tag=630f5258-6e19-48ec-bc6e-2aee34be6a37\r\nTo: <sip:6001@192.0.2.1>\r\n\
         Call-ID: 6ced3c99-cccf-4484-807b-b902ba1050e0\r\nCSeq: 19360 REGISTER\r\n\
         Contact: <sip:s@203.0.113.1:5060>\r\nExpires: 3600\r\n\
         Allow: OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, REFER, INFO, MESSAGE\r\n\
         Max-Forwards: 70\r\nUser-Agent: Asterisk PBX 22\r\nContent-Length:  0\r\n\r\n",
    ),
];

/// As little as a request may be.
fn minimal(method: &str, id: u64) -> String {
    format!(
        "{method} sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{id}\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\n\
         Call-ID: {id}\r\nCSeq: 1 {method}\r\n\r\n"
    )
}

/// A request of a stranger, of any kind and size, good or bad.
fn any_request(chance: &mut Chance, id: u64) -> String {
    let method = METHODS[chance.below(15) as usize];
    let spoil = |old: &str, new: &str| usual(method, id).replacen(old, new, 1);
    match chance.below(16) {
        0..=2 => minimal(method, id),
        3 => usual(method, id),
        4 => usual(method, id) + &"x".repeat(chance.below(1_000) as usize),
        5 => spoil("Max-Forwards: 70", "Max-Forwards: 0"),
        6 => spoil("Max-Forwards: 70", "Max-Forwards: 9999"),
        7 => spoil("Max-Forwards: 70", "Proxy-Require: a, b, c, d, e, f, g, h"),
        8 => spoil("Max-Forwards: 70", "Require: a, b, c, d, e, f, g, h"),
        9 => spoil("sip:600@example.org SIP/2.0", "SIP:/2.0"),
        10 => spoil("sip:600@example.org SIP/2.0", "mailto:a@b SIP/2.0"),
        11 => spoil("SIP/2.0\r\n", "SIP/9.0\r\n"),
        12 => spoil("CSeq: 1 ", "CSeq: 99999999999 "),
        13 => spoil("To: ", "To: \"unclosed "),
        14 => spoil("Content-Length: 0", "Content-Length: 5000"),
        _ => spoil(
            "Max-Forwards: 70",
            "Authorization: Digest realm=\"example.org\"\r\nProxy-Authorization: Digest realm=\"example.org\"",
        ),
    }
}

/// A small request with all that a request has as a rule.
fn usual(method: &str, id: u64) -> String {
    format!(
        "{method} sip:600@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK{id};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:6001@example.org>;tag={id}\r\nTo: <sip:600@example.org>\r\n\
         Call-ID: {id}@203.0.113.1\r\nCSeq: 1 {method}\r\nContact: <sip:6001@203.0.113.1>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Bytes in and out of each stranger so far, checked at each packet out.
#[derive(Default)]
struct Account {
    sources: HashMap<SocketAddr, (usize, usize)>,
    answers: usize,
}

impl Account {
    fn book(&mut self, packets: &[Packet]) {
        for packet in packets {
            if packet.to == addr(SERVER) {
                self.sources.entry(packet.from).or_default().0 += packet.bytes.len();
            } else {
                let (paid, drawn) = self.sources.entry(packet.to).or_default();
                *drawn += packet.bytes.len();
                self.answers += 1;
                let text = String::from_utf8_lossy(&packet.bytes);
                assert!(*drawn * 2 <= *paid * 3, "{paid} in, {drawn} out: {text}");
            }
        }
    }
}

fn withheld(log: &[Event]) -> usize {
    let is_withheld = |event: &&Event| matches!(event.decision, Decision::Dropped(why) if why.starts_with("answer withheld"));
    log.iter().filter(is_withheld).count()
}

#[test]
fn a_minute_of_everything_a_stranger_can_send_draws_at_most_one_and_a_half_bytes_for_each() {
    let mut world = world();
    let mut chance = Chance::new(5);
    let mut account = Account::default();
    let mut booked = 0;
    for id in 0..6_000 {
        // Five that stay, and one address after another that is only written on a request.
        let source = match chance.below(6) {
            0 => format!("198.18.{}.{}:5060", id / 250, id % 250 + 1),
            n => format!("203.0.113.{n}:{}", 5060 + chance.below(2)),
        };
        let copy_of = id - chance.below(2).min(id);
        let request = any_request(&mut chance, copy_of);
        world.send(Transport::Udp, addr(&source), addr(SERVER), &request);
        world.pass(Duration::from_millis(10));
        account.book(&world.trace[booked..]);
        booked = world.trace.len();
    }
    world.pass(Duration::from_secs(60));
    account.book(&world.trace[booked..]);
    let (paid, drawn) = account
        .sources
        .values()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(drawn * 2 <= paid * 3, "{paid} in, {drawn} out");
    // It says something only if most are answered and some are not.
    assert!(account.answers > 3_000, "{} answers", account.answers);
    assert!(withheld(&world.nodes[0].log) > 300);
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn the_first_register_of_a_real_phone_is_challenged_in_full_at_once() {
    for (phone, request) in PHONES {
        let mut world = world();
        let a = common::phone("6001", "203.0.113.1:5060");
        let request = request.replace("127.77.0.2", "192.0.2.1");
        let answer = ask(&mut world, &a, &request);
        assert_eq!(status_of(&answer), 401, "{phone}");
        assert_eq!(answer.matches("WWW-Authenticate: ").count(), 2, "{phone}");
        assert!(answer.len() * 2 <= request.len() * 3, "{phone}");
    }
}

#[test]
fn a_small_request_is_offered_the_algorithm_that_every_client_knows() {
    let mut world = world();
    let a = phone("6001", "203.0.113.1:5060");
    let answer = ask(&mut world, &a, &usual("MESSAGE", 1));
    assert_eq!(status_of(&answer), 407);
    assert_eq!(answer.matches("Proxy-Authenticate: ").count(), 1);
    // RFC 7616 3.3: no algorithm means MD5.
    assert!(!answer.contains("algorithm="), "{answer}");
}

#[test]
fn a_tiny_request_gets_its_answer_when_its_copies_have_paid_for_it() {
    let mut world = world();
    let a = phone("6001", "203.0.113.1:5060");
    let request = minimal("OPTIONS", 1);
    let mut copies = 0;
    let answer = loop {
        say(&mut world, &a, &request);
        copies += 1;
        // Timer E (RFC 3261 17.1.2.2).
        if let Some(answer) = world.expect_within(a.address, Duration::from_millis(500)) {
            break answer;
        }
    };
    assert_eq!((status_of(&answer), copies), (407, 3));
    // All that it could have been told.
    assert_eq!(answer.matches("Proxy-Authenticate: ").count(), 2);
    assert_eq!(withheld(&world.nodes[0].log), 2);
}

#[test]
fn what_one_address_paid_buys_another_nothing() {
    let mut world = world();
    let request = minimal("OPTIONS", 1);
    for n in 1..20 {
        let a = phone("6001", &format!("203.0.113.{n}:5060"));
        say(&mut world, &a, &request);
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(world.trace.len(), 19);
}

#[test]
fn a_stream_proves_its_address_and_is_answered_whatever_it_asks() {
    let mut world = world();
    let a = tcp_phone("6001", "203.0.113.1:5060");
    let request = minimal("OPTIONS", 1).replacen("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", 1);
    let answer = ask(&mut world, &a, &request.replacen("UDP", "TCP", 1));
    assert_eq!(answer.matches("Proxy-Authenticate: ").count(), 2);
}

#[test]
fn a_trusted_peer_is_answered_whatever_it_asks() {
    let mut world = world();
    let p = pbx();
    let request = minimal("OPTIONS", 1).replacen("sip:a ", "sip:192.0.2.1 ", 1);
    let answer = ask(&mut world, &p, &request);
    assert_eq!(status_of(&answer), 200);
    assert!(answer.len() * 2 > request.len() * 3, "{answer}");
}

#[test]
fn a_proven_request_is_answered_whatever_it_asks() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    for n in 0..10 {
        let contact = format!(
            "Contact: <sip:6001@203.0.113.1:{};line={}>\r\n",
            7_000 + n,
            "x".repeat(60)
        );
        let request = register_of(&mut a, AOR, &format!("many-{n}"), &contact, "");
        assert_eq!(status_of(&answered(&mut world, &mut a, &request)), 200);
    }
    let query = register_of(&mut a, AOR, "query", "", "");
    let query = authorized(&mut world, &mut a, &query);
    let answer = ask(&mut world, &a, &query);
    assert_eq!(contacts(&answer).len(), 10);
    assert!(answer.len() * 2 > query.len() * 3);
}

#[test]
fn a_strangers_request_is_answered_once_and_never_with_100() {
    for method in METHODS {
        let mut world = world();
        let a = phone("6001", "203.0.113.1:5060");
        say(&mut world, &a, &(usual(method, 1) + &"x".repeat(500)));
        // Timers G and H (RFC 3261 17.2.1) would be over by then.
        world.pass(Duration::from_secs(64));
        let expected: &[u16] = match method {
            "ACK" => &[],
            "CANCEL" => &[481],
            "REGISTER" => &[401],
            _ => &[407],
        };
        assert_eq!(statuses(&mut world, &a), expected, "{method}");
    }
}

#[test]
fn no_copy_of_a_via_leads_an_answer_elsewhere() {
    // RFC 3581 4; draft-zourzouvillys: maddr and received chose the victim.
    for via in [
        "203.0.113.99:9;maddr=203.0.113.97",
        "203.0.113.99;received=203.0.113.98",
        "203.0.113.99:7;rport=8;received=203.0.113.98;maddr=203.0.113.97",
        "victim.example:5060",
        "[2001:db8::99]:5060",
    ] {
        for request in [
            usual("OPTIONS", 1),
            usual("OPTIONS", 1).replacen("CSeq: 1", "CSeq: x", 1),
        ] {
            let mut world = world();
            let a = phone("6001", "203.0.113.1:40000");
            let request = request.replacen("203.0.113.1;branch", &format!("{via};branch"), 1);
            let answer = ask(&mut world, &a, &request);
            assert!(matches!(status_of(&answer), 400 | 407), "{via}");
            assert!(header(&answer, "Via").is_some(), "{via}");
            assert!(
                header_of(&answer, "Via").contains("received=203.0.113.1"),
                "{via}"
            );
            assert!(world.trace[1..].iter().all(|p| p.to == a.address), "{via}");
        }
    }
}
