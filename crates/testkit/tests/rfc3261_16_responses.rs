//! Responses on their way back: RFC 3261 16.7 to 16.10 and RFC 4320 4, sentence by sentence where no other
//! file has it; `docs/conformance.md` says which test proves what.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// 6001 asks for 6002, who is at b and c, c with a lower q if `in_turn`; gives who is who and the request
/// at b.
fn fork(method: &str, in_turn: bool) -> (World, Peer, Peer, Peer, String) {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = phone("6002", "203.0.113.2:5060");
    let mut c = phone("6002", "203.0.113.3:5060");
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    let q = if in_turn { ";q=0.5" } else { "" };
    let contact = format!("Contact: <sip:6002@{}>{q}\r\n", c.contact);
    let request = register_of(&mut c, "sip:6002@example.org", "c", &contact, "");
    assert_eq!(status_of(&answered(&mut world, &mut c, &request)), 200);
    let request = a.request(method, "sip:6002@example.org", "fork", "");
    let request = authorized(&mut world, &mut a, &request);
    say(&mut world, &a, &request);
    let at_b = world.expect(b.address).unwrap();
    (world, a, b, c, at_b)
}

#[test]
fn every_provisional_response_but_100_goes_back_at_once_and_in_order() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "provisional");
    world.pass(Duration::from_millis(20));
    assert_eq!(statuses(&mut world, &a), [100]);
    // 16.7 step 5: no 100 is passed on, ours is enough.
    for status in [100, 180, 183, 100, 181, 199, 183] {
        say(&mut world, &b, &b.answer(&at_b, status, "Going on", ""));
        world.pass(Duration::from_millis(5));
    }
    assert_eq!(statuses(&mut world, &a), [180, 183, 181, 199, 183]);
}

#[test]
fn a_100_does_not_start_timer_c_anew() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "timer-c");
    say(&mut world, &b, &b.answer(&at_b, 100, "Trying", ""));
    world.pass(Duration::from_secs(170));
    say(&mut world, &b, &b.answer(&at_b, 100, "Trying", ""));
    world.pass(Duration::from_secs(5));
    assert!(world.drain(b.address).is_empty());
    // 16.6 step 11, 16.7 step 2, 16.8: more than 3 minutes after the request.
    let cancel = world.expect_within(b.address, Duration::from_secs(10));
    assert!(cancel.is_some_and(|c| c.starts_with("CANCEL ")));
}

#[test]
fn a_2xx_that_comes_after_a_6xx_goes_back_and_the_6xx_does_not() {
    let (mut world, a, b, c, at_b) = fork("INVITE", false);
    let at_c = world.expect(c.address).unwrap();
    say(&mut world, &c, &c.answer(&at_c, 180, "Ringing", ""));
    say(&mut world, &b, &b.answer(&at_b, 600, "Busy Everywhere", ""));
    say(&mut world, &c, &c.answer(&at_c, 200, "OK", ""));
    world.pass(Duration::from_secs(40));
    // 16.7 step 5: that is why a 6xx has to wait.
    assert_eq!(statuses(&mut world, &a), [100, 180, 200]);
}

#[test]
fn after_a_6xx_or_a_2xx_nobody_else_is_asked() {
    for (status, method) in [(603, "INVITE"), (200, "INVITE"), (603, "MESSAGE")] {
        let (mut world, a, b, c, at_b) = fork(method, true);
        say(&mut world, &b, &b.answer(&at_b, status, "Final", ""));
        // 16.7 step 5: no new branches.
        assert_eq!(status_of(&outcome(&mut world, &a)), status);
        world.pass(Duration::from_secs(1));
        assert!(world.drain(c.address).is_empty(), "{method} {status}");
    }
}

#[test]
fn a_redirection_goes_back_with_its_contacts_and_is_not_followed() {
    let (mut world, a, b, c, at_b) = fork("INVITE", false);
    let at_c = world.expect(c.address).unwrap();
    let there = "sip:6002@203.0.113.77";
    let moved = b.answer(&at_b, 302, "Moved Temporarily", "");
    let own = header_of(&moved, "Contact").to_owned();
    say(
        &mut world,
        &b,
        &moved.replacen(&own, &format!("<{there}>"), 1),
    );
    say(&mut world, &c, &c.answer(&at_c, 404, "Not Found", ""));
    // 16.7 steps 4 and 6: the lowest class, whole.
    let answer = outcome(&mut world, &a);
    assert_eq!(status_of(&answer), 302);
    assert_eq!(header_of(&answer, "Contact"), format!("<{there}>"));
    assert!(
        world
            .trace
            .iter()
            .all(|p| p.to != addr("203.0.113.77:5060"))
    );
}

