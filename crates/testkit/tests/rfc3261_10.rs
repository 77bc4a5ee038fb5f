//! What a phone sees of the registrar: RFC 3261 10.3, sentence by sentence where no other file has it;
//! `docs/conformance.md` says which test proves what.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_testkit::{header, header_of, status_of};
use common::*;
use std::time::Duration;

#[test]
fn a_record_route_in_a_register_is_neither_used_nor_given_back() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.2:5060"),
    );
    register(&mut world, &mut a);
    let contact = "Contact: <sip:6002@203.0.113.2:5060>\r\n";
    let more = "Record-Route: <sip:between.test;lr>\r\n";
    let request = register_of(&mut b, "sip:6002@example.org", "rr", contact, more);
    let answer = answered(&mut world, &mut b, &request);
    // 10.3, third paragraph.
    assert_eq!(status_of(&answer), 200);
    assert_eq!(header(&answer, "Record-Route"), None);
    let (_, at_b) = ring(&mut world, &mut a, &b, "rr-call");
    assert!(!at_b.contains("between.test"), "{at_b}");
}

#[test]
fn a_200_says_what_time_it_is_here() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let query = register_of(&mut a, AOR, "date", "", "");
    let answer = answered(&mut world, &mut a, &query);
    // 10.3 step 8.
    assert_eq!(header_of(&answer, "Date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    world.pass(Duration::from_secs(61));
    let query = register_of(&mut a, AOR, "date-2", "", "");
    let answer = answered(&mut world, &mut a, &query);
    assert_eq!(header_of(&answer, "Date"), "Fri, 15 Jan 2027 08:01:01 GMT");
}

#[test]
fn an_address_of_record_of_another_domain_is_404() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let contact = "Contact: <sip:6001@203.0.113.1>\r\n";
    let request = register_of(&mut a, "sip:6001@foreign.test", "other", contact, "");
    // 10.3 step 5.
    assert_eq!(status_of(&answered(&mut world, &mut a, &request)), 404);
    assert!(world.nodes[0].shared.location.is_empty());
}
