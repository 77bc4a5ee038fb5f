//! Provisional responses that are acknowledged on one leg alone (RFC 3262).

use crate::common::*;
use crate::site::*;
use bellhop_core::b2bua::{B2buaConfig, Prack};
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use std::time::Duration;

#[test]
fn a_caller_who_knows_no_prack_gets_plain_responses_and_the_called_gets_ours() {
    let (mut world, mut a, p) = each_leg();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    assert_eq!(header_of(&at_pbx, "Supported"), "100rel");
    let early = rings(&mut world, &p, &at_pbx, 183, 77, OFFER);
    let prack = world.expect(p.address).unwrap();
    assert!(
        prack.starts_with("PRACK sip:pbx@198.51.100.5:5060 "),
        "{prack}"
    );
    assert_eq!(header_of(&prack, "RAck"), "77 1 INVITE");
    assert_eq!(header_of(&prack, "CSeq"), "2 PRACK");
    assert!(header_of(&prack, "To").ends_with(";tag=tpbx"), "{prack}");
    say(&mut world, &p, &p.answer(&prack, 200, "OK", ""));
    let told = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&told), 183);
    assert!(!told.contains("100rel") && !told.contains("RSeq"), "{told}");
    let answer = told.split("\r\n\r\n").nth(1).unwrap().to_owned();
    assert!(answer.contains("m=audio 4000"), "{told}");
    // 4: a copy, and one before its turn, are nothing.
    say(&mut world, &p, &early);
    rings(&mut world, &p, &at_pbx, 180, 79, "");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.drain(p.address), [""; 0]);
    assert_eq!(world.drain(a.address), [""; 0]);
    rings(&mut world, &p, &at_pbx, 180, 78, "");
    let prack = world.expect(p.address).unwrap();
    assert_eq!(header_of(&prack, "RAck"), "78 1 INVITE");
    say(&mut world, &p, &p.answer(&prack, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 180);
    // RFC 3261 13.2.1: it has been answered reliably; the caller has not heard that for certain.
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", ""));
    let ack = world.expect(p.address).unwrap();
    assert_eq!(header_of(&ack, "CSeq"), "1 ACK");
    let ok = world.expect(a.address).unwrap();
    assert_eq!(status_of(&ok), 200);
    assert_eq!(ok.split("\r\n\r\n").nth(1).unwrap(), answer);
    assert_eq!(header_of(&ok, "Content-Type"), "application/sdp");
    acknowledge(&mut world, &mut a, &ok, "");
}

#[test]
fn a_200_that_crosses_the_cancel_after_a_prack_is_acknowledged_with_the_number_of_the_invite() {
    let (mut world, mut a, p) = each_leg();
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    rings(&mut world, &p, &at_pbx, 183, 1, OFFER);
    let prack = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&prack, 200, "OK", ""));
    say(&mut world, &a, &cancel_of(&invite));
    assert!(world.expect(p.address).unwrap().starts_with("CANCEL "));
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    assert_eq!(
        header_of(&world.expect(p.address).unwrap(), "CSeq"),
        "1 ACK"
    );
    assert_eq!(
        header_of(&world.expect(p.address).unwrap(), "CSeq"),
        "3 BYE"
    );
}

#[test]
fn a_called_who_wants_prack_gets_it_though_the_caller_knows_none() {
    let (mut world, mut a, p) = scene();
    let (_, first) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    assert_eq!(header(&first, "Supported"), None);
    let refusal = p.answer(&first, 421, "Extension Required", "Require: 100rel\r\n");
    say(&mut world, &p, &refusal);
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    let again = world.expect(p.address).unwrap();
    assert_eq!(header_of(&again, "Supported"), "100rel");
    assert_eq!(header_of(&again, "CSeq"), "2 INVITE");
    rings(&mut world, &p, &again, 180, 5, "");
    let prack = world.expect(p.address).unwrap();
    assert_eq!(header_of(&prack, "RAck"), "5 2 INVITE");
    assert_eq!(status_of(&skip(&mut world, a.address, 100)), 180);
}