#[test]
fn the_to_tag_of_whoever_answered_stays() {
    for status in [180, 200, 302, 486, 500, 603] {
        let mut world = world();
        let (mut a, b) = pair(&mut world);
        let (invite, at_b) = ring(&mut world, &mut a, &b, "tag");
        world.drain(a.address);
        say(&mut world, &b, &b.answer(&at_b, status, "Tagged", ""));
        let got = skip(&mut world, a.address, 100);
        // 16.7 step 6.
        let to = format!("{};tag=t6002", header_of(&invite, "To"));
        assert_eq!((status_of(&got), header_of(&got, "To")), (status, &*to));
    }
}

#[test]
fn a_forked_request_that_is_no_invite_has_one_final_response() {
    let (mut world, a, b, c, at_b) = fork("MESSAGE", false);
    let at_c = world.expect(c.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    say(&mut world, &c, &c.answer(&at_c, 202, "Accepted", ""));
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    world.pass(Duration::from_secs(40));
    // 16.7 step 5, last paragraph.
    assert_eq!(statuses(&mut world, &a), [200]);
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_branch_that_is_being_cancelled_still_tells_how_it_goes() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "still");
    world.pass(Duration::from_millis(20));
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    // 16.7 step 5: until a final response has been sent.
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    assert!(world.expect(b.address).unwrap().starts_with("CANCEL "));
    say(&mut world, &b, &b.answer(&at_b, 183, "Progress", ""));
    world.pass(Duration::from_millis(20));
    assert_eq!(statuses(&mut world, &a), [180, 183]);
    // 9.1: they do not put off the end.
    assert_eq!(status_of(&outcome(&mut world, &a)), 487);
}

#[test]
fn what_rfc_4320_forbids_is_not_passed_on() {
    for status in [101, 180, 183, 199, 408] {
        let mut world = world();
        let (mut a, b) = pair(&mut world);
        let message = a.request("MESSAGE", "sip:6002@example.org", "forbidden", "");
        let message = authorized(&mut world, &mut a, &message);
        say(&mut world, &a, &message);
        let at_b = world.expect(b.address).unwrap();
        say(&mut world, &b, &b.answer(&at_b, status, "Forbidden", ""));
        world.pass(Duration::from_millis(200));
        // RFC 4320 4.1, 4.2.
        assert_eq!(statuses(&mut world, &a), [] as [u16; 0], "{status}");
        say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
        world.pass(Duration::from_secs(70));
        let expected: &[u16] = if status == 408 { &[] } else { &[200] };
        let got = statuses(&mut world, &a);
        assert!(got.iter().filter(|s| **s >= 200).eq(expected), "{got:?}");
        assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
    }
}

#[test]
fn a_final_response_that_comes_too_late_is_dropped() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let message = a.request("MESSAGE", "sip:6002@example.org", "too-late", "");
    let message = authorized(&mut world, &mut a, &message);
    say(&mut world, &a, &message);
    let at_b = world.expect(b.address).unwrap();
    world.pass(Duration::from_secs(33));
    world.drain(a.address);
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    world.pass(Duration::from_secs(33));
    // RFC 4320 4.2.
    assert!(world.drain(a.address).is_empty());
}

#[test]
fn a_response_is_forwarded_to_the_via_below_ours_with_what_we_marked_on_it() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    a.contact = "phone.test:9".to_owned();
    let (_, at_b) = ring(&mut world, &mut a, &b, "marked");
    world.drain(a.address);
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    let got = world.expect(a.address).unwrap();
    // 16.7 step 9.
    let via = header_of(&got, "Via");
    assert!(via.starts_with("SIP/2.0/UDP phone.test:9;"), "{via}");
    assert!(via.contains(";received=203.0.113.1") && via.contains(";rport=5060"));
    assert_eq!(got.matches("Via: ").count(), 1);
}
