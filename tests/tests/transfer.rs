//! Hold, re-INVITE and transfers of calls of two legs between pjsua, baresip, SIPp and an Asterisk 22; nothing of the
//! inside in what the outside is sent meanwhile.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::TwoLegs;
use bellhop_tests::tone::Tone;

#[test]
fn pjsua_holds_resumes_and_hears_its_tone_again_over_udp() {
    pjsua_holds(Udp);
}

#[test]
fn pjsua_holds_resumes_and_hears_its_tone_again_over_tcp() {
    pjsua_holds(Tcp);
}

fn pjsua_holds(transport: Transport) {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let steps = ["call:600", "talk:1", "hold", "resume", "talk:2", "hangup"];
    let Some(mut phone) = legs.site.pjsua_taking(1, transport, 440, &steps) else {
        return;
    };
    let said = phone.succeed();
    assert!(said.contains("a=sendonly"), "{said}");
    hears(phone.heard_last(), 440.0);
    legs.is_over();
}

/// RFC 3515, by way of the PBX: Asterisk carries it out for baresip, who hears his own tone from the echo then.
#[test]
fn pjsua_transfers_a_phone_blindly_to_the_echo() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let mut other = legs.site.baresip(2, Udp);
    let steps = ["call:86002", "talk:1", "xfer:600", "hangup"];
    let Some(mut phone) = legs.site.pjsua_taking(1, Udp, 700, &steps) else {
        return;
    };
    phone.succeed();
    other.in_call();
    other.listen_on(4);
    other.hang_up();
    hears(other.heard_last(), 440.0);
    legs.is_over();
}

/// The same by baresip.
#[test]
fn baresip_transfers_a_phone_blindly_to_the_echo() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let mut other = legs.site.baresip(2, Tcp);
    let mut phone = legs.site.baresip(1, Udp);
    phone.dial("86002");
    phone.in_call();
    other.in_call();
    phone.transfer("600");
    // It goes once it is told that the transfer was taken.
    phone.wait_for("Subscription-State: terminated;reason=noresource");
    other.listen_on(4);
    other.hang_up();
    hears(other.heard_last(), 440.0);
    legs.is_over();
}

/// SIPp holds and resumes by re-INVITEs first, looks at the directions that come back, and at how the transfer went.
#[test]
fn sipp_holds_a_phone_and_transfers_it_to_the_echo() {
    for transport in Transport::BOTH {
        let Some(legs) = TwoLegs::or_skip() else {
            return;
        };
        let mut other = legs.site.baresip(2, Udp);
        let call = legs.site.sipp(1, "refer").to("86002").over(transport);
        let messages = call
            .args(&["-aa", "-d", "500", "-key", "target", "600"])
            .run();
        for told in ["SIP/2.0 100 Trying\r\n", "SIP/2.0 200 OK\r\n"] {
            let is_told = |notify: &str| {
                notify
                    .split("\r\n\r\n")
                    .nth(1)
                    .is_some_and(|b| b.starts_with(told))
            };
            let mut notifies = messages.split("NOTIFY sip:").skip(1);
            assert!(notifies.any(is_told), "{messages}");
        }
        other.in_call();
        other.listen_on(4);
        other.hang_up();
        hears(other.heard_last(), 440.0);
        legs.is_over();
    }
}

/// RFC 5589 7, by way of the PBX: Asterisk has both of the transferor's calls, and joins their other ends itself.
#[test]
fn pjsua_transfers_a_phone_to_another_it_has_spoken_with_before() {
    for transport in Transport::BOTH {
        let Some(legs) = TwoLegs::or_skip() else {
            return;
        };
        let steps = ["wait", "gone"];
        let Some(mut third) = legs.site.pjsua_taking(3, transport, 900, &steps) else {
            return;
        };
        let mut second = legs.site.baresip(2, Udp);
        third.wait_for("register: 200");
        let steps = attended("call:86002", "call:86003");
        let Some(mut first) = legs.site.pjsua_taking(1, transport, 600, &steps) else {
            return;
        };
        let said = first.succeed();
        assert!(said.contains("&Replaces="), "{said}");
        second.listen_on(4);
        second.hang_up();
        third.succeed();
        // Each hears the other, and no more who brought them together.
        hears(second.heard_last(), 900.0);
        hears(third.heard_last(), 440.0);
        legs.is_over();
    }
}

/// The same without the PBX: who is referred calls with a Replaces, and comes to the phone that has the dialog.
#[test]
fn three_pjsuas_transfer_among_themselves_and_none_sees_a_dialog_of_another() {
    let Some(legs) = TwoLegs::or_skip() else {
        return;
    };
    let called = ["wait", "gone"];
    let (Some(mut second), Some(mut third)) = (
        legs.site
            .pjsua_taking(2, Udp, 440, &["wait", "talk:8", "hangup"]),
        legs.site.pjsua_taking(3, Tcp, 900, &called),
    ) else {
        return;
    };
    second.wait_for("register: 200");
    third.wait_for("register: 200");
    let steps = attended("call:6002", "call:6003");
    let Some(mut first) = legs.site.pjsua_taking(1, Udp, 600, &steps) else {
        return;
    };
    first.succeed();
    second.succeed();
    third.succeed();
    hears(second.heard_last(), 900.0);
    hears(third.heard_last(), 440.0);
    legs.is_over();
}

/// The steps of who speaks with two, one after the other, and leaves them to each other.
fn attended<'s>(second: &'s str, third: &'s str) -> [&'s str; 7] {
    [second, "talk:1", third, "talk:1", "attend", "leave", "gone"]
}

fn hears(tone: Tone, hertz: f64) {
    assert!(tone.is_near(hertz), "{tone:?}");
}
