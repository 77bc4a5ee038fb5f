//! JsSIP and SIP.js, as they are but for the browser, with a real Asterisk 22: they log in by digest, watch a lamp, presence and
//! a mailbox, refresh, end that, and go; relayed, shared, and where all are two dialogs; behind a NAT, too.

#![allow(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

use bellhop_tests::netns::{Nat, Net, Place};
use bellhop_tests::web_phone::Kind::{self, JsSip, SipJs};
use bellhop_tests::{
    Asterisk, Bellhop, Edge, Lab, Lane, Site, Transport, WebPhone, asterisk, bellhop,
};
use std::net::SocketAddr;

#[test]
fn jssip_watches_what_is_relayed() {
    watches(JsSip, "", "");
}

#[test]
fn jssip_watches_and_refreshes_what_is_shared() {
    watches(JsSip, "", SHARED);
}

#[test]
fn jssip_watches_where_everything_is_two_dialogs() {
    watches(JsSip, "mode = \"b2bua\"\n", "");
}

#[test]
fn sip_js_watches_what_is_relayed() {
    watches(SipJs, "", "");
}

#[test]
fn sip_js_watches_and_refreshes_what_is_shared() {
    watches(SipJs, "", SHARED);
}

#[test]
fn jssip_watches_what_is_shared_behind_a_nat() {
    behind_a_nat(JsSip, SHARED);
}

#[test]
fn sip_js_watches_what_is_relayed_behind_a_nat() {
    behind_a_nat(SipJs, "");
}

#[test]
fn a_page_in_chromium_registers_watches_and_calls_an_asterisk() {
    chromium("");
}

#[test]
fn a_page_in_chromium_does_so_by_calls_and_subscriptions_of_two_dialogs() {
    chromium("mode = \"b2bua\"\n");
}

/// An echo: what the browser sends comes back to it, by DTLS-SRTP, past Bellhop.
fn chromium(route: &str) {
    let page = |lane: &Lane| SocketAddr::new(lane.spare(5).ip(), 8080);
    let lane = Lane::take();
    let Some(lab) = Lab::or_skip() else {
        return;
    };
    let origins = format!("origins = [\"http://{}\"]\n", page(&lane));
    let mut setup = bellhop::Setup::new(&lane).only("MD5").with_web(&origins);
    setup.route = route.to_owned();
    let bellhop = setup.start();
    let mut pbx = asterisk::Setup::new(&lab, &lane, Transport::Udp);
    pbx.more.push(("AST_WEBRTC", "yes".to_owned()));
    let asterisk = pbx.start();
    let user = ("6001", lane.web());
    let watched = ["dialog:690", "message-summary:6001"];
    let phone = WebPhone::in_chromium_or_skip(&lab, page(&lane), user, "600", &watched);
    let Some(mut phone) = phone else {
        return;
    };
    phone.wait_for("PAGE registerer Registered", 1);
    phone.wait_for("PAGE notify dialog", 1);
    phone.wait_for("PAGE notify message-summary", 1);
    asterisk.cli("devstate change Custom:lamp690 INUSE");
    phone.wait_for("<state>confirmed</state>", 1);
    phone.wait_for("PAGE answer 200", 1);
    phone.wait_for("PAGE call Established", 1);
    phone.wait_for("PAGE sound", 1);
    asterisk.cli("channel request hangup all");
    phone.wait_for("PAGE call Terminated", 1);
    let log = bellhop.log();
    assert!(!log.contains("panicked"), "{log}");
}

fn watches(kind: Kind, route: &str, more: &str) {
    let site = Site::with(Transport::Udp, |setup| with(setup, route, more));
    let Some(site) = site else {
        return;
    };
    let (at, place) = (site.lane.web(), (&site.lab, &Place::Here));
    watches_at(kind, place, at, (&site.asterisk, &site.bellhop));
}

fn behind_a_nat(kind: Kind, more: &str) {
    let Some(edge) = Edge::or_skip(Nat::Random, |setup| with(setup, "", more)) else {
        return;
    };
    let at = SocketAddr::new(Net::EDGE_PUBLIC.ip(), WEB);
    watches_at(
        kind,
        (&edge.lab, &edge.phones()),
        at,
        (&edge.asterisk, &edge.bellhop),
    );
}

fn with(mut setup: bellhop::Setup, route: &str, more: &str) -> bellhop::Setup {
    setup.route = route.to_owned();
    setup.more += more;
    setup.only("MD5").with_web("ping = \"5s\"\n")
}

fn watches_at(
    kind: Kind,
    place: (&Lab, &Place),
    at: SocketAddr,
    (asterisk, bellhop): (&Asterisk, &Bellhop),
) {
    let watched = ["dialog:690", "presence:690", "message-summary:6001"];
    let Some(mut phone) = WebPhone::or_skip(place, kind, ("6001", at), SECONDS, &watched) else {
        return;
    };
    phone.wait_for("registered", 1);
    for event in ["dialog", "presence", "message-summary"] {
        phone.wait_for(&format!("notify {event}"), 1);
    }
    asterisk.cli("devstate change Custom:lamp690 INUSE");
    phone.wait_for("<state>confirmed</state>", 1);
    phone.wait_for("On the phone", 1);
    let deposit = "channel originate Local/6001@vm-deposit application Milliwatt";
    asterisk.cli(deposit);
    phone.wait_for("Messages-Waiting: yes", 1);
    // It refreshes by itself, five seconds before its time is up, each of the three.
    let before = subscribes(&phone.said());
    phone.wait_for("SUBSCRIBE sip:", before + 3);
    let said = phone.end();
    assert!(
        !said.contains("SIP/2.0 481") && !said.contains("SIP/2.0 5"),
        "{said}"
    );
    assert!(said.contains("Subscription-State: terminated"), "{said}");
    assert!(said.contains("done"), "{said}");
    let log = bellhop.log();
    assert!(!log.contains("panicked"), "{log}");
}

fn subscribes(said: &str) -> usize {
    said.matches("SUBSCRIBE sip:").count()
}

/// The port of [`bellhop::Setup::with_web`].
const WEB: u16 = 5066;
/// So short that it refreshes while the test looks.
const SECONDS: u32 = 12;
const SHARED: &str = "[subscriptions]\nshare = [\"dialog\", \"presence\", \"message-summary\"]\nmin_expires = \"5s\"\n\
                      max_expires = \"10s\"\n";
