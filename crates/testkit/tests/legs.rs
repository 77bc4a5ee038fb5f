//! Two sides that differ: transports, address families, NAT, streams that come and go, names.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helper may fail loudly"
)]

mod common;

use bellhop_core::config::{UpstreamTarget, Zone};
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// The Record-Route values of a message, top first.
fn record_routes(message: &str) -> Vec<&str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    head.split("\r\n")
        .filter_map(|l| l.strip_prefix("Record-Route: "))
        .collect()
}

/// a calls 6002 and b answers; gives what reached b and the 200 at a.
fn connect(world: &mut World, a: &mut Peer, b: &mut Peer) -> (String, String) {
    register(world, a);
    register(world, b);
    let invite = a.request("INVITE", "sip:6002@example.org", "legs", "");
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    let at_b = world.expect(b.address).expect("b rings");
    say(world, b, &b.answer(&at_b, 200, "OK", ""));
    let ok = skip(world, a.address, 100);
    assert_eq!(status_of(&ok), 200);
    (at_b, ok)
}

#[test]
fn a_call_from_udp_to_tcp_has_two_record_routes_and_both_sides_find_each_other() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        tcp_phone("6002", "203.0.113.2:41000"),
    );
    let (at_b, ok) = connect(&mut world, &mut a, &mut b);
    let routes = record_routes(&at_b);
    assert_eq!(routes.len(), 2, "{at_b}");
    assert!(
        routes[0].contains(";transport=tcp") && !routes[1].contains("transport"),
        "{at_b}"
    );
    assert!(header_of(&at_b, "Via").starts_with("SIP/2.0/TCP 192.0.2.1:5060"));

    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    let bye = world.expect(b.address).unwrap();
    assert!(
        bye.starts_with("BYE ") && !bye.contains("\r\nRoute:"),
        "{bye}"
    );

    let routes = route_lines(&at_b, false);
    let target = format!("sip:6001@{}", a.address);
    let info = format!(
        "INFO {target} SIP/2.0\r\nVia: SIP/2.0/TCP {};branch=z9hG4bKi\r\nMax-Forwards: 70\r\n{routes}From: {}\r\nTo: {}\r\n\
         Call-ID: legs\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n",
        b.address,
        header_of(&ok, "To"),
        header_of(&ok, "From"),
    );
    say(&mut world, &b, &info);
    assert!(
        world
            .expect(a.address)
            .unwrap()
            .starts_with(&format!("INFO {target}"))
    );
}

#[test]
fn a_phone_that_comes_back_on_a_new_connection_gets_its_bye_there() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        tcp_phone("6002", "203.0.113.2:41000"),
    );
    b.contact = "203.0.113.2:5060".to_owned();
    let (_, ok) = connect(&mut world, &mut a, &mut b);
    let old = b.address;
    world.cut(old);
    b.address = addr("203.0.113.2:41999");
    register(&mut world, &mut b);
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(world.expect(b.address).unwrap().starts_with("BYE "));
    assert!(world.drain(old).is_empty());
}

#[test]
fn a_cut_connection_takes_its_binding_along() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        tcp_phone("6002", "203.0.113.2:41000"),
    );
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    world.cut(b.address);
    let invite = a.request("INVITE", "sip:6002@example.org", "cut", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    // Not a binding any more: the PBX decides.
    assert!(
        world
            .expect(pbx().address)
            .unwrap()
            .starts_with("INVITE sip:6002@198.51.100.5")
    );
}

#[test]
fn ipv4_and_ipv6_meet_with_two_record_routes() {
    let mut world = World::new(1);
    let mut config = config();
    config.listeners.push(listener(
        "udp6",
        Transport::Udp,
        "[2001:db8::1]:5060",
        Zone::Outside,
    ));
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = phone("6002", "[2001:db8::2]:5060");
    b.server = addr("[2001:db8::1]:5060");
    let (at_b, ok) = connect(&mut world, &mut a, &mut b);
    let routes = record_routes(&at_b);
    assert!(
        routes[0].contains("@[2001:db8::1]:5060") && routes[1].contains("@192.0.2.1:5060"),
        "{at_b}"
    );
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(
        world
            .expect(b.address)
            .unwrap()
            .starts_with("BYE sip:6002@[2001:db8::2]:5060")
    );
}

#[test]
fn a_callee_behind_a_nat_gets_the_bye_over_its_flow() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.9:34494"),
    );
    b.contact = "10.0.0.7:5060".to_owned();
    let (_, ok) = connect(&mut world, &mut a, &mut b);
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(
        world
            .expect(b.address)
            .unwrap()
            .starts_with("BYE sip:6002@10.0.0.7:5060")
    );
}

#[test]
fn a_request_too_large_for_a_datagram_goes_by_tcp_and_by_udp_where_that_is_refused() {
    let body = format!(
        "Content-Type: text/plain\r\nContent-Length: 1200\r\n\r\n{}",
        "x".repeat(1200)
    );
    for refuses in [false, true] {
        let mut world = world();
        let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
        world.refuse(p.address, refuses);
        let request = a.request("MESSAGE", "sip:600@example.org", "big", &body);
        let request = authorized(&mut world, &mut a, &request);
        say(&mut world, &a, &request);
        let arrived = world.expect(p.address).unwrap();
        let via = if refuses {
            "SIP/2.0/UDP "
        } else {
            "SIP/2.0/TCP "
        };
        assert!(header_of(&arrived, "Via").starts_with(via), "{arrived}");
        assert!(arrived.ends_with(&"x".repeat(1200)));
    }
}

