//! Relay matrix: whatever a stranger or a user writes into Request-URI, Route, maddr, To tag or a REGISTER,
//! no packet goes to an address that is neither the sender's, nor the PBX's, nor a registered phone's.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::auth::Algorithm;
use bellhop_testkit::{Peer, World, status_of};
use common::*;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

/// Where a message should go that must not be sent there.
const URIS: [&str; 12] = [
    "sip:x@foreign.test",
    "sip:x@203.0.113.200",
    "sip:x@203.0.113.200:5080;transport=tcp",
    "sip:6002@example.org;maddr=203.0.113.200",
    "sip:600@192.0.2.1;maddr=foreign.test",
    "sip:foreign.test%3a5060@example.org",
    "sip:x@127.0.0.1:5060",
    "sip:x@169.254.169.254",
    "sip:x@[::1]",
    "tel:+19005550100",
    "sips:x@foreign.test",
    "sip:600@example.org",
];

/// Ways to name a next hop.
const ROUTES: [&str; 8] = [
    "",
    "Route: <sip:foreign.test;lr>\r\n",
    "Route: <sip:192.0.2.1;lr>, <sip:foreign.test;lr>\r\n",
    "Route: <sip:192.0.2.1;lr>\r\nRoute: <sip:192.0.2.1;lr>\r\nRoute: <sip:203.0.113.200;lr>\r\n",
    "Route: <sip:foreign.test>\r\n",
    "Route: <sip:192.0.2.1;lr;maddr=203.0.113.200>\r\n",
    "Route: <sip:00112233445566778899000000@192.0.2.1:5060;lr>, <sip:foreign.test;lr>\r\n",
    "ROUTE : \"a, b\" <sip:127.0.0.1:5060;lr>\r\n",
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Proof {
    None,
    Wrong,
    Right,
}

/// The matrix for one way of asking: every URI, every Route, inside and outside of a dialog. How many
/// requests it was.
fn every_way(method: &str, proof: Proof) -> usize {
    let mut tried = 0;
    for uri in URIS {
        for route in ROUTES {
            for tag in ["", ";tag=known"] {
                let mut world = world_with_names();
                let (mut a, _) = pair(&mut world);
                let to = format!("<{uri}>{tag}");
                let request = a.in_dialog(method, uri, &to, "matrix", 7, route);
                let request = match proof {
                    Proof::None => request,
                    Proof::Wrong => proved(&mut world, &mut a, &request, "not it"),
                    Proof::Right => proved(&mut world, &mut a, &request, "secret6001"),
                };
                say(&mut world, &a, &request);
                world.pass(Duration::from_secs(40));
                let gone = foreign(&world);
                assert!(gone.is_empty(), "{proof:?} {gone:?}:\n{request}");
                let at_pbx = world.trace.iter().any(|p| p.to == addr(PBX));
                let is_call = uri == "sip:600@example.org" && route.is_empty();
                if proof != Proof::Right || is_call {
                    assert_eq!(at_pbx, proof == Proof::Right, "{request}");
                }
                tried += 1;
            }
        }
    }
    tried
}

/// The request with an answer to its challenge; as it is if it is not challenged.
fn proved(world: &mut World, a: &mut Peer, request: &str, password: &str) -> String {
    let challenge = ask(world, a, request);
    let right = std::mem::replace(&mut a.password, password.to_owned());
    let proved = a.authorize(request, &challenge, Algorithm::Sha256);
    a.password = right;
    proved.unwrap_or_else(|| request.to_owned())
}

/// Where Bellhop sent anything that it never should.
fn foreign(world: &World) -> HashSet<SocketAddr> {
    let mine = [SERVER, PBX, "203.0.113.1:5060", "203.0.113.2:5060"].map(addr);
    let sent = world.trace.iter().filter(|p| p.from == addr(SERVER));
    sent.map(|p| p.to).filter(|to| !mine.contains(to)).collect()
}

/// A world in which the foreign name can be reached.
fn world_with_names() -> World {
    let mut world = world();
    let foreign = vec![addr("203.0.113.200:5060")];
    world.names.insert("foreign.test".to_owned(), foreign);
    world
}

#[test]
fn a_strangers_request_goes_nowhere_whatever_it_names() {
    assert_eq!(every_way("INVITE", Proof::None), 192);
    assert_eq!(every_way("MESSAGE", Proof::None), 192);
    assert_eq!(every_way("BYE", Proof::None), 192);
}

#[test]
fn a_request_with_a_wrong_password_goes_nowhere_whatever_it_names() {
    assert_eq!(every_way("INVITE", Proof::Wrong), 192);
    assert_eq!(every_way("SUBSCRIBE", Proof::Wrong), 192);
}

#[test]
fn a_users_request_goes_to_the_pbx_and_to_registered_phones_only() {
    assert_eq!(every_way("INVITE", Proof::Right), 192);
    assert_eq!(every_way("OPTIONS", Proof::Right), 192);
    assert_eq!(every_way("BYE", Proof::Right), 192);
}

/// An ACK and a CANCEL cannot be challenged (RFC 3261 22.1): they are dropped, or go where their INVITE went.
#[test]
fn an_ack_or_cancel_of_a_stranger_goes_nowhere_whatever_it_names() {
    assert_eq!(every_way("ACK", Proof::None), 192);
    assert_eq!(every_way("CANCEL", Proof::None), 192);
}

/// A binding is reached over the flow its REGISTER came on, so a Contact or Path aims at nobody.
#[test]
fn a_call_to_a_user_who_registered_a_foreign_contact_reaches_his_own_flow_only() {
    for (n, (uri, more)) in [
        ("sip:6002@203.0.113.200", ""),
        ("sip:6002@foreign.test;maddr=203.0.113.200", ""),
        ("sip:6002@127.0.0.1:5060", ""),
        ("sip:6002@169.254.169.254;transport=tcp", ""),
        (
            "sip:6002@203.0.113.2",
            "Supported: path\r\nPath: <sip:foreign.test;lr>\r\n",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut world = world_with_names();
        let mut a = phone("6001", "203.0.113.1:5060");
        let mut b = phone("6002", "203.0.113.2:5060");
        register(&mut world, &mut a);
        let contact = format!("Contact: <{uri}>\r\n");
        let aim = register_of(&mut b, "sip:6002@example.org", "aim", &contact, more);
        answered(&mut world, &mut b, &aim);
        let invite = a.request("INVITE", "sip:6002@example.org", &format!("aim-{n}"), "");
        let invite = authorized(&mut world, &mut a, &invite);
        say(&mut world, &a, &invite);
        world.pass(Duration::from_secs(40));
        assert!(foreign(&world).is_empty(), "{uri} {more}");
        let last = world.drain(a.address).pop().unwrap();
        assert!(status_of(&last) >= 400, "nobody answered: {last}");
    }
}
