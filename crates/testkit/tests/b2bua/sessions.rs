//! Session timers of each leg on its own (RFC 4028): what is agreed on, and how it is refreshed.

use crate::common::*;
use crate::site::*;
use crate::timed::*;
use bellhop_core::b2bua::SessionConfig;
use bellhop_testkit::{header, header_of, status_of};
use std::time::Duration;

#[test]
fn each_leg_agrees_on_a_session_of_its_own_and_hears_nothing_of_the_others() {
    let (mut world, mut a, p) = timed();
    let wants = "Supported: timer, path\r\nSession-Expires: 600;refresher=uac\r\nMin-SE: 120\r\n";
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", &format!("{wants}{OFFER}"));
    assert_eq!(header_of(&at_pbx, "Session-Expires"), "1800;refresher=uac");
    assert!(at_pbx.contains("\r\nSupported: timer\r\n"), "{at_pbx}");
    assert_eq!(header(&at_pbx, "Min-SE"), None);
    let ok = accepted(
        &mut world,
        &a,
        &p,
        &at_pbx,
        "Session-Expires: 300;refresher=uas\r\n",
    );
    assert_eq!(header_of(&ok, "Session-Expires"), "600;refresher=uac");
    // 9: who is to refresh must know how.
    assert_eq!(header_of(&ok, "Require"), "timer");
    assert_eq!(ok.matches("Session-Expires").count(), 1);
}

#[test]
fn a_session_is_refreshed_by_update_at_half_its_time_and_the_other_leg_hears_nothing() {
    let (mut world, mut a, p) = timed();
    let agreed =
        "Require: timer\r\nSession-Expires: 300;refresher=uac\r\nAllow: INVITE, UPDATE\r\n";
    let (at_pbx, _) = speak(&mut world, &mut a, &p, "", agreed);
    for number in 2..5 {
        world.pass(secs(149));
        assert_eq!(world.drain(p.address), [""; 0]);
        let update = world.expect_within(p.address, secs(2)).expect("an UPDATE");
        assert!(
            update.starts_with("UPDATE sip:pbx@198.51.100.5:5060 "),
            "{update}"
        );
        assert_eq!(header_of(&update, "CSeq"), format!("{number} UPDATE"));
        assert_eq!(call_id(&update), call_id(&at_pbx));
        assert_eq!(header_of(&update, "Session-Expires"), "300;refresher=uac");
        assert_eq!(header_of(&update, "Content-Length"), "0");
        assert!(header_of(&update, "Contact").starts_with("<sip:"));
        say(&mut world, &p, &p.answer(&update, 200, "OK", agreed));
    }
    assert_eq!(world.drain(a.address), [""; 0]);
    assert_eq!(world.nodes[0].engine.calls(), 1);
}

#[test]
fn without_update_the_last_description_is_said_again_and_its_answer_stays_on_that_leg() {
    let (mut world, mut a, p) = timed();
    let agreed =
        "Require: timer\r\nSession-Expires: 120;refresher=uac\r\nAllow: INVITE, ACK, BYE\r\n";
    let (at_pbx, _) = speak(&mut world, &mut a, &p, "", agreed);
    let said = at_pbx.split("\r\n\r\n").nth(1).unwrap();
    world.pass(secs(59));
    let again = world.expect_within(p.address, secs(2)).expect("an INVITE");
    assert!(again.starts_with("INVITE sip:pbx@"), "{again}");
    // 7.4: the same origin, version and all, so that nothing is offered anew.
    assert_eq!(again.split("\r\n\r\n").nth(1).unwrap(), said);
    assert_eq!(header_of(&again, "Content-Type"), "application/sdp");
    let more = format!("{agreed}{OFFER}");
    let ok = p.answer(&again, 200, "OK", &more);
    say(&mut world, &p, &ok);
    let ack = world.expect(p.address).unwrap();
    assert!(ack.starts_with("ACK "), "{ack}");
    assert_eq!(header_of(&ack, "CSeq"), "2 ACK");
    // 13.3.1.4: the same again for a 200 that comes again.
    say(&mut world, &p, &ok);
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    assert_eq!(world.drain(a.address), [""; 0]);
    world.pass(secs(58));
    assert!(
        world
            .expect_within(p.address, secs(4))
            .unwrap()
            .starts_with("INVITE ")
    );
}

