//! Calls of two legs between real peers: baresip, SIPp and scripted phones outside, an Asterisk inside, and nothing of
//! the inside in what the outside is sent.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::{Baresip, Site, asterisk::Mode, bellhop, until};
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
    let Some(site) = Site::of(
        Tcp,
        |setup| {
            two_legs(bellhop::Setup {
                offload: true,
                ..setup
            })
        },
        |pbx| {
            media_elsewhere(bellhop_tests::asterisk::Setup {
                mode: Mode::Digest,
                ..pbx
            })
        },
    ) else {
        return;
    };
    watch(&site);
    let mut phone = site.baresip(1, Udp);
    phone.dial("600");
    talk(&mut [&mut phone]);
    phone.hang_up();
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
    shows_nothing(&site, &phone.said());
}

/// Otherwise the tests here would tell of nothing.
#[test]
fn a_call_that_is_relayed_shows_the_inside() {
    let Some(site) = Site::of(Udp, |setup| setup.only("MD5"), media_elsewhere) else {
        return;
    };
    watch(&site);
    let mut phone = site.baresip(1, Udp);
    phone.dial("600");
    phone.in_call();
    phone.hang_up();
    assert!(shown(&site, &phone.said()).is_some(), "{}", phone.said());
}

#[test]
fn sipp_calls_the_echo() {
    let Some(site) = site() else { return };
    for transport in Transport::BOTH {
        let call = site.sipp(1, "call").to("600").over(transport);
        call.args(&["-d", "300"]).run();
    }
    no_channel_is_left(&site);
}

#[test]
fn two_phones_hear_each_other_through_asterisk_and_neither_sees_the_other_or_it() {
    let Some(site) = site() else { return };
    watch(&site);
    let mut called = site.baresip(2, Tcp);
    let mut caller = site.baresip(1, Udp);
    caller.dial("86002");
    talk(&mut [&mut caller, &mut called]);
    caller.hang_up();
    called.wait_for("session closed");
    for phone in [&caller, &called] {
        assert!(phone.heard().is(440.0), "{:?}", phone.heard());
        shows_nothing(&site, &phone.said());
    }
    no_channel_is_left(&site);
}

#[test]
fn asterisk_calls_a_phone_over_udp_and_tcp_and_hangs_up() {
    let Some(site) = site() else { return };
    watch(&site);
    for transport in Transport::BOTH {
        let mut phone = site.phone(2, transport);
        phone.register();
        site.asterisk
            .cli("channel originate PJSIP/6002 application Milliwatt");
        let invite = phone.expect("INVITE ");
        shows_nothing(&site, invite.text());
        assert!(!invite.text().contains("Record-Route"), "{}", invite.text());
        phone.answer(&invite, "180 Ringing");
        phone.answer(&invite, "200 OK");
        shows_nothing(&site, phone.expect("ACK ").text());
        site.asterisk.cli("channel request hangup all");
        let bye = phone.expect("BYE ");
        shows_nothing(&site, bye.text());
        phone.answer(&bye, "200 OK");
    }
    no_channel_is_left(&site);
}

/// Extension 609 REFERs who calls it to the echo: a blind transfer (RFC 3515).
#[test]
fn a_blind_transfer_by_the_pbx_leads_to_the_place_it_names() {
    let Some(site) = site() else { return };
    watch(&site);
    let mut phone = site.baresip(1, Udp);
    phone.dial("609");
    phone.in_call();
    phone.wait_for("REFER sip:6001-");
    phone.in_call();
    phone.wait_for("Call answered: sip:600@");
    site.asterisk.cli("channel request hangup all");
    no_channel_is_left(&site);
    shows_nothing(&site, &phone.said());
    let refer = phone.said();
    let refer_to = format!("Refer-To: <sip:600@{}>", site.lane.bellhop().ip());
    assert!(refer.contains(&refer_to), "{refer}");
    no_channel_is_left(&site);
}

#[test]
fn a_caller_who_gives_up_gets_487_and_asterisk_rings_no_more() {
    let Some(site) = site() else { return };
    let mut phone = site.baresip(1, Udp);
    phone.dial("606");
    phone.wait_for("180 Ringing");
    phone.give_up();
    phone.wait_for("487 Request Terminated");
    no_channel_is_left(&site);
}

