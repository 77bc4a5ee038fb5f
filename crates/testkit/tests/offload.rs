//! A PBX's challenges are answered with the user's credentials there (RFC 3261 22.2, 22.3).
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

use bellhop_testkit::{header, header_of, status_of};
use challenger::*;
use common::*;

#[test]
fn an_invite_goes_out_again_with_the_users_credentials() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut a, &invite);
    assert_eq!(credentials(&first), None);
    let second = challenged(&mut world, &first, "n1");
    assert_eq!(credentials(&second), proof("pbx6001", "n1", 1));
    // The same request but for its branch: RFC 3261 22.2 has a UA count CSeq on, a proxy cannot.
    assert_ne!(branch(&first), branch(&second));
    for name in ["CSeq", "From", "To", "Call-ID", "Record-Route", "Contact"] {
        assert_eq!(header(&first, name), header(&second, name), "{name}");
    }
    assert_eq!(first.split(' ').nth(1), second.split(' ').nth(1));
    say(&mut world, &pbx(), &pbx().answer(&second, 200, "OK", ""));
    let ok = told(&mut world, &a);
    assert_eq!(status_of(&ok), 200);
}

#[test]
fn every_method_that_a_pbx_challenges_is_answered() {
    for method in [
        "SUBSCRIBE",
        "MESSAGE",
        "PUBLISH",
        "REFER",
        "OPTIONS",
        "INFO",
    ] {
        let mut world = world_with_logins();
        let mut a = phone("6001", "203.0.113.1:5060");
        let request = a.request(method, "sip:600@example.org", "one", "");
        let (_, first) = send(&mut world, &mut a, &request);
        let second = challenged(&mut world, &first, "n1");
        assert_eq!(credentials(&second), proof("pbx6001", "n1", 1), "{method}");
        say(
            &mut world,
            &pbx(),
            &pbx().answer(&second, 202, "Accepted", ""),
        );
        assert_eq!(status_of(&told(&mut world, &a)), 202, "{method}");
    }
}

#[test]
fn the_next_request_carries_the_nonce_at_once_and_counts_on() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    talking(&mut world, &mut a, "n1");
    for (number, count) in [("1", 2), ("2", 3)] {
        let call = format!("next{number}");
        let request = a.request("SUBSCRIBE", "sip:600@example.org", &call, "");
        let (_, at_pbx) = send(&mut world, &mut a, &request);
        assert_eq!(credentials(&at_pbx), proof("pbx6001", "n1", count));
    }
}

#[test]
fn requests_inside_the_dialog_carry_the_credentials_of_its_user() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let (_, ok) = talking(&mut world, &mut a, "n1");
    for (method, cseq, count) in [("INVITE", 4, 2), ("REFER", 5, 3), ("BYE", 6, 4)] {
        let request = from_caller(&mut a, method, &ok, cseq);
        say(&mut world, &a, &request);
        let at_pbx = world.expect(addr(PBX)).unwrap();
        assert_eq!(credentials(&at_pbx), proof("pbx6001", "n1", count));
        // Too old: once more, with the new one.
        say(
            &mut world,
            &pbx(),
            &challenge(&at_pbx, method, ",stale=true"),
        );
        let again = next_at_pbx(&mut world);
        assert_eq!(credentials(&again), proof("pbx6001", method, 1));
        say(&mut world, &pbx(), &challenge(&again, "n1", ",stale=true"));
        let last = next_at_pbx(&mut world);
        assert_eq!(credentials(&last), proof("pbx6001", "n1", 1));
        say(&mut world, &pbx(), &pbx().answer(&last, 200, "OK", ""));
        assert_eq!(status_of(&told(&mut world, &a)), 200);
        // So that the next method finds a nonce that was used as often as this test counts.
        for _ in 1..count {
            let request = a.request("OPTIONS", "sip:600@example.org", "count", "");
            send(&mut world, &mut a, &request);
        }
        world.drain(a.address);
    }
}

