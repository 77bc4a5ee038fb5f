//! A call from its INVITE to its BYE.

use crate::common::*;
use crate::site::*;
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use std::time::Duration;

#[test]
fn a_call_has_two_dialogs_and_ends_in_both() {
    let (mut world, mut a, p) = scene();
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    assert!(
        at_pbx.starts_with("INVITE sip:7000@198.51.100.5:5060 SIP/2.0"),
        "{at_pbx}"
    );
    assert_ne!(call_id(&at_pbx), call_id(&invite));
    assert!(
        !at_pbx.contains("f6001") && !at_pbx.contains("203.0.113.1"),
        "{at_pbx}"
    );
    assert_eq!(at_pbx.matches("\r\nVia: ").count(), 1);
    assert_eq!(header(&at_pbx, "Record-Route"), None);
    assert_eq!(header(&at_pbx, "User-Agent"), None);
    assert_eq!(header_of(&at_pbx, "Max-Forwards"), "69");
    assert_eq!(header_of(&at_pbx, "CSeq"), "1 INVITE");
    assert!(
        header_of(&at_pbx, "Contact").ends_with("@192.0.2.1:5060>"),
        "{at_pbx}"
    );
    assert!(
        header_of(&at_pbx, "From").starts_with("<sip:6001@192.0.2.1:5060>;tag=")
            || header_of(&at_pbx, "From").starts_with("<sip:6001@example.org>;tag="),
        "{at_pbx}"
    );
    assert!(
        at_pbx.contains("o=- 17 4 IN IP4 0.0.0.0\r\ns=-\r\n"),
        "{at_pbx}"
    );

    say(
        &mut world,
        &p,
        &p.answer(
            &at_pbx,
            180,
            "Ringing on pbx.inside",
            "Server: Asterisk\r\n",
        ),
    );
    let ringing = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ringing), 180);
    shows_nothing(&ringing);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let ack = world.expect(p.address).unwrap();
    assert!(
        ack.starts_with("ACK sip:pbx@198.51.100.5:5060 SIP/2.0"),
        "{ack}"
    );
    assert_eq!(header_of(&ack, "CSeq"), "1 ACK");
    assert_eq!(
        header_of(&ack, "To"),
        header_of(&p.answer(&at_pbx, 200, "OK", ""), "To")
    );
    let ok = world.expect(a.address).unwrap();
    assert_eq!(status_of(&ok), 200);
    shows_nothing(&ok);
    assert_eq!(header_of(&ok, "To"), header_of(&ringing, "To"));
    assert_eq!(call_id(&ok), "call-1");
    acknowledge(&mut world, &mut a, &ok, "");

    let bye = from_caller(&mut a, "BYE", &ok, 4);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    let bye = world.expect(p.address).unwrap();
    assert!(
        bye.starts_with("BYE sip:pbx@198.51.100.5:5060 SIP/2.0"),
        "{bye}"
    );
    assert_eq!(call_id(&bye), call_id(&at_pbx));
    assert_eq!(header_of(&bye, "CSeq"), "2 BYE");
    say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
    is_over(&mut world);
    assert_eq!(
        world.drain(p.address).len(),
        0,
        "the BYE once it is answered"
    );
}

#[test]
fn a_call_from_the_pbx_rings_the_phone_in_a_dialog_of_ours() {
    let (mut world, mut a, mut p) = scene();
    let more =
        format!("P-Asserted-Identity: \"X\" <sip:77@198.51.100.5>\r\nServer: Asterisk\r\n{OFFER}");
    let invite = p.request("INVITE", "sip:6001@example.org", "inside-call", &more);
    let invite = invite.replacen(
        "From: <sip:pbx@192.0.2.1:5060>;tag=fpbx",
        "From: \"Bob\" <sip:77@198.51.100.5>;tag=tpbx",
        1,
    );
    say(&mut world, &p, &invite);
    let at_a = world.expect(a.address).unwrap();
    assert!(
        at_a.starts_with("INVITE sip:6001@203.0.113.1:5060 "),
        "{at_a}"
    );
    shows_nothing(&at_a);
    assert!(
        header_of(&at_a, "From").starts_with("\"Bob\" <sip:77@example.org>;tag="),
        "{at_a}"
    );
    assert_eq!(
        header_of(&at_a, "P-Asserted-Identity"),
        "\"X\" <sip:77@example.org>"
    );
    say(&mut world, &a, &a.answer(&at_a, 200, "OK", OFFER));
    assert!(
        world
            .expect(a.address)
            .unwrap()
            .starts_with("ACK sip:6001@203.0.113.1:5060 ")
    );
    let ok = skip(&mut world, p.address, 100);
    assert_eq!(status_of(&ok), 200);
    assert!(!ok.contains("203.0.113.1") && !ok.contains("t6001"), "{ok}");
    let ack = in_dialog(&mut p, "ACK", &invite, &ok, 1, "");
    say(&mut world, &p, &ack);

    let bye = from_callee(&mut a, "BYE", &at_a, 1, "");
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    let bye = world.expect(p.address).unwrap();
    assert!(bye.starts_with("BYE sip:pbx@198.51.100.5:5060 "), "{bye}");
    assert_eq!(call_id(&bye), "inside-call");
    assert_eq!(header_of(&bye, "To"), header_of(&invite, "From"));
    assert_eq!(header_of(&bye, "From"), header_of(&ok, "To"));
    say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
    is_over(&mut world);
}

