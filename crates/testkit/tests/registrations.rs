//! Who may register what, through the whole engine: RFC 3261 10.3 steps 1 to 5, 22, RFC 7616.

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
use bellhop_testkit::{header_of, status_of};
use common::*;
use std::time::Duration;

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
fn a_nonce_that_is_too_old_is_called_stale_and_the_next_one_passes() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = register_of(
        &mut a,
        AOR,
        "stale",
        "Contact: <sip:6001@203.0.113.1>\r\n",
        "",
    );
    let old = authorized(&mut world, &mut a, &request);
    world.pass(Duration::from_secs(301));
    let challenge = ask(&mut world, &a, &old);
    // RFC 7616 3.3.
    assert_eq!(status_of(&challenge), 401);
    assert!(header_of(&challenge, "WWW-Authenticate").contains("stale=true"));
    let request = a
        .authorize(&request, &challenge, Algorithm::Sha256)
        .unwrap();
    assert_eq!(status_of(&ask(&mut world, &a, &request)), 200);
}

/// What drachtio fell over: `Contact: None`, and `*` over a stream.
#[test]
fn odd_contacts_are_refused_over_a_stream_too_and_the_connection_goes_on() {
    let mut world = world();
    let mut a = tcp_phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    for (contact, more, status) in [
        ("Contact: None\r\n", "", 400),
        ("Contact: *\r\n", "", 400),
        ("Contact: *\r\n", "Expires: 4294967296\r\n", 400),
        ("Contact: *;expires=0\r\n", "", 400),
        ("Contact: *\r\nm: *\r\n", "Expires: 0\r\n", 400),
        ("Contact:\r\n", "", 400),
        ("Contact: *\r\n", "Expires: 0\r\n", 200),
    ] {
        let request = register_of(&mut a, AOR, "stream", contact, more);
        let answer = answered(&mut world, &mut a, &request);
        assert_eq!(status_of(&answer), status, "{contact}{more}{answer}");
    }
    assert!(world.nodes[0].shared.location.is_empty());
}

/// A user part with an escaped NUL, line end or `@` stays what it is written as (GHSA-2grh-7mhv-fcfw
/// for what a log makes of it): in no answer, no event and no relayed message are they decoded.
#[test]
fn escapes_in_a_user_are_decoded_nowhere() {
    for user in [
        "6001%00",
        "6001%0d%0aX-Forged%3A%201",
        "6001%40foreign.test",
    ] {
        let mut world = world();
        let mut a = phone("6001", "203.0.113.1:5060");
        let aor = format!("sip:{user}@example.org");
        let request = register_of(
            &mut a,
            &aor,
            "escape",
            "Contact: <sip:a@203.0.113.1>\r\n",
            "",
        );
        assert_eq!(
            status_of(&answered(&mut world, &mut a, &request)),
            403,
            "{user}"
        );
        let message = a.request("MESSAGE", &aor, "escape-2", "");
        let message = authorized(&mut world, &mut a, &message);
        say(&mut world, &a, &message);
        let relayed = world.expect(addr(PBX)).expect("the message at the PBX");
        assert!(
            relayed.starts_with(&format!("MESSAGE sip:{user}@")),
            "{relayed}"
        );
        let told = world.nodes[0]
            .log
            .iter()
            .map(|event| event.decision.to_string());
        let all = told.chain(
            world
                .trace
                .iter()
                .map(|p| String::from_utf8_lossy(&p.bytes).into_owned()),
        );
        for text in all {
            assert!(
                !text.contains('\0') && !text.contains("\nX-Forged"),
                "{text:?}"
            );
            assert!(!text.contains("6001@foreign"), "{text:?}");
        }
    }
}

/// GHSA-2grh-7mhv-fcfw and its kin: what is told to the log holds no credentials.
#[test]
fn no_event_holds_a_password_or_a_part_of_credentials() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = register_of(
        &mut a,
        AOR,
        "told",
        "Contact: <sip:6001@203.0.113.1>\r\n",
        "",
    );
    let good = authorized(&mut world, &mut a, &request);
    assert_eq!(status_of(&ask(&mut world, &a, &good)), 200);
    let response = good
        .split("response=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let wrong = good.replacen(response, &"0".repeat(response.len()), 1);
    assert_eq!(status_of(&ask(&mut world, &a, &wrong)), 401);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told: String = world.nodes[0]
        .log
        .iter()
        .map(|e| format!("{} {} {}\n", text(&e.call_id), text(&e.method), e.decision))
        .collect();
    assert!(world.nodes[0].log.len() >= 2);
    for secret in ["secret6001", "response=", "nonce=", "Digest", response] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}
