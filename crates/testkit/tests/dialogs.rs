//! Requests inside dialogs: our Record-Route entries, their tokens, and flows that move (RFC 3261 12.2,
//! 16.4, 16.6; RFC 5626 5.3).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::Zone;
use bellhop_core::flow::Transport;
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use common::*;
use std::time::Duration;

#[test]
fn a_bye_of_the_callee_reaches_the_caller() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let (at_b, _) = talk(&mut world, &mut a, &b, "callee-bye");
    let bye = from_callee(&mut b, "BYE", &at_b, 1, "");
    say(&mut world, &b, &bye);
    let bye = world.expect(a.address).unwrap();
    assert!(bye.starts_with("BYE sip:6001@203.0.113.1:5060 "), "{bye}");
    say(&mut world, &a, &a.answer(&bye, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(b.address).unwrap()), 200);
}

#[test]
fn every_method_passes_inside_a_dialog_in_both_directions() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let (at_b, ok) = talk(&mut world, &mut a, &b, "methods");
    for (n, method) in [
        "UPDATE",
        "REFER",
        "NOTIFY",
        "INFO",
        "MESSAGE",
        "PRACK",
        "SUBSCRIBE",
    ]
    .into_iter()
    .enumerate()
    {
        let cseq = 20 + u32::try_from(n).unwrap();
        let request = from_caller(&mut a, method, &ok, cseq);
        say(&mut world, &a, &request);
        let got = world.expect(b.address).unwrap();
        assert!(
            got.starts_with(&format!("{method} sip:6002@203.0.113.2:5060 ")),
            "{got}"
        );
        say(&mut world, &b, &b.answer(&got, 200, "OK", ""));
        assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
        let request = from_callee(&mut b, method, &at_b, cseq, "");
        say(&mut world, &b, &request);
        let got = world.expect(a.address).unwrap();
        assert!(
            got.starts_with(&format!("{method} sip:6001@203.0.113.1:5060 ")),
            "{got}"
        );
        say(&mut world, &a, &a.answer(&got, 200, "OK", ""));
        assert_eq!(status_of(&world.expect(b.address).unwrap()), 200);
    }
}

#[test]
fn a_re_invite_carries_the_same_record_route_in_both_directions() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let (at_b, ok) = talk(&mut world, &mut a, &b, "again");
    let request = from_caller(&mut a, "INVITE", &ok, 20);
    say(&mut world, &a, &request);
    let got = world.expect(b.address).unwrap();
    assert_eq!(
        header_of(&got, "Record-Route"),
        header_of(&at_b, "Record-Route")
    );
    say(
        &mut world,
        &b,
        &b.answer(&got, 488, "Not Acceptable Here", ""),
    );
    let request = from_callee(&mut b, "INVITE", &at_b, 30, "");
    say(&mut world, &b, &request);
    let got = skip(&mut world, a.address, 100);
    let got = if got.starts_with("INVITE") {
        got
    } else {
        skip(&mut world, a.address, 488)
    };
    assert_eq!(
        header_of(&got, "Record-Route"),
        header_of(&at_b, "Record-Route")
    );
}

#[test]
fn a_phone_that_moved_and_registered_again_is_reached_at_its_new_contact() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let (at_b, _) = talk(&mut world, &mut a, &b, "moved");
    let mut moved = phone("6001", "203.0.113.77:5070");
    register(&mut world, &mut moved);
    // 12.2.2: the Route stays, the target is the new Contact.
    let bye = from_callee(&mut b, "BYE", &at_b, 1, "").replacen(
        "BYE sip:6001@203.0.113.1:5060",
        "BYE sip:6001@203.0.113.77:5070",
        1,
    );
    say(&mut world, &b, &bye);
    assert!(
        world
            .expect(addr("203.0.113.77:5070"))
            .unwrap()
            .starts_with("BYE sip:6001@203.0.113.77:5070 ")
    );
}

