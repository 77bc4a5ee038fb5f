//! REGISTER through the whole engine: RFC 3261 10.3, RFC 5626 6, and who may register what.

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
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use common::*;
use std::time::Duration;

/// A REGISTER of this phone for an AoR, without credentials. `contact` replaces its Contact line.
fn register_of(peer: &mut Peer, aor: &str, id: &str, contact: &str, more: &str) -> String {
    let request = peer.request("REGISTER", "sip:example.org", id, more);
    let own = format!("Contact: {}\r\n", header_of(&request, "Contact"));
    request
        .replacen("To: <sip:example.org>", &format!("To: <{aor}>"), 1)
        .replacen(&own, contact, 1)
}

/// What it is answered once it has its credentials.
fn answered(world: &mut World, peer: &mut Peer, request: &str) -> String {
    let request = authorized(world, peer, request);
    ask(world, peer, &request)
}

/// The Contact lines of a 200.
fn contacts(answer: &str) -> Vec<&str> {
    answer
        .split("\r\n")
        .filter_map(|l| l.strip_prefix("Contact: "))
        .collect()
}

const AOR: &str = "sip:6001@example.org";

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
fn odd_registers_are_refused_and_change_nothing() {
    for (contact, more, status) in [
        ("Contact: *\r\n", "Expires: 60\r\n", 400),
        ("Contact: *\r\n", "", 400),
        (
            "Contact: *, <sip:6001@203.0.113.9>\r\n",
            "Expires: 0\r\n",
            400,
        ),
        ("Contact: <sip:6001@203.0.113.9>;expires=5\r\n", "", 423),
        ("Contact: <mailto:x@y>\r\n", "", 400),
        ("Contact: <\r\n", "", 400),
        ("Contact: <sip:6001@203.0.113.9>;q=7\r\n", "", 400),
        ("Contact: <sip:6001@192.0.2.1>\r\n", "", 403),
        (
            "Contact: <sip:6001@203.0.113.9>\r\n",
            "Expires: soon\r\n",
            400,
        ),
        (
            "Contact: <sip:6001@203.0.113.9>\r\n",
            "Require: path, magic\r\n",
            420,
        ),
    ] {
        let mut world = world();
        let mut a = phone("6001", "203.0.113.1:5060");
        register(&mut world, &mut a);
        let request = register_of(&mut a, AOR, "odd", contact, more);
        let answer = answered(&mut world, &mut a, &request);
        assert_eq!(status_of(&answer), status, "{contact}{more}{answer}");
        if status == 423 {
            assert_eq!(header_of(&answer, "Min-Expires"), "60");
        }
        if status == 420 {
            assert_eq!(header_of(&answer, "Unsupported"), "magic");
        }
        let query = register_of(&mut a, AOR, "after", "", "");
        let answer = answered(&mut world, &mut a, &query);
        assert_eq!(contacts(&answer).len(), 1, "{contact}{more}");
        assert!(answer.contains("203.0.113.1:5060>"));
    }
}

#[test]
fn every_unknown_option_is_named() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let more = "Require: one\r\nRequire: path, two, outbound,three\r\n";
    let request = register_of(
        &mut a,
        AOR,
        "options",
        "Contact: <sip:6001@203.0.113.1>\r\n",
        more,
    );
    let answer = answered(&mut world, &mut a, &request);
    // 8.2.2.3: Unsupported has all that are not understood, and no other.
    let named: Vec<_> = answer
        .split("\r\n")
        .filter_map(|l| l.strip_prefix("Unsupported: "))
        .collect();
    assert_eq!(
        (status_of(&answer), named),
        (420, vec!["one", "two", "three"])
    );
}

#[test]
fn nobody_registers_for_somebody_elses_aor() {
    let mut world = world();
    let mut b = phone("6002", "203.0.113.2:5060");
    register(&mut world, &mut b);
    let mut a = phone("6001", "203.0.113.1:5060");
    for (contact, more) in [
        ("Contact: <sip:6001@203.0.113.1>\r\n", ""),
        ("Contact: *\r\n", "Expires: 0\r\n"),
        ("", ""),
    ] {
        let request = register_of(&mut a, "sip:6002@example.org", "theft", contact, more);
        assert_eq!(
            status_of(&answered(&mut world, &mut a, &request)),
            403,
            "{contact}"
        );
    }
    let query = register_of(&mut b, "sip:6002@example.org", "mine", "", "");
    assert_eq!(contacts(&answered(&mut world, &mut b, &query)).len(), 1);
}

#[test]
fn whoever_owns_the_aor_of_to_may_register_it_whatever_from_says() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = register_of(
        &mut a,
        AOR,
        "third",
        "Contact: <sip:6001@203.0.113.1>\r\n",
        "",
    )
    .replacen(
        "From: <sip:6001@192.0.2.1:5060>",
        "From: <sip:secretary@example.org>",
        1,
    );
    // 10.2: a third-party registration.
    assert_eq!(status_of(&answered(&mut world, &mut a, &request)), 200);
}

#[test]
fn a_register_for_a_foreign_domain_is_refused() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = register_of(&mut a, "sip:6001@foreign.test", "foreign", "", "").replacen(
        "REGISTER sip:example.org",
        "REGISTER sip:foreign.test",
        1,
    );
    assert_eq!(status_of(&answered(&mut world, &mut a, &request)), 403);
}

#[test]
fn an_aor_is_the_same_in_every_spelling_of_19_1_4() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    for aor in [
        "sip:%36001@EXAMPLE.ORG",
        "sips:6001@example.org",
        "sip:6001@192.0.2.1",
        "sip:6001@192.0.2.1:5060;transport=udp",
        "sip:6001@example.org:5060",
    ] {
        let query = register_of(&mut a, aor, "spelling", "", "");
        let answer = answered(&mut world, &mut a, &query);
        assert_eq!(
            (status_of(&answer), contacts(&answer).len()),
            (200, 1),
            "{aor}"
        );
    }
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
fn a_used_count_in_another_request_gets_401() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let contact = "Contact: <sip:6001@203.0.113.1>\r\n";
    let request = register_of(&mut a, AOR, "replay", contact, "");
    let request = authorized(&mut world, &mut a, &request);
    assert_eq!(status_of(&ask(&mut world, &a, &request)), 200);
    // The digest does not cover Contact: the same credentials with another one are a theft.
    let theft = request.replacen("203.0.113.1>\r\n", "203.0.113.66>\r\n", 1);
    let answer = ask(&mut world, &a, &theft);
    assert_eq!(status_of(&answer), 401);
    assert!(header_of(&answer, "WWW-Authenticate").contains("stale=true"));
    assert_eq!(world.nodes[0].shared.location.len(), 1);
}

#[test]
fn a_captured_register_is_of_no_use_from_another_address() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = register_of(
        &mut a,
        AOR,
        "captured",
        "Contact: <sip:6001@203.0.113.1>\r\n",
        "",
    );
    let request = authorized(&mut world, &mut a, &request);
    let thief = phone("6003", "203.0.113.66:5060");
    assert_eq!(status_of(&ask(&mut world, &thief, &request)), 401);
    assert!(world.nodes[0].shared.location.is_empty());
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
fn phones_register_with_md5_where_they_know_nothing_better() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = register_of(
        &mut a,
        AOR,
        "md5",
        "Contact: <sip:6001@203.0.113.1>\r\n",
        "",
    );
    let challenge = ask(&mut world, &a, &request);
    let request = a.authorize(&request, &challenge, Algorithm::Md5).unwrap();
    assert_eq!(status_of(&ask(&mut world, &a, &request)), 200);
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
