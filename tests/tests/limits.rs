//! What long messages cost the program (docs/security.md 9).

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

use bellhop_tests::Transport::Tcp;
use bellhop_tests::bellhop::Setup;
use bellhop_tests::{Lane, Message, Phone, digest, until};
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Calls with bodies of 60,000 octets that a PBX takes and does not answer: memory grows by at most three
/// times what was sent.
#[test]
fn long_messages_in_flight_cost_at_most_three_times_their_length() {
    let lane = Lane::take();
    let read = silent(&lane);
    let bellhop = Setup::new(&lane).upstream_over(Tcp).log("warn").start();
    let mut a = Phone::new("6001", lane.phone(1), lane.bellhop(), Tcp);
    let uri = format!("sip:600@{}", lane.bellhop());
    a.send(&invite(&lane, &uri, 0, "", 0));
    let challenge = a.expect("SIP/2.0 407");
    let mut call = |number: u32| {
        let asked = challenge.header("Proxy-Authenticate");
        let proof = digest::answer(asked, "6001", "secret6001", "INVITE", &uri, number);
        let proof = format!("Proxy-Authorization: {proof}\r\n");
        a.send(&invite(&lane, &uri, number, &proof, BODY));
        let answer: Message = until("a 100", Duration::from_secs(10), || a.receive());
        assert_eq!(answer.status(), Some(100), "{}", answer.text());
        // More than four that wait to be read would count as a PBX that does not read.
        until("the PBX has it", Duration::from_secs(10), || {
            (read.load(Ordering::Relaxed) > u64::from(number) * BODY as u64).then_some(())
        });
    };
    // What is there once for all: buffers, the connection to the PBX.
    (1..=20).for_each(&mut call);
    let before = bellhop.resident_kb();
    (21..=20 + CALLS).for_each(&mut call);
    let grown = (bellhop.resident_kb().saturating_sub(before)) * 1024;
    let sent = u64::from(CALLS) * BODY as u64;
    assert!(grown > sent / 2, "{grown} for {sent}: they are not kept");
    assert!(grown <= 3 * sent, "{grown} for {sent}");
}

/// A PBX that reads whatever comes and says nothing; how many octets it has read.
fn silent(lane: &Lane) -> Arc<AtomicU64> {
    let listener = TcpListener::bind(lane.pbx()).expect("the PBX's address");
    let total = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&total);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("Bellhop's connection");
        let mut buffer = vec![0; 65_536];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            counted.fetch_add(read as u64, Ordering::Relaxed);
        }
    });
    total
}

fn invite(lane: &Lane, uri: &str, number: u32, more: &str, body: usize) -> String {
    let (server, local) = (lane.bellhop(), lane.phone(1));
    format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKlong{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:6001@{server}>;tag=long\r\nTo: <{uri}>\r\nCall-ID: long{number}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:6001@{local};transport=tcp>\r\n{more}Content-Length: {body}\r\n\r\n{}",
        "y".repeat(body)
    )
}

const BODY: usize = 60_000;
const CALLS: u32 = 200;
