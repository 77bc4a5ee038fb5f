//! Session timers of each leg, provisional responses that are acknowledged on one leg alone, early media, and CANCELs that
//! cross the answer: SIPp and baresip outside, an Asterisk inside, and nothing of it in what the outside is sent.

use bellhop_tests::Transport::Udp;
use bellhop_tests::two_legs::two_legs;
use bellhop_tests::{TwoLegs, bellhop, until};
use std::time::Duration;

/// RFC 4028: without refreshes either end would have hung up by then.
#[test]
fn a_call_outlives_its_session_of_90_s_which_is_refreshed_on_each_leg_in_its_own_way() {
    let Some(scene) = scene("session_expires = \"90s\"\n", &[("AST_SESSION", "90")]) else {
        return;
    };
    scene.site.asterisk.cli("pjsip set logger on");
    let call = scene.site.sipp(1, "session").to("601");
    let outside = call.within(Duration::from_secs(120)).run();
    // The phone takes no UPDATE: it is told its last description again.
    let again = outside.matches("\nCSeq: 2 INVITE\r\n").count();
    assert!(again > 0, "{outside}");
    assert!(!outside.contains("UPDATE sip:6001"), "{outside}");
    let inside = scene.site.asterisk.log();
    let updates = inside.matches("UPDATE sip:").count();
    assert!(updates > 1, "{updates} UPDATEs at the PBX");
    assert!(
        inside.contains("Session-Expires: 90;refresher=uac"),
        "{inside}"
    );
    // RFC 3264 8: in the end the phone has answered with media elsewhere, and Asterisk is told and takes it.
    let told = inside.split("UPDATE sip:").skip(1);
    let told = told.filter(|update| update.contains("m=audio 40002 "));
    let answers: Vec<_> = told
        .map(|update| update.contains("SIP/2.0 200 OK"))
        .collect();
    assert_eq!(answers, [true], "{inside}");
    scene.is_over();
}

/// RFC 5057 5.1: what an end says to OPTIONS tells whether it has the dialog.
#[test]
fn both_ends_are_asked_whether_they_are_there_and_one_that_vanishes_is_found() {
    let Some(scene) = scene("keepalive = \"10s\"\n", &[]) else {
        return;
    };
    scene.site.asterisk.cli("pjsip set logger on");
    let mut phone = scene.site.phone(1, Udp);
    let ok = phone.invite("601", Duration::from_secs(10));
    phone.acknowledge(&ok);
    for _ in 0..2 {
        let asked = phone.expect_within("OPTIONS ", Duration::from_secs(12));
        phone.answer(&asked, "200 OK");
    }
    let inside = scene.site.asterisk.log();
    assert!(inside.contains("OPTIONS sip:"), "{inside}");
    // It is gone without a word, and its port with it.
    drop(phone);
    until("Asterisk is told", Duration::from_secs(60), || {
        let inside = scene.site.asterisk.log();
        inside.contains("Reason: SIP;cause=408").then_some(())
    });
    scene.is_over();
}

#[test]
fn a_pbx_that_wants_its_ringing_acknowledged_has_that_though_the_caller_cannot() {
    let Some(scene) = scene("", &[("AST_PRACK", "required")]) else {
        return;
    };
    scene.site.asterisk.cli("pjsip set logger on");
    let call = scene.site.sipp(1, "call").to("608");
    let outside = call.args(&["-d", "300"]).run();
    assert!(outside.contains("SIP/2.0 180 Ringing"), "{outside}");
    for word in ["100rel", "RSeq", "PRACK sip:"] {
        assert!(!outside.contains(word), "{word} in {outside}");
    }
    let inside = scene.site.asterisk.log();
    for word in ["421 Extension Required", "PRACK sip:", "RAck: "] {
        assert!(inside.contains(word), "no {word} in {inside}");
    }
    scene.is_over();
}

#[test]
fn a_caller_who_wants_ringing_acknowledged_has_that_though_the_pbx_cannot() {
    let Some(scene) = scene("", &[("AST_PRACK", "no")]) else {
        return;
    };
    scene.site.asterisk.cli("pjsip set logger on");
    let outside = scene.site.sipp(1, "prack").to("608").run();
    assert!(outside.contains("\nRSeq: "), "{outside}");
    // It has not even said that it does not know what was required.
    let inside = scene.site.asterisk.log();
    assert!(!inside.contains("RSeq: "), "{inside}");
    assert!(!inside.contains("PRACK sip:"), "{inside}");
    scene.is_over();
}

#[test]
fn where_both_know_prack_it_goes_from_end_to_end() {
    let Some(scene) = scene("", &[("AST_PRACK", "peer_supported")]) else {
        return;
    };
    scene.site.asterisk.cli("pjsip set logger on");
    scene.site.sipp(1, "prack").to("608").run();
    let inside = scene.site.asterisk.log();
    assert!(inside.contains("PRACK sip:"), "{inside}");
    scene.is_over();
}

#[test]
fn early_media_is_heard_before_anybody_answers() {
    let Some(scene) = TwoLegs::or_skip() else {
        return;
    };
    let mut phone = scene.site.baresip(1, Udp);
    phone.dial("607");
    phone.wait_for("183 Session Progress");
    phone.listen(2);
    phone.give_up();
    phone.wait_for("487 Request Terminated");
    assert!(phone.heard().is(480.0), "{:?}", phone.heard());
    scene.is_over();
}

#[test]
fn a_called_who_answers_although_he_is_cancelled_gets_ack_and_bye() {
    let Some(scene) = TwoLegs::or_skip() else {
        return;
    };
    scene.site.sipp(2, "register").run();
    let mut called = scene.site.sipp(2, "crossed").listen();
    let mut phone = scene.site.baresip(1, Udp);
    phone.dial("6002");
    phone.wait_for("180 Ringing");
    phone.give_up();
    phone.wait_for("487 Request Terminated");
    assert!(called.ends_well(), "{}", called.messages());
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let Some(scene) = TwoLegs::or_skip() else {
        return;
    };
    scene.site.sipp(1, "late").to("600").run();
    scene.is_over();
}

fn scene(route: &str, pbx: &[(&'static str, &str)]) -> Option<TwoLegs> {
    let legs = |setup| {
        let setup = two_legs(setup);
        let route = setup.route.clone() + route;
        bellhop::Setup { route, ..setup }
    };
    TwoLegs::of(Udp, legs, |mut setup| {
        let more = pbx.iter().map(|(name, value)| (*name, (*value).to_owned()));
        setup.more.extend(more);
        setup
    })
}
