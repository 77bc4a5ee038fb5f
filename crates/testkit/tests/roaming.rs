//! Phones that go to another network in the middle of a call and register from there: what is sent inside the
//! dialog reaches them where they are, and nobody else (RFC 3261 12.2, RFC 5626 5.3).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::net::SocketAddr;
use std::time::Duration;

const HOME: &str = "203.0.113.1:5060";
const AWAY: &str = "198.18.7.7:33000";

/// How a phone shows that it is the same one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shows {
    Flow,
    Instance,
    CallId,
    Nothing,
}

/// Registers a phone from where it is; `number` counts its REGISTERs.
fn register_as(world: &mut World, peer: &mut Peer, shows: Shows, number: u32) {
    let user = peer.user.clone();
    let transport = match peer.transport {
        Transport::Tcp => ";transport=tcp",
        _ => "",
    };
    let uri = format!("<sip:{user}@{}{transport}>", peer.contact);
    let own = format!(";+sip.instance=\"<urn:uuid:{user}>\"");
    let contact = match shows {
        Shows::Flow => format!("{uri}{own};reg-id=1"),
        Shows::Instance => format!("{uri}{own}"),
        Shows::CallId | Shows::Nothing => uri,
    };
    let id = match shows {
        Shows::CallId => format!("always-{user}"),
        _ => format!("{user}-{number}"),
    };
    let request = register_of(
        peer,
        &format!("sip:{user}@example.org"),
        &id,
        &format!("Contact: {contact}\r\n"),
        "Supported: outbound, path\r\n",
    );
    let answer = answered(world, peer, &request);
    assert_eq!(status_of(&answer), 200, "{answer}");
}

/// Takes the phone elsewhere.
fn goes_to(peer: &mut Peer, address: &str) {
    peer.address = addr(address);
    peer.contact = address.to_owned();
}

/// Two phones in a call: 6001, at home, has called 6002. The INVITE at 6002 and the 200 at 6001.
fn call(world: &mut World, transport: Transport, shows: Shows) -> (Peer, Peer, String, String) {
    let (mut a, mut b) = (phone("6001", HOME), phone("6002", "203.0.113.2:5060"));
    (a.transport, b.transport) = (transport, transport);
    register_as(world, &mut a, shows, 1);
    register_as(world, &mut b, shows, 1);
    let (at_b, ok) = talk(world, &mut a, &b, "roaming");
    (a, b, at_b, ok)
}

/// Sends a request of `from` that should reach `to` at an address, and has it answered.
fn crosses(world: &mut World, from: &Peer, request: &str, to: &Peer, at: SocketAddr) {
    let method = request.split(' ').next().unwrap();
    world.drain(from.address);
    say(world, from, request);
    let got = world
        .expect_within(at, Duration::from_secs(2))
        .unwrap_or_else(|| panic!("{method} does not come to {at}"));
    assert!(got.starts_with(&format!("{method} ")), "{got}");
    say(world, to, &to.answer(&got, 200, "OK", ""));
    assert_eq!(status_of(&skip(world, from.address, 100)), 200, "{method}");
}

#[test]
fn a_caller_that_moved_and_registered_again_is_reached_where_it_is() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for shows in [Shows::Flow, Shows::Instance, Shows::CallId] {
            let mut world = world();
            let (mut a, mut b, at_b, ok) = call(&mut world, transport, shows);
            world.cut(a.address);
            goes_to(&mut a, AWAY);
            register_as(&mut world, &mut a, shows, 2);
            // The other end knows the old contact only.
            for (n, method) in ["INFO", "INVITE", "UPDATE"].into_iter().enumerate() {
                let n = u32::try_from(n).unwrap();
                let request = from_callee(&mut b, method, &at_b, n + 1, "");
                assert!(request.starts_with(&format!("{method} sip:6001@{HOME}")));
                crosses(&mut world, &b, &request, &a, a.address);
                // Its own requests are those of the dialog, from wherever it has registered.
                let request = from_caller(&mut a, method, &ok, n + 20);
                crosses(&mut world, &a, &request, &b, b.address);
            }
            let bye = from_callee(&mut b, "BYE", &at_b, 9, "");
            crosses(&mut world, &b, &bye, &a, a.address);
            assert!(
                world.drain(addr(HOME)).is_empty(),
                "{transport:?} {shows:?}"
            );
        }
    }
}

#[test]
fn a_callee_that_moved_twice_and_came_home_is_reached_each_time() {
    for shows in [Shows::Flow, Shows::Instance, Shows::CallId] {
        let mut world = world();
        let (mut a, mut b, at_b, ok) = call(&mut world, Transport::Udp, shows);
        let home = b.contact.clone();
        for (n, place) in [AWAY, "198.18.9.9:40000", &home].into_iter().enumerate() {
            let n = u32::try_from(n).unwrap();
            goes_to(&mut b, place);
            world.pass(Duration::from_secs(5));
            register_as(&mut world, &mut b, shows, n + 2);
            let info = from_caller(&mut a, "INFO", &ok, n + 20);
            crosses(&mut world, &a, &info, &b, b.address);
            let info = from_callee(&mut b, "INFO", &at_b, n + 1, "");
            crosses(&mut world, &b, &info, &a, a.address);
        }
    }
}