#[test]
fn an_invite_without_an_offer_is_not_acknowledged_in_the_callers_place() {
    // 5: the PRACK would have to bring his answer.
    let (mut world, mut a, p) = each_leg();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", "");
    assert_eq!(header(&at_pbx, "Supported"), None);
    let refusal = p.answer(&at_pbx, 421, "Extension Required", "Require: 100rel\r\n");
    say(&mut world, &p, &refusal);
    assert_eq!(status_of(&outcome(&mut world, &a)), 421);
}

#[test]
fn a_caller_who_requires_prack_has_it_from_us_if_the_called_knows_none() {
    let (mut world, mut a, p) = scene();
    let (invite, at_pbx) = required(&mut world, &mut a, &p);
    let number = header_of(&invite, "CSeq").split(' ').next().unwrap();
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    let ringing = skip(&mut world, a.address, 100);
    assert_eq!(header_of(&ringing, "Require"), "100rel");
    let first: u32 = header_of(&ringing, "RSeq").parse().unwrap();
    // 3: again after 0.5, 1.5, 3.5 s.
    world.pass(Duration::from_secs(4));
    assert_eq!(world.drain(a.address), vec![ringing.clone(); 3]);
    // The next waits for its turn, and so does the 200.
    let early = p.answer(&at_pbx, 183, "Session Progress", OFFER);
    say(&mut world, &p, &early);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.drain(a.address), [""; 0]);
    let wrong = prack(
        &mut a,
        &ringing,
        8,
        &format!("{} {number} INVITE", first + 1),
    );
    assert_eq!(status_of(&ask(&mut world, &a, &wrong)), 481);
    let right = prack(&mut a, &ringing, 9, &format!("{first} {number} INVITE"));
    assert_eq!(status_of(&ask(&mut world, &a, &right)), 200);
    let early = world.expect(a.address).unwrap();
    assert_eq!(status_of(&early), 183);
    assert_eq!(header_of(&early, "RSeq"), (first + 1).to_string());
    say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    world.pass(Duration::from_millis(100));
    assert_eq!(world.drain(a.address), [""; 0], "3: after the PRACK");
    let right = prack(
        &mut a,
        &early,
        10,
        &format!("{} {number} INVITE", first + 1),
    );
    assert_eq!(status_of(&ask(&mut world, &a, &right)), 200);
    let ok = world.expect(a.address).unwrap();
    assert_eq!(status_of(&ok), 200);
    assert_eq!(header(&ok, "RSeq"), None);
    acknowledge(&mut world, &mut a, &ok, "");
    assert_eq!(world.drain(p.address), [""; 0], "PRACKs stay on their leg");
    let bye = from_caller(&mut a, "BYE", &ok, 11);
    assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
    assert!(world.expect(p.address).unwrap().starts_with("BYE "));
    is_over(&mut world);
}

#[test]
fn a_called_who_numbers_some_of_his_responses_only_mixes_nothing_up() {
    let more = format!("Require: 100rel\r\n{OFFER}");
    // His own first: what he says plainly after it stays plain, for no number of ours could follow his.
    let (mut world, mut a, p) = scene();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", &more);
    rings(&mut world, &p, &at_pbx, 183, 40, OFFER);
    assert_eq!(header_of(&skip(&mut world, a.address, 100), "RSeq"), "40");
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    let plain = world.expect(a.address).unwrap();
    assert_eq!((status_of(&plain), header(&plain, "RSeq")), (180, None));
    assert_eq!(world.drain(p.address), [""; 0]);
    // Ours first: his are acknowledged by us and numbered anew.
    let (mut world, mut a, p) = scene();
    let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", &more);
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    let ringing = skip(&mut world, a.address, 100);
    let first: u32 = header_of(&ringing, "RSeq").parse().unwrap();
    rings(&mut world, &p, &at_pbx, 183, 40, OFFER);
    let ours = world.expect(p.address).unwrap();
    assert_eq!(header_of(&ours, "RAck"), "40 1 INVITE");
    say(&mut world, &p, &p.answer(&ours, 200, "OK", ""));
    let number = header_of(&invite, "CSeq").split(' ').next().unwrap();
    let his = prack(&mut a, &ringing, 9, &format!("{first} {number} INVITE"));
    assert_eq!(status_of(&ask(&mut world, &a, &his)), 200);
    let early = world.expect(a.address).unwrap();
    assert_eq!(status_of(&early), 183);
    assert_eq!(header_of(&early, "RSeq"), (first + 1).to_string());
    assert_eq!(early.matches("100rel").count(), 1, "{early}");
}

