//! Requests inside a call.

use crate::common::*;
use crate::site::*;
use bellhop_testkit::{header, header_of, status_of};

#[test]
fn a_hold_goes_over_from_either_side_with_its_own_cseq() {
    let (mut world, mut a, mut p) = scene();
    let (at_pbx, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let hold = offer_of(&mut a, "INVITE", &ok, 9);
    say(&mut world, &a, &hold);
    let over = world.expect(p.address).unwrap();
    assert!(
        over.starts_with("INVITE sip:pbx@198.51.100.5:5060 "),
        "{over}"
    );
    assert_eq!(header_of(&over, "CSeq"), "2 INVITE");
    assert_eq!(call_id(&over), call_id(&at_pbx));
    assert!(!over.contains("f6001"), "{over}");
    say(&mut world, &p, &p.answer(&over, 200, "OK", OFFER));
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    let answer = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&answer), 200);
    assert_eq!(header_of(&answer, "CSeq"), "9 INVITE");
    shows_nothing(&answer);
    let ack = from_caller(&mut a, "ACK", &ok, 9);
    say(&mut world, &a, &ack);

    let resume = from_callee(&mut p, "INVITE", &at_pbx, 55, OFFER);
    say(&mut world, &p, &resume);
    let over = world.expect(a.address).unwrap();
    assert!(
        over.starts_with("INVITE sip:6001@203.0.113.1:5060 "),
        "{over}"
    );
    assert_eq!(header_of(&over, "CSeq"), "1 INVITE");
    shows_nothing(&over);
    say(&mut world, &a, &a.answer(&over, 200, "OK", OFFER));
    assert!(world.expect(a.address).unwrap().starts_with("ACK "));
    let answer = skip(&mut world, p.address, 100);
    assert_eq!(header_of(&answer, "CSeq"), "55 INVITE");
}

#[test]
fn re_invites_that_cross_are_both_answered_491() {
    let (mut world, mut a, mut p) = scene();
    let (at_pbx, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let first = offer_of(&mut a, "INVITE", &ok, 9);
    say(&mut world, &a, &first);
    let over = world.expect(p.address).unwrap();
    let second = from_callee(&mut p, "INVITE", &at_pbx, 5, OFFER);
    let refusal = ask(&mut world, &p, &second);
    assert_eq!(status_of(&refusal), 491);
    say(&mut world, &p, &ack_of(&refusal, &p));
    say(&mut world, &p, &p.answer(&over, 491, "Request Pending", ""));
    assert_eq!(status_of(&outcome(&mut world, &a)), 491);
    // Nothing of it is left: the next one goes over.
    let third = from_callee(&mut p, "INVITE", &at_pbx, 6, OFFER);
    say(&mut world, &p, &third);
    assert!(skip(&mut world, a.address, 491).starts_with("INVITE "));
}

#[test]
fn a_second_offer_before_the_answer_to_the_first_is_answered_500() {
    let (mut world, mut a, p) = scene();
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let first = offer_of(&mut a, "INVITE", &ok, 9);
    say(&mut world, &a, &first);
    world.expect(p.address).unwrap();
    let second = offer_of(&mut a, "INVITE", &ok, 10);
    say(&mut world, &a, &second);
    let refusal = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&refusal), 500);
    let seconds: u32 = header_of(&refusal, "Retry-After").parse().unwrap();
    assert!(seconds <= 10);
}

