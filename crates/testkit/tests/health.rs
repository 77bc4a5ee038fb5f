//! A PBX that does not answer is known to be down, and what needs it is told so at once
//! (RFC 3261 16.7, 21.5.4); qualifying OPTIONS and messages waiting.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::UpstreamTarget;
use bellhop_core::engine::shard_of;
use bellhop_core::flow::Transport;
use bellhop_core::upstream::Place;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::net::SocketAddr;
use std::time::Duration;

const AT_PBX: Place = (
    Transport::Udp,
    SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 5)),
        5060,
    ),
);
const SPARE: &str = "198.51.100.6:5060";

/// One whose PBX is probed every ten seconds, and maybe has a second target.
fn probing(has_spare: bool) -> World {
    let mut config = config();
    config.upstreams[0].probe = Some(Duration::from_secs(10));
    if has_spare {
        config.upstreams[0].targets.push(UpstreamTarget {
            transport: Transport::Udp,
            remote: addr(SPARE),
            host: SPARE.to_owned(),
        });
    }
    let mut world = World::new(1);
    world.start(config, auth());
    world
}

/// The next probe, whatever copies come before it.
fn probe(world: &mut World, at: &str, seen: &mut String) -> String {
    loop {
        let probe = world.expect(addr(at)).expect("a probe");
        assert!(probe.starts_with("OPTIONS sip:"), "{probe}");
        if header_of(&probe, "Call-ID") != *seen {
            header_of(&probe, "Call-ID").clone_into(seen);
            return probe;
        }
    }
}

fn message(world: &mut World, a: &mut Peer, id: &str) {
    let request = a.request("MESSAGE", "sip:600@example.org", id, "");
    let request = authorized(world, a, &request);
    say(world, a, &request);
}

fn told(world: &World) -> Vec<String> {
    let log = world.nodes[0]
        .log
        .iter()
        .map(|event| event.decision.to_string());
    log.filter(|text| text.starts_with("upstream ")).collect()
}

#[test]
fn the_answers_to_probes_come_to_the_shard_that_sent_them() {
    let mut config = config();
    config.upstreams[0].probe = Some(Duration::from_secs(10));
    config.registrar.leases.shards = 4;
    let mut world = World::new(1);
    world.start(config, auth());
    world.pass(Duration::from_secs(100));
    let probes = world.drain(addr(PBX));
    assert!(probes.len() >= 10, "{}", probes.len());
    for probe in probes {
        assert_eq!(shard_of(probe.as_bytes(), 4), 0, "{probe}");
    }
}

#[test]
fn a_pbx_that_answers_no_probe_is_down_and_requests_for_it_get_503_at_once() {
    let mut world = probing(false);
    let (mut a, b) = pair(&mut world);
    world.pass(Duration::from_secs(31));
    world.drain(addr(PBX));
    message(&mut world, &mut a, "down");
    let answer = world
        .expect_within(a.address, Duration::from_millis(200))
        .unwrap();
    assert_eq!(status_of(&answer), 503, "{answer}");
    assert_eq!(header_of(&answer, "Retry-After"), "10");
    assert_eq!(
        told(&world),
        ["upstream pbx target 198.51.100.5:5060 udp is down: no answer for 3 probes or requests"]
    );
    // Calls between phones and registrations go on.
    register(&mut world, &mut a);
    talk(&mut world, &mut a, &b, "call");
    // It comes back: the next probe is answered.
    let mut seen = String::new();
    let options = probe(&mut world, PBX, &mut seen);
    say(&mut world, &pbx(), &pbx().answer(&options, 200, "OK", ""));
    world.pass(Duration::from_millis(200));
    assert!(told(&world).last().unwrap().ends_with("is up again"));
    message(&mut world, &mut a, "up");
    let at_pbx = loop {
        let message = world.expect(addr(PBX)).expect("the MESSAGE");
        if message.starts_with("MESSAGE ") {
            break message;
        }
    };
    assert_eq!(header_of(&at_pbx, "Call-ID"), "up");
}

