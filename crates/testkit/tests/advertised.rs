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
use bellhop_testkit::{Packet, Peer, World, header, header_of, status_of};
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

/// Address and transport of a listener, and where a phone that uses it sits.
const SITES: [(&str, Transport, &str); 4] = [
    (SERVER, Transport::Udp, "203.0.113.7:5060"),
    ("192.0.2.1:5080", Transport::Udp, "203.0.113.8:5090"),
    (SERVER, Transport::Tcp, "203.0.113.9:40000"),
    ("[2001:db8::1]:5060", Transport::Udp, "[2001:db8::9]:5060"),
];

/// A call by every pair of listeners under every kind of shown name, both phones behind NATs.
#[test]
fn every_pair_of_listeners_carries_a_call_under_every_name_that_they_show() {
    for shown in [None, Some("pbx.example.org"), Some("198.51.100.200")] {
        for (caller, from) in SITES.into_iter().enumerate() {
            for (callee, to) in SITES.into_iter().enumerate() {
                let mut world = world_with(|c| {
                    c.listeners = SITES
                        .map(|(local, transport, _)| {
                            let mut own = listener(local, transport, local, Zone::Outside);
                            if let Some(host) = shown {
                                own.host = host.to_owned();
                                // As a port that a router forwards.
                                own.port += 1000;
                            }
                            own
                        })
                        .into();
                });
                let [mut a, mut b] = [("6001", from), ("6002", to)].map(|(user, site)| {
                    let mut phone = phone(user, site.2);
                    (phone.server, phone.transport) = (addr(site.0), site.1);
                    phone.contact = "10.0.0.7:5060".to_owned();
                    phone
                });
                if caller == callee {
                    b.address.set_port(5099);
                }
                let names = [from.0, to.0].map(|local| match shown {
                    Some(host) => format!("{host}:{}", addr(local).port() + 1000),
                    None => local.to_owned(),
                });
                let names = [names[0].as_str(), names[1].as_str()];
                whole_call(&mut world, &mut a, &mut b, &names);
            }
        }
    }
}

#[test]
fn the_ack_of_a_refusal_shows_the_name_that_its_invite_showed() {
    for shown in ["pbx.example.org", "198.51.100.200", "192.0.2.1"] {
        let mut world = world_with(|c| c.listeners[0].host = shown.to_owned());
        let (mut a, b) = pair(&mut world);
        let (_, at_b) = ring(&mut world, &mut a, &b, "ack");
        say(&mut world, &b, &b.answer(&at_b, 486, "Busy Here", ""));
        let ack = world.expect(b.address).unwrap();
        // 17.1.1.3.
        assert!(ack.starts_with("ACK "), "{ack}");
        assert_eq!(header_of(&ack, "Via"), header_of(&at_b, "Via"));
        assert!(header_of(&ack, "Via").contains(&format!(" {shown}:5060;")));
    }
}

#[test]
fn every_copy_of_a_message_leaves_from_the_listener_that_its_via_names() {
    let other = "192.0.2.1:5080";
    let mut world = world_with(|c| {
        c.listeners
            .push(listener("second", Transport::Udp, other, Zone::Outside));
    });
    let (mut a, mut b) = udp_pair();
    b.server = addr(other);
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    let (_, at_b) = ring(&mut world, &mut a, &b, "copies");
    // Nobody answers: 7 INVITEs, 100 and 408.
    world.pass(Duration::from_secs(33));
    let of_the_call = |packet: &&Packet| {
        let text = String::from_utf8_lossy(&packet.bytes);
        text.contains("Call-ID: copies\r\n")
    };
    let sent: Vec<_> = world.trace.iter().filter(of_the_call).collect();
    let invites: Vec<_> = sent.iter().filter(|p| p.to == b.address).collect();
    assert_eq!(invites.len(), 7);
    for packet in invites {
        assert_eq!(
            (packet.from, &packet.bytes[..]),
            (addr(other), at_b.as_bytes())
        );
    }
    assert!(header_of(&at_b, "Via").contains(&format!(" {other};")));
    let answers: Vec<_> = sent.iter().filter(|p| p.to == a.address).collect();
    assert!(answers.len() >= 2 && answers.iter().all(|p| p.from == a.server));
}
