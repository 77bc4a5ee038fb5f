//! What is not answered when a PBX or somebody else challenges: a second refusal, a challenge from
//! anywhere but the PBX, a caller who has given up (RFC 3261 9, 16.10, 22).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod challenger;
mod common;

use bellhop_core::auth::Algorithm;
use bellhop_core::config::UpstreamTarget;
use bellhop_core::flow::Transport;
use bellhop_testkit::{header, header_of, status_of};
use challenger::*;
use common::*;
use std::time::Duration;

#[test]
fn a_second_challenge_ends_the_request_with_our_own_502() {
    for method in ["INVITE", "SUBSCRIBE"] {
        let mut world = world_with_logins();
        let mut a = phone("6001", "203.0.113.1:5060");
        let request = a.request(method, "sip:600@example.org", "call", "");
        let (_, first) = send(&mut world, &mut a, &request);
        let second = challenged(&mut world, &first, "n1");
        say(&mut world, &pbx(), &challenge(&second, "n2", ""));
        let answer = told(&mut world, &a);
        assert!(
            answer.starts_with("SIP/2.0 502 Upstream refused our credentials\r\n"),
            "{answer}"
        );
        if method == "INVITE" {
            say(&mut world, &a, &ack_of(&answer, &a));
        }
        assert!(is_quiet(&mut world));
        assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
        // What was refused is not tried at once the next time.
        let request = a.request("OPTIONS", "sip:600@example.org", "next", "");
        let (_, next) = send(&mut world, &mut a, &request);
        assert_eq!(credentials(&next), None);
    }
}

#[test]
fn a_pbx_that_calls_each_nonce_too_old_is_answered_twice_and_no_more() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request("SUBSCRIBE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut a, &request);
    let mut request = challenged(&mut world, &first, "n0");
    let mut answered = 1;
    for n in 1..10 {
        say(
            &mut world,
            &pbx(),
            &challenge(&request, &format!("n{n}"), ",stale=true"),
        );
        match world.expect_within(addr(PBX), Duration::from_secs(5)) {
            Some(again) => request = again,
            None => break,
        }
        answered += 1;
    }
    assert_eq!(answered, 2);
    assert_eq!(status_of(&told(&mut world, &a)), 502);
}

#[test]
fn a_challenge_of_an_unknown_kind_ends_the_request_too() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request("MESSAGE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut a, &request);
    let line = "WWW-Authenticate: Digest realm=\"asterisk\", nonce=\"n\", algorithm=AKAv1-MD5\r\n";
    say(
        &mut world,
        &pbx(),
        &pbx().answer(&first, 401, "Unauthorized", line),
    );
    assert_eq!(status_of(&told(&mut world, &a)), 502);
    assert!(is_quiet(&mut world));
}

#[test]
fn a_phones_challenge_is_never_answered() {
    let mut world = world_with_logins();
    let (mut a, b) = pair(&mut world);
    // It knows the PBX's realm, and that 6001's nonce is in use.
    talking(&mut world, &mut a, "n1");
    let (_, at_b) = ring(&mut world, &mut a, &b, "call2");
    assert_eq!(header(&at_b, "Authorization"), None);
    let line = "WWW-Authenticate: Digest realm=\"asterisk\", nonce=\"n1\", qop=\"auth\"\r\n";
    say(&mut world, &b, &b.answer(&at_b, 401, "Unauthorized", line));
    let ack = world.expect(b.address).unwrap();
    assert!(ack.starts_with("ACK "), "{ack}");
    assert_eq!(
        world.expect_within(b.address, Duration::from_secs(70)),
        None
    );
    assert_eq!(status_of(&outcome(&mut world, &a)), 401);
}

#[test]
fn a_challenge_from_another_address_than_the_configured_one_is_not_answered() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request("MESSAGE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut a, &request);
    let mut forger = pbx();
    forger.address = addr("203.0.113.66:5060");
    say(&mut world, &forger, &challenge(&first, "n1", ""));
    assert_eq!(status_of(&outcome(&mut world, &a)), 401);
    assert!(is_quiet(&mut world));
}

