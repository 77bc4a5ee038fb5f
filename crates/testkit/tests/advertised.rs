//! One name throughout: what Via, Record-Route and our own Route say behind NATs, with several listeners,
//! and with neighbours on the same address (RFC 3261 16.4, 16.6 steps 4 and 8).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::{Config, Zone};
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use common::*;
use std::time::Duration;

/// A Bellhop at 192.0.2.1, set up by `change`.
fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let mut world = World::new(1);
    let mut config = config();
    change(&mut config);
    world.start(config, auth());
    world
}

/// A call from `a` to `b` that each side uses once and `b` ends; every hop is seen to take only our own
/// Route, and every Via and Record-Route of ours to be one of `names`.
fn whole_call(world: &mut World, a: &mut Peer, b: &mut Peer, names: &[&str]) {
    register(world, a);
    register(world, b);
    let (at_b, ok) = talk(world, a, b, "whole");
    let via = header_of(&at_b, "Via");
    assert!(
        names.iter().any(|n| via.contains(&format!(" {n};branch="))),
        "{via}"
    );
    for line in at_b.split("\r\n").filter(|l| l.starts_with("Record-Route")) {
        assert!(
            names.iter().any(|n| line.contains(&format!("@{n};"))),
            "{line}"
        );
    }
    let info = from_caller(a, "INFO", &ok, 9);
    say(world, a, &info);
    let got = world.expect(b.address).unwrap();
    assert!(
        got.starts_with("INFO ") && header(&got, "Route").is_none(),
        "{got}"
    );
    say(world, b, &b.answer(&got, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    let bye = from_callee(b, "BYE", &at_b, 1, "");
    say(world, b, &bye);
    let got = world.expect(a.address).unwrap();
    assert!(
        got.starts_with("BYE ") && header(&got, "Route").is_none(),
        "{got}"
    );
    say(world, a, &a.answer(&got, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(b.address).unwrap()), 200);
}

fn udp_pair() -> (Peer, Peer) {
    (
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.2:5060"),
    )
}

#[test]
fn a_name_that_is_shown_is_known_again() {
    let mut world = world_with(|c| {
        for l in &mut c.listeners {
            l.host = "pbx.example.org".to_owned();
            l.port = 5070;
        }
    });
    let (mut a, mut b) = udp_pair();
    whole_call(&mut world, &mut a, &mut b, &["pbx.example.org:5070"]);
}

#[test]
fn a_public_address_that_is_shown_is_known_again() {
    let mut world = world_with(|c| {
        for l in &mut c.listeners {
            l.host = "198.51.100.200".to_owned();
        }
    });
    let (mut a, mut b) = udp_pair();
    whole_call(&mut world, &mut a, &mut b, &["198.51.100.200:5060"]);
}

#[test]
fn a_call_from_one_port_to_another_finds_both() {
    let other = "192.0.2.1:5080";
    let mut world = world_with(|c| {
        c.listeners
            .push(listener("second", Transport::Udp, other, Zone::Outside));
    });
    let (mut a, mut b) = udp_pair();
    b.server = addr(other);
    whole_call(&mut world, &mut a, &mut b, &["192.0.2.1:5060", other]);
}

#[test]
fn phones_on_two_transports_under_one_shown_name_find_each_other() {
    let mut world = world_with(|c| {
        for l in &mut c.listeners {
            l.host = "pbx.example.org".to_owned();
        }
    });
    let (mut a, _) = udp_pair();
    let mut b = tcp_phone("6002", "203.0.113.2:40000");
    b.contact = "10.0.0.2:5060".to_owned();
    whole_call(&mut world, &mut a, &mut b, &["pbx.example.org:5060"]);
}

#[test]
fn the_route_of_a_neighbour_on_our_own_address_is_not_eaten() {
    let neighbour = "192.0.2.1:5062";
    let mut world = world_with(|c| {
        c.upstreams[0].targets[0].remote = addr(neighbour);
        c.upstreams[0].targets[0].host = neighbour.to_owned();
    });
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "neighbour", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_p = world.expect(addr(neighbour)).unwrap();
    let mut p = pbx();
    p.address = addr(neighbour);
    let more = format!("Record-Route: <sip:{neighbour};lr>\r\n");
    let ok = p.answer(&at_p, 200, "OK", "");
    let ok = ok.replacen("Record-Route:", &format!("{more}Record-Route:"), 1);
    say(&mut world, &p, &ok);
    let ok = skip(&mut world, a.address, 100);
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    let bye = world.expect(p.address).unwrap();
    assert_eq!(header_of(&bye, "Route"), format!("<sip:{neighbour};lr>"));
}

#[test]
fn a_target_that_is_our_own_public_address_is_a_loop_and_not_a_packet() {
    let mut world = world_with(|c| c.listeners[0].host = "198.51.100.200".to_owned());
    world
        .names
        .insert("us.test".to_owned(), vec![addr("198.51.100.200:5060")]);
    let (mut a, b) = pair(&mut world);
    let (_, ok) = talk(&mut world, &mut a, &b, "hairpin");
    for target in ["198.51.100.200:5060", "us.test"] {
        let sent = world.trace.len();
        let info = from_caller(&mut a, "INFO", &ok, 9).replacen(
            "sip:6002@203.0.113.2:5060",
            &format!("sip:6002@{target}"),
            1,
        );
        say(&mut world, &a, &info);
        world.pass(Duration::from_secs(1));
        let mut packets = world.trace[sent..].iter();
        assert!(
            packets.all(|p| p.to == b.address || p.from == a.address || p.from == b.address),
            "{target}"
        );
    }
}
