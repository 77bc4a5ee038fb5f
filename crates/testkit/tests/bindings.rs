//! What a REGISTER does to bindings, and how calls find them: RFC 3261 10.3 steps 6 to 8, RFC 5626 6.

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
use bellhop_testkit::{Peer, header, header_of, status_of};
use common::*;
use std::time::Duration;

#[test]
fn a_query_lists_all_bindings_and_changes_nothing() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = phone("6001", "203.0.113.2:5060");
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    for _ in 0..2 {
        let query = register_of(&mut a, AOR, "query", "", "");
        let answer = answered(&mut world, &mut a, &query);
        assert_eq!(
            (status_of(&answer), contacts(&answer).len()),
            (200, 2),
            "{answer}"
        );
    }
}

#[test]
fn a_star_removes_every_phone_of_the_aor_and_of_no_other() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let mut c = phone("6001", "203.0.113.3:5060");
    register(&mut world, &mut c);
    let all = register_of(&mut a, AOR, "wipe", "Contact: *\r\n", "Expires: 0\r\n");
    let answer = answered(&mut world, &mut a, &all);
    assert_eq!((status_of(&answer), contacts(&answer).len()), (200, 0));
    let query = register_of(&mut b, "sip:6002@example.org", "rest", "", "");
    assert_eq!(contacts(&answered(&mut world, &mut b, &query)).len(), 1);
}

#[test]
fn a_repeated_register_gets_the_same_answer_and_changes_nothing() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let contact = "Contact: <sip:6001@203.0.113.1>\r\n";
    let request = register_of(&mut a, AOR, "twice", contact, "Expires: 3600\r\n");
    let request = authorized(&mut world, &mut a, &request);
    let one = ask(&mut world, &a, &request);
    let two = ask(&mut world, &a, &request);
    assert_eq!(status_of(&one), 200);
    // But for the time that has passed meanwhile.
    assert_eq!(one, two.replace("expires=3599", "expires=3600"));
    assert_eq!(world.nodes[0].shared.location.len(), 1);
}

#[test]
fn a_binding_ends_with_its_time() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let contact = "Contact: <sip:6001@203.0.113.1>;expires=90\r\n";
    let request = register_of(&mut a, AOR, "ends", contact, "Expires: 3000\r\n");
    let answer = answered(&mut world, &mut a, &request);
    // 10.3 step 7: the parameter comes before the header field.
    assert!(contacts(&answer)[0].contains(";expires=90"), "{answer}");
    world.pass(Duration::from_secs(60));
    let query = register_of(&mut a, AOR, "left", "", "");
    assert!(contacts(&answered(&mut world, &mut a, &query))[0].contains(";expires=29"));
    world.pass(Duration::from_secs(30));
    let mut p = pbx();
    let invite = p.request("INVITE", "sip:6001@192.0.2.1", "gone", "");
    assert_eq!(status_of(&ask(&mut world, &p, &invite)), 480);
}

#[test]
fn a_contacts_headers_do_not_get_into_the_request_uri() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.2:5060"),
    );
    register(&mut world, &mut a);
    let contact = "Contact: <sip:6002@203.0.113.2:5060;line=1?Replaces=x>\r\n";
    let request = register_of(&mut b, "sip:6002@example.org", "headers", contact, "");
    assert_eq!(status_of(&answered(&mut world, &mut b, &request)), 200);
    let (_, at_b) = ring(&mut world, &mut a, &b, "headers-call");
    // 16.6 step 2, 19.1.1.
    assert!(
        at_b.starts_with("INVITE sip:6002@203.0.113.2:5060;line=1 SIP/2.0"),
        "{at_b}"
    );
}

#[test]
fn a_flow_over_tcp_is_taken_over_by_its_next_connection() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let contact =
        "Contact: <sip:6002@10.0.0.7;transport=tcp>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"\r\n";
    let aor = "sip:6002@example.org";
    let mut b = tcp_phone("6002", "203.0.113.2:40000");
    let request = register_of(
        &mut b,
        aor,
        "flow",
        contact,
        "Supported: outbound, path\r\n",
    );
    let answer = answered(&mut world, &mut b, &request);
    // RFC 5626 6.
    assert_eq!(header_of(&answer, "Require"), "outbound");
    assert!(header(&answer, "Flow-Timer").is_some());
    let old = b.address;
    b.address = addr("203.0.113.2:40001");
    let request = register_of(
        &mut b,
        aor,
        "flow",
        contact,
        "Supported: outbound, path\r\n",
    );
    let answer = answered(&mut world, &mut b, &request);
    assert_eq!(contacts(&answer).len(), 1);
    // The old connection closes late, and takes nothing with it.
    world.cut(old);
    let (_, at_b) = ring(&mut world, &mut a, &b, "flow-call");
    assert!(at_b.starts_with("INVITE sip:6002@10.0.0.7;transport=tcp "));
}

#[test]
fn more_phones_than_are_allowed_are_refused_and_those_that_are_there_may_refresh() {
    let mut world = world();
    let mut phones: Vec<Peer> = (1..=11)
        .map(|n| phone("6001", &format!("203.0.113.{n}:5060")))
        .collect();
    for phone in &mut phones[..10] {
        register(&mut world, phone);
    }
    let last = phones.last_mut().unwrap();
    let contact = "Contact: <sip:6001@203.0.113.11>\r\n";
    let request = register_of(last, AOR, "eleventh", contact, "");
    assert_eq!(status_of(&answered(&mut world, last, &request)), 403);
    register(&mut world, &mut phones[0]);
}

#[test]
fn five_hundred_contacts_are_refused_whole() {
    let mut world = world();
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    let contacts: String = (0..500)
        .map(|n| format!("m:<sip:6001@203.0.113.1:{n}>\r\n"))
        .collect();
    for contacts in [
        contacts.clone(),
        contacts.split_inclusive("\r\n").take(60).collect(),
    ] {
        let request = register_of(&mut a, AOR, "weapon", &contacts, "");
        let answer = ask(&mut world, &a, &request);
        if status_of(&answer) == 401 {
            let request = a.authorize(&request, &answer, Algorithm::Sha256).unwrap();
            assert_eq!(status_of(&ask(&mut world, &a, &request)), 403);
        } else {
            assert_eq!(status_of(&answer), 400);
        }
    }
    assert!(world.nodes[0].shared.location.is_empty());
}

#[test]
fn a_contact_that_no_resolver_knows_is_reached_over_its_flow() {
    let mut world = world();
    world.resolver_answers = false;
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let mut b = tcp_phone("6002", "203.0.113.2:40000");
    b.contact = "df7jal23ls0d.invalid".to_owned();
    register(&mut world, &mut b);
    let (at_b, ok) = talk(&mut world, &mut a, &b, "invalid");
    // RFC 7118 5: what such a client calls itself is no host name.
    assert!(at_b.starts_with("INVITE sip:6002@df7jal23ls0d.invalid;transport=tcp "));
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(
        world
            .expect(b.address)
            .unwrap()
            .starts_with("BYE sip:6002@df7jal23ls0d.invalid;")
    );
    let mut p = pbx();
    let options = p.request(
        "OPTIONS",
        "sip:6002@df7jal23ls0d.invalid;transport=tcp",
        "ping",
        "",
    );
    say(&mut world, &p, &options);
    assert!(world.expect(b.address).unwrap().starts_with("OPTIONS "));
}