#[test]
fn what_asterisk_refuses_is_refused_with_its_status_and_not_in_its_words() {
    let Some(site) = site() else { return };
    watch(&site);
    let mut phone = site.phone(1, Udp);
    for (extension, status) in [("603", 486), ("605", 403), ("699", 404), ("604", 500)] {
        let response = phone.invite(extension, Duration::from_secs(10));
        let text = response.text();
        assert_eq!(response.status(), Some(status), "{extension}: {text}");
        shows_nothing(&site, text);
    }
    no_channel_is_left(&site);
}

fn a_whole_call(transport: Transport) {
    let Some(site) = site() else { return };
    watch(&site);
    let mut phone = site.baresip(1, transport);
    phone.dial("600");
    talk(&mut [&mut phone]);
    phone.hold(true);
    // Asterisk's answer, which has come over with it (RFC 3264 8.4).
    phone.wait_for("a=recvonly");
    phone.hold(false);
    phone.hang_up();
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
    shows_nothing(&site, &phone.said());
    no_channel_is_left(&site);
}

fn site() -> Option<Site> {
    Site::of(Udp, two_legs, media_elsewhere)
}

/// baresip 1.1 knows MD5 only, and gives up if SHA-256 is offered beside it.
fn two_legs(setup: bellhop::Setup) -> bellhop::Setup {
    bellhop::Setup {
        route: "mode = \"b2bua\"\n".to_owned(),
        ..setup.only("MD5")
    }
}

/// Media is not for Bellhop to hide: it comes from an address that the outside may know.
fn media_elsewhere(mut pbx: bellhop_tests::asterisk::Setup) -> bellhop_tests::asterisk::Setup {
    let outside = pbx.proxy.to_string();
    pbx.more.push(("AST_MEDIA", outside));
    pbx
}

/// Has Asterisk log its messages, of which [`shows_nothing`] learns what is of the inside.
fn watch(site: &Site) {
    site.asterisk.cli("pjsip set logger on");
}

fn shows_nothing(site: &Site, outside: &str) {
    let shown = shown(site, outside);
    assert!(shown.is_none(), "{shown:?}");
}

/// What the outside is shown of the inside, and the line it stands in: Asterisk's address and name, and the Call-IDs,
/// tags and branches of its own leg.
fn shown(site: &Site, outside: &str) -> Option<(String, String)> {
    let mut inside = identifiers(&site.asterisk.log());
    assert!(inside.len() > 2, "the PBX has logged nothing: {inside:?}");
    inside.push(site.lane.pbx().ip().to_string());
    inside.extend(["Asterisk", "asterisk"].map(str::to_owned));
    inside.into_iter().find_map(|word| {
        let line = outside.lines().find(|line| is_word(line, &word))?;
        Some((word.clone(), line.to_owned()))
    })
}

/// Call-IDs, tags and branches of the messages that Asterisk has sent and got.
fn identifiers(log: &str) -> Vec<String> {
    let mut all = Vec::new();
    for line in log.lines().map(str::trim) {
        if let Some(id) = line.strip_prefix("Call-ID: ") {
            all.push(id.to_owned());
        }
        for name in [";tag=", ";branch="] {
            let value = line
                .split(name)
                .nth(1)
                .and_then(|rest| rest.split(';').next());
            all.extend(value.map(str::to_owned));
        }
    }
    all.sort();
    all.dedup();
    all
}

/// Whether a word stands in a line, not as a part of a longer one.
fn is_word(line: &str, word: &str) -> bool {
    line.split(word)
        .skip(1)
        .any(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Every call has ended on both sides.
fn no_channel_is_left(site: &Site) {
    until(
        "Asterisk's last channel is gone",
        Duration::from_secs(20),
        || {
            let channels = site.asterisk.cli("core show channels count");
            channels.contains("0 active channels").then_some(())
        },
    );
}

fn talk(phones: &mut [&mut Baresip]) {
    phones.iter_mut().for_each(|phone| phone.in_call());
    phones.iter().for_each(|phone| phone.listen(2));
}