#[test]
fn any_answer_to_a_probe_will_do_and_it_is_sent_every_ten_seconds() {
    let mut world = probing(false);
    let mut seen = String::new();
    let mut last = None;
    for status in [200, 404, 401, 405] {
        let options = probe(&mut world, PBX, &mut seen);
        assert_eq!(header_of(&options, "Max-Forwards"), "70");
        let at = world.now.instant;
        if let Some(last) = last.replace(at) {
            let pause = at.since(last);
            assert!(pause.abs_diff(Duration::from_secs(10)) < Duration::from_millis(100));
        }
        say(
            &mut world,
            &pbx(),
            &pbx().answer(&options, status, "Whatever", ""),
        );
    }
    assert!(told(&world).is_empty());
}

#[test]
fn how_long_probes_are_on_their_way_is_known() {
    let mut world = probing(false);
    let latency = |world: &World| world.nodes[0].shared.health.latency(AT_PBX);
    let mut seen = String::new();
    let options = probe(&mut world, PBX, &mut seen);
    assert_eq!(latency(&world), None);
    world.pass(Duration::from_millis(70));
    say(&mut world, &pbx(), &pbx().answer(&options, 200, "OK", ""));
    world.pass(Duration::from_millis(100));
    let first = latency(&world).expect("a time");
    assert!((70..100).contains(&first.as_millis()), "{first:?}");
}

#[test]
fn how_long_requests_wait_for_their_first_answer_is_known_where_somebody_asks() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let latency = |world: &World| world.nodes[0].shared.health.latency(AT_PBX);
    for (id, wanted) in [("unmeasured", false), ("measured", true)] {
        world.nodes[0].shared.health.measure_requests(wanted);
        message(&mut world, &mut a, id);
        let at_pbx = world.expect(addr(PBX)).expect("the MESSAGE");
        world.pass(Duration::from_millis(70));
        say(&mut world, &pbx(), &pbx().answer(&at_pbx, 200, "OK", ""));
        assert_eq!(status_of(&outcome(&mut world, &a)), 200);
        assert_eq!(latency(&world).is_some(), wanted);
    }
    let first = latency(&world).expect("a time");
    assert!((70..100).contains(&first.as_millis()), "{first:?}");
}

#[test]
fn a_target_that_is_down_is_skipped_for_the_next() {
    let mut world = probing(true);
    let mut a = phone("6001", "203.0.113.1:5060");
    // The second target answers its probes.
    let mut spare = pbx();
    spare.address = addr(SPARE);
    let mut seen = String::new();
    for _ in 0..4 {
        let options = probe(&mut world, SPARE, &mut seen);
        say(&mut world, &spare, &spare.answer(&options, 200, "OK", ""));
    }
    world.pass(Duration::from_millis(100));
    world.drain(addr(PBX));
    message(&mut world, &mut a, "skip");
    let at_spare = world
        .expect_within(addr(SPARE), Duration::from_millis(200))
        .unwrap();
    assert!(at_spare.starts_with("MESSAGE "), "{at_spare}");
    let at_first = world.drain(addr(PBX));
    assert!(
        at_first
            .iter()
            .all(|message| message.starts_with("OPTIONS "))
    );
}

/// RFC 3261 16.8: a 180 of somebody who is not there any more is worth no three minutes.
#[test]
fn a_call_that_rings_at_a_pbx_that_dies_is_given_up_when_that_is_known_and_goes_to_the_spare() {
    for has_spare in [false, true] {
        let mut world = probing(has_spare);
        let mut a = phone("6001", "203.0.113.1:5060");
        let invite = a.request("INVITE", "sip:600@example.org", "ringing", "");
        let invite = authorized(&mut world, &mut a, &invite);
        say(&mut world, &a, &invite);
        let at_pbx = loop {
            let message = world.expect(addr(PBX)).expect("the INVITE");
            if message.starts_with("INVITE ") {
                break message;
            }
        };
        say(
            &mut world,
            &pbx(),
            &pbx().answer(&at_pbx, 180, "Ringing", ""),
        );
        let mut spare = pbx();
        spare.address = addr(SPARE);
        let mut at_spare = Vec::new();
        for _ in 0..35 {
            world.pass(Duration::from_secs(1));
            for message in world.drain(addr(SPARE)) {
                if message.starts_with("OPTIONS ") {
                    say(&mut world, &spare, &spare.answer(&message, 200, "OK", ""));
                } else {
                    at_spare.push(message);
                }
            }
        }
        let at_first = world.drain(addr(PBX));
        let is_cancel = |message: &String| message.starts_with("CANCEL ");
        assert!(at_first.iter().any(is_cancel), "it may live after all");
        let at_caller = world.drain(a.address);
        let last = status_of(at_caller.last().expect("a response"));
        match has_spare {
            true => assert!(last == 180 && at_spare[0].starts_with("INVITE ")),
            false => assert_eq!(last, 408),
        }
    }
}

