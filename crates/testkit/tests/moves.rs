//! Peers that come from elsewhere in the middle of a call, and requests that overtake each other there
//! (RFC 3261 12.2, 15, 16.4).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use common::*;
use std::time::Duration;

#[test]
fn a_caller_whose_port_changes_goes_on_by_its_dialog_and_gets_its_answers_there() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = world();
        let (mut a, mut b) = (
            phone("6001", "203.0.113.1:5060"),
            phone("6002", "203.0.113.2:5060"),
        );
        (a.transport, b.transport) = (transport, transport);
        register(&mut world, &mut a);
        register(&mut world, &mut b);
        let (_, at_b) = ring(&mut world, &mut a, &b, "port");
        say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
        let ringing = skip(&mut world, a.address, 100);
        a.address.set_port(40404);
        let prack = from_caller(&mut a, "PRACK", &ringing, 11);
        // 17.2.3, 12.2: by its dialog, and never back to where it came from.
        for (n, request) in [("PRACK", prack)]
            .into_iter()
            .chain(later(&mut world, &mut a, &b, &at_b))
        {
            say(&mut world, &a, &request);
            let got = world.expect(b.address).unwrap();
            assert!(
                got.starts_with(&format!("{n} sip:6002@{}", b.contact)),
                "{got}"
            );
            assert_eq!(header(&got, "Route"), None);
            if n != "ACK" {
                say(&mut world, &b, &b.answer(&got, 200, "OK", ""));
                assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
            }
        }
    }
}

/// Answers the call, and gives what the caller sends after it.
fn later(world: &mut World, a: &mut Peer, b: &Peer, at_b: &str) -> [(&'static str, String); 3] {
    let mut elsewhere = a.clone();
    elsewhere.address = addr("203.0.113.1:5060");
    say(world, b, &b.answer(at_b, 200, "OK", ""));
    let ok = skip(world, elsewhere.address, 180);
    assert_eq!(status_of(&ok), 200);
    ["ACK", "UPDATE", "BYE"].map(|method| (method, from_caller(a, method, &ok, 12)))
}

#[test]
fn a_pbx_that_does_not_record_route_gets_ack_update_and_bye_at_its_contact() {
    let mut world = world();
    let (mut a, mut p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "contact", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_p = world.expect(p.address).unwrap();
    // It answers from a port that is not the one it is configured at, and wants to be called there.
    p.contact = "198.51.100.5:5077".to_owned();
    let ok = p.answer(&at_p, 200, "OK", "");
    say(&mut world, &p, &ok);
    let ok = skip(&mut world, a.address, 100);
    for (method, cseq) in [("ACK", 2), ("PRACK", 3), ("UPDATE", 4), ("BYE", 5)] {
        let request = from_caller(&mut a, method, &ok, cseq);
        say(&mut world, &a, &request);
        let got = world.expect(addr("198.51.100.5:5077")).unwrap();
        assert!(got.starts_with(&format!("{method} sip:pbx@198.51.100.5:5077 ")));
        assert_eq!(header(&got, "Route"), None);
    }
    assert!(world.drain(p.address).is_empty());
}

#[test]
fn a_bye_that_overtakes_the_ack_ends_the_call() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "overtaken");
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    let ok = skip(&mut world, a.address, 100);
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    let bye = world.expect(b.address).unwrap();
    assert!(bye.starts_with("BYE "), "{bye}");
    say(&mut world, &b, &b.answer(&bye, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    let ack = from_caller(&mut a, "ACK", &ok, 2);
    say(&mut world, &a, &ack);
    assert!(world.expect(b.address).unwrap().starts_with("ACK "));
}

#[test]
fn two_byes_that_cross_are_both_answered_in_one_round_trip() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let (at_b, ok) = talk(&mut world, &mut a, &b, "crossed");
    let (from_a, from_b) = (
        from_caller(&mut a, "BYE", &ok, 9),
        from_callee(&mut b, "BYE", &at_b, 1, ""),
    );
    say(&mut world, &a, &from_a);
    say(&mut world, &b, &from_b);
    world.pass(Duration::from_millis(3));
    for (peer, status) in [(&a, 481), (&b, 200)] {
        let bye = world.drain(peer.address).pop().unwrap();
        assert!(bye.starts_with("BYE "), "{bye}");
        say(&mut world, peer, &peer.answer(&bye, status, "Gone", ""));
    }
    world.pass(Duration::from_millis(3));
    assert_eq!(statuses(&mut world, &a), [200]);
    assert_eq!(statuses(&mut world, &b), [481]);
}

#[test]
fn the_end_of_a_transfers_subscription_is_not_the_end_of_the_call() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let (at_b, ok) = talk(&mut world, &mut a, &b, "transfer");
    let refer = from_caller(&mut a, "REFER", &ok, 10);
    say(&mut world, &a, &refer);
    let got = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&got, 202, "Accepted", ""));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 202);
    let end = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n";
    let notify = from_callee(&mut b, "NOTIFY", &at_b, 1, end);
    say(&mut world, &b, &notify);
    let got = world.expect(a.address).unwrap();
    assert_eq!(header_of(&got, "Event"), "refer");
    say(&mut world, &a, &a.answer(&got, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(b.address).unwrap()), 200);
    for (n, method) in [(11, "INVITE"), (12, "BYE")] {
        let request = from_caller(&mut a, method, &ok, n);
        say(&mut world, &a, &request);
        let got = world.expect(b.address).unwrap();
        assert!(got.starts_with(method), "{got}");
        say(&mut world, &b, &b.answer(&got, 200, "OK", ""));
        assert_eq!(status_of(&skip(&mut world, a.address, 100)), 200);
    }
}

/// drachtio: requests that come before the 200, and before anything at all was answered.
#[test]
fn an_info_before_the_200_reaches_the_other_end_from_both_and_the_call_goes_on() {
    for has_rung in [true, false] {
        let mut world = world();
        let (mut a, mut b) = pair(&mut world);
        let (_, at_b) = ring(&mut world, &mut a, &b, "early");
        if has_rung {
            say(&mut world, &b, &b.answer(&at_b, 183, "Progress", ""));
            let progress = skip(&mut world, a.address, 100);
            let info = from_caller(&mut a, "INFO", &progress, 11);
            say(&mut world, &a, &info);
            let got = world.expect(b.address).unwrap();
            assert!(got.starts_with("INFO sip:6002@203.0.113.2"), "{got}");
            say(&mut world, &b, &b.answer(&got, 200, "OK", ""));
            assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
        }
        let info = from_callee(&mut b, "INFO", &at_b, 1, "");
        say(&mut world, &b, &info);
        let got = skip(&mut world, a.address, 100);
        assert!(got.starts_with("INFO sip:6001@203.0.113.1"), "{got}");
        say(&mut world, &a, &a.answer(&got, 200, "OK", ""));
        assert_eq!(status_of(&world.expect(b.address).unwrap()), 200);
        say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
        let ok = outcome(&mut world, &a);
        assert_eq!(status_of(&ok), 200);
        let bye = from_caller(&mut a, "BYE", &ok, 12);
        say(&mut world, &a, &bye);
        assert!(world.expect(b.address).unwrap().starts_with("BYE "));
    }
}
