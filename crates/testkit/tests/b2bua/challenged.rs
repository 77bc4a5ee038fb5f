//! A PBX that challenges what we ask it in calls of two legs: we are the UAC, so what goes out again with credentials
//! counts on (RFC 3261 22.2), and who asked us hears nothing of it.

use crate::challenger::*;
use crate::common::*;
use crate::site::{OFFER, config_of, is_over, offer_of};
use bellhop_core::b2bua::B2buaConfig;
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use std::time::Duration;

fn scene(b2bua: B2buaConfig) -> (World, Peer) {
    let mut world = world_of(config_of(b2bua));
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    (world, a)
}

/// An INVITE that was challenged: as the phone sent it, and as the PBX has it with credentials.
fn dialled(world: &mut World, a: &mut Peer, more: &str) -> (String, String) {
    let invite = a.request("INVITE", "sip:600@example.org", "call", more);
    let (invite, first) = send(world, a, &invite);
    assert_eq!(cseq(&first), 1);
    let second = challenged(world, &first, "n1");
    assert_eq!(credentials(&second), proof("pbx6001", "n1", 1));
    for name in ["From", "To", "Call-ID", "Contact"] {
        assert_eq!(header(&first, name), header(&second, name), "{name}");
    }
    assert_eq!(header_of(&second, "CSeq"), "2 INVITE");
    (invite, second)
}

/// A call that stands; gives the INVITE as the PBX took it and the 200 at the phone.
fn talks(world: &mut World, a: &mut Peer) -> (String, String) {
    let (invite, second) = dialled(world, a, OFFER);
    say(world, &pbx(), &pbx().answer(&second, 200, "OK", OFFER));
    let ok = told(world, a);
    // The caller's own number is in all that he is told.
    assert_eq!(header(&ok, "CSeq"), header(&invite, "CSeq"));
    let ack = from_caller(a, "ACK", &ok, cseq(&ok));
    say(world, a, &ack);
    let ack = world.expect(addr(PBX)).expect("an ACK");
    assert!(ack.starts_with("ACK "), "{ack}");
    // 13.2.2.4, 22.1: the number and the credentials of the INVITE that was accepted.
    assert_eq!(cseq(&ack), 2);
    assert_eq!(
        header(&ack, "Authorization"),
        header(&second, "Authorization")
    );
    (second, ok)
}

/// Challenges a request as stale; gives what comes in its place.
fn stale(world: &mut World, request: &str, nonce: &str) -> String {
    say(world, &pbx(), &challenge(request, nonce, ",stale=true"));
    let again = next_at_pbx(world);
    let of = |message: &str| {
        header_of(message, "CSeq")
            .split(' ')
            .nth(1)
            .map(str::to_owned)
    };
    assert_eq!(of(&again), of(request));
    assert_eq!(cseq(&again), cseq(request) + 1, "{again}");
    assert!(credentials(&again).is_some());
    again
}

#[test]
fn an_invite_that_was_challenged_goes_out_again_with_the_next_number() {
    let (mut world, mut a) = scene(B2buaConfig::default());
    let (_, ok) = talks(&mut world, &mut a);
    let bye = from_caller(&mut a, "BYE", &ok, cseq(&ok) + 1);
    say(&mut world, &a, &bye);
    let bye = next_at_pbx(&mut world);
    assert_eq!(header_of(&bye, "CSeq"), "3 BYE");
    say(&mut world, &pbx(), &pbx().answer(&bye, 200, "OK", ""));
    is_over(&mut world);
}

#[test]
fn a_request_inside_the_call_that_was_challenged_counts_on_and_so_does_the_next() {
    let (mut world, mut a) = scene(B2buaConfig::default());
    let (_, ok) = talks(&mut world, &mut a);
    let mut number = 2;
    for (method, own) in [("INVITE", 14), ("INFO", 15), ("INVITE", 16)] {
        let request = match method {
            "INVITE" => offer_of(&mut a, method, &ok, own),
            _ => from_caller(&mut a, method, &ok, own),
        };
        say(&mut world, &a, &request);
        let first = next_at_pbx(&mut world);
        assert_eq!(
            header_of(&first, "CSeq"),
            format!("{} {method}", number + 1)
        );
        let second = stale(&mut world, &first, &format!("a{own}"));
        let third = stale(&mut world, &second, &format!("b{own}"));
        number += 3;
        say(&mut world, &pbx(), &pbx().answer(&third, 200, "OK", OFFER));
        let answer = told(&mut world, &a);
        assert_eq!(status_of(&answer), 200, "{answer}");
        assert_eq!(header_of(&answer, "CSeq"), format!("{own} {method}"));
        if method == "INVITE" {
            say(
                &mut world,
                &a,
                &from_caller(&mut a.clone(), "ACK", &ok, own),
            );
            let ack = world.expect(addr(PBX)).expect("an ACK");
            assert_eq!(header_of(&ack, "CSeq"), format!("{number} ACK"));
        }
    }
}

