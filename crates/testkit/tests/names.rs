//! Next hops and upstreams that are names (RFC 3263).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::Zone;
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, status_of};
use common::*;
use std::time::Duration;

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

/// A Bellhop that can send to IPv6 addresses too, and a name that leads to one place.
fn of_both_families(name: &str, place: &str) -> World {
    let mut world = named(name, &[place]);
    let mut config = config();
    let six = listener("six", Transport::Udp, "[2001:db8::1]:5060", Zone::Outside);
    config.listeners.push(six);
    world.reconfigure(0, config, auth());
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

/// A name is looked up for the PBX and for what the PBX has called itself, for nobody else
/// (AST-2018-010, AST-2022-001: a stranger's text must not make a server ask around).
#[test]
fn no_stranger_and_no_user_has_a_name_of_his_own_looked_up() {
    let mut world = named("far.test", &["198.51.100.77:5060"]);
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    for (uri, more) in [
        ("sip:x@far.test", ""),
        ("sip:x@example.org;maddr=far.test", ""),
        ("sip:x@example.org", "Route: <sip:far.test;lr>\r\n"),
        ("sip:x@example.org", "Identity-Info: <http://far.test/>\r\n"),
    ] {
        let message = a.request("MESSAGE", uri, "ask", more);
        let message = authorized(&mut world, &mut a, &message);
        say(&mut world, &a, &message);
        world.pass(Duration::from_secs(1));
        world.drain(a.address);
        assert_eq!(world.asked, Vec::<String>::new(), "{uri} {more}");
    }
    let mut p = pbx();
    let message = p.request("MESSAGE", "sip:x@far.test", "ask", "");
    say(&mut world, &p, &message);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.asked, ["far.test"]);
}

/// A name that an outside party may have followed does not lead into this machine or its link,
/// whatever its owner has DNS say.
#[test]
fn a_name_does_not_lead_the_outside_into_this_machine_or_its_link() {
    for inward in [
        "127.0.0.1:5066",
        "127.255.255.254:5066",
        "0.0.0.0:5066",
        "0.1.2.3:5066",
        "169.254.169.254:5066",
        "255.255.255.255:5066",
        "224.0.1.75:5066",
        "[::1]:5066",
        "[::]:5066",
        "[fe80::1]:5066",
        "[ff02::1]:5066",
        "[::ffff:127.0.0.1]:5066",
        "[::127.0.0.1]:5066",
    ] {
        let mut world = of_both_families("media.test", inward);
        let (mut a, ok) = call_to(&mut world, "sip:600@media.test:5066");
        let bye = from_caller(&mut a, "BYE", &ok, 2);
        let status = status_of(&ask(&mut world, &a, &bye));
        assert!(status >= 400, "{inward}: {status}");
        assert_eq!(world.asked, ["media.test"], "{inward}");
        assert!(
            world.trace.iter().all(|packet| packet.to != addr(inward)),
            "{inward}"
        );
    }
}

/// A PBX stands in a private network as a rule, and its name leads there for those outside too. Nobody outside
/// chooses the name: it is configured, or the PBX calls itself so.
#[test]
fn the_name_of_a_pbx_in_a_private_network_is_followed_for_the_outside() {
    for private in [
        "10.1.2.3:5066",
        "172.16.0.9:5066",
        "192.168.7.7:5066",
        "100.64.0.1:5066",
        "[fd00::5]:5066",
    ] {
        let mut world = of_both_families("media.test", private);
        let (mut a, ok) = call_to(&mut world, "sip:600@media.test:5066");
        let bye = from_caller(&mut a, "BYE", &ok, 2);
        say(&mut world, &a, &bye);
        let arrived = world.expect(addr(private)).unwrap();
        assert!(arrived.starts_with("BYE sip:600@media.test:5066 "));
    }
}

/// The places of a name stay those of its first answer for all copies of a request (rebinding).
#[test]
fn a_request_keeps_the_place_of_its_name_when_it_is_sent_again() {
    let mut world = named("media.test", &["198.51.100.7:5066"]);
    let (mut a, ok) = call_to(&mut world, "sip:600@media.test:5066");
    let bye = from_caller(&mut a, "BYE", &ok, 2);
    say(&mut world, &a, &bye);
    assert!(world.expect(addr("198.51.100.7:5066")).is_some());
    let elsewhere = vec![addr("198.51.100.66:5066")];
    world.names.insert("media.test".to_owned(), elsewhere);
    world.pass(Duration::from_secs(5));
    assert!(world.drain(addr("198.51.100.7:5066")).len() >= 3);
    assert_eq!(world.asked, ["media.test"]);
    assert!(world.drain(addr("198.51.100.66:5066")).is_empty());
}
