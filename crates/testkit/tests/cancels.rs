//! CANCEL: RFC 3261 9 and 16.10, with its races, and why (RFC 3326).

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
fn the_callers_reason_reaches_the_branch() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "reason");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    let reason = "SIP;cause=200;text=\"Call completed elsewhere\"";
    let cancel = invite.replace("INVITE", "CANCEL").replacen(
        "Contact:",
        &format!("Reason: {reason}\r\nreason: Q.850 ;cause=16\r\nContact:"),
        1,
    );
    say(&mut world, &a, &cancel);
    let cancel = world.expect(b.address).unwrap();
    // RFC 3326 2.
    assert_eq!(header_of(&cancel, "Reason"), reason);
    assert!(cancel.contains("Reason: Q.850 ;cause=16\r\n"), "{cancel}");
    assert!(cancel.ends_with("Content-Length: 0\r\n\r\n"));
}

#[test]
fn the_phones_that_lose_are_told_that_another_one_answered() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let mut c = phone("6002", "203.0.113.3:5060");
    register(&mut world, &mut c);
    let (_, at_b) = ring(&mut world, &mut a, &b, "elsewhere");
    let at_c = world.expect(c.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &c, &c.answer(&at_c, 200, "OK", ""));
    let cancel = world.expect(b.address).unwrap();
    assert_eq!(
        header_of(&cancel, "Reason"),
        "SIP;cause=200;text=\"Call completed elsewhere\""
    );
}

#[test]
fn a_cancel_with_our_route_meets_its_invite() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let route = format!("Route: <sip:{SERVER};lr>\r\n");
    let invite = a.request("INVITE", "sip:6002@example.org", "routed", &route);
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    let cancel = world.expect(b.address).unwrap();
    assert!(cancel.starts_with("CANCEL "));
    // 9.1: its Route is the forwarded INVITE's.
    assert_eq!(header(&cancel, "Route"), header(&at_b, "Route"));
}

#[test]
fn a_cancel_before_any_provisional_response_waits_for_one() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "early");
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    world.pass(Duration::from_millis(400));
    assert!(world.drain(b.address).is_empty());
    // 9.1.
    say(&mut world, &b, &b.answer(&at_b, 100, "Trying", ""));
    assert!(world.expect(b.address).unwrap().starts_with("CANCEL "));
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 487, "Request Terminated", ""),
    );
    world.drain(a.address);
    assert_eq!(status_of(&outcome(&mut world, &a)), 487);
}

#[test]
fn a_cancel_while_a_name_is_looked_up_ends_the_call_at_once() {
    let mut world = world();
    world.resolver_answers = false;
    let mut p = pbx();
    let invite = p.request("INVITE", "sip:far@slow.test", "lookup", "");
    say(&mut world, &p, &invite);
    world.pass(Duration::from_millis(50));
    say(&mut world, &p, &invite.replace("INVITE", "CANCEL"));
    world.pass(Duration::from_millis(50));
    assert_eq!(statuses(&mut world, &p), [100, 200, 487]);
    assert!(
        world
            .trace
            .iter()
            .all(|packet| packet.to == p.address || packet.from == p.address)
    );
}

#[test]
fn a_name_that_is_never_resolved_gives_a_final_answer() {
    let mut world = world();
    world.resolver_answers = false;
    let mut p = pbx();
    let invite = p.request("INVITE", "sip:far@slow.test", "lookup-2", "");
    say(&mut world, &p, &invite);
    let answer = outcome(&mut world, &p);
    assert_eq!(status_of(&answer), 500);
    say(&mut world, &p, &ack_of(&answer, &p));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_cancel_after_the_final_response_changes_nothing() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "after");
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    world.pass(Duration::from_secs(5));
    // 9.2, 16.10: it has its answer, and nothing else happens.
    assert_eq!(statuses(&mut world, &a), [200]);
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn a_call_with_as_many_header_lines_as_are_allowed_can_be_cancelled() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let invite = a.request("INVITE", "sip:6002@example.org", "wide", "");
    let invite = authorized(&mut world, &mut a, &invite);
    let lines = invite.matches("\r\n").count() - 2;
    let more = "X-Filler: 1\r\n".repeat(128 - lines);
    let invite = invite.replacen("Contact:", &format!("{more}Contact:"), 1);
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    let cancel = invite.replace(&more, "").replace("INVITE", "CANCEL");
    say(&mut world, &a, &cancel);
    assert!(world.expect(b.address).unwrap().starts_with("CANCEL "));
}

#[test]
fn a_callee_that_ignores_the_cancel_leaves_the_caller_with_487_in_time() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "deaf");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    let start = world.now.instant;
    let answer = world.expect(a.address).unwrap();
    assert_eq!(status_of(&answer), 487);
    // 9.1: 64*T1.
    assert!(world.now.instant.since(start) <= Duration::from_secs(33));
    say(&mut world, &a, &ack_of(&answer, &a));
    world.pass(Duration::from_secs(120));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_busy_that_crosses_the_cancel_goes_back_once() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "busy");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    say(&mut world, &b, &b.answer(&at_b, 486, "Busy Here", ""));
    let mut finals = Vec::new();
    for _ in 0..2 {
        let message = world.expect(a.address).unwrap();
        if header_of(&message, "CSeq").contains("INVITE") {
            say(&mut world, &a, &ack_of(&message, &a));
            finals.push(status_of(&message));
        }
    }
    world.pass(Duration::from_secs(40));
    assert_eq!(finals, [486]);
    assert!(world.drain(a.address).is_empty());
}

#[test]
fn a_call_over_tcp_is_cancelled_over_tcp() {
    let mut world: World = world();
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    let mut b = tcp_phone("6002", "203.0.113.2:40000");
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "tcp");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    let cancel = world.expect(b.address).unwrap();
    assert_eq!(header_of(&cancel, "Via"), header_of(&at_b, "Via"));
    say(&mut world, &b, &b.answer(&cancel, 200, "OK", ""));
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 487, "Request Terminated", ""),
    );
    world.pass(Duration::from_millis(50));
    assert_eq!(statuses(&mut world, &a), [200, 487]);
}

#[test]
fn a_branch_that_is_cancelled_twice_gets_one_cancel() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let mut c = phone("6002", "203.0.113.3:5060");
    register(&mut world, &mut c);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "twice");
    let at_c = world.expect(c.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    say(&mut world, &c, &c.answer(&at_c, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    let cancel = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&cancel, 200, "OK", ""));
    // The other phone answers all the same.
    say(&mut world, &c, &c.answer(&at_c, 200, "OK", ""));
    world.pass(Duration::from_secs(2));
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn a_cancel_ends_a_call_though_there_is_room_for_no_other_transaction() {
    let mut world = World::new(1);
    let mut config = config();
    config.max_transactions = 1;
    world.start(config, auth());
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "full");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    assert!(world.expect(b.address).unwrap().starts_with("CANCEL "));
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 487, "Request Terminated", ""),
    );
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 487);
}

#[test]
fn a_cancel_during_the_second_attempt_gives_487_and_not_the_first_ones_failure() {
    let mut world = World::new(1);
    let mut config = config();
    let second = "198.51.100.6:5060";
    let mut target = config.upstreams[0].targets[0].clone();
    target.remote = addr(second);
    config.upstreams[0].targets.push(target);
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "second", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let mut p = pbx();
    let at_p = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_p, 503, "Down", ""));
    p.address = addr(second);
    let at_p = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_p, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    // The second one never answers: 16.8.
    world.pass(Duration::from_secs(33));
    assert!(statuses(&mut world, &a).starts_with(&[200, 487]));
}