#[test]
fn a_refresh_of_a_call_on_hold_leaves_it_there() {
    let (mut world, mut a, p) = timed();
    let agreed = "Require: timer\r\nSession-Expires: 120;refresher=uac\r\nAllow: INVITE\r\n";
    let (_, ok) = speak(&mut world, &mut a, &p, "", agreed);
    let hold = offer_of(&mut a, "INVITE", &ok, 9)
        .replace("Content-Length: 106", "Content-Length: 118")
        .replace("o=root 17 4 ", "o=root 17 5 ")
        + "a=sendonly\r\n";
    say(&mut world, &a, &hold);
    let over = world.expect(p.address).unwrap();
    assert!(over.contains("o=- 17 5 "), "{over}");
    let more = format!("{agreed}{OFFER}");
    say(&mut world, &p, &p.answer(&over, 200, "OK", &more));
    world.expect(p.address).unwrap();
    let answer = skip(&mut world, a.address, 100);
    acknowledge(&mut world, &mut a, &answer, "");
    world.pass(secs(59));
    let refresh = world.expect_within(p.address, secs(2)).unwrap();
    assert_eq!(
        refresh.split("\r\n\r\n").nth(1),
        over.split("\r\n\r\n").nth(1)
    );
}

#[test]
fn who_does_not_know_timers_is_refreshed_all_the_same() {
    let (mut world, mut a, p) = timed();
    let (_, ok) = speak(
        &mut world,
        &mut a,
        &p,
        "Allow: INVITE, UPDATE\r\n",
        "Allow: UPDATE\r\n",
    );
    // 9: a UAS may ask for a timer that it keeps alone.
    assert_eq!(header_of(&ok, "Session-Expires"), "1800;refresher=uas");
    assert!(!ok.contains("Require"), "{ok}");
    for _ in 0..3 {
        world.pass(Duration::from_millis(900_300));
        for peer in [&a, &p] {
            let all = world.drain(peer.address);
            let [update] = &all[..] else {
                panic!("{all:?}")
            };
            assert!(update.starts_with("UPDATE "), "{update}");
            // That it does not like it tells that it is there.
            say(&mut world, peer, &peer.answer(update, 200, "OK", ""));
        }
    }
    assert_eq!(world.nodes[0].engine.calls(), 1);
}

#[test]
fn a_refresh_that_crosses_a_re_invite_waits_its_time_and_goes_out_again() {
    let (mut world, mut a, mut p) = timed();
    let agreed = "Require: timer\r\nSession-Expires: 90;refresher=uac\r\nAllow: INVITE\r\n";
    let (at_pbx, ok) = speak(&mut world, &mut a, &p, "", agreed);
    world.pass(secs(46));
    let refresh = world.drain(p.address).remove(0);
    // 14.1: while an INVITE of ours has no answer, neither end's goes over.
    let hold = from_callee(&mut p, "INVITE", &at_pbx, 5, OFFER);
    let refusal = ask(&mut world, &p, &hold);
    assert_eq!(status_of(&refusal), 491);
    say(&mut world, &p, &ack_of(&refusal, &p));
    let hold = offer_of(&mut a, "INVITE", &ok, 9);
    assert_eq!(status_of(&skip_to_final(&mut world, &a, &hold)), 491);
    say(
        &mut world,
        &p,
        &p.answer(&refresh, 491, "Request Pending", ""),
    );
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    // The Call-ID of this leg is ours: 2.1 to 4 s.
    world.pass(Duration::from_millis(2_050));
    assert_eq!(world.drain(p.address), [""; 0]);
    let again = world
        .expect_within(p.address, secs(2))
        .expect("another try");
    assert!(again.starts_with("INVITE "), "{again}");
    assert_eq!(header_of(&again, "CSeq"), "3 INVITE");
}

#[test]
fn a_called_who_wants_a_longer_session_is_asked_again_and_the_caller_hears_nothing_of_it() {
    let (mut world, mut a, p) = timed();
    let (_, first) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    let refusal = p.answer(
        &first,
        422,
        "Session Interval Too Small",
        "Min-SE: 3600\r\n",
    );
    say(&mut world, &p, &refusal);
    assert!(world.expect(p.address).unwrap().starts_with("ACK "));
    let again = world.expect(p.address).unwrap();
    assert_eq!(header_of(&again, "CSeq"), "2 INVITE");
    assert_eq!(call_id(&again), call_id(&first));
    assert_eq!(header_of(&again, "Session-Expires"), "3600;refresher=uac");
    assert_eq!(header_of(&again, "Min-SE"), "3600");
    assert_eq!(
        again.split("\r\n\r\n").nth(1),
        first.split("\r\n\r\n").nth(1)
    );
    say(&mut world, &p, &p.answer(&again, 200, "OK", OFFER));
    let ack = world.expect(p.address).unwrap();
    assert_eq!(header_of(&ack, "CSeq"), "2 ACK");
    let ok = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ok), 200);
    acknowledge(&mut world, &mut a, &ok, "");
    // Who never has enough is not asked for ever.
    let (_, mut invite) = dial(&mut world, &mut a, &p, "call-2", OFFER);
    for most in 0.. {
        let more = format!("Min-SE: {}\r\n", 4_000 + most);
        say(&mut world, &p, &p.answer(&invite, 422, "More", &more));
        assert!(world.expect(p.address).unwrap().starts_with("ACK "));
        match world.expect_within(p.address, secs(1)) {
            Some(next) => invite = next,
            None => {
                assert_eq!(most, 3);
                break;
            }
        }
    }
    assert_eq!(status_of(&outcome(&mut world, &a)), 422);
}