/// What Bellhop answers to a BYE of `a` whose Route was changed.
fn with_route(change: impl Fn(&str) -> String) -> (u16, usize) {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, ok) = talk(&mut world, &mut a, &b, "edited");
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    let route = header_of(&bye, "Route").to_owned();
    let bye = bye.replacen(&route, &change(&route), 1);
    let sent = world.trace.len();
    let status = status_of(&ask(&mut world, &a, &bye));
    let strangers = world.trace[sent..]
        .iter()
        .filter(|p| p.to != a.address && p.from != a.address);
    (status, strangers.count())
}

#[test]
fn an_edited_token_buys_nothing() {
    for place in [5, 20, 24, 25, 26, 28] {
        let flip = |route: &str| {
            let mut bytes = route.as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(with_route(flip), (407, 0), "at {place}");
    }
    assert_eq!(with_route(|r| r.replacen("sip:", "sip:00", 1)), (407, 0));
    assert_eq!(with_route(|r| r.replacen('@', "00@", 1)), (407, 0));
}

#[test]
fn a_token_of_another_dialog_buys_nothing() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, ok) = talk(&mut world, &mut a, &b, "one");
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    for (old, new) in [
        ("Call-ID: one", "Call-ID: two"),
        (";tag=f6001", ";tag=forged"),
    ] {
        let forged =
            bye.replacen(old, new, 1)
                .replacen("branch=z9", &format!("branch=z9{}", new.len()), 1);
        let forged = forged.replacen(
            &format!("branch=z9{}hG4bK", new.len()),
            &format!("branch=z9hG4bK{}", new.len()),
            1,
        );
        assert_eq!(status_of(&ask(&mut world, &a, &forged)), 407, "{new}");
    }
}

#[test]
fn an_empty_to_tag_is_none() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, ok) = talk(&mut world, &mut a, &b, "empty");
    let bye = from_caller(&mut a, "INVITE", &ok, 9).replacen(";tag=t6002", ";tag=", 1);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 407);
}

#[test]
fn a_register_is_part_of_no_dialog() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "reg-in", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_p = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_p, 200, "OK", ""));
    let ok = skip(&mut world, a.address, 100);
    let register = from_caller(&mut a, "REGISTER", &ok, 9);
    assert_eq!(status_of(&ask(&mut world, &a, &register)), 401);
    assert!(world.drain(p.address).is_empty());
}

#[test]
fn a_dialog_leads_nobody_from_outside_into_this_machine() {
    for target in [
        "127.0.0.1:8060",
        "169.254.169.254",
        "0.0.0.0:8060",
        "224.0.1.75",
        "local.test",
    ] {
        let mut world = world();
        world
            .names
            .insert("local.test".to_owned(), vec![addr("127.0.0.1:5060")]);
        let (mut a, b) = pair(&mut world);
        let (_, ok) = talk(&mut world, &mut a, &b, "inward");
        let sent = world.trace.len();
        let info = from_caller(&mut a, "INFO", &ok, 9).replacen(
            "sip:6002@203.0.113.2:5060",
            &format!("sip:x@{target}"),
            1,
        );
        say(&mut world, &a, &info);
        world.pass(Duration::from_secs(1));
        let mut packets = world.trace[sent..].iter();
        assert!(
            packets.all(|p| p.to == b.address || p.from == a.address || p.from == b.address),
            "{target}"
        );
    }
}

#[test]
fn phones_on_one_link_may_hang_up_on_each_other() {
    let mut world = World::new(1);
    let mut config = config();
    let ours = "[fe80::1]:5060";
    config.listeners = vec![listener("link", Transport::Udp, ours, Zone::Outside)];
    world.start(config, auth());
    let (mut a, mut b) = (
        phone("6001", "[fe80::a]:5060"),
        phone("6002", "[fe80::b]:5060"),
    );
    (a.server, b.server) = (addr(ours), addr(ours));
    register(&mut world, &mut b);
    let (at_b, _) = talk(&mut world, &mut a, &b, "link");
    let bye = from_callee(&mut b, "BYE", &at_b, 1, "");
    say(&mut world, &b, &bye);
    assert!(
        world
            .expect(a.address)
            .unwrap()
            .starts_with("BYE sip:6001@[fe80::a]")
    );
}

