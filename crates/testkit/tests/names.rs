//! Next hops and upstreams that are names (RFC 3263).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_testkit::{Peer, World, status_of};
use common::*;

/// A call of a phone to the PBX, whose Contact is `contact`; the phone and the 200 it got.
fn call_to(world: &mut World, contact: &str) -> (Peer, String) {
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "name", "");
    let invite = authorized(world, &mut a, &invite);
    say(world, &a, &invite);
    let arrived = world.expect(p.address).unwrap();
    let ok = p.answer(&arrived, 200, "OK", "");
    let ok = ok.replacen(&format!("<sip:pbx@{PBX}>"), &format!("<{contact}>"), 1);
    say(world, &p, &ok);
    let ok = skip(world, a.address, 100);
    (a, ok)
}

fn named(name: &str, addresses: &[&str]) -> World {
    let mut world = world();
    let addresses = addresses.iter().map(|text| addr(text)).collect();
    world.names.insert(name.to_owned(), addresses);
    world
}

/// RFC 3263 4.3.
#[test]
fn the_next_place_of_a_name_is_tried_if_the_first_cannot_be_reached() {
    let mut world = named("media.test", &["198.51.100.7:5066", "198.51.100.8:5066"]);
    world.refuse(addr("198.51.100.7:5066"), true);
    let (mut a, ok) = call_to(&mut world, "sip:600@media.test:5066;transport=tcp");
    let bye = from_caller(&mut a, "BYE", &ok, 2);
    say(&mut world, &a, &bye);
    let arrived = world.expect(addr("198.51.100.8:5066")).unwrap();
    assert!(arrived.starts_with("BYE sip:600@media.test:5066;transport=tcp"));
}

#[test]
fn a_name_all_of_whose_places_are_down_is_answered_503() {
    let mut world = named("media.test", &["198.51.100.7:5066", "198.51.100.8:5066"]);
    for place in ["198.51.100.7:5066", "198.51.100.8:5066"] {
        world.refuse(addr(place), true);
    }
    let (mut a, ok) = call_to(&mut world, "sip:600@media.test:5066;transport=tcp");
    let bye = from_caller(&mut a, "BYE", &ok, 2);
    let status = status_of(&ask(&mut world, &a, &bye));
    assert!((500..600).contains(&status), "{status}");
}

#[test]
fn an_ack_goes_to_the_first_place_of_a_name_and_to_no_other() {
    let mut world = named("media.test", &["198.51.100.7:5066", "198.51.100.8:5066"]);
    let (mut a, ok) = call_to(&mut world, "sip:600@media.test:5066");
    let ack = from_caller(&mut a, "ACK", &ok, 1);
    say(&mut world, &a, &ack);
    let arrived = world.expect(addr("198.51.100.7:5066")).unwrap();
    assert!(arrived.starts_with("ACK sip:600@media.test:5066"));
    assert!(world.drain(addr("198.51.100.8:5066")).is_empty());
}

#[test]
fn a_name_that_leads_to_an_upstream_on_this_machine_is_followed() {
    let mut config = config();
    let mut local = config.upstreams[0].clone();
    local.name = "local".to_owned();
    local.targets[0].remote = addr("127.0.0.1:5066");
    config.upstreams.push(local);
    let mut world = named("media.test", &["127.0.0.1:5066"]);
    world.reconfigure(0, config, auth());
    let (mut a, ok) = call_to(&mut world, "sip:600@media.test:5066");
    let bye = from_caller(&mut a, "BYE", &ok, 2);
    say(&mut world, &a, &bye);
    assert!(world.expect(addr("127.0.0.1:5066")).is_some());
}

#[test]
fn an_upstream_is_known_by_its_name_whatever_port_its_records_say() {
    let mut config = config();
    config.upstreams[0].targets[0].host = "pbx.test".to_owned();
    config.upstreams[0].targets[0].remote = addr("198.51.100.5:5075");
    let mut world = world();
    world.reconfigure(0, config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    let message = a.request("MESSAGE", "sip:600@pbx.test", "named", "");
    let message = authorized(&mut world, &mut a, &message);
    say(&mut world, &a, &message);
    let arrived = world.expect(addr("198.51.100.5:5075")).unwrap();
    assert!(arrived.starts_with("MESSAGE sip:600@pbx.test SIP/2.0"));
}
