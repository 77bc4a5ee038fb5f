//! Soft phones as they are, who watch somebody's presence, and pjsua its own mailbox, at a real Asterisk: relayed, and
//! shared, where the time that they are granted is so short that they refresh while the test looks.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::pjsua::Task;
use bellhop_tests::{Baresip, Pjsua, Site, bellhop, until};
use std::time::Duration;

#[test]
fn a_baresip_watches_presence_over_udp() {
    baresip(Udp, "");
}

#[test]
fn a_baresip_watches_presence_over_tcp() {
    baresip(Tcp, "");
}

#[test]
fn a_baresip_watches_and_refreshes_what_is_shared_over_udp() {
    baresip(Udp, SHARED);
}

#[test]
fn a_baresip_watches_and_refreshes_what_is_shared_over_tcp() {
    baresip(Tcp, SHARED);
}

#[test]
fn a_pjsua_watches_presence_and_mailbox_over_udp() {
    pjsua(Udp, "");
}

#[test]
fn a_pjsua_watches_presence_and_mailbox_over_tcp() {
    pjsua(Tcp, "");
}

#[test]
fn a_pjsua_watches_and_refreshes_what_is_shared_over_udp() {
    pjsua(Udp, SHARED);
}

#[test]
fn a_pjsua_watches_and_refreshes_what_is_shared_over_tcp() {
    pjsua(Tcp, SHARED);
}

#[test]
fn a_phone_of_a_browser_watches_over_its_connection_alone() {
    browser("");
}

#[test]
fn a_phone_of_a_browser_watches_what_is_shared_over_its_connection_alone() {
    browser("[subscriptions]\nshare = [\"dialog\", \"presence\", \"message-summary\"]\n");
}

/// As JsSIP and SIP.js go about it, TCP in the WebSocket's place.
fn browser(more: &str) {
    let Some(site) = site(Udp, more, |setup| setup) else {
        return;
    };
    let mut phone = site.phone(1, Tcp).as_browser();
    phone.register();
    for (resource, event, busy) in [
        ("690", "dialog", "<state>confirmed</state>"),
        ("690", "presence", "On the phone"),
        ("6001", "message-summary", "Messages-Waiting: yes"),
    ] {
        phone.begin_anew();
        let ok = phone.subscribe(resource, event, 60);
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        phone.hear(&[&format!("Event: {event}"), "Subscription-State: active"]);
        site.asterisk.cli(match resource {
            "690" => "devstate change Custom:lamp690 INUSE",
            _ => "channel originate Local/6001@vm-deposit application Milliwatt",
        });
        phone.hear(&[busy]);
        let again = phone.subscribe_again(&ok, event, 60);
        assert_eq!(again.status(), Some(200), "{}", again.text());
        phone.hear(&[busy]);
        let end = phone.subscribe_again(&ok, event, 0);
        assert_eq!(end.status(), Some(200), "{}", end.text());
        phone.hear(&["Subscription-State: terminated"]);
        if resource == "690" {
            site.asterisk
                .cli("devstate change Custom:lamp690 NOT_INUSE");
        }
    }
}

fn baresip(transport: Transport, more: &str) {
    let with = |setup: bellhop::Setup| setup.only("MD5");
    let Some(site) = site(transport, more, with) else {
        return;
    };
    let at = (site.lane.bellhop(), transport);
    let mut phone = Baresip::watching(&site.lab, "6001", site.lane.phone(1), at, "6002");
    phone.registered();
    let heard = |what: &str| {
        let said = phone.said();
        let notifies = said.split("NOTIFY sip:").skip(1);
        let is_it = |one: &&str| {
            let is_active = one.contains("Subscription-State: active");
            is_active && one.contains("Event: presence") && one.contains(what)
        };
        notifies.filter(is_it).count()
    };
    until("it hears how it is", PATIENCE, || {
        (heard("<note>Ready</note>") > 0).then_some(())
    });
    if !more.is_empty() {
        let before = heard("<note>Ready</note>");
        until("it has refreshed twice", PATIENCE, || {
            (phone.granted("SUBSCRIBE") >= 3).then_some(())
        });
        assert!(heard("<note>Ready</note>") > before);
        let said = phone.said();
        assert!(!said.contains("SIP/2.0 481"), "{said}");
    }
    // The lamp follows a call.
    let call = site.sipp(2, "call").to("600").over(transport);
    let call = call.args(&["-d", "1000"]).start();
    until("it is told of the call", PATIENCE, || {
        (heard("On the phone") > 0).then_some(())
    });
    call.succeed();
}

fn pjsua(transport: Transport, more: &str) {
    let Some(site) = site(transport, more, |setup| setup) else {
        return;
    };
    let seconds = if more.is_empty() { 3 } else { 14 };
    let task = Task {
        user: "6001".to_owned(),
        local: site.lane.phone(1),
        registrar: site.lane.bellhop(),
        transport,
        call: None,
        watch: Some(("6002".to_owned(), seconds)),
        steps: Vec::new(),
        tone: 440,
    };
    let Some(mut phone) = Pjsua::or_skip(&site.lab, &task) else {
        return;
    };
    let said = phone.succeed();
    assert!(said.contains("buddy: ACTIVE Ready"), "{said}");
    assert!(said.contains("mwi: Messages-Waiting: no"), "{said}");
    let answers = |status: u16| {
        said.matches(&format!("Response msg {status}/SUBSCRIBE"))
            .count()
    };
    // pjsua refreshes five seconds before its time is up: twice in fourteen seconds, both.
    let least = if more.is_empty() { 2 } else { 6 };
    assert!(answers(200) >= least, "{}: {said}", answers(200));
    assert_eq!((answers(481), answers(423)), (0, 0), "{said}");
}

fn site(
    transport: Transport,
    more: &str,
    with: impl FnOnce(bellhop::Setup) -> bellhop::Setup,
) -> Option<Site> {
    Site::with(transport, |mut setup: bellhop::Setup| {
        setup.more += more;
        with(setup)
    })
}

const SHARED: &str = "[subscriptions]\nshare = [\"presence\", \"message-summary\"]\nmin_expires = \"5s\"\n\
                      max_expires = \"10s\"\n";
const PATIENCE: Duration = Duration::from_secs(30);