#[test]
fn an_unreachable_pbx_gives_a_final_answer_at_once() {
    let mut world = World::new(1);
    let mut config = config();
    config.upstreams[0].targets = vec![UpstreamTarget {
        transport: Transport::Tcp,
        remote: addr(PBX),
        host: PBX.to_owned(),
    }];
    world.start(config, auth());
    world.refuse(addr(PBX), true);
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "down", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    world.pass(Duration::from_millis(50));
    let statuses: Vec<u16> = world
        .drain(a.address)
        .iter()
        .map(|m| status_of(m))
        .collect();
    assert_eq!(statuses, [100, 500]);
}

#[test]
fn a_dialogs_next_hop_that_is_a_name_is_resolved_first() {
    let mut world = world();
    world
        .names
        .insert("media.pbx.test".to_owned(), vec![addr("198.51.100.7:5060")]);
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "name", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let arrived = world.expect(p.address).unwrap();
    let ok = p.answer(&arrived, 200, "OK", "").replacen(
        &format!("<sip:pbx@{PBX}>"),
        "<sip:600@media.pbx.test:5066>",
        1,
    );
    say(&mut world, &p, &ok);
    let ok = skip(&mut world, a.address, 100);
    for method in ["ACK", "BYE"] {
        let request = from_caller(&mut a, method, &ok, 2);
        say(&mut world, &a, &request);
        let arrived = world.expect(addr("198.51.100.7:5066")).unwrap();
        assert!(
            arrived.starts_with(&format!("{method} sip:600@media.pbx.test:5066")),
            "{arrived}"
        );
    }
}

#[test]
fn a_strict_router_before_us_is_repaired() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.2:5060"),
    );
    let (at_b, ok) = connect(&mut world, &mut a, &mut b);
    // 16.4: our Record-Route as Request-URI, the real target as the last Route.
    let own = record_routes(&at_b)[0].trim_matches(['<', '>']).to_owned();
    let bye = a.in_dialog(
        "BYE",
        &own,
        header_of(&ok, "To"),
        "legs",
        9,
        "Route: <sip:6002@203.0.113.2:5060>\r\n",
    );
    say(&mut world, &a, &bye);
    let bye = world.expect(b.address).unwrap();
    assert!(
        bye.starts_with("BYE sip:6002@203.0.113.2:5060 SIP/2.0") && !bye.contains("\r\nRoute:"),
        "{bye}"
    );
}

#[test]
fn a_strict_router_behind_us_gets_the_target_in_the_last_route() {
    let mut world = world();
    let mut p = pbx();
    let request = p.request(
        "MESSAGE",
        "sip:far@203.0.113.50",
        "strict",
        "Route: <sip:192.0.2.1;lr>, <sip:203.0.113.60>\r\n",
    );
    say(&mut world, &p, &request);
    let arrived = world.expect(addr("203.0.113.60:5060")).unwrap();
    assert!(
        arrived.starts_with("MESSAGE sip:203.0.113.60 SIP/2.0"),
        "{arrived}"
    );
    assert_eq!(header_of(&arrived, "Route"), "<sip:far@203.0.113.50>");
}

#[test]
fn a_binding_with_a_path_is_called_by_way_of_it() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.2:5060"),
    );
    register(&mut world, &mut a);
    let first = b.request(
        "REGISTER",
        "sip:example.org",
        "path",
        "Expires: 3600\r\nSupported: path\r\nPath: <sip:edge.test;lr>\r\n",
    );
    let first = first.replacen("To: <sip:example.org>", "To: <sip:6002@example.org>", 1);
    let second = authorized(&mut world, &mut b, &first);
    let answer = ask(&mut world, &b, &second);
    assert_eq!(header_of(&answer, "Path"), "<sip:edge.test;lr>");
    let invite = a.request("INVITE", "sip:6002@example.org", "via-path", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    assert_eq!(
        header_of(&world.expect(b.address).unwrap(), "Route"),
        "<sip:edge.test;lr>"
    );
}

#[test]
fn each_binding_is_called_by_way_of_its_own_path_the_next_one_too_when_the_first_is_dead() {
    for first_q in ["1.0", "0.5"] {
        let mut world = world();
        let mut a = phone("6001", "203.0.113.1:5060");
        register(&mut world, &mut a);
        let phones = [
            ("203.0.113.2:5060", "one", first_q),
            ("203.0.113.3:5060", "two", "0.5"),
        ];
        for (at, edge, q) in phones {
            let mut b = phone("6002", at);
            let more = format!("Supported: path\r\nPath: <sip:{edge}.test;lr>\r\n");
            let contact = format!("Contact: <sip:6002@{at}>;q={q}\r\n");
            let request = register_of(&mut b, "sip:6002@example.org", edge, &contact, &more);
            assert_eq!(status_of(&answered(&mut world, &mut b, &request)), 200);
        }
        let invite = a.request("INVITE", "sip:6002@example.org", "paths", "");
        let invite = authorized(&mut world, &mut a, &invite);
        say(&mut world, &a, &invite);
        let rung = world.expect(addr(phones[0].0)).unwrap();
        assert_eq!(header_of(&rung, "Route"), "<sip:one.test;lr>");
        if first_q == "1.0" {
            world.pass(Duration::from_millis(100));
            assert!(world.drain(addr(phones[1].0)).is_empty());
            assert!(world.bounce(0, rung.as_bytes()));
        }
        let rung = world.expect(addr(phones[1].0)).unwrap();
        assert_eq!(header_of(&rung, "Route"), "<sip:two.test;lr>");
    }
}
