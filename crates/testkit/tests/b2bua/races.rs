//! What crosses on the wire, is lost, or never comes.

use crate::common::*;
use crate::site::*;
use bellhop_testkit::{header_of, status_of};
use std::time::Duration;

#[test]
fn the_callers_cancel_ends_the_b_leg_and_he_gets_487() {
    let (mut world, mut a, p) = scene();
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    let ringing = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ringing), 180);
    let answer = ask(&mut world, &a, &cancel_of(&invite));
    // 9.2: the same tag as the INVITE's answers have.
    assert_eq!(header_of(&answer, "To"), header_of(&ringing, "To"));
    let cancel = world.expect(p.address).unwrap();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    assert_eq!(call_id(&cancel), call_id(&at_pbx));
    assert_eq!(header_of(&cancel, "Via"), header_of(&at_pbx, "Via"));
    say(&mut world, &p, &p.answer(&cancel, 200, "OK", ""));
    say(
        &mut world,
        &p,
        &p.answer(&at_pbx, 487, "Request Terminated", ""),
    );
    world.pass(Duration::from_millis(100));
    let mut finals = statuses(&mut world, &a);
    finals.sort();
    assert_eq!(finals, [487]);
    is_over(&mut world);
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_ended_and_the_caller_gets_487() {
    let (mut world, mut a, p) = scene();
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    skip(&mut world, a.address, 100);
    let cancel = cancel_of(&invite);
    say(&mut world, &a, &cancel);
    world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    assert!(world.expect(p.address).unwrap().starts_with("ACK sip:pbx@"));
    let bye = world.expect(p.address).unwrap();
    assert!(bye.starts_with("BYE sip:pbx@"), "{bye}");
    assert_eq!(header_of(&bye, "CSeq"), "2 BYE");
    say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
    world.pass(Duration::from_millis(100));
    let mut finals = statuses(&mut world, &a);
    finals.sort();
    assert_eq!(finals, [200, 487]);
    is_over(&mut world);
}

#[test]
fn a_200_is_sent_again_until_its_ack_comes_and_without_one_both_are_released() {
    let (mut world, mut a, p) = scene();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    world.pass(Duration::from_secs(31));
    // 13.3.1.4: after 0, 0.5, 1.5, 3.5 s and then every 4 s.
    let finals = statuses(&mut world, &a)
        .iter()
        .filter(|s| **s == 200)
        .count();
    assert_eq!(finals, 10);
    assert_eq!(world.drain(p.address).len(), 0);
    world.pass(Duration::from_secs(2));
    let at_a = world.drain(a.address);
    assert!(
        at_a.iter()
            .any(|m| m.starts_with("BYE sip:6001@203.0.113.1:5060 ")),
        "{at_a:?}"
    );
    assert!(world.drain(p.address).iter().any(|m| m.starts_with("BYE ")));
    is_over(&mut world);
}

#[test]
fn a_bye_of_the_called_before_the_callers_ack_waits_for_it() {
    let (mut world, mut a, mut p) = scene();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    world.expect(p.address).unwrap();
    let ok = skip(&mut world, a.address, 100);
    let bye = from_callee(&mut p, "BYE", &at_pbx, 1, "");
    assert_eq!(status_of(&ask(&mut world, &p, &bye)), 200);
    assert_eq!(world.drain(a.address).len(), 0, "15: no BYE before the ACK");
    acknowledge(&mut world, &mut a, &ok, "");
    assert!(skip(&mut world, a.address, 200).starts_with("BYE "));
}

#[test]
fn a_bye_of_the_caller_without_an_ack_ends_both() {
    let (mut world, mut a, p) = scene();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", "");
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    let ok = skip(&mut world, a.address, 100);
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    // What waited for the answer is acknowledged without one before it is ended.
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    assert!(world.expect(p.address).unwrap().starts_with("BYE "));
    is_over(&mut world);
}