#[test]
fn every_method_inside_a_call_goes_over_and_its_answer_back() {
    let (mut world, mut a, mut p) = scene();
    let (at_pbx, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let methods = [
        "INFO", "MESSAGE", "UPDATE", "OPTIONS", "NOTIFY", "REFER", "FOO",
    ];
    for (number, method) in (10..).zip(methods) {
        let more = "Refer-To: <sip:7001@192.0.2.1:5060>\r\nEvent: refer\r\nX-Own: 1\r\n";
        let request = from_caller(&mut a, method, &ok, number).replacen(
            "Content-Length",
            &format!("{more}Content-Length"),
            1,
        );
        say(&mut world, &a, &request);
        let over = world.expect(p.address).unwrap();
        assert!(
            over.starts_with(&format!("{method} sip:pbx@198.51.100.5:5060 ")),
            "{over}"
        );
        assert_eq!(header_of(&over, "CSeq"), format!("{} {method}", number - 8));
        assert_eq!(header_of(&over, "X-Own"), "1");
        assert_eq!(header_of(&over, "Refer-To"), "<sip:7001@example.org>");
        say(
            &mut world,
            &p,
            &p.answer(&over, 202, "Accepted by pbx.inside", "X-Also: 2\r\n"),
        );
        let answer = skip(&mut world, a.address, 100);
        assert_eq!(status_of(&answer), 202, "{answer}");
        assert_eq!(header_of(&answer, "X-Also"), "2");
        shows_nothing(&answer);
    }
    let body = "SIP/2.0 200 OK\r\nServer: Asterisk\r\nVia: SIP/2.0/UDP 198.51.100.5\r\n";
    let more = format!(
        "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let notify = from_callee(&mut p, "NOTIFY", &at_pbx, 3, &more);
    say(&mut world, &p, &notify);
    let over = world.expect(a.address).unwrap();
    assert!(over.ends_with("\r\n\r\nSIP/2.0 200 OK\r\n"), "{over}");
    shows_nothing(&over);
}

#[test]
fn a_prack_names_the_number_of_our_invite() {
    let (mut world, mut a, p) = scene();
    let more = format!("Supported: 100rel, path\r\n{OFFER}");
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", &more);
    assert_eq!(header_of(&at_pbx, "Supported"), "100rel");
    let more = format!("Require: 100rel\r\nRSeq: 77\r\n{OFFER}");
    say(
        &mut world,
        &p,
        &p.answer(&at_pbx, 183, "Session Progress", &more),
    );
    let early = skip(&mut world, a.address, 100);
    assert_eq!(header_of(&early, "RSeq"), "77");
    assert_eq!(header_of(&early, "Require"), "100rel");
    let number = header_of(&invite, "CSeq").split(' ').next().unwrap();
    let prack = from_caller(&mut a, "PRACK", &early, 9).replacen(
        "Content-Length",
        &format!("RAck: 77 {number} INVITE\r\nContent-Length"),
        1,
    );
    say(&mut world, &a, &prack);
    let over = world.expect(p.address).unwrap();
    assert!(
        over.starts_with("PRACK sip:pbx@198.51.100.5:5060 "),
        "{over}"
    );
    assert_eq!(header_of(&over, "RAck"), "77 1 INVITE");
    assert_eq!(header_of(&over, "CSeq"), "2 PRACK");
    say(&mut world, &p, &p.answer(&over, 200, "OK", ""));
    assert_eq!(status_of(&skip(&mut world, a.address, 100)), 200);
}

#[test]
fn what_is_wrong_inside_a_call_is_refused_here() {
    let (mut world, mut a, p) = scene();
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let replaces = "Refer-To: <sip:1@example.org?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n";
    for (number, (method, more, status)) in (10..).zip([
        ("REFER", replaces, 603),
        ("INFO", "Require: gruu\r\n", 420),
        ("PUBLISH", "", 405),
    ]) {
        let request = from_caller(&mut a, method, &ok, number).replacen(
            "Content-Length",
            &format!("{more}Content-Length"),
            1,
        );
        say(&mut world, &a, &request);
        let refusal = skip(&mut world, a.address, 100);
        assert_eq!(status_of(&refusal), status, "{method}");
    }
    // 12.2.2.
    let late = from_caller(&mut a, "INFO", &ok, 1);
    assert_eq!(status_of(&ask(&mut world, &a, &late)), 500);
    assert_eq!(world.drain(p.address).len(), 0);
    let unknown =
        from_caller(&mut a, "BYE", &ok, 20).replacen("Call-ID: call-1", "Call-ID: other", 1);
    let unknown = authorized(&mut world, &mut a, &unknown);
    assert_eq!(status_of(&ask(&mut world, &a, &unknown)), 481);
}

#[test]
fn a_request_with_the_tags_from_another_place_is_challenged() {
    let (mut world, mut a, p) = scene();
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    let thief = phone("6001", "203.0.113.66:5060");
    let answer = ask(&mut world, &thief, &bye);
    assert_eq!(status_of(&answer), 407);
    assert_eq!(world.drain(p.address).len(), 0);
    assert_eq!(header(&answer, "Server"), None);
}
