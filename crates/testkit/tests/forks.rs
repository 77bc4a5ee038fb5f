//! Forking, best responses and their races (RFC 3261 16.6, 16.7, 16.8; RFC 5393).
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helper may fail loudly"
)]

mod common;

use bellhop_core::config::UpstreamTarget;
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use common::*;
use std::time::Duration;

/// Phone a calls 6002, which rings at b and c; gives both INVITEs.
fn forked(world: &mut World, a: &mut Peer, b: &mut Peer, c: &mut Peer) -> (String, String) {
    for phone in [&mut *a, &mut *b, &mut *c] {
        register(world, phone);
    }
    let invite = a.request("INVITE", "sip:6002@example.org", "fork", "");
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    let at_b = world.expect(b.address).expect("b rings");
    let at_c = world.expect(c.address).expect("c rings");
    (at_b, at_c)
}

fn trio() -> (World, Peer, Peer, Peer) {
    (
        world(),
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.2:5060"),
        phone("6002", "203.0.113.3:5060"),
    )
}

/// The final that the caller gets, 1xx skipped.
fn outcome(world: &mut World, a: &Peer) -> String {
    loop {
        let message = world.expect(a.address).expect("a final response");
        if status_of(&message) >= 200 {
            return message;
        }
    }
}

#[test]
fn the_best_of_two_refusals_goes_back_in_either_order() {
    for first_is_busy in [true, false] {
        let (mut world, mut a, mut b, mut c) = trio();
        let (at_b, at_c) = forked(&mut world, &mut a, &mut b, &mut c);
        let busy = b.answer(&at_b, 486, "Busy Here", "");
        let away = c.answer(&at_c, 480, "Temporarily Unavailable", "");
        let order = if first_is_busy {
            [(&b, &busy), (&c, &away)]
        } else {
            [(&c, &away), (&b, &busy)]
        };
        for (peer, answer) in order {
            say(&mut world, peer, answer);
            world.pass(Duration::from_millis(10));
        }
        assert_eq!(status_of(&outcome(&mut world, &a)), 486);
    }
}

#[test]
fn a_6xx_cancels_the_other_branch_and_goes_back_when_it_has_ended() {
    let (mut world, mut a, mut b, mut c) = trio();
    let (at_b, at_c) = forked(&mut world, &mut a, &mut b, &mut c);
    say(&mut world, &c, &c.answer(&at_c, 180, "Ringing", ""));
    world.pass(Duration::from_millis(10));
    say(&mut world, &b, &b.answer(&at_b, 603, "Decline", ""));
    let cancel = world.expect(c.address).unwrap();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    say(
        &mut world,
        &c,
        &c.answer(&at_c, 487, "Request Terminated", ""),
    );
    assert_eq!(status_of(&outcome(&mut world, &a)), 603);
}

#[test]
fn a_branch_is_not_cancelled_before_it_has_sent_a_provisional_response() {
    let (mut world, mut a, mut b, mut c) = trio();
    let (at_b, at_c) = forked(&mut world, &mut a, &mut b, &mut c);
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    world.pass(Duration::from_millis(100));
    assert!(
        world
            .drain(c.address)
            .iter()
            .all(|m| !m.starts_with("CANCEL"))
    );
    say(&mut world, &c, &c.answer(&at_c, 180, "Ringing", ""));
    world.pass(Duration::from_millis(10));
    let got = world.drain(c.address);
    assert!(got.iter().any(|m| m.starts_with("CANCEL")), "{got:?}");
    // The 180 of a branch that lost does not ring at the caller after the 200.
    let statuses: Vec<u16> = world
        .drain(a.address)
        .iter()
        .map(|m| status_of(m))
        .collect();
    assert!(statuses.ends_with(&[200]), "{statuses:?}");
}

#[test]
fn both_of_two_crossing_200s_reach_the_caller() {
    let (mut world, mut a, mut b, mut c) = trio();
    let (at_b, at_c) = forked(&mut world, &mut a, &mut b, &mut c);
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    say(&mut world, &c, &c.answer(&at_c, 200, "OK", ""));
    world.pass(Duration::from_millis(50));
    let finals: Vec<String> = world
        .drain(a.address)
        .into_iter()
        .filter(|m| status_of(m) == 200)
        .collect();
    assert_eq!(finals.len(), 2);
    assert_ne!(
        header_of(&finals[0], "Contact"),
        header_of(&finals[1], "Contact")
    );
}

