//! Calls of two legs between real peers: baresip, SIPp and scripted phones outside, an Asterisk inside, and nothing of
//! the inside in what the outside is sent.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::two_legs::two_legs;
use bellhop_tests::{Baresip, TwoLegs, asterisk::Mode, bellhop};
use std::time::Duration;

#[test]
fn baresip_hears_its_tone_holds_and_resumes_over_udp_and_sees_nothing_of_the_inside() {
    a_whole_call(Udp);
}

#[test]
fn baresip_hears_its_tone_holds_and_resumes_over_tcp_and_sees_nothing_of_the_inside() {
    a_whole_call(Tcp);
}

#[test]
fn a_pbx_behind_tcp_that_challenges_every_call_is_answered_in_the_b_leg() {
    let challenges = |pbx| bellhop_tests::asterisk::Setup {
        mode: Mode::Digest,
        ..pbx
    };
    let offload = |setup| {
        two_legs(bellhop::Setup {
            offload: true,
            ..setup
        })
    };
    let Some(legs) = TwoLegs::of(Tcp, offload, challenges) else {
        return;
    };
    let mut phone = legs.site.baresip(1, Udp);
    phone.dial("600");
    talk(&mut [&mut phone]);
    phone.hang_up();
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
    legs.is_over();
}

/// Otherwise the tests here would tell of nothing.
#[test]
fn a_call_that_is_relayed_shows_the_inside() {
    let Some(legs) = TwoLegs::relayed() else {
        return;
    };
    let mut phone = legs.site.baresip(1, Udp);
    phone.dial("600");
    phone.in_call();
    phone.hang_up();
    legs.no_channel_is_left();
    let look = legs.wire.look();
    for what in ["address", "banner", "branch", "Call-ID", "name", "tag"] {
        assert!(look.kinds().contains(what), "{what}: {look}");
    }
}

#[test]
fn sipp_calls_the_echo() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    for transport in Transport::BOTH {
        let call = legs.site.sipp(1, "call").to("600").over(transport);
        call.args(&["-d", "300"]).run();
    }
    legs.is_over();
}

#[test]
fn two_phones_hear_each_other_through_asterisk_and_neither_sees_the_other_or_it() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let mut called = legs.site.baresip(2, Tcp);
    let mut caller = legs.site.baresip(1, Udp);
    caller.dial("86002");
    talk(&mut [&mut caller, &mut called]);
    caller.hang_up();
    called.wait_for("session closed");
    for phone in [&caller, &called] {
        assert!(phone.heard().is(440.0), "{:?}", phone.heard());
    }
    legs.is_over();
}

#[test]
fn asterisk_calls_a_phone_over_udp_and_tcp_and_hangs_up() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    for transport in Transport::BOTH {
        let mut phone = legs.site.phone(2, transport);
        phone.register();
        legs.site
            .asterisk
            .cli("channel originate PJSIP/6002 application Milliwatt");
        let invite = phone.expect("INVITE ");
        assert!(!invite.text().contains("Record-Route"), "{}", invite.text());
        phone.answer(&invite, "180 Ringing");
        phone.answer(&invite, "200 OK");
        phone.expect("ACK ");
        legs.site.asterisk.cli("channel request hangup all");
        let bye = phone.expect("BYE ");
        phone.answer(&bye, "200 OK");
    }
    legs.is_over();
}

/// Extension 609 REFERs who calls it to the echo: a blind transfer (RFC 3515).
#[test]
fn a_blind_transfer_by_the_pbx_leads_to_the_place_it_names() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let mut phone = legs.site.baresip(1, Udp);
    phone.dial("609");
    phone.in_call();
    phone.wait_for("REFER sip:6001-");
    phone.in_call();
    phone.wait_for("Call answered: sip:600@");
    legs.site.asterisk.cli("channel request hangup all");
    let refer = phone.said();
    let refer_to = format!("Refer-To: <sip:600@{}>", legs.site.lane.bellhop().ip());
    assert!(refer.contains(&refer_to), "{refer}");
    legs.is_over();
}

#[test]
fn a_caller_who_gives_up_gets_487_and_asterisk_rings_no_more() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let mut phone = legs.site.baresip(1, Udp);
    phone.dial("606");
    phone.wait_for("180 Ringing");
    phone.give_up();
    phone.wait_for("487 Request Terminated");
    legs.is_over();
}

#[test]
fn what_asterisk_refuses_is_refused_with_its_status_and_not_in_its_words() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let mut phone = legs.site.phone(1, Udp);
    for (extension, status) in [("603", 486), ("605", 403), ("699", 404), ("604", 500)] {
        let response = phone.invite(extension, Duration::from_secs(10));
        let text = response.text();
        assert_eq!(response.status(), Some(status), "{extension}: {text}");
    }
    legs.is_over();
}

fn a_whole_call(transport: Transport) {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let mut phone = legs.site.baresip(1, transport);
    phone.dial("600");
    talk(&mut [&mut phone]);
    phone.hold(true);
    // Asterisk's answer, which has come over with it (RFC 3264 8.4).
    phone.wait_for("a=recvonly");
    phone.hold(false);
    phone.hang_up();
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
    legs.is_over();
}

fn talk(phones: &mut [&mut Baresip]) {
    phones.iter_mut().for_each(|phone| phone.in_call());
    phones.iter().for_each(|phone| phone.listen(2));
}