#[test]
fn a_redirect_takes_no_credentials_elsewhere() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    talking(&mut world, &mut a, "n1");
    let request = a.request("MESSAGE", "sip:600@example.org", "moved", "");
    let (_, at_pbx) = send(&mut world, &mut a, &request);
    let place = "Contact: <sip:600@203.0.113.66>\r\n";
    let moved = pbx().answer(&at_pbx, 302, "Moved Temporarily", place);
    say(&mut world, &pbx(), &moved);
    assert_eq!(status_of(&told(&mut world, &a)), 302);
    assert_eq!(
        world.expect_within(addr("203.0.113.66:5060"), Duration::from_secs(70)),
        None
    );
}

#[test]
fn a_contact_of_the_pbx_that_is_not_configured_gets_no_credentials() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut a, &invite);
    let second = challenged(&mut world, &first, "n1");
    let mut elsewhere = pbx();
    elsewhere.contact = "198.51.100.77:5060".to_owned();
    say(
        &mut world,
        &pbx(),
        &elsewhere.answer(&second, 200, "OK", ""),
    );
    let ok = told(&mut world, &a);
    let bye = from_caller(&mut a, "BYE", &ok, 3);
    say(&mut world, &a, &bye);
    let bye = world.expect(addr("198.51.100.77:5060")).unwrap();
    assert_eq!(header(&bye, "Authorization"), None);
    elsewhere.address = addr("198.51.100.77:5060");
    say(&mut world, &elsewhere, &challenge(&bye, "n1", ""));
    assert_eq!(status_of(&outcome(&mut world, &a)), 401);
}

#[test]
fn credentials_that_the_phone_has_for_the_pbx_pass_as_they_are_and_so_does_the_answer() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    talking(&mut world, &mut a, "n1");
    let own = "Authorization: Digest username=\"x\", realm=\"asterisk\", nonce=\"n0\", \
               uri=\"sip:600@pbx\", response=\"0123\"";
    let more = format!("{own}\r\n");
    let request = a.request("MESSAGE", "sip:600@example.org", "own", &more);
    let (_, at_pbx) = send(&mut world, &mut a, &request);
    assert_eq!(at_pbx.matches("Authorization").count(), 1);
    assert!(at_pbx.contains(own), "{at_pbx}");
    say(&mut world, &pbx(), &challenge(&at_pbx, "n2", ""));
    let answer = outcome(&mut world, &a);
    assert_eq!(status_of(&answer), 401);
    assert!(header_of(&answer, "WWW-Authenticate").contains("asterisk"));
}

#[test]
fn a_caller_who_gives_up_before_the_challenge_is_told_487() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let (invite, first) = send(&mut world, &mut a, &invite);
    say(&mut world, &a, &cancel_of(&invite));
    assert_eq!(status_of(&skip(&mut world, a.address, 100)), 200);
    say(&mut world, &pbx(), &challenge(&first, "n1", ""));
    assert_eq!(status_of(&told(&mut world, &a)), 487);
    let ack = world.expect(addr(PBX)).unwrap();
    assert!(ack.starts_with("ACK "), "{ack}");
    assert!(is_quiet(&mut world));
}

