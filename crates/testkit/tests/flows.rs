//! Flows that move, close or lose their listener while calls go on: RFC 3261 18, RFC 5626 5.3.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// A NATed phone that was called by `a`; gives the 200 at `a`.
fn natted(world: &mut World, b: &mut Peer) -> (Peer, String) {
    let mut a = phone("6001", "203.0.113.1:5060");
    register(world, &mut a);
    b.contact = "10.0.0.7:5060".to_owned();
    register(world, b);
    let (_, ok) = talk(world, &mut a, b, "natted");
    (a, ok)
}

#[test]
fn a_phone_whose_nat_gave_it_a_new_port_is_reached_by_it_after_its_next_register() {
    let mut world = world();
    let mut b = phone("6002", "203.0.113.9:34494");
    let (mut a, ok) = natted(&mut world, &mut b);
    b.address = addr("203.0.113.9:40001");
    register(&mut world, &mut b);
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(world.expect(b.address).unwrap().starts_with("BYE "));
}

#[test]
fn two_phones_with_the_same_private_address_keep_their_own_calls() {
    let mut world = world();
    let mut b = tcp_phone("6002", "203.0.113.9:34494");
    b.contact = "10.0.0.7:5060".to_owned();
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let instance = |world: &mut World, peer: &mut Peer, id: &str| {
        let first = peer.request("REGISTER", "sip:example.org", id, "Supported: outbound\r\n");
        let first = first
            .replacen("To: <sip:example.org>", "To: <sip:6002@example.org>", 1)
            .replacen(
                ";transport=tcp>",
                &format!(";transport=tcp>;reg-id=1;+sip.instance=\"<urn:uuid:{id}>\""),
                1,
            );
        let second = authorized(world, peer, &first);
        assert_eq!(status_of(&ask(world, peer, &second)), 200);
    };
    instance(&mut world, &mut b, "one");
    let (_, ok) = talk(&mut world, &mut a, &b, "own");
    let mut c = tcp_phone("6002", "203.0.113.10:34494");
    c.contact = "10.0.0.7:5060".to_owned();
    instance(&mut world, &mut c, "two");
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(world.expect(b.address).unwrap().starts_with("BYE "));
    assert!(world.drain(c.address).is_empty());
}

#[test]
fn a_flow_of_a_listener_that_is_gone_is_neither_misrouted_nor_a_panic() {
    let mut world = world();
    let mut b = tcp_phone("6002", "203.0.113.9:34494");
    let (mut a, ok) = natted(&mut world, &mut b);
    // The TCP listener is number 0 now, and there is no number 1.
    let mut changed = config();
    changed.listeners.remove(0);
    world.reconfigure(0, changed, auth());
    let info = from_caller(&mut a, "INFO", &ok, 9);
    world.send(Transport::Tcp, a.address, a.server, &info);
    let got = world.expect(b.address).unwrap();
    assert!(
        got.starts_with("INFO ") && header_of(&got, "Via").starts_with("SIP/2.0/TCP "),
        "{got}"
    );
    // Now there is no TCP at all.
    let mut changed = config();
    changed.listeners.truncate(1);
    world.reconfigure(0, changed, auth());
    let info = from_caller(&mut a, "INFO", &ok, 10);
    assert_eq!(status_of(&ask(&mut world, &a, &info)), 480);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_request_that_waits_for_its_first_response_fails_when_its_connection_is_cut() {
    let mut world = world();
    let mut b = tcp_phone("6002", "203.0.113.2:40000");
    register(&mut world, &mut b);
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    ring(&mut world, &mut a, &b, "cut");
    world.drain(a.address);
    world.cut(b.address);
    world.pass(Duration::from_millis(50));
    // 16.9: as if 503 had come; of a phone we say 480.
    assert_eq!(statuses(&mut world, &a), [480]);
}

#[test]
fn a_ringing_phone_may_answer_over_a_new_connection() {
    let mut world = world();
    let mut b = tcp_phone("6002", "203.0.113.2:40000");
    register(&mut world, &mut b);
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let (_, at_b) = ring(&mut world, &mut a, &b, "reconnect");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(50));
    world.cut(b.address);
    b.address = addr("203.0.113.2:40001");
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    world.pass(Duration::from_millis(50));
    // 18.2.2.
    assert_eq!(statuses(&mut world, &a), [100, 180, 200]);
}

#[test]
fn a_failed_transmission_is_told_to_the_right_shard() {
    let mut world = World::new(1);
    let mut config = config();
    config.upstreams[0].targets[0].transport = Transport::Tcp;
    world.start_shard(5, config, auth());
    world.refuse(addr(PBX), true);
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "shard", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    world.pass(Duration::from_millis(50));
    assert_eq!(statuses(&mut world, &a), [100, 500]);
}

/// RFC 5626 5.3: no two flows to one device at the same time, the next one if the first leads nowhere.
#[test]
fn a_device_with_two_flows_rings_over_one_of_them_and_over_the_other_if_that_is_dead() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let flow = |world: &mut World, address: &str, reg_id: u8| {
        let mut b = tcp_phone("6002", address);
        let call_id = format!("flow-{reg_id}");
        let contact = format!(
            "Supported: outbound, path\r\nContact: <sip:6002@{address};transport=tcp>;reg-id={reg_id};\
             +sip.instance=\"<urn:uuid:one>\"\r\n"
        );
        let request = register_of(&mut b, "sip:6002@example.org", &call_id, &contact, "");
        assert_eq!(status_of(&answered(world, &mut b, &request)), 200);
        b
    };
    let old = flow(&mut world, "203.0.113.2:5060", 1);
    world.pass(Duration::from_secs(1));
    let new = flow(&mut world, "203.0.113.2:5061", 2);
    let (_, rings) = ring(&mut world, &mut a, &new, "two-flows");
    assert!(world.drain(old.address).is_empty());
    say(
        &mut world,
        &new,
        &new.answer(&rings, 503, "Flow Failed", ""),
    );
    let rings = world.expect(old.address).unwrap();
    assert!(rings.starts_with("INVITE "), "{rings}");
}
