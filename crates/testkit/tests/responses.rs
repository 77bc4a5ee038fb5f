//! Responses on their way back: RFC 3261 16.7, 18.1.2, and what must not pass.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_testkit::{World, header, header_of, status_of};
use common::*;
use std::time::Duration;

#[test]
fn a_response_goes_back_byte_for_byte_but_for_our_via() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "bytes");
    world.drain(a.address);
    // 16.7 step 9: nothing else is touched, however it is written.
    let (_, vias) = at_b.split_once("Via: ").unwrap();
    let rest = format!(
        "v:{}\r\nCONTENT-TYPE :  x/y\r\nf: {}\r\nT:{};tag=q\r\nX-Odd:\t;,\"\r\n folded\r\ni:   {}\r\ncseq:{}\r\nl: 3\r\n\r\n\x01\u{fe}",
        vias.split("Via: ")
            .nth(1)
            .unwrap()
            .split("\r\n")
            .next()
            .unwrap(),
        header_of(&at_b, "From"),
        header_of(&at_b, "To"),
        header_of(&at_b, "Call-ID"),
        header_of(&at_b, "CSeq"),
    );
    let line = "SIP/2.0 183 Early  Media\r\n";
    let response = format!("{line}Via: {}\r\n{rest}", header_of(&at_b, "Via"));
    say(&mut world, &b, &response);
    assert_eq!(world.expect(a.address).unwrap(), format!("{line}{rest}"));
}

#[test]
fn vias_on_one_line_lose_only_ours() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "joined");
    world.drain(a.address);
    // 7.3.1: one line with commas means the same as several lines.
    let ringing = b.answer(&at_b, 180, "Ringing", "");
    let (head, rest) = ringing.split_once("\r\nVia: ").unwrap();
    say(
        &mut world,
        &b,
        &format!("{head}\r\nVia: {}", rest.replacen("\r\nVia: ", ", ", 1)),
    );
    let ringing = world.expect(a.address).unwrap();
    let branch = header_of(&invite, "Via").split("branch=").nth(1).unwrap();
    let branch = branch.split(';').next().unwrap();
    assert!(header_of(&ringing, "Via").contains(branch), "{ringing}");
    assert!(!ringing.contains("192.0.2.1:5060;branch"), "{ringing}");
}

#[test]
fn a_response_with_no_via_but_ours_is_not_forwarded() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "alone");
    world.drain(a.address);
    // 16.7 step 3.
    let ok = b.answer(&at_b, 200, "OK", "");
    let (head, rest) = ok.split_once("\r\nVia: ").unwrap();
    let (own, rest) = rest.split_once("\r\nVia: ").unwrap();
    let (_, rest) = rest.split_once("\r\n").unwrap();
    say(&mut world, &b, &format!("{head}\r\nVia: {own}\r\n{rest}"));
    world.pass(Duration::from_secs(1));
    assert!(world.drain(a.address).is_empty());
}

#[test]
fn a_response_whose_top_via_names_another_host_is_dropped() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "foreign-via");
    world.drain(a.address);
    // 18.1.2.
    let ok = b.answer(&at_b, 200, "OK", "");
    say(
        &mut world,
        &b,
        &ok.replacen("UDP 192.0.2.1:5060;", "UDP 192.0.2.7:5060;", 1),
    );
    world.pass(Duration::from_millis(100));
    assert!(world.drain(a.address).is_empty());
    say(&mut world, &b, &ok);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
}

#[test]
fn nothing_provisional_follows_a_final_response() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "late-180");
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_secs(2));
    assert_eq!(statuses(&mut world, &a), [100, 200]);
}

#[test]
fn a_200_that_crosses_the_callers_cancel_reaches_him() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "crossing");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    world.pass(Duration::from_secs(1));
    // 16.7 step 5, 9.1: the 200 to the CANCEL, and the one to the INVITE; no 487.
    assert_eq!(statuses(&mut world, &a), [100, 180, 200, 200]);
}