#[test]
fn a_cancel_after_the_challenge_is_of_the_request_that_is_under_way() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let (invite, first) = send(&mut world, &mut a, &invite);
    let second = challenged(&mut world, &first, "n1");
    say(&mut world, &a, &cancel_of(&invite));
    say(
        &mut world,
        &pbx(),
        &pbx().answer(&second, 180, "Ringing", ""),
    );
    let cancel = world.expect(addr(PBX)).unwrap();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    // RFC 3261 9.1, and pitfall 9 of the list in docs.
    assert_eq!(branch(&cancel), branch(&second));
    assert_eq!(cancel.split(' ').nth(1), second.split(' ').nth(1));
    assert_eq!(header_of(&cancel, "From"), header_of(&second, "From"));
    let number = header_of(&second, "CSeq").split(' ').next().unwrap();
    assert_eq!(header_of(&cancel, "CSeq"), format!("{number} CANCEL"));
    say(&mut world, &pbx(), &pbx().answer(&cancel, 200, "OK", ""));
    say(
        &mut world,
        &pbx(),
        &pbx().answer(&second, 487, "Request Terminated", ""),
    );
    let last = loop {
        let message = told(&mut world, &a);
        if header_of(&message, "CSeq").ends_with("INVITE") {
            break message;
        }
    };
    assert_eq!(status_of(&last), 487);
    say(&mut world, &a, &ack_of(&last, &a));
    assert!(world.expect(addr(PBX)).unwrap().starts_with("ACK "));
    assert!(is_quiet(&mut world));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_401_that_is_sent_again_is_acknowledged_and_starts_nothing() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut a, &invite);
    let second = challenged(&mut world, &first, "n1");
    say(
        &mut world,
        &pbx(),
        &pbx().answer(&second, 100, "Trying", ""),
    );
    for _ in 0..3 {
        say(&mut world, &pbx(), &challenge(&first, "n1", ""));
        let ack = world.expect(addr(PBX)).unwrap();
        assert!(ack.starts_with("ACK ") && branch(&ack) == branch(&first));
    }
    assert_eq!(world.expect_within(addr(PBX), Duration::from_secs(5)), None);
    say(&mut world, &pbx(), &pbx().answer(&second, 200, "OK", ""));
    assert_eq!(status_of(&told(&mut world, &a)), 200);
}

#[test]
fn the_second_request_has_timers_of_its_own_and_is_sent_again() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut a, &invite);
    let second = challenged(&mut world, &first, "n1");
    let copy = world.expect(addr(PBX)).expect("timer A");
    assert_eq!(copy, second);
    assert_eq!(status_of(&told(&mut world, &a)), 408);
}

#[test]
fn the_next_target_is_not_tried_when_the_first_refuses_our_credentials() {
    let mut config = config();
    config.upstreams[0].targets.push(UpstreamTarget {
        transport: Transport::Udp,
        remote: addr("198.51.100.6:5060"),
        host: "198.51.100.6".to_owned(),
    });
    let mut world = world_of(config);
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request("MESSAGE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut a, &request);
    let second = challenged(&mut world, &first, "n1");
    say(&mut world, &pbx(), &challenge(&second, "n2", ""));
    assert_eq!(status_of(&told(&mut world, &a)), 502);
    assert_eq!(
        world.expect_within(addr("198.51.100.6:5060"), Duration::from_secs(70)),
        None
    );
}

#[test]
fn a_request_that_grows_too_large_for_a_datagram_goes_by_tcp() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let filler = format!("X-Filler: {}\r\n", "x".repeat(560));
    let request = a.request("MESSAGE", "sip:600@example.org", "call", &filler);
    let challenge_of_ours = ask(&mut world, &a, &request);
    let request = a
        .authorize(&request, &challenge_of_ours, Algorithm::Md5)
        .unwrap();
    say(&mut world, &a, &request);
    let first = world.expect(addr(PBX)).unwrap();
    assert!(header_of(&first, "Via").contains("UDP") && first.len() < 1300);
    let second = challenged(&mut world, &first, "n1");
    assert!(
        header_of(&second, "Via").contains("TCP"),
        "{}",
        second.len()
    );
    assert_eq!(credentials(&second).unwrap().0, "pbx6001");
    let mut by_tcp = pbx();
    by_tcp.transport = Transport::Tcp;
    say(&mut world, &by_tcp, &by_tcp.answer(&second, 200, "OK", ""));
    assert_eq!(status_of(&told(&mut world, &a)), 200);
}
