//! Phones in browsers (RFC 7118): reached over their connection alone, called by names that stand for nothing, and what a
//! PBX is shown of all that.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::b2bua::B2buaConfig;
use bellhop_core::config::{Config, Zone};
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

const WEB: &str = "192.0.2.1:5066";

/// As usual, and a listener for WebSockets in front of the others.
fn with_web() -> Config {
    let mut config = config();
    let web = listener("web", Transport::Ws, WEB, Zone::Outside);
    config.listeners.insert(0, web);
    config
}

fn web_world() -> World {
    let mut world = World::new(1);
    world.start(with_web(), auth());
    world
}

/// As JsSIP calls itself.
fn browser(user: &str, address: &str) -> Peer {
    let password = format!("secret{user}");
    let mut peer = Peer::new(user, &password, addr(address), addr(WEB), Transport::Ws);
    peer.contact = "df7jal23ls0d.invalid".to_owned();
    peer
}

fn record_routes(message: &str) -> Vec<&str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.split("\r\n");
    lines
        .filter_map(|line| line.strip_prefix("Record-Route: "))
        .collect()
}

/// RFC 7118 5, RFC 5658: what the PBX takes for its route begins with a listener of its own kind.
#[test]
fn a_pbx_and_a_browser_find_each_other_and_the_pbx_is_led_by_udp() {
    let mut world = web_world();
    let mut a = browser("6001", "203.0.113.1:41000");
    register(&mut world, &mut a);
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let mut pbx = pbx();
    let at_pbx = world.expect(pbx.address).unwrap();
    assert!(header_of(&at_pbx, "Via").starts_with("SIP/2.0/UDP 192.0.2.1:5060;"));
    let routes = record_routes(&at_pbx);
    assert_eq!(routes.len(), 2, "{at_pbx}");
    assert!(routes[0].ends_with("@192.0.2.1:5060;lr>"), "{at_pbx}");
    assert!(
        routes[1].ends_with("@192.0.2.1:5066;transport=ws;lr>"),
        "{at_pbx}"
    );
    say(&mut world, &pbx, &pbx.answer(&at_pbx, 200, "OK", ""));
    let ok = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ok), 200, "{ok}");
    let ack = from_caller(&mut a, "ACK", &ok, 2);
    say(&mut world, &a, &ack);
    assert!(world.expect(pbx.address).unwrap().starts_with("ACK "));
    let bye = from_callee(&mut pbx, "BYE", &at_pbx, 1, "");
    assert!(bye.starts_with("BYE sip:6001@df7jal23ls0d.invalid;transport=ws "));
    say(&mut world, &pbx, &bye);
    let bye = world.expect(a.address).unwrap();
    assert!(bye.starts_with("BYE "), "{bye}");
    assert!(header_of(&bye, "Via").starts_with("SIP/2.0/WS 192.0.2.1:5066;"));
    assert_eq!(world.asked, Vec::<String>::new());
}

#[test]
fn a_browser_is_rung_over_its_connection_and_no_name_of_its_is_looked_up() {
    let mut world = web_world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = browser("6002", "203.0.113.2:41000");
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    let (at_b, ok) = talk(&mut world, &mut a, &b, "ring");
    assert!(at_b.starts_with("INVITE sip:6002@df7jal23ls0d.invalid;transport=ws "));
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(world.expect(b.address).unwrap().starts_with("BYE "));
    assert_eq!(world.asked, Vec::<String>::new());
}

/// Its flow is dead: a quick final answer, whatever it calls itself, and nothing is opened to it. RFC 3261 16.7 step 6: a
/// 503 of our own goes back as 500.
#[test]
fn who_calls_a_browser_whose_connection_is_gone_is_told_so_at_once() {
    for contact in ["df7jal23ls0d.invalid", "203.0.113.2:41000"] {
        let mut world = web_world();
        let mut a = phone("6001", "203.0.113.1:5060");
        let mut b = browser("6002", "203.0.113.2:41000");
        b.contact = contact.to_owned();
        register(&mut world, &mut a);
        register(&mut world, &mut b);
        let (_, ok) = talk(&mut world, &mut a, &b, "gone");
        world.cut(b.address);
        let before = world.now.instant;
        let bye = from_caller(&mut a, "BYE", &ok, 9);
        say(&mut world, &a, &bye);
        let answer = world.expect(a.address).unwrap();
        assert_eq!(status_of(&answer), 500, "{contact}: {answer}");
        assert!(world.now.instant.since(before) < Duration::from_secs(1));
        assert!(world.drain(b.address).is_empty(), "{contact}");
        assert_eq!(world.asked, Vec::<String>::new());
    }
}