#[test]
fn a_phone_that_took_its_old_registration_down_first_is_reached_where_it_is() {
    let mut world = world();
    let (mut a, mut b, at_b, _) = call(&mut world, Transport::Udp, Shows::CallId);
    let all = register_of(
        &mut a,
        AOR,
        "always-6001",
        "Contact: *\r\n",
        "Expires: 0\r\n",
    );
    assert_eq!(status_of(&answered(&mut world, &mut a, &all)), 200);
    goes_to(&mut a, AWAY);
    register_as(&mut world, &mut a, Shows::CallId, 2);
    let bye = from_callee(&mut b, "BYE", &at_b, 9, "");
    crosses(&mut world, &b, &bye, &a, a.address);
}

#[test]
fn another_phone_of_the_same_user_gets_nothing_of_a_call_that_is_not_its_own() {
    for shows in [Shows::Flow, Shows::Instance, Shows::CallId, Shows::Nothing] {
        let mut world = world();
        let (a, mut b, at_b, _) = call(&mut world, Transport::Udp, shows);
        let mut other = phone("6001", AWAY);
        let aor = "sip:6001@example.org";
        let contact = format!("Contact: <sip:6001@{AWAY}>;+sip.instance=\"<urn:uuid:other>\"\r\n");
        let request = register_of(&mut other, aor, "other", &contact, "");
        assert_eq!(status_of(&answered(&mut world, &mut other, &request)), 200);
        let bye = from_callee(&mut b, "BYE", &at_b, 9, "");
        crosses(&mut world, &b, &bye, &a, a.address);
        assert!(world.drain(other.address).is_empty(), "{shows:?}");
    }
}

#[test]
fn a_phone_that_does_not_show_that_it_is_the_same_is_looked_for_where_it_was() {
    let mut world = world();
    let (mut a, mut b, at_b, _) = call(&mut world, Transport::Udp, Shows::Nothing);
    goes_to(&mut a, AWAY);
    register_as(&mut world, &mut a, Shows::Nothing, 2);
    let bye = from_callee(&mut b, "BYE", &at_b, 9, "");
    say(&mut world, &b, &bye);
    assert!(world.expect(addr(HOME)).unwrap().starts_with("BYE "));
    assert!(world.drain(a.address).is_empty());
}

/// Nothing is remembered of a device but its bindings and the token: without a binding nobody is believed.
#[test]
fn a_phone_that_was_registered_nowhere_for_a_while_is_found_again_and_no_stranger_is() {
    let mut world = world();
    let (mut a, mut b, at_b, ok) = call(&mut world, Transport::Udp, Shows::Instance);
    let all = register_of(&mut a, AOR, "gone", "Contact: *\r\n", "Expires: 0\r\n");
    assert_eq!(status_of(&answered(&mut world, &mut a, &all)), 200);
    // Whoever has only seen the dialog is challenged, wherever he is and whoever he is.
    let mut thief = phone("6003", "198.18.66.66:5060");
    register_as(&mut world, &mut thief, Shows::Instance, 1);
    let bye = from_caller(&mut a, "BYE", &ok, 20);
    assert_eq!(status_of(&ask(&mut world, &thief, &bye)), 407);
    goes_to(&mut a, AWAY);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 407);
    register_as(&mut world, &mut a, Shows::Instance, 2);
    crosses(&mut world, &a, &bye, &b, b.address);
    let info = from_callee(&mut b, "INFO", &at_b, 3, "");
    crosses(&mut world, &b, &info, &a, a.address);
}

/// A PBX calls a group, so that nothing in the dialog names the user whose phone answers.
#[test]
fn a_phone_that_the_pbx_called_by_another_name_is_reached_where_it_is() {
    let mut world = world();
    let (mut a, mut p) = (phone("6001", HOME), pbx());
    register_as(&mut world, &mut a, Shows::Instance, 1);
    let invite = p
        .request("INVITE", "sip:6001@192.0.2.1", "group", "")
        .replacen("To: <sip:6001@192.0.2.1>", "To: <sip:700@pbx.test>", 1);
    say(&mut world, &p, &invite);
    let at_a = world.expect(a.address).unwrap();
    let mut own = a.clone();
    own.contact = "anonymous.invalid".to_owned();
    say(&mut world, &a, &own.answer(&at_a, 200, "OK", ""));
    let ok = skip(&mut world, p.address, 100);
    assert_eq!(header_of(&ok, "Contact"), "<sip:6001@anonymous.invalid>");
    goes_to(&mut a, AWAY);
    register_as(&mut world, &mut a, Shows::Instance, 2);
    for (n, method) in [(2, "ACK"), (3, "BYE")] {
        let request = from_caller(&mut p, method, &ok, n);
        say(&mut world, &p, &request);
        let got = world.expect(a.address).unwrap();
        assert!(
            got.starts_with(&format!("{method} sip:6001@anonymous.invalid ")),
            "{got}"
        );
    }
}
