//! ACK: RFC 3261 17.1.1.3, 17.2.1 and 16.6, and those that have no home.

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
use bellhop_core::flow::Transport;
use bellhop_testkit::{World, header_of, status_of};
use common::*;
use std::time::Duration;

#[test]
fn an_ack_with_our_route_but_no_to_tag_is_met_with_silence() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, ok) = talk(&mut world, &mut a, &b, "tagless");
    let ack = from_caller(&mut a, "ACK", &ok, 9);
    let to = header_of(&ack, "To").to_owned();
    let bare = to.split(';').next().unwrap();
    say(&mut world, &a, &ack.replacen(&to, bare, 1));
    world.pass(Duration::from_secs(5));
    // 17: no ACK is ever answered.
    assert!(world.drain(a.address).is_empty() && world.drain(b.address).is_empty());
}

#[test]
fn the_ack_of_an_answer_that_we_gave_without_a_transaction_goes_nowhere() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    let invite = p.request(
        "INVITE",
        "sip:6002@192.0.2.1",
        "stateless",
        "Proxy-Require: x\r\n",
    );
    let refusal = ask(&mut world, &p, &invite);
    assert_eq!(status_of(&refusal), 420);
    let ack = ack_of(&refusal, &p).replacen("sip:x@example.org", "sip:6002@192.0.2.1", 1);
    say(&mut world, &p, &ack);
    world.pass(Duration::from_secs(1));
    // 8.2.7.
    assert!(world.drain(b.address).is_empty() && world.drain(p.address).is_empty());
}

#[test]
fn an_ack_goes_to_one_target_of_an_upstream() {
    let mut world = World::new(1);
    let mut config = config();
    let second = "198.51.100.6:5060";
    config.upstreams[0].targets.push(UpstreamTarget {
        transport: Transport::Udp,
        remote: addr(second),
        host: second.to_owned(),
    });
    config.listeners[0].zone = bellhop_core::config::Zone::Inside;
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    let ack = a.in_dialog(
        "ACK",
        "sip:600@example.org",
        "<sip:600@x>;tag=1",
        "spare",
        1,
        "",
    );
    say(&mut world, &a, &ack);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.drain(addr(PBX)).len(), 1);
    assert!(world.drain(addr(second)).is_empty());
}

#[test]
fn the_ack_of_a_200_arrives_once_by_every_spelling_of_a_loose_route() {
    for lr in [";lr>", ";lr=on>", ";LR=true>", ";Lr;x>"] {
        let mut world = world();
        let (mut a, b) = pair(&mut world);
        let (_, at_b) = ring(&mut world, &mut a, &b, "loose");
        say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
        let ok = skip(&mut world, a.address, 100).replace(";lr>", lr);
        world.drain(b.address);
        let ack = from_caller(&mut a, "ACK", &ok, 2);
        say(&mut world, &a, &ack);
        world.pass(Duration::from_secs(1));
        let got = world.drain(b.address);
        assert_eq!(got.len(), 1, "{lr} {got:?}");
        assert!(got[0].starts_with("ACK sip:6002@203.0.113.2:5060 "), "{lr}");
    }
}

#[test]
fn each_copy_of_a_branchs_refusal_is_acknowledged_by_us() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "busy");
    let busy = b.answer(&at_b, 486, "Busy Here", "");
    for _ in 0..3 {
        say(&mut world, &b, &busy);
        let ack = world.expect(b.address).unwrap();
        // 17.1.1.3: the INVITE's own Via, the To of the response.
        assert!(ack.starts_with("ACK sip:6002@203.0.113.2:5060 "));
        assert_eq!(header_of(&ack, "Via"), header_of(&at_b, "Via"));
        assert_eq!(header_of(&ack, "To"), header_of(&busy, "To"));
    }
    world.pass(Duration::from_secs(2));
    let finals = statuses(&mut world, &a);
    assert_eq!(finals.first(), Some(&100));
    assert!(
        finals[1..].iter().all(|status| *status == 486),
        "{finals:?}"
    );
}

#[test]
fn a_locally_made_answer_keeps_its_tag_when_it_is_repeated() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "tag", "");
    let one = ask(&mut world, &a, &invite);
    world.pass(Duration::from_millis(500));
    let two = ask(&mut world, &a, &invite);
    // 8.2.7: a retransmission is answered alike though nothing is remembered.
    assert_eq!(status_of(&one), 407);
    assert!(header_of(&one, "To").contains(";tag="));
    assert_eq!(header_of(&one, "To"), header_of(&two, "To"));
}