#[test]
fn a_pbx_that_says_503_is_left_alone_for_as_long_as_it_asks() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    message(&mut world, &mut a, "first");
    let at_pbx = world.expect(addr(PBX)).unwrap();
    let busy = pbx().answer(&at_pbx, 503, "Later", "Retry-After: 20\r\n");
    say(&mut world, &pbx(), &busy);
    assert_eq!(status_of(&outcome(&mut world, &a)), 500);
    message(&mut world, &mut a, "second");
    let answer = world
        .expect_within(a.address, Duration::from_millis(200))
        .unwrap();
    assert_eq!(status_of(&answer), 503);
    let wait: u64 = header_of(&answer, "Retry-After").parse().unwrap();
    assert!((18..=20).contains(&wait), "{wait}");
    assert!(world.drain(addr(PBX)).is_empty());
    world.pass(Duration::from_secs(20));
    message(&mut world, &mut a, "third");
    assert!(world.expect(addr(PBX)).unwrap().starts_with("MESSAGE "));
}

#[test]
fn without_probes_three_requests_without_an_answer_are_enough_and_it_is_tried_again() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    for id in ["one", "two", "three"] {
        world.drain(a.address);
        message(&mut world, &mut a, id);
        world.pass(Duration::from_secs(40));
    }
    assert_eq!(told(&world).len(), 1, "{:?}", told(&world));
    world.drain(addr(PBX));
    world.drain(a.address);
    // Its rest is over; it is tried, and rests again.
    world.pass(Duration::from_secs(10));
    message(&mut world, &mut a, "four");
    world.pass(Duration::from_secs(34));
    world.drain(addr(PBX));
    world.drain(a.address);
    message(&mut world, &mut a, "five");
    let answer = world
        .expect_within(a.address, Duration::from_millis(200))
        .unwrap();
    assert_eq!(status_of(&answer), 503, "{answer}");
    assert!(world.drain(addr(PBX)).is_empty());
}

#[test]
fn options_of_a_pbx_for_an_aor_are_answered_truthfully_and_disturb_no_phone() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    for (user, status) in [("6002", 200), ("6003", 480)] {
        let options = p.request("OPTIONS", &format!("sip:{user}@example.org"), user, "");
        assert_eq!(status_of(&ask(&mut world, &p, &options)), status, "{user}");
    }
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn messages_waiting_reach_every_phone_of_an_aor_without_a_subscription() {
    let mut world = world();
    let mut first = phone("6001", "203.0.113.1:5060");
    let mut second = phone("6001", "203.0.113.2:5060");
    second.contact = "10.0.0.2:5060".to_owned();
    register(&mut world, &mut first);
    register(&mut world, &mut second);
    let mut p = pbx();
    let more = "Event: message-summary\r\nSubscription-State: active\r\n\
                Content-Type: application/simple-message-summary\r\nContent-Length: 23\r\n\r\n\
                Messages-Waiting: yes\r\n";
    let notify = p.request("NOTIFY", "sip:6001@example.org", "mwi", more);
    say(&mut world, &p, &notify);
    for phone in [&first, &second] {
        let lamp = world.expect(phone.address).expect("a NOTIFY");
        assert!(lamp.starts_with("NOTIFY ") && lamp.contains("Messages-Waiting: yes"));
        say(&mut world, phone, &phone.answer(&lamp, 200, "OK", ""));
    }
    assert_eq!(status_of(&outcome(&mut world, &p)), 200);
}