#[test]
fn a_repeated_200_is_passed_on_long_after_the_request_is_forgotten() {
    let (mut world, mut a, mut b, mut c) = trio();
    let (at_b, at_c) = forked(&mut world, &mut a, &mut b, &mut c);
    say(&mut world, &c, &c.answer(&at_c, 486, "Busy Here", ""));
    let ok = b.answer(&at_b, 200, "OK", "");
    say(&mut world, &b, &ok);
    world.pass(Duration::from_secs(4));
    world.drain(a.address);
    say(&mut world, &b, &ok);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    world.pass(Duration::from_secs(240));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn challenges_of_several_branches_are_merged() {
    let (mut world, mut a, mut b, mut c) = trio();
    let (at_b, at_c) = forked(&mut world, &mut a, &mut b, &mut c);
    say(
        &mut world,
        &b,
        &b.answer(
            &at_b,
            401,
            "Unauthorized",
            "WWW-Authenticate: Digest realm=\"b\", nonce=\"1\"\r\n",
        ),
    );
    say(
        &mut world,
        &c,
        &c.answer(
            &at_c,
            407,
            "Proxy",
            "Proxy-Authenticate: Digest realm=\"c\", nonce=\"2\"\r\n",
        ),
    );
    let answer = outcome(&mut world, &a);
    assert_eq!(status_of(&answer), 401);
    assert!(header(&answer, "WWW-Authenticate").is_some_and(|v| v.contains("realm=\"b\"")));
    assert!(header(&answer, "Proxy-Authenticate").is_some_and(|v| v.contains("realm=\"c\"")));
}

#[test]
fn phones_of_lower_q_ring_only_after_those_of_higher_q_have_refused() {
    let (mut world, mut a, mut b, mut c) = trio();
    register(&mut world, &mut a);
    for (peer, q) in [(&mut b, "0.9"), (&mut c, "0.3")] {
        let first = peer.request(
            "REGISTER",
            "sip:example.org",
            &format!("q{q}"),
            "Expires: 3600\r\n",
        );
        let first = first
            .replacen("To: <sip:example.org>", "To: <sip:6002@example.org>", 1)
            .replacen(
                &format!("@{}>\r\nExpires", peer.contact),
                &format!("@{}>;q={q}\r\nExpires", peer.contact),
                1,
            );
        let second = authorized(&mut world, peer, &first);
        assert_eq!(status_of(&ask(&mut world, peer, &second)), 200);
    }
    let invite = a.request("INVITE", "sip:6002@example.org", "serial", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).unwrap();
    world.pass(Duration::from_millis(400));
    assert!(world.drain(c.address).is_empty());
    say(&mut world, &b, &b.answer(&at_b, 486, "Busy Here", ""));
    let at_c = world.expect(c.address).unwrap();
    say(&mut world, &c, &c.answer(&at_c, 200, "OK", ""));
    assert_eq!(status_of(&outcome(&mut world, &a)), 200);
}

/// A Bellhop whose PBX has two addresses.
fn with_spare() -> (World, Peer, Peer) {
    let mut world = World::new(1);
    let mut config = config();
    let spare = "198.51.100.6:5060";
    config.upstreams[0].targets.push(UpstreamTarget {
        transport: Transport::Udp,
        remote: addr(spare),
        host: spare.to_owned(),
    });
    world.start(config, auth());
    let mut second = pbx();
    second.address = addr(spare);
    (world, pbx(), second)
}

#[test]
fn a_503_of_the_first_target_is_tried_at_the_second() {
    let (mut world, p, second) = with_spare();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "over", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_p = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_p, 503, "Unavailable", ""));
    assert!(
        world
            .expect(second.address)
            .unwrap()
            .starts_with("INVITE sip:600@198.51.100.6:5060")
    );
}

#[test]
fn a_refusal_of_the_first_target_is_not_tried_at_the_second() {
    let (mut world, p, second) = with_spare();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "final", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_p = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_p, 404, "Not Found", ""));
    assert_eq!(status_of(&outcome(&mut world, &a)), 404);
    world.pass(Duration::from_secs(1));
    assert!(world.drain(second.address).is_empty());
}

#[test]
fn timer_c_ends_a_call_that_rings_for_ever() {
    let (mut world, mut a, mut b, _) = trio();
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    let invite = a.request("INVITE", "sip:6002@example.org", "ring", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_secs(170));
    // 16.7 step 2: another provisional response starts it anew.
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_secs(170));
    assert!(world.drain(b.address).is_empty());
    let cancel = world.expect(b.address).unwrap();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 487, "Request Terminated", ""),
    );
    assert_eq!(status_of(&outcome(&mut world, &a)), 487);
}

#[test]
fn a_non_invite_that_times_out_gets_one_100_and_no_408() {
    let (mut world, mut a, ..) = trio();
    let request = a.request("MESSAGE", "sip:600@example.org", "late", "");
    let request = authorized(&mut world, &mut a, &request);
    say(&mut world, &a, &request);
    world.pass(Duration::from_secs(120));
    // RFC 4320 4.1: a 100 once its timer E has grown to T2, and nothing ever after.
    let statuses: Vec<u16> = world
        .drain(a.address)
        .iter()
        .map(|m| status_of(m))
        .collect();
    assert_eq!(statuses, [100]);
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn max_breadth_is_shared_out_among_the_branches_and_too_little_is_440() {
    let (mut world, mut a, mut b, mut c) = trio();
    for phone in [&mut a, &mut b, &mut c] {
        register(&mut world, phone);
    }
    let invite = a.request(
        "INVITE",
        "sip:6002@example.org",
        "wide",
        "Max-Breadth: 5\r\n",
    );
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    assert_eq!(
        header_of(&world.expect(b.address).unwrap(), "Max-Breadth"),
        "2"
    );
    world.drain(a.address);
    let invite = a.request(
        "INVITE",
        "sip:6002@example.org",
        "narrow",
        "Max-Breadth: 1\r\n",
    );
    let invite = authorized(&mut world, &mut a, &invite);
    world.drain(a.address);
    say(&mut world, &a, &invite);
    assert_eq!(status_of(&outcome(&mut world, &a)), 440);
}
