//! Calls that cross Bellhop and a real Asterisk, with sound where the phone is
//! a soft phone, over UDP and TCP.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::{Baresip, Site};
use std::time::Duration;

#[test]
fn baresip_hears_its_tone_from_the_echo_over_udp() {
    baresip_echo(Udp);
}

#[test]
fn baresip_hears_its_tone_from_the_echo_over_tcp() {
    baresip_echo(Tcp);
}

#[test]
fn pjsua_hears_its_tone_from_the_echo_over_udp() {
    pjsua_echo(Udp);
}

#[test]
fn pjsua_hears_its_tone_from_the_echo_over_tcp() {
    pjsua_echo(Tcp);
}

#[test]
fn sipp_calls_the_echo_over_udp() {
    sipp_echo(Udp);
}

#[test]
fn sipp_calls_the_echo_over_tcp() {
    sipp_echo(Tcp);
}

/// Bellhop changes the transport between the phone and the PBX, both ways.
#[test]
fn a_udp_phone_reaches_a_pbx_that_is_behind_tcp() {
    let Some(site) = Site::with(Tcp, |setup| setup) else {
        return;
    };
    site.sipp(1, "call").to("600").args(&["-d", "300"]).run();
    called_by_asterisk(&site, Udp);
}

#[test]
fn asterisk_calls_a_udp_phone() {
    let Some(site) = md5_site() else { return };
    called_by_asterisk(&site, Udp);
}

#[test]
fn asterisk_calls_a_tcp_phone() {
    let Some(site) = md5_site() else { return };
    called_by_asterisk(&site, Tcp);
}

#[test]
fn two_udp_phones_hear_each_other_directly() {
    phone_to_phone("6002", Udp, Udp);
}

#[test]
fn two_tcp_phones_hear_each_other_directly() {
    phone_to_phone("6002", Tcp, Tcp);
}

#[test]
fn a_udp_phone_and_a_tcp_phone_hear_each_other_directly() {
    phone_to_phone("6002", Udp, Tcp);
}

#[test]
fn two_udp_phones_hear_each_other_through_asterisk() {
    phone_to_phone("86002", Udp, Udp);
}

#[test]
fn two_tcp_phones_hear_each_other_through_asterisk() {
    phone_to_phone("86002", Tcp, Tcp);
}

#[test]
fn sipp_calls_sipp_directly() {
    let Some(site) = Site::or_skip() else { return };
    site.sipp(2, "register").run();
    let called = site.sipp(2, "answer").listen();
    site.sipp(1, "call").to("6002").args(&["-d", "300"]).run();
    let messages = called.succeed();
    assert!(messages.contains("Record-Route:"), "{messages}");
}

/// RFC 3261 16.7: 6xx and 4xx go back as they came, a PBX's 503 says nothing
/// about Bellhop and becomes a 500.
#[test]
fn what_asterisk_refuses_is_refused_in_its_words() {
    let Some(site) = Site::or_skip() else { return };
    let mut phone = site.phone(1, Udp);
    for (extension, status) in [("603", 486), ("605", 403), ("699", 404), ("604", 500)] {
        let response = phone.invite(extension, Duration::from_secs(10));
        assert_eq!(
            response.status(),
            Some(status),
            "{extension}: {}",
            response.text()
        );
    }
}

fn baresip_echo(transport: Transport) {
    let Some(site) = md5_site() else { return };
    let mut phone = site.baresip(1, transport);
    phone.dial("600");
    talk(&mut [&mut phone]);
    phone.hang_up();
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
}

fn pjsua_echo(transport: Transport) {
    let Some(site) = Site::or_skip() else { return };
    let Some(mut phone) = site.pjsua(1, transport, Some("600")) else {
        return;
    };
    phone.succeed();
    assert!(phone.heard().is(440.0), "{:?}", phone.heard());
}

fn sipp_echo(transport: Transport) {
    let Some(site) = Site::or_skip() else { return };
    site.sipp(1, "call")
        .to("600")
        .over(transport)
        .args(&["-d", "300"])
        .run();
}

fn called_by_asterisk(site: &Site, transport: Transport) {
    let mut phone = site.phone(2, transport);
    phone.register();
    site.asterisk
        .cli("channel originate PJSIP/6002 application Milliwatt");
    let invite = phone.expect("INVITE ");
    phone.answer(&invite, "180 Ringing");
    phone.answer(&invite, "200 OK");
    phone.expect("ACK ");
    site.asterisk.cli("channel request hangup all");
    let bye = phone.expect("BYE ");
    phone.answer(&bye, "200 OK");
}

fn phone_to_phone(target: &str, caller: Transport, called: Transport) {
    let Some(site) = md5_site() else { return };
    let mut called = site.baresip(2, called);
    let mut caller = site.baresip(1, caller);
    caller.dial(target);
    talk(&mut [&mut caller, &mut called]);
    caller.hang_up();
    called.wait_for("session closed");
    for phone in [&caller, &called] {
        assert!(phone.heard().is(440.0), "{:?}", phone.heard());
    }
}

fn talk(phones: &mut [&mut Baresip]) {
    phones.iter_mut().for_each(|phone| phone.in_call());
    phones.iter().for_each(|phone| phone.listen(2));
}

/// baresip 1.1 knows MD5 only, and gives up if SHA-256 is offered beside it.
fn md5_site() -> Option<Site> {
    Site::with(Udp, |setup| setup.only("MD5"))
}