#[test]
fn without_a_prack_the_invite_is_refused_and_the_called_rings_no_more() {
    let (mut world, mut a, p) = scene();
    let (_, at_pbx) = required(&mut world, &mut a, &p);
    say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
    world.pass(Duration::from_secs(33));
    let all = world.drain(a.address);
    let last = all
        .iter()
        .find(|message| status_of(message) >= 200)
        .unwrap();
    assert_eq!(status_of(last), 504);
    assert!(world.drain(p.address)[0].starts_with("CANCEL "));
    is_over(&mut world);
}

#[test]
fn without_a_prack_a_call_that_was_answered_ends_on_both_legs() {
    for hangs_up in [false, true] {
        let (mut world, mut a, mut p) = scene();
        let (_, at_pbx) = required(&mut world, &mut a, &p);
        say(&mut world, &p, &p.answer(&at_pbx, 180, "Ringing", ""));
        say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
        assert!(world.expect(p.address).unwrap().starts_with("ACK "));
        if hangs_up {
            let bye = from_callee(&mut p, "BYE", &at_pbx, 3, "");
            assert_eq!(status_of(&ask(&mut world, &p, &bye)), 200);
        } else {
            world.pass(Duration::from_secs(33));
            assert!(world.drain(p.address)[0].starts_with("BYE "));
        }
        world.pass(Duration::from_millis(100));
        let all = world.drain(a.address);
        assert!(
            all.iter().any(|message| status_of(message) == 504),
            "{all:?}"
        );
        assert!(
            !all.iter().any(|message| message.starts_with("BYE ")),
            "{all:?}"
        );
        is_over(&mut world);
    }
}

fn each_leg() -> (World, Peer, Peer) {
    scene_of(B2buaConfig {
        prack: Prack::EachLeg,
        ..B2buaConfig::default()
    })
}

/// The caller requires PRACKs and the PBX knows none; gives the INVITE as it was sent, and as it came the second time.
fn required(world: &mut World, a: &mut Peer, p: &Peer) -> (String, String) {
    let more = format!("Require: 100rel\r\nSupported: 100rel\r\n{OFFER}");
    let (invite, at_pbx) = dial(world, a, p, "call-1", &more);
    assert_eq!(header_of(&at_pbx, "Require"), "100rel");
    let refusal = p.answer(&at_pbx, 420, "Bad Extension", "Unsupported: 100rel\r\n");
    say(world, p, &refusal);
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    let again = world.expect(p.address).unwrap();
    assert_eq!(header_of(&again, "CSeq"), "2 INVITE");
    assert!(!again.contains("100rel"), "{again}");
    (invite, again)
}

fn rings(
    world: &mut World,
    p: &Peer,
    invite: &str,
    status: u16,
    number: u32,
    more: &str,
) -> String {
    let more = format!("Require: 100rel\r\nRSeq: {number}\r\n{more}");
    let response = p.answer(invite, status, "Early", &more);
    say(world, p, &response);
    response
}

fn prack(a: &mut Peer, early: &str, cseq: u32, rack: &str) -> String {
    let more = format!("RAck: {rack}\r\nContent-Length");
    from_caller(a, "PRACK", early, cseq).replacen("Content-Length", &more, 1)
}