#[test]
fn a_prack_names_the_number_of_the_invite_that_the_pbx_took() {
    let (mut world, mut a) = scene(B2buaConfig::default());
    let more = format!("Supported: 100rel\r\n{OFFER}");
    let (invite, second) = dialled(&mut world, &mut a, &more);
    let lines = format!("Require: 100rel\r\nRSeq: 9\r\n{OFFER}");
    say(
        &mut world,
        &pbx(),
        &pbx().answer(&second, 183, "Progress", &lines),
    );
    let progress = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&progress), 183);
    let own = cseq(&invite);
    let prack = from_caller(&mut a, "PRACK", &progress, own + 1);
    let rack = format!("RAck: 9 {own} INVITE\r\nContent-Length");
    say(&mut world, &a, &prack.replacen("Content-Length", &rack, 1));
    let prack = next_at_pbx(&mut world);
    assert_eq!(header_of(&prack, "RAck"), "9 2 INVITE");
    assert_eq!(header_of(&prack, "CSeq"), "3 PRACK");
    let prack = stale(&mut world, &prack, "n2");
    assert_eq!(header_of(&prack, "RAck"), "9 2 INVITE");
    say(&mut world, &pbx(), &pbx().answer(&prack, 200, "OK", ""));
    assert_eq!(
        header_of(&told(&mut world, &a), "CSeq"),
        format!("{} PRACK", own + 1)
    );
    say(&mut world, &pbx(), &pbx().answer(&second, 200, "OK", OFFER));
    let ack = next_ack(&mut world);
    assert_eq!(header_of(&ack, "CSeq"), "2 ACK");
}

#[test]
fn a_cancel_has_the_number_of_the_invite_that_is_under_way() {
    let (mut world, mut a) = scene(B2buaConfig::default());
    let (invite, second) = dialled(&mut world, &mut a, OFFER);
    say(
        &mut world,
        &pbx(),
        &pbx().answer(&second, 180, "Ringing", ""),
    );
    say(&mut world, &a, &cancel_of(&invite));
    let cancel = next_at_pbx(&mut world);
    assert_eq!(header_of(&cancel, "CSeq"), "2 CANCEL");
    assert_eq!(branch(&cancel), branch(&second));
}

#[test]
fn a_question_and_a_bye_of_our_own_count_on_too() {
    let (mut world, mut a) = scene(B2buaConfig {
        keepalive: Some(Duration::from_secs(60)),
        longest: Some(Duration::from_secs(90)),
        ..B2buaConfig::default()
    });
    talks(&mut world, &mut a);
    world.pass(Duration::from_millis(60_100));
    let asked = world.drain(a.address).remove(0);
    say(&mut world, &a, &a.answer(&asked, 200, "OK", ""));
    let options = next_at_pbx(&mut world);
    assert_eq!(header_of(&options, "CSeq"), "3 OPTIONS");
    let options = stale(&mut world, &options, "n2");
    say(&mut world, &pbx(), &pbx().answer(&options, 200, "OK", ""));
    let bye = world.expect_within(addr(PBX), Duration::from_secs(31));
    let bye = bye.expect("a BYE");
    assert_eq!(header_of(&bye, "CSeq"), "5 BYE");
    let bye = stale(&mut world, &bye, "n3");
    say(&mut world, &pbx(), &pbx().answer(&bye, 200, "OK", ""));
    let bye = world.drain(a.address).remove(0);
    say(&mut world, &a, &a.answer(&bye, 200, "OK", ""));
    is_over(&mut world);
}

#[test]
fn a_subscription_that_was_challenged_counts_on_from_there() {
    let (mut world, mut a) = scene(B2buaConfig::default());
    let lines = "Event: presence\r\nExpires: 600\r\n";
    let subscribe = a.request("SUBSCRIBE", "sip:600@example.org", "watch", lines);
    let (subscribe, first) = send(&mut world, &mut a, &subscribe);
    let second = challenged(&mut world, &first, "n1");
    assert_eq!(header_of(&second, "CSeq"), "2 SUBSCRIBE");
    let granted = pbx().answer(&second, 200, "OK", "Expires: 600\r\n");
    say(&mut world, &pbx(), &granted);
    let ok = told(&mut world, &a);
    assert_eq!(header(&ok, "CSeq"), header(&subscribe, "CSeq"));
    let refresh = from_caller(&mut a, "SUBSCRIBE", &ok, 9);
    let refresh = refresh.replacen("Content-Length", &format!("{lines}Content-Length"), 1);
    say(&mut world, &a, &refresh);
    let refresh = next_at_pbx(&mut world);
    assert_eq!(header_of(&refresh, "CSeq"), "3 SUBSCRIBE");
    let refresh = stale(&mut world, &refresh, "n2");
    say(
        &mut world,
        &pbx(),
        &pbx().answer(&refresh, 200, "OK", "Expires: 600\r\n"),
    );
    assert_eq!(header_of(&told(&mut world, &a), "CSeq"), "9 SUBSCRIBE");
}

fn next_ack(world: &mut World) -> String {
    loop {
        let message = world.expect(addr(PBX)).expect("an ACK");
        if message.starts_with("ACK ") {
            return message;
        }
    }
}