#[test]
fn an_offer_that_comes_late_is_answered_in_the_ack() {
    let (mut world, mut a, p) = scene();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", "");
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let ok = skip(&mut world, a.address, 100);
    assert!(ok.contains("o=- 17 4 IN IP4 0.0.0.0"), "{ok}");
    assert_eq!(
        world.drain(p.address).len(),
        0,
        "no ACK before the answer is there"
    );
    acknowledge(&mut world, &mut a, &ok, OFFER);
    let ack = world.expect(p.address).unwrap();
    assert!(
        ack.starts_with("ACK ") && ack.contains("o=- 17 4 IN IP4 0.0.0.0"),
        "{ack}"
    );
    // Its copy of the 200 is acknowledged with the answer again (13.2.2.4).
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let again = world.expect(p.address).unwrap();
    assert!(
        again.starts_with("ACK ") && again.contains("m=audio"),
        "{again}"
    );
}

#[test]
fn a_refusal_says_its_status_and_nothing_of_who_refused() {
    let (mut world, mut a, p) = scene();
    for (status, expected) in [(486, 486), (404, 404), (603, 603), (503, 500), (407, 403)] {
        let id = format!("call-{status}");
        let (_, at_pbx) = dial(&mut world, &mut a, &p, &id, OFFER);
        let more = "Server: Asterisk\r\nWarning: 399 pbx.inside \"no\"\r\nReason: Q.850;cause=17;text=\"pbx.inside\"\r\n\
             Proxy-Authenticate: Digest realm=\"asterisk\", nonce=\"1\"\r\n\
             Content-Type: text/plain\r\nContent-Length: 10\r\n\r\npbx.inside";
        say(
            &mut world,
            &p,
            &p.answer(&at_pbx, status, "pbx.inside says no", more),
        );
        let refusal = skip(&mut world, a.address, 100);
        assert_eq!(status_of(&refusal), expected, "{refusal}");
        shows_nothing(&refusal);
        assert!(
            !refusal.to_ascii_lowercase().contains("asterisk"),
            "{refusal}"
        );
        say(&mut world, &a, &ack_of(&refusal, &a));
        assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    }
    is_over(&mut world);
}

#[test]
fn a_call_lasts_no_longer_than_it_may() {
    let mut world = world_of(bellhop_core::b2bua::B2buaConfig {
        longest: Some(Duration::from_secs(3_600)),
        ..Default::default()
    });
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let p = pbx();
    talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.pass(Duration::from_secs(3_590));
    assert_eq!(world.drain(p.address).len(), 0);
    world.pass(Duration::from_secs(20));
    for address in [p.address, a.address] {
        let bye = world.drain(address);
        assert!(
            bye.first().is_some_and(|bye| bye.starts_with("BYE ")),
            "{bye:?}"
        );
    }
    world.pass(Duration::from_secs(60));
    is_over(&mut world);
}

#[test]
fn a_call_too_many_is_answered_503() {
    let mut world = world_of(bellhop_core::b2bua::B2buaConfig {
        most: 1,
        ..Default::default()
    });
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let p = pbx();
    talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let invite = a.request("INVITE", "sip:7000@example.org", "call-2", OFFER);
    let invite = authorized(&mut world, &mut a, &invite);
    assert_eq!(status_of(&ask(&mut world, &a, &invite)), 503);
}

#[test]
fn what_is_required_and_cannot_be_stood_for_is_refused() {
    let (mut world, mut a, _) = scene();
    for (more, status) in [
        ("Require: gruu\r\n", 420),
        ("Replaces: x;to-tag=1;from-tag=2\r\n", 481),
    ] {
        let invite = a.request(
            "INVITE",
            "sip:7000@example.org",
            &format!("call-{status}"),
            more,
        );
        let invite = authorized(&mut world, &mut a, &invite);
        assert_eq!(status_of(&ask(&mut world, &a, &invite)), status);
    }
}

#[test]
fn a_copy_of_an_invite_by_another_way_is_a_loop_and_one_to_another_place_is_not() {
    let (mut world, _, mut p) = scene();
    let invite = p.request("INVITE", "sip:6001@example.org", "inside-call", OFFER);
    let by_another_way = |uri: &str, number: u32| {
        let branch = format!("x{number}00;rport");
        let copy = invite.replacen("x1;rport", &branch, 1);
        copy.replacen("INVITE sip:6001@example.org", &format!("INVITE {uri}"), 1)
    };
    say(&mut world, &p, &invite);
    world.expect(addr("203.0.113.1:5060")).expect("it rings");
    assert_eq!(
        status_of(&outcome_of(
            &mut world,
            &p,
            &by_another_way("sip:6001@example.org", 2)
        )),
        482
    );
    // 8.2.2.2 is about one UAS: a proxy that forks to two phones of ours reaches two.
    assert_eq!(
        status_of(&outcome_of(
            &mut world,
            &p,
            &by_another_way("sip:6002@example.org", 3)
        )),
        480
    );
    assert_eq!(world.drain(addr("203.0.113.1:5060")).len(), 0);
    assert_eq!(world.nodes[0].engine.calls(), 1);
}

fn outcome_of(world: &mut World, peer: &Peer, request: &str) -> String {
    say(world, peer, request);
    outcome(world, peer)
}
