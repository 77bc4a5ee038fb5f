//! What a peer sees of transactions and transports: RFC 3261 17 and 18 and RFC 3581 4, sentence by sentence
//! where no other file has it; `docs/conformance.md` says which test proves what.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::Zone;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// When messages that begin so reach an address, in milliseconds from now, while time passes.
fn arrivals(world: &mut World, at: std::net::SocketAddr, start: &str, time: Duration) -> Vec<u64> {
    let begin = world.now.instant;
    let mut seen = Vec::new();
    loop {
        let gone = world.now.instant.since(begin);
        let Some(left) = time.checked_sub(gone).filter(|left| !left.is_zero()) else {
            return seen;
        };
        match world.expect_within(at, left) {
            Some(message) if message.starts_with(start) => {
                let at = world.now.instant.since(begin).as_millis();
                seen.push(u64::try_from(at).unwrap());
            }
            Some(_) => {}
            None => return seen,
        }
    }
}

/// How long after each message the next one came, to the nearest 10 ms.
fn gaps(arrivals: &[u64]) -> Vec<u64> {
    arrivals
        .windows(2)
        .map(|pair| (pair[1] - pair[0] + 5) / 10 * 10)
        .collect()
}

/// A request of the first phone for the PBX with its credentials, sent.
fn asked(world: &mut World, method: &str) -> Peer {
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request(method, "sip:600@example.org", "asked", "");
    let request = authorized(world, &mut a, &request);
    say(world, &a, &request);
    a
}

#[test]
fn a_silent_next_hop_gets_an_invite_seven_times_at_doubling_gaps() {
    let mut world = world();
    let a = asked(&mut world, "INVITE");
    let seen = arrivals(&mut world, addr(PBX), "INVITE ", Duration::from_secs(60));
    // 17.1.1.2, timers A and B.
    assert_eq!(gaps(&seen), [500, 1_000, 2_000, 4_000, 8_000, 16_000]);
    assert_eq!(statuses(&mut world, &a)[..2], [100, 408]);
}

#[test]
fn a_silent_next_hop_gets_another_request_eleven_times_at_gaps_up_to_t2() {
    let mut world = world();
    asked(&mut world, "MESSAGE");
    let seen = arrivals(&mut world, addr(PBX), "MESSAGE ", Duration::from_secs(60));
    // 17.1.2.2, timers E and F.
    let expected = [
        500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000,
    ];
    assert_eq!(gaps(&seen), expected);
}

#[test]
fn a_refusal_is_sent_again_until_its_ack_and_not_after_it() {
    let mut world = world();
    let a = asked(&mut world, "INVITE");
    let p = pbx();
    let at_p = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_p, 486, "Busy Here", ""));
    let busy = outcome(&mut world, &a);
    let time = Duration::from_millis(12_000);
    let seen = arrivals(&mut world, a.address, "SIP/2.0 486", time);
    // 17.2.1, timer G: doubling up to T2.
    let expected: Vec<u64> = vec![500, 1_500, 3_500, 7_500, 11_500];
    assert_eq!(seen, expected);
    say(&mut world, &a, &ack_of(&busy, &a));
    world.pass(Duration::from_secs(60));
    assert!(world.drain(a.address).is_empty());
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_refusal_without_an_ack_is_given_up_after_timer_h() {
    let mut world = world();
    let a = asked(&mut world, "INVITE");
    let p = pbx();
    let at_p = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_p, 486, "Busy Here", ""));
    let seen = arrivals(
        &mut world,
        a.address,
        "SIP/2.0 486",
        Duration::from_secs(90),
    );
    // 17.2.1: 64*T1.
    let last = seen.last().unwrap() - seen[0];
    assert!((28_000..=32_000).contains(&last), "{seen:?}");
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn nothing_is_sent_twice_over_a_stream() {
    for (method, status) in [("INVITE", 486), ("MESSAGE", 404)] {
        let mut world = world();
        let mut a = tcp_phone("6001", "203.0.113.1:40000");
        let mut b = tcp_phone("6002", "203.0.113.2:40000");
        register(&mut world, &mut a);
        register(&mut world, &mut b);
        let request = a.request(method, "sip:6002@example.org", "stream", "");
        let request = authorized(&mut world, &mut a, &request);
        say(&mut world, &a, &request);
        let at_b = world.expect(b.address).unwrap();
        world.pass(Duration::from_secs(20));
        // 17.1.1.2, 17.1.2.2: no timer A or E.
        assert!(world.drain(b.address).is_empty());
        world.drain(a.address);
        say(&mut world, &b, &b.answer(&at_b, status, "Refused", ""));
        world.pass(Duration::from_secs(20));
        // 17.2.1: no timer G.
        assert_eq!(statuses(&mut world, &a), [status]);
    }
}

#[test]
fn an_invite_is_quenched_by_a_100_without_a_tag_at_once() {
    let mut world = world();
    let (mut a, _) = (phone("6001", "203.0.113.1:5060"), pbx());
    let more = "Timestamp: 54.1\r\n";
    let invite = a.request("INVITE", "sip:600@example.org", "quench", more);
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let limit = Duration::from_millis(200);
    let trying = world.expect_within(a.address, limit).unwrap();
    // 17.2.1, 8.2.6.
    assert_eq!(status_of(&trying), 100);
    assert_eq!(header_of(&trying, "To"), "<sip:600@example.org>");
    assert_eq!(header_of(&trying, "Timestamp"), "54.1");
}

