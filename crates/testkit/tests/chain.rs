//! Two Bellhops one behind the other.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::{UpstreamTarget, Zone};
use bellhop_core::flow::Transport;
use bellhop_testkit::{World, header, header_of, status_of};
use common::*;
use std::time::Duration;

const FIRST: &str = SERVER;
const SECOND: &str = "192.0.2.2:5060";

/// Two Bellhops, each the other's upstream.
fn chain() -> World {
    let mut world = World::new(1);
    for (own, other) in [(FIRST, SECOND), (SECOND, FIRST)] {
        let mut config = config();
        config.listeners = vec![
            listener("udp", Transport::Udp, own, Zone::Outside),
            listener("tcp", Transport::Tcp, own, Zone::Outside),
        ];
        config.upstreams[0].targets = vec![UpstreamTarget {
            transport: Transport::Udp,
            remote: addr(other),
            host: "example.org".to_owned(),
        }];
        world.start(config, auth());
    }
    world
}

fn record_routes(message: &str) -> Vec<&str> {
    let lines = message.split("\r\n");
    lines.filter(|l| l.starts_with("Record-Route: ")).collect()
}

#[test]
fn a_call_through_two_bellhops_can_be_ended_from_both_sides() {
    for is_tcp in [false, true] {
        let mut world = chain();
        let mut a = phone("6001", "203.0.113.1:5060");
        let mut b = if is_tcp {
            tcp_phone("6002", "203.0.113.2:40000")
        } else {
            phone("6002", "203.0.113.2:5060")
        };
        // Both are behind NATs.
        a.contact = "10.0.0.1:5060".to_owned();
        b.contact = "10.0.0.2:5060".to_owned();
        b.server = addr(SECOND);
        register(&mut world, &mut b);
        let (at_b, ok) = talk(&mut world, &mut a, &b, "chain");
        // 16.6 step 4: both record-route, the second on top.
        let routes = record_routes(&at_b);
        assert!(
            routes[0].contains(SECOND) && routes.last().unwrap().contains(FIRST),
            "{at_b}"
        );
        assert_eq!(header_of(&at_b, "Max-Forwards"), "68");
        for n in 0..2 {
            let info = from_caller(&mut a, "INFO", &ok, 10 + n);
            say(&mut world, &a, &info);
            let got = world.expect(b.address).unwrap();
            assert!(got.starts_with("INFO sip:6002@10.0.0.2:5060"), "{got}");
            assert_eq!(header(&got, "Route"), None);
            say(&mut world, &b, &b.answer(&got, 200, "OK", ""));
            assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
            let method = if n == 0 { "INVITE" } else { "BYE" };
            let request = from_callee(&mut b, method, &at_b, 20 + n, "");
            say(&mut world, &b, &request);
            let got = world.expect(a.address).unwrap();
            assert!(
                got.starts_with(&format!("{method} sip:6001@10.0.0.1:5060")),
                "{got}"
            );
            assert_eq!(header(&got, "Route"), None);
            if n == 0 {
                let mut again = record_routes(&got);
                again.reverse();
                assert_eq!(again, routes);
            }
            say(&mut world, &a, &a.answer(&got, 200, "OK", ""));
            assert_eq!(status_of(&skip(&mut world, b.address, 100)), 200);
        }
        world.pass(Duration::from_secs(120));
        assert!(
            world
                .nodes
                .iter()
                .all(|node| node.engine.live() == (0, 0, 0))
        );
    }
}

#[test]
fn a_user_whom_neither_of_two_bellhops_knows_does_not_go_round() {
    let mut world = chain();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:nobody@example.org", "round", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    assert_eq!(status_of(&outcome(&mut world, &a)), 404);
    assert!(world.trace.len() < 20);
}