#[test]
fn a_phone_that_was_called_hangs_up_with_its_own_credentials() {
    let mut world = world_with_logins();
    let (_, mut b) = pair(&mut world);
    let mut p = pbx();
    let invite = p.request("INVITE", "sip:6002@example.org", "in", "");
    say(&mut world, &p, &invite);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    let ok = skip(&mut world, p.address, 100);
    let ack = from_caller(&mut p, "ACK", &ok, 1);
    say(&mut world, &p, &ack);
    world.expect(b.address).unwrap();
    let bye = from_callee(&mut b, "BYE", &at_b, 1, "");
    say(&mut world, &b, &bye);
    let first = world.expect(p.address).unwrap();
    let second = challenged(&mut world, &first, "n1");
    assert_eq!(credentials(&second), proof("pbx6002", "n1", 1));
}

#[test]
fn a_user_without_a_login_is_asked_himself() {
    let mut world = world_with_logins();
    let mut c = phone("6003", "203.0.113.3:5060");
    let invite = c.request("INVITE", "sip:600@example.org", "call", "");
    let (_, first) = send(&mut world, &mut c, &invite);
    say(&mut world, &pbx(), &challenge(&first, "n1", ""));
    let answer = outcome(&mut world, &c);
    assert_eq!(status_of(&answer), 401);
    assert!(header_of(&answer, "WWW-Authenticate").contains("realm=\"asterisk\""));
}

#[test]
fn an_upstreams_own_login_is_for_all_who_have_none() {
    let mut config = config();
    let login = bellhop_core::auth::upstream::Login::with_password("pbxtrunk", "hiddentrunk");
    config.upstreams[0].login = Some(std::sync::Arc::new(login));
    let mut world = world_of(config);
    for (user, address, expected) in [
        ("6003", "203.0.113.3:5060", "pbxtrunk"),
        ("6001", "203.0.113.1:5060", "pbx6001"),
    ] {
        let mut phone = phone(user, address);
        let invite = phone.request("INVITE", "sip:600@example.org", user, "");
        let (_, first) = send(&mut world, &mut phone, &invite);
        let second = challenged(&mut world, &first, "n1");
        assert_eq!(credentials(&second), proof(expected, "n1", 1));
    }
}

/// RFC 3261 22.1; by then its nonce may have been used again, and the ACK may come again.
#[test]
fn the_ack_of_each_2xx_carries_what_its_invite_was_accepted_with() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let (invite, ok) = talking(&mut world, &mut a, "n1");
    let again = from_caller(&mut a, "INVITE", &ok, 4);
    say(&mut world, &a, &again);
    let again = world.expect(addr(PBX)).unwrap();
    say(&mut world, &pbx(), &pbx().answer(&again, 200, "OK", ""));
    told(&mut world, &a);
    for of in [&again, &invite, &again] {
        let ack = from_caller(&mut a, "ACK", &ok, cseq(of));
        say(&mut world, &a, &ack);
        let ack = world.expect(addr(PBX)).unwrap();
        let value = header(&ack, "Authorization");
        assert_eq!(value, header(of, "Authorization"), "{ack}");
        assert!(value.is_some());
    }
    // An INVITE that nobody knows.
    let ack = from_caller(&mut a, "ACK", &ok, 9);
    say(&mut world, &a, &ack);
    let ack = world.expect(addr(PBX)).unwrap();
    assert_eq!(header(&ack, "Authorization"), None);
}

#[test]
fn the_nonce_that_a_200_names_comes_next() {
    let mut world = world_with_logins();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request("MESSAGE", "sip:600@example.org", "one", "");
    let (_, first) = send(&mut world, &mut a, &request);
    let second = challenged(&mut world, &first, "n1");
    let info = "Authentication-Info: nextnonce=\"n2\"\r\nProxy-Authentication-Info: qop=auth\r\n";
    say(&mut world, &pbx(), &pbx().answer(&second, 200, "OK", info));
    // Whose credentials they were hears it, nobody else.
    let ok = told(&mut world, &a);
    assert!(!ok.contains("Authentication-Info"), "{ok}");
    let request = a.request("MESSAGE", "sip:600@example.org", "two", "");
    let (_, next) = send(&mut world, &mut a, &request);
    assert_eq!(credentials(&next), proof("pbx6001", "n2", 1));
}