#[test]
fn a_session_that_is_too_short_is_refused_at_the_leg_that_asks_for_it() {
    let (mut world, mut a, p) = timed_by(SessionConfig {
        interval: 1800,
        least: 200,
    });
    let short = "Supported: timer\r\nSession-Expires: 100\r\n";
    let invite = a.request(
        "INVITE",
        "sip:7000@example.org",
        "call-1",
        &format!("{short}{OFFER}"),
    );
    let invite = authorized(&mut world, &mut a, &invite);
    let refusal = ask(&mut world, &a, &invite);
    assert_eq!(status_of(&refusal), 422);
    assert_eq!(header_of(&refusal, "Min-SE"), "200");
    say(&mut world, &a, &ack_of(&refusal, &a));
    // 9: a proxy asked for it, and whoever called cannot be asked for more.
    let (_, at_pbx) = dial(
        &mut world,
        &mut a,
        &p,
        "call-2",
        &format!("Session-Expires: 100\r\n{OFFER}"),
    );
    assert_eq!(header_of(&at_pbx, "Min-SE"), "200");
    let ok = accepted(&mut world, &a, &p, &at_pbx, "");
    assert_eq!(header_of(&ok, "Session-Expires"), "100;refresher=uas");
    acknowledge(&mut world, &mut a, &ok, "");
    let update = from_caller(&mut a, "UPDATE", &ok, 9).replacen(
        "Content-Length",
        &format!("{short}Content-Length"),
        1,
    );
    let refusal = ask(&mut world, &a, &update);
    assert_eq!(status_of(&refusal), 422, "{refusal}");
    assert_eq!(header_of(&refusal, "Min-SE"), "200");
}

#[test]
fn a_re_invite_goes_over_with_the_timer_of_the_leg_that_it_goes_to() {
    let (mut world, mut a, p) = timed();
    let wants = "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n";
    let agreed = "Require: timer\r\nSession-Expires: 300;refresher=uas\r\n";
    let (_, ok) = speak(&mut world, &mut a, &p, wants, agreed);
    let hold = offer_of(&mut a, "INVITE", &ok, 9).replacen(
        "Content-Type",
        &format!("{wants}Content-Type"),
        1,
    );
    say(&mut world, &a, &hold);
    let over = world.expect(p.address).unwrap();
    // 7.4: who refreshes stays as it is.
    assert_eq!(header_of(&over, "Session-Expires"), "300;refresher=uas");
    assert_eq!(over.matches("timer").count(), 1, "{over}");
    let more = format!("{agreed}{OFFER}");
    say(&mut world, &p, &p.answer(&over, 200, "OK", &more));
    let answer = skip(&mut world, a.address, 100);
    assert_eq!(header_of(&answer, "Session-Expires"), "600;refresher=uac");
}

#[test]
fn an_update_that_says_who_is_on_the_line_goes_over() {
    let (mut world, mut a, mut p) = timed();
    let agreed = "Require: timer\r\nSession-Expires: 300;refresher=uas\r\n";
    let (at_pbx, _) = speak(&mut world, &mut a, &p, "Allow: UPDATE\r\n", agreed);
    let more = "P-Asserted-Identity: <sip:102@198.51.100.5>\r\nSupported: timer\r\n\
                Session-Expires: 300;refresher=uac\r\n";
    let update = from_callee(&mut p, "UPDATE", &at_pbx, 3, more);
    say(&mut world, &p, &update);
    let over = world.expect(a.address).unwrap();
    assert!(over.starts_with("UPDATE "), "{over}");
    assert_eq!(header_of(&over, "Session-Expires"), "1800;refresher=uac");
    say(&mut world, &a, &a.answer(&over, 200, "OK", ""));
    let answer = world.expect(p.address).unwrap();
    assert_eq!(header_of(&answer, "Session-Expires"), "300;refresher=uac");
}
