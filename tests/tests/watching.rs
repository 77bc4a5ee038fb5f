//! Soft phones as they are, who watch somebody's presence and their own mailbox at a real Asterisk: relayed, and shared,
//! where the time that they are granted is so short that they refresh while the test looks.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::pjsua::Task;
use bellhop_tests::{Baresip, Pjsua, Site, bellhop, until};
use std::time::Duration;

#[test]
fn a_baresip_watches_presence_and_mailbox_over_udp() {
    baresip(Udp, "");
}

#[test]
fn a_baresip_watches_presence_and_mailbox_over_tcp() {
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

fn baresip(transport: Transport, more: &str) {
    let Some(site) = site(transport, more) else {
        return;
    };
    let at = (site.lane.bellhop(), transport);
    let mut phone = Baresip::watching(&site.lab, "6001", site.lane.phone(1), at, "6002");
    phone.registered();
    for event in ["presence", "message-summary"] {
        until(event, PATIENCE, || {
            let said = phone.said();
            let mut notifies = said.split("NOTIFY sip:").skip(1);
            let is_it = |head: &str| {
                head.contains(&format!("Event: {event}"))
                    && head.contains("Subscription-State: active")
            };
            let heads = |one: &str| one.split("\r\n\r\n").next().is_some_and(is_it);
            notifies.any(heads).then_some(())
        });
    }
    phone.wait_for("update status of");
    if !more.is_empty() {
        until("both are refreshed", PATIENCE, || {
            (phone.granted("SUBSCRIBE") >= 4).then_some(())
        });
        let said = phone.said();
        assert!(!said.contains("SIP/2.0 481"), "{said}");
    }
    // The lamp follows a call.
    let before = phone.said().matches("On the phone").count();
    let call = site.sipp(2, "call").to("600").over(transport);
    let call = call.args(&["-d", "1000"]).start();
    until("it is told of the call", PATIENCE, || {
        (phone.said().matches("On the phone").count() > before).then_some(())
    });
    call.succeed();
}

fn pjsua(transport: Transport, more: &str) {
    let Some(site) = site(transport, more) else {
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
    assert_eq!(answers(481) + answers(423), 0, "{said}");
}

fn site(transport: Transport, more: &str) -> Option<Site> {
    Site::with(transport, |mut setup: bellhop::Setup| {
        setup.more += more;
        setup
    })
}

const SHARED: &str = "[subscriptions]\nshare = [\"presence\", \"message-summary\"]\nmin_expires = \"5s\"\n\
                      max_expires = \"10s\"\n";
const PATIENCE: Duration = Duration::from_secs(30);