#[test]
fn a_copy_of_an_invite_gets_the_last_provisional_response_again() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (invite, at_b) = ring(&mut world, &mut a, &b, "copy");
    say(&mut world, &a, &invite);
    world.pass(Duration::from_millis(20));
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &a, &invite);
    world.pass(Duration::from_millis(20));
    // 17.2.1.
    assert_eq!(statuses(&mut world, &a), [100, 100, 180, 180]);
}

#[test]
fn received_is_put_where_sent_by_is_not_the_source() {
    for (sent_by, mark) in [
        // 18.2.1: a name, another address, the source itself.
        ("phone.test:5060", ";received=203.0.113.1"),
        ("10.0.0.7:5060", ";received=203.0.113.1"),
        ("203.0.113.1", ""),
        ("203.0.113.1:9", ""),
        // RFC 3581 4: always with rport, which is filled whatever it said.
        ("203.0.113.1:5060;rport", ";rport=5060;received=203.0.113.1"),
        ("203.0.113.1;rport=77", ";rport=5060;received=203.0.113.1"),
    ] {
        let mut world = world();
        let mut a = phone("6001", "203.0.113.1:5060");
        let request = a.request("MESSAGE", "sip:600@example.org", "mark", "");
        let via = header_of(&request, "Via").to_owned();
        let own = format!("SIP/2.0/UDP {sent_by};branch=z9hG4bKmark");
        let answer = ask(&mut world, &a, &request.replacen(&via, &own, 1));
        let params = |via: &str| {
            let mut params: Vec<_> = via.split(';').skip(1).map(str::to_owned).collect();
            params.sort();
            params
        };
        let expected = format!("x;branch=z9hG4bKmark{mark}");
        assert_eq!(
            params(header_of(&answer, "Via")),
            params(&expected),
            "{sent_by}"
        );
    }
}

#[test]
fn on_the_inside_an_answer_goes_to_the_port_that_via_says() {
    let mut world = World::new(1);
    let mut config = config();
    config.listeners[0].zone = Zone::Inside;
    world.start(config, auth());
    let source = "203.0.113.1:33000";
    for (sent_by, answered_at) in [
        // 18.2.2: the source's address, sent-by's port or 5060.
        ("10.0.0.7:5070", "203.0.113.1:5070"),
        ("10.0.0.7", "203.0.113.1:5060"),
        // RFC 3581 4.
        ("10.0.0.7:5070;rport", source),
    ] {
        let mut a = phone("6001", source);
        let request = a.request("OPTIONS", "sip:example.org", "inside", "");
        let via = header_of(&request, "Via").to_owned();
        let own = format!("SIP/2.0/UDP {sent_by};branch=z9hG4bKinside");
        say(&mut world, &a, &request.replacen(&via, &own, 1));
        let answer = world.expect(addr(answered_at)).unwrap();
        assert_eq!(status_of(&answer), 200, "{sent_by}");
    }
}

#[test]
fn an_answer_over_a_stream_takes_the_connection_of_its_request() {
    let mut world = world();
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    a.contact = "203.0.113.1:5060".to_owned();
    let request = a.request("OPTIONS", "sip:example.org", "stream", "");
    // 18.2.2: though Via says where it listens.
    assert_eq!(status_of(&ask(&mut world, &a, &request)), 407);
    assert!(world.drain(addr("203.0.113.1:5060")).is_empty());
}

#[test]
fn a_pbx_whose_connection_is_gone_is_answered_at_the_port_that_its_via_says() {
    let mut world = world();
    let mut b = phone("6002", "203.0.113.2:5060");
    register(&mut world, &mut b);
    let mut p = pbx();
    p.transport = bellhop_core::flow::Transport::Tcp;
    p.address = addr("198.51.100.5:40000");
    p.contact = PBX.to_owned();
    let invite = p.request("INVITE", "sip:6002@192.0.2.1", "gone", "");
    say(&mut world, &p, &invite);
    let at_b = world.expect(b.address).unwrap();
    world.cut(p.address);
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    // 18.2.2, first item.
    let got = world.expect(addr(PBX)).unwrap();
    assert_eq!(status_of(&got), 180);
}

#[test]
fn a_response_that_ends_before_its_body_does_is_dropped() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "short");
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    let body = "Content-Length: 5\r\n\r\n12345";
    let whole = b.answer(&at_b, 183, "Progress", body);
    say(&mut world, &b, whole.strip_suffix('5').unwrap());
    world.pass(Duration::from_millis(100));
    // 18.3.
    assert!(world.drain(a.address).is_empty());
    say(&mut world, &b, &whole);
    assert!(world.expect(a.address).unwrap().ends_with("12345"));
}

#[test]
fn a_datagram_of_the_greatest_size_is_served() {
    let mut world = world();
    let mut b = tcp_phone("6002", "203.0.113.2:40000");
    register(&mut world, &mut b);
    let mut p = pbx();
    let head = p.request("MESSAGE", "sip:6002@192.0.2.1", "great", "");
    let head = head.replacen("Content-Length: 0", "Content-Length: 60000", 1);
    let message = head + &"x".repeat(60_000);
    say(&mut world, &p, &message);
    // 18.1.1: up to what a datagram can hold.
    assert!(
        world
            .expect(b.address)
            .unwrap()
            .ends_with(&"x".repeat(60_000))
    );
}