/// Nor by whom it would be taken for a PBX's word.
#[test]
fn whoever_names_a_websocket_or_a_name_that_is_none_is_refused() {
    let mut world = web_world();
    let pbx = pbx();
    for (uri, status) in [
        ("sip:x@203.0.113.9:41000;transport=ws", 480),
        ("sip:x@203.0.113.9;transport=wss", 480),
        ("sip:x@df7jal23ls0d.invalid;transport=ws", 480),
        ("sip:x@df7jal23ls0d.INVALID.:5060", 480),
        ("sip:x@invalid", 480),
    ] {
        let request = GOOD.replacen("sip:6002@example.org", uri, 1).replacen(
            "z9hG4bK",
            &format!("z9hG4bK{}", uri.len()),
            1,
        );
        let answer = ask(&mut world, &pbx, &request);
        assert_eq!(status_of(&answer), status, "{uri}: {answer}");
    }
    assert_eq!(world.asked, Vec::<String>::new());
}

/// A page in a browser on the PBX's host says what it likes in Via; over TCP that port is the PBX's word.
#[test]
fn a_websocket_from_the_host_of_the_pbx_is_not_the_pbx() {
    let mut world = web_world();
    let request = GOOD.replacen("SIP/2.0/UDP", "SIP/2.0/WS", 1);
    let page = Peer::new(
        "x",
        "",
        addr("198.51.100.5:41000"),
        addr(WEB),
        Transport::Ws,
    );
    assert_eq!(status_of(&ask(&mut world, &page, &request)), 407);
}

/// RFC 3261 17.1.1.2, 17.1.2.2: nothing is sent twice over a reliable transport.
#[test]
fn nothing_is_retransmitted_to_a_browser_and_timers_end_what_is_not_answered() {
    let mut world = web_world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = browser("6002", "203.0.113.2:41000");
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    ring(&mut world, &mut a, &b, "silent");
    world.pass(Duration::from_secs(31));
    assert!(world.drain(b.address).is_empty());
    world.pass(Duration::from_secs(2));
    let last = statuses(&mut world, &a).last().copied();
    assert_eq!(last, Some(408));
}

/// RFC 7118 5: a message may come without a length; where it goes on as a stream it needs one.
#[test]
fn a_message_without_a_length_gets_one_where_it_goes_on_by_tcp() {
    let mut world = web_world();
    let mut a = browser("6001", "203.0.113.1:41000");
    let mut b = tcp_phone("6002", "203.0.113.2:42000");
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    let request = a.request("MESSAGE", "sip:6002@example.org", "text", "");
    let request = authorized(&mut world, &mut a, &request);
    let request = request.replacen("Content-Length: 0\r\n\r\n", "\r\nhello", 1);
    say(&mut world, &a, &request);
    let at_b = world.expect(b.address).unwrap();
    assert!(at_b.contains("\r\nContent-Length: 5\r\n"), "{at_b}");
    assert!(at_b.ends_with("\r\n\r\nhello"), "{at_b}");
    let answer = b.answer(&at_b, 200, "OK", "");
    say(&mut world, &b, &answer);
    assert_eq!(status_of(&skip(&mut world, a.address, 100)), 200);
}

/// In mode b2bua each leg has a Contact of ours, and a PBX's is never one of a WebSocket.
#[test]
fn the_pbx_of_a_call_of_two_legs_hears_nothing_of_websockets() {
    let mut world = World::new(1);
    let mut config = with_web();
    config.b2bua = Some(B2buaConfig {
        is_usual: true,
        ..B2buaConfig::default()
    });
    world.start(config, auth());
    let mut a = browser("6001", "203.0.113.1:41000");
    register(&mut world, &mut a);
    let invite = a.request("INVITE", "sip:600@example.org", "call", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let pbx = pbx();
    let at_pbx = world.expect(pbx.address).unwrap();
    let head = at_pbx.to_ascii_lowercase();
    for word in ["transport=ws", "/ws", ".invalid", ":5066"] {
        assert!(!head.contains(word), "{word}: {at_pbx}");
    }
    say(&mut world, &pbx, &pbx.answer(&at_pbx, 200, "OK", ""));
    let ok = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ok), 200, "{ok}");
    assert!(!header_of(&ok, "Contact").contains("transport=ws"), "{ok}");
}

/// Though it says where it is: only browsers open WebSockets.
#[test]
fn after_a_crash_no_connection_is_opened_to_a_browser() {
    let mut world = web_world();
    world.set_disk(0, |disk| disk.late(Duration::ZERO));
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = browser("6002", "203.0.113.2:41000");
    b.contact = "203.0.113.2:5060".to_owned();
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    let (_, ok) = talk(&mut world, &mut a, &b, "before");
    world.restart(0, with_web(), auth());
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    world.pass(Duration::from_millis(50));
    assert_eq!(statuses(&mut world, &a), [500]);
    let invite = a.request("INVITE", "sip:6002@example.org", "after", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    world.pass(Duration::from_millis(50));
    assert_eq!(statuses(&mut world, &a), [100, 480]);
    let called = world.trace.iter().any(|p| p.to == addr("203.0.113.2:5060"));
    assert!(!called);
}
