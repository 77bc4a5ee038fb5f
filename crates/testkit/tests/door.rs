//! What does not get past the door: strangers, forged dialogs, foreign targets, false identities.

mod common;

use bellhop_testkit::{header_of, status_of};
use common::*;
use std::time::Duration;

#[test]
fn a_cancel_from_another_address_is_refused() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let invite = a.request("INVITE", "sip:6002@example.org", "call-4", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    let cancel = invite.replace("INVITE", "CANCEL");
    let thief = phone("6003", "203.0.113.66:5060");
    assert_eq!(status_of(&ask(&mut world, &thief, &cancel)), 481);
    world.pass(Duration::from_secs(1));
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn a_bye_with_a_forged_route_and_a_to_tag_is_challenged() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let more = format!("Route: <sip:00112233445566778899000000@{SERVER};lr>\r\n");
    let bye = a.in_dialog(
        "BYE",
        "sip:victim@203.0.113.200",
        "<sip:x@y>;tag=1",
        "call-8",
        9,
        &more,
    );
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 407);
}

#[test]
fn foreign_uris_routes_and_maddr_are_refused_even_to_users() {
    let mut world = world();
    for (n, (uri, more)) in [
        ("sip:x@foreign.test", ""),
        ("sip:x@203.0.113.200", ""),
        ("sip:6002@example.org", "Route: <sip:foreign.test;lr>\r\n"),
        (
            "sip:6002@example.org",
            "Route: <sip:192.0.2.1;lr>, <sip:foreign.test;lr>\r\n",
        ),
        ("sip:6002@example.org;maddr=203.0.113.200", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let mut a = phone("6001", &format!("203.0.113.{}:5060", n + 10));
        let invite = a.request("INVITE", uri, &format!("foreign-{n}"), more);
        let invite = authorized(&mut world, &mut a, &invite);
        let sent = world.trace.len();
        assert_eq!(
            status_of(&ask(&mut world, &a, &invite)),
            403,
            "{uri} {more}"
        );
        assert!(
            world.trace[sent..]
                .iter()
                .all(|p| p.to == a.address || p.to == addr(SERVER))
        );
    }
}

#[test]
fn a_request_that_comes_back_with_nothing_changed_is_a_loop() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let message = a.request("MESSAGE", "sip:600@example.org", "loop-1", "");
    let message = authorized(&mut world, &mut a, &message);
    say(&mut world, &a, &message);
    let arrived = world.expect(p.address).unwrap();
    let again = arrived
        .replacen(
            "MESSAGE sip:600@198.51.100.5:5060",
            "MESSAGE sip:600@example.org",
            1,
        )
        .replacen(
            "Via: ",
            &format!("Via: SIP/2.0/UDP {PBX};branch=z9hG4bKback\r\nVia: "),
            1,
        );
    assert_eq!(status_of(&ask(&mut world, &p, &again)), 482);
}

#[test]
fn identity_headers_from_outside_are_stripped_in_every_spelling() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let more = "p-asserted-identity: <sip:boss@x>\r\nP-Preferred-Identity : <sip:boss@x>\r\nREMOTE-PARTY-ID: <sip:boss@x>\r\n\
                Diversion: <sip:boss@x>,\r\n <sip:other@x>\r\nx-secret: 1\r\nX-Kept: 1\r\n";
    let request = a.request("MESSAGE", "sip:600@example.org", "id-1", more);
    let request = authorized(&mut world, &mut a, &request);
    say(&mut world, &a, &request);
    let arrived = world.expect(p.address).unwrap();
    assert!(
        !arrived.contains("boss") && !arrived.to_lowercase().contains("x-secret"),
        "{arrived}"
    );
    assert_eq!(header_of(&arrived, "X-Kept"), "1");
    assert_eq!(
        header_of(&arrived, "P-Asserted-Identity"),
        "<sip:6001@example.org>"
    );
}

#[test]
fn a_foreign_from_is_refused_after_authentication() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request("MESSAGE", "sip:600@example.org", "from-1", "");
    let request = request.replacen("From: <sip:6001@", "From: <sip:6002@", 1);
    let request = authorized(&mut world, &mut a, &request);
    assert_eq!(status_of(&ask(&mut world, &a, &request)), 403);
}

#[test]
fn every_method_of_a_stranger_is_challenged_and_nothing_leaves() {
    let methods = [
        "INVITE",
        "OPTIONS",
        "BYE",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "MESSAGE",
        "REFER",
        "INFO",
        "UPDATE",
        "PRACK",
        "REGISTER",
        "WHISTLE",
    ];
    for (n, method) in methods.into_iter().enumerate() {
        for to in ["<sip:600@example.org>", "<sip:600@example.org>;tag=1"] {
            let mut world = world();
            let mut a = phone("6001", &format!("203.0.113.{}:5060", n + 1));
            let request = a.in_dialog(method, "sip:600@example.org", to, "stranger", 1, "");
            let expected = if method == "REGISTER" { 401 } else { 407 };
            assert_eq!(
                status_of(&ask(&mut world, &a, &request)),
                expected,
                "{method} {to}"
            );
            world.pass(Duration::from_secs(60));
            assert!(
                world
                    .trace
                    .iter()
                    .all(|p| p.to == a.address || p.from == a.address),
                "{method}"
            );
            assert_eq!(world.nodes[0].engine.live(), (0, 0, 0), "{method}");
        }
    }
}