#[test]
fn a_spiral_through_a_proxy_that_does_not_stay_can_be_hung_up_from_both_ends() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    let p = pbx();
    let invite = a.request("INVITE", "sip:600@example.org", "spiral", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_p = world.expect(p.address).unwrap();
    // The PBX sends it on to 6002 through us and adds no Record-Route.
    let again = at_p
        .replacen(
            "INVITE sip:600@198.51.100.5:5060",
            "INVITE sip:6002@example.org",
            1,
        )
        .replacen(
            "Via: ",
            &format!("Via: SIP/2.0/UDP {PBX};branch=z9hG4bKspiral\r\nVia: "),
            1,
        );
    say(&mut world, &p, &again);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    let ok = skip(&mut world, p.address, 100);
    let vias = ok.split_once("Via: ").unwrap();
    let back = format!("{}Via: {}", vias.0, vias.1.split_once("Via: ").unwrap().1);
    say(&mut world, &p, &back);
    let ok = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ok), 200);
    let info = from_caller(&mut a, "INFO", &ok, 9);
    say(&mut world, &a, &info);
    let got = world.expect(b.address).unwrap();
    assert!(got.starts_with("INFO sip:6002@203.0.113.2:5060 "), "{got}");
    assert_eq!(header(&got, "Route"), None);
    let bye = from_callee(&mut b, "BYE", &at_b, 1, "");
    say(&mut world, &b, &bye);
    let got = world.expect(a.address).unwrap();
    assert!(got.starts_with("BYE sip:6001@203.0.113.1:5060 "), "{got}");
}

#[test]
fn a_name_is_resolved_for_the_shard_that_asked() {
    let mut world = World::new(1);
    world.start_shard(3, config(), auth());
    world
        .names
        .insert("far.test".to_owned(), vec![addr("198.51.100.77:5060")]);
    let mut p = pbx();
    let options = p.request("OPTIONS", "sip:x@far.test", "shard-name", "");
    say(&mut world, &p, &options);
    assert!(
        world
            .expect(addr("198.51.100.77:5060"))
            .unwrap()
            .starts_with("OPTIONS ")
    );
}

/// A call of 6001 to the PBX; gives the phone and the 200.
fn at_the_pbx(world: &mut World) -> (Peer, String) {
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "pbx-call", "");
    let invite = authorized(world, &mut a, &invite);
    say(world, &a, &invite);
    let arrived = world.expect(p.address).unwrap();
    say(world, &p, &p.answer(&arrived, 200, "OK", ""));
    let ok = skip(world, a.address, 100);
    (a, ok)
}

#[test]
fn a_dialog_with_the_pbx_leads_nowhere_else() {
    for target in [
        "203.0.113.250:9",
        "foreign.test",
        "127.0.0.1:8060",
        "169.254.169.254",
    ] {
        let mut world = world();
        let (mut a, ok) = at_the_pbx(&mut world);
        let sent = world.trace.len();
        let message = from_caller(&mut a, "MESSAGE", &ok, 9).replacen(
            &format!("sip:pbx@{PBX}"),
            &format!("sip:victim@{target}"),
            1,
        );
        assert_eq!(status_of(&ask(&mut world, &a, &message)), 403, "{target}");
        let mut packets = world.trace[sent..].iter();
        assert!(
            packets.all(|p| p.to == a.address || p.from == a.address),
            "{target}"
        );
    }
}

#[test]
fn a_stranger_who_has_seen_a_dialogs_route_is_challenged() {
    let mut world = world();
    let (mut a, ok) = at_the_pbx(&mut world);
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    let thief = phone("6001", "203.0.113.99:5060");
    assert_eq!(status_of(&ask(&mut world, &thief, &bye)), 407);
    assert!(world.drain(addr(PBX)).iter().all(|m| !m.starts_with("BYE")));
}

#[test]
fn a_nat_that_changes_the_port_ends_no_dialog() {
    let mut world = world();
    let (mut a, ok) = at_the_pbx(&mut world);
    a.address = addr("203.0.113.1:40404");
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(world.expect(addr(PBX)).unwrap().starts_with("BYE "));
}