#[test]
fn the_200_of_a_cancel_is_not_taken_for_an_answer() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "cancel-200");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    let cancel = world.expect(b.address).unwrap();
    assert!(cancel.starts_with("CANCEL "));
    say(&mut world, &b, &b.answer(&cancel, 200, "OK", ""));
    world.pass(Duration::from_secs(1));
    // 17.1.3: the method in CSeq tells them apart.
    let got = world.drain(a.address);
    let oks = got.iter().filter(|m| status_of(m) == 200);
    assert!(
        oks.clone().count() == 1 && oks.clone().all(|m| header_of(m, "CSeq").contains("CANCEL"))
    );
}

#[test]
fn a_phones_claims_in_responses_are_stripped() {
    for (status, reason) in [(180, "Ringing"), (200, "OK"), (486, "Busy Here")] {
        let mut world = world();
        let (mut a, b) = pair(&mut world);
        let (_, at_b) = ring(&mut world, &mut a, &b, "claims");
        world.drain(a.address);
        // RFC 3325 5: responses too.
        let more = "P-ASSERTED-IDENTITY : <sip:boss@x>\r\nRemote-Party-ID: <sip:boss@x>\r\nX-Secret: boss\r\nX-Kept: 1\r\n";
        say(&mut world, &b, &b.answer(&at_b, status, reason, more));
        let got = world.expect(a.address).unwrap();
        assert_eq!(status_of(&got), status);
        assert!(!got.contains("boss"), "{got}");
        assert_eq!(header_of(&got, "X-Kept"), "1");
    }
}

#[test]
fn a_phones_claims_inside_a_dialog_are_stripped() {
    let mut world = world();
    let (mut b, mut p) = (phone("6002", "203.0.113.2:5060"), pbx());
    register(&mut world, &mut b);
    let invite = p.request("INVITE", "sip:6002@192.0.2.1", "in-dialog", "");
    say(&mut world, &p, &invite);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    let ok = skip(&mut world, p.address, 100);
    let again = from_caller(&mut p, "INVITE", &ok, 2);
    say(&mut world, &p, &again);
    let at_b = world.expect(b.address).unwrap();
    let more = "P-Asserted-Identity: <sip:boss@x>\r\n";
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", more));
    let ok = skip(&mut world, p.address, 100);
    assert_eq!(header(&ok, "P-Asserted-Identity"), None);
}

/// What reaches a phone of a PBX's answer with these header lines.
#[allow(clippy::expect_used, reason = "a test's helper may fail loudly")]
fn pbx_answer(more: &str) -> String {
    let mut world: World = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "privacy", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let arrived = world.expect(p.address).expect("the call");
    say(&mut world, &p, &p.answer(&arrived, 200, "OK", more));
    outcome(&mut world, &a)
}

#[test]
fn the_pbxs_identity_reaches_a_phone_unless_it_is_to_be_private() {
    let asserted = "P-Asserted-Identity: <sip:600@pbx>\r\n";
    assert!(pbx_answer(asserted).contains("sip:600@pbx"));
    for privacy in ["id", "user;id", "header; ID ;critical"] {
        // RFC 3325 7, RFC 3323 4.2: values behind semicolons.
        let got = pbx_answer(&format!("{asserted}Privacy: {privacy}\r\n"));
        assert!(!got.contains("sip:600@pbx"), "{privacy}: {got}");
    }
}

#[test]
fn what_came_without_a_length_gets_one_on_a_stream() {
    let mut world = world();
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    let mut b = phone("6002", "203.0.113.2:5060");
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    let (_, at_b) = ring(&mut world, &mut a, &b, "length");
    world.drain(a.address);
    // 18.3: a datagram may leave it out, a stream may not.
    let ringing = b.answer(&at_b, 183, "Progress", "X: 1\r\n\r\nsdp");
    say(&mut world, &b, &ringing);
    let got = world.expect(a.address).unwrap();
    assert_eq!(header_of(&got, "Content-Length"), "3", "{got}");
    let message = b.request(
        "MESSAGE",
        "sip:6001@example.org",
        "length-2",
        "X: 1\r\n\r\nhello",
    );
    let message = authorized(&mut world, &mut b, &message);
    say(&mut world, &b, &message);
    let got = world.expect(a.address).unwrap();
    assert_eq!(header_of(&got, "Content-Length"), "5", "{got}");
}