#[test]
fn a_strangers_ack_and_cancel_draw_no_traffic_to_others() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    for method in ["ACK", "CANCEL"] {
        let request = a.in_dialog(
            method,
            "sip:600@example.org",
            "<sip:600@example.org>;tag=1",
            "s",
            1,
            "",
        );
        say(&mut world, &a, &request);
    }
    world.pass(Duration::from_secs(60));
    let answers: Vec<u16> = world
        .drain(a.address)
        .iter()
        .map(|m| status_of(m))
        .collect();
    assert_eq!(answers, [481]);
    assert!(
        world
            .trace
            .iter()
            .all(|p| p.to == a.address || p.from == a.address)
    );
}

#[test]
fn a_stray_response_is_dropped() {
    let mut world = world();
    let p = pbx();
    let response = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {SERVER};branch=z9hG4bKnope\r\nVia: SIP/2.0/UDP 203.0.113.77;branch=z9hG4bKx\r\n\
         From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: stray\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    say(&mut world, &p, &response);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.trace.len(), 1);
}

#[test]
fn an_answer_goes_to_the_source_and_not_where_via_says() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request("OPTIONS", "sip:example.org", "reflect", "");
    let request = request.replacen(
        "203.0.113.1:5060;branch",
        "203.0.113.99:9;received=203.0.113.98;maddr=203.0.113.97;branch",
        1,
    );
    let answer = ask(&mut world, &a, &request);
    assert_eq!(status_of(&answer), 407);
    let via = header_of(&answer, "Via");
    assert!(
        via.contains("received=203.0.113.1") && !via.contains("203.0.113.98"),
        "{answer}"
    );
}

#[test]
fn a_proxy_require_is_refused_with_420() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = a.request(
        "MESSAGE",
        "sip:600@example.org",
        "pr",
        "Proxy-Require: noodles\r\n",
    );
    // 16.3: step 5, before credentials are asked for in step 6.
    let answer = ask(&mut world, &a, &request);
    assert_eq!(
        (status_of(&answer), header_of(&answer, "Unsupported")),
        (420, "noodles")
    );
}

#[test]
fn a_phone_on_the_pbxs_host_is_not_taken_for_the_pbx() {
    let mut world = world();
    let mut a = phone("6001", "198.51.100.5:5099");
    let request = a.request("MESSAGE", "sip:6002@example.org", "host", "");
    assert_eq!(status_of(&ask(&mut world, &a, &request)), 407);
}

#[test]
fn a_source_that_asks_too_often_is_not_answered_until_its_bucket_fills() {
    let mut world = bellhop_testkit::World::new(1);
    let mut config = config();
    config.rate = Some(bellhop_core::config::Rate {
        per_source: 10,
        burst: 5,
    });
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    for n in 0..20 {
        let request = a.request("OPTIONS", "sip:example.org", &format!("rate-{n}"), "");
        say(&mut world, &a, &request);
    }
    world.pass(Duration::from_millis(50));
    assert_eq!(world.drain(a.address).len(), 5);
    world.pass(Duration::from_secs(1));
    let request = a.request("OPTIONS", "sip:example.org", "rate-later", "");
    assert_eq!(status_of(&ask(&mut world, &a, &request)), 407);
}

#[test]
fn a_route_kept_from_a_call_lets_its_user_call_nobody_else() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, ok) = talk(&mut world, &mut a, &b, "kept");
    let to = header_of(&ok, "To").to_owned();
    let invite = from_caller(&mut a, "INVITE", &ok, 9)
        .replacen("sip:6002@203.0.113.2:5060", "sip:x@203.0.113.200", 1)
        .replacen(&to, "<sip:x@203.0.113.200>", 1);
    let invite = authorized(&mut world, &mut a, &invite);
    let sent = world.trace.len();
    assert_eq!(status_of(&ask(&mut world, &a, &invite)), 403);
    assert!(
        world.trace[sent..]
            .iter()
            .all(|p| p.to == a.address || p.from == a.address)
    );
}

#[test]
fn a_sips_uri_is_not_taken_where_others_can_listen() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    for (n, uri) in ["sips:6002@example.org", "sips:600@example.org"]
        .into_iter()
        .enumerate()
    {
        let invite = a.request("INVITE", uri, &format!("sips-{n}"), "");
        let invite = authorized(&mut world, &mut a, &invite);
        // RFC 3261 26.2.2.
        assert_eq!(status_of(&ask(&mut world, &a, &invite)), 480, "{uri}");
    }
    assert!(world.drain(b.address).is_empty() && world.drain(addr(PBX)).is_empty());
}