#[test]
fn byes_that_cross_are_both_answered_200() {
    let (mut world, mut a, mut p) = scene();
    let (at_pbx, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let (one, other) = (
        from_caller(&mut a, "BYE", &ok, 9),
        from_callee(&mut p, "BYE", &at_pbx, 1, ""),
    );
    say(&mut world, &a, &one);
    say(&mut world, &p, &other);
    world.pass(Duration::from_millis(50));
    for peer in [&a, &p] {
        let got = world.drain(peer.address);
        assert!(
            got.iter().any(|m| matches!(status_of(m), 200 | 481)),
            "{got:?}"
        );
    }
    is_over(&mut world);
}

#[test]
fn an_end_that_knows_nothing_of_the_call_any_more_releases_both() {
    for (method, number) in [("INVITE", 9), ("UPDATE", 9), ("INFO", 9)] {
        let (mut world, mut a, p) = scene();
        let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
        let request = offer_of(&mut a, method, &ok, number);
        say(&mut world, &a, &request);
        let over = world.expect(p.address).unwrap();
        say(&mut world, &p, &p.answer(&over, 481, "No such dialog", ""));
        assert_eq!(status_of(&outcome(&mut world, &a)), 481, "{method}");
        let bye = world.expect(a.address).unwrap();
        assert!(bye.starts_with("BYE "), "{bye}");
        say(&mut world, &a, &a.answer(&bye, 200, "OK", ""));
        is_over(&mut world);
    }
}

#[test]
fn an_end_that_is_silent_releases_both() {
    let (mut world, mut a, p) = scene();
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let request = from_caller(&mut a, "INFO", &ok, 9);
    say(&mut world, &a, &request);
    world.pass(Duration::from_secs(33));
    let got = world.drain(a.address);
    assert!(got.iter().any(|m| m.starts_with("BYE ")), "{got:?}");
    assert!(world.drain(p.address).iter().any(|m| m.starts_with("BYE ")));
    is_over(&mut world);
}

#[test]
fn a_call_goes_on_when_its_configuration_goes_back_to_relaying() {
    let (mut world, mut a, p) = scene();
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.reconfigure(0, config(), auth());
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    assert!(world.expect(p.address).unwrap().starts_with("BYE "));
}

#[test]
fn what_is_answered_after_the_end_of_its_call_shows_nothing_of_the_other_leg() {
    for (method, status) in [
        ("INFO", 200),
        ("INFO", 481),
        ("INVITE", 487),
        ("INVITE", 200),
    ] {
        let (mut world, mut a, mut p) = scene();
        let (at_pbx, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
        let request = offer_of(&mut a, method, &ok, 9);
        say(&mut world, &a, &request);
        let over = world.expect(p.address).unwrap();
        let bye = from_callee(&mut p, "BYE", &at_pbx, 1, "");
        assert_eq!(status_of(&ask(&mut world, &p, &bye)), 200);
        say(&mut world, &p, &p.answer(&over, status, "pbx.inside", ""));
        world.pass(Duration::from_millis(100));
        let at_a = world.drain(a.address);
        for message in &at_a {
            shows_nothing(message);
            assert!(!message.contains(call_id(&over)), "{message}");
        }
        let is_final = |m: &&String| status_of(m) >= 200;
        assert_eq!(
            at_a.iter().filter(is_final).count(),
            1,
            "{method} {status}: {at_a:?}"
        );
        assert!(at_a.iter().any(|m| m.starts_with("BYE ")), "{at_a:?}");
    }
}

#[test]
fn a_cancel_of_the_pbx_tells_the_phone_its_cause_and_not_its_words() {
    let (mut world, a, mut p) = scene();
    let invite = p.request("INVITE", "sip:6001@example.org", "inside-call", OFFER);
    say(&mut world, &p, &invite);
    let at_a = world.expect(a.address).unwrap();
    say(&mut world, &a, &a.answer(&at_a, 180, "Ringing", ""));
    assert_eq!(status_of(&skip(&mut world, p.address, 100)), 180);
    let reason = "Reason: SIP;cause=200;text=\"answered at pbx.inside\"\r\nContent-Length";
    let cancel = cancel_of(&invite).replacen("Content-Length", reason, 1);
    say(&mut world, &p, &cancel);
    let cancel = world.expect(a.address).unwrap();
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    assert_eq!(header_of(&cancel, "Reason"), "SIP;cause=200");
    shows_nothing(&cancel);
}
