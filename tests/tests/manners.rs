//! What is not the ordinary course of a subscription, with real peers: too short a time, an event that is not known, a PBX
//! that is busy or has not decided, a watcher who never answers, and the subscription that a transfer is.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::Way::{self, Relayed, Shared, TwoDialogs};
use bellhop_tests::{Kamailio, Lab, Lane, Phone, Site, asterisk, bellhop, until};
use std::time::{Duration, Instant};

/// RFC 6665 4.2.1.1: Asterisk's own least time is five seconds here, and ours for what is shared, too. Ours says so, as it
/// must; Asterisk's does not.
#[test]
fn a_phone_that_asks_for_too_little_hears_that_it_must_ask_for_more() {
    for way in WAYS {
        let Some(site) = Site::with(Udp, |setup| way.of(setup)) else {
            return;
        };
        let mut phone = site.phone(1, Udp);
        for event in ["dialog", "presence", "message-summary"] {
            phone.begin_anew();
            let answer = phone.subscribe("6002", event, 3);
            assert_eq!(answer.status(), Some(423), "{way:?} {}", answer.text());
            let least = if way == Shared { "5" } else { "" };
            assert_eq!(answer.header("Min-Expires"), least, "{}", answer.text());
            phone.begin_anew();
            let ok = phone.subscribe("6002", event, 5);
            assert_eq!(ok.status(), Some(200), "{way:?} {}", ok.text());
            phone.hear(&["Subscription-State: active"]);
        }
    }
}

/// We ask Asterisk for three seconds, and it wants five: its 423 is obeyed and the watcher hears nothing of it.
#[test]
fn a_423_of_asterisk_to_what_is_shared_is_obeyed() {
    let with = |mut setup: bellhop::Setup| {
        setup = Shared.of(setup);
        setup.more += "upstream_expires = \"3s\"\n";
        setup
    };
    let Some(site) = Site::with(Udp, with) else {
        return;
    };
    let mut phone = site.phone(1, Udp);
    let ok = phone.subscribe("690", "dialog", 60);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    phone.hear(&["Subscription-State: active", "<state>terminated</state>"]);
    site.asterisk.cli(LIGHT);
    phone.hear(&["<state>confirmed</state>"]);
    assert_eq!(site.asterisk.inbound(), 1);
}

/// RFC 6665 4.2.1.2, and what there is no such thing as.
#[test]
fn an_event_or_a_lamp_that_asterisk_does_not_know_is_refused_by_it() {
    for way in WAYS {
        for transport in Transport::BOTH {
            let Some(site) = Site::with(Udp, |setup| way.of(setup)) else {
                return;
            };
            let mut phone = site.phone(1, transport);
            let answer = phone.subscribe("690", "nothing-known", 60);
            assert_eq!(answer.status(), Some(489), "{way:?} {}", answer.text());
            phone.begin_anew();
            let answer = phone.subscribe("699", "dialog", 60);
            if way == Shared {
                // Accepted before the PBX is asked, and then ended as it says.
                assert_eq!(answer.status(), Some(200), "{}", answer.text());
                phone.hear(&["Subscription-State: terminated;reason=noresource"]);
            } else {
                assert_eq!(answer.status(), Some(404), "{way:?} {}", answer.text());
            }
        }
    }
}

/// Kamailio wants five seconds, too, and says so (RFC 6665 4.2.1.1).
#[test]
fn a_presence_server_says_how_much_a_phone_must_ask_for() {
    for way in [Relayed, TwoDialogs] {
        let Some((lane, _kamailio, _bellhop)) = served(way) else {
            return;
        };
        let mut phone = Phone::new("6002", lane.phone(2), lane.bellhop(), Udp);
        let answer = phone.subscribe("6001", "presence", 3);
        assert_eq!(answer.status(), Some(423), "{way:?} {}", answer.text());
        assert_eq!(answer.header("Min-Expires"), "5", "{}", answer.text());
    }
}

/// RFC 3261 20.33.
#[test]
fn a_pbx_that_is_busy_says_when_to_come_again() {
    for way in [Relayed, TwoDialogs] {
        let Some((lane, _kamailio, _bellhop)) = served(way) else {
            return;
        };
        let mut phone = Phone::new("6002", lane.phone(2), lane.bellhop(), Udp);
        let answer = phone.subscribe("busy", "presence", 60);
        assert_eq!(answer.status(), Some(480), "{way:?} {}", answer.text());
        assert_eq!(answer.header("Retry-After"), "7", "{}", answer.text());
    }
}

#[test]
fn a_relayed_watcher_who_never_answers_hurts_nobody_else() {
    beside_a_mute(Relayed);
}

#[test]
fn a_watcher_by_two_dialogs_who_never_answers_hurts_nobody_else() {
    beside_a_mute(TwoDialogs);
}

#[test]
fn a_shared_watcher_who_never_answers_hurts_nobody_else() {
    beside_a_mute(Shared);
}

/// RFC 3515 2.4.4: relayed, the NOTIFYs of a transfer are of a subscription that nobody has asked for by SUBSCRIBE.
#[test]
fn the_notifies_of_a_transfer_that_is_relayed_reach_who_has_asked_for_it() {
    for transport in Transport::BOTH {
        let quiet = |mut setup: asterisk::Setup| {
            // No re-INVITE that tells the other end's name: SIPp does not expect one.
            setup.more.push(("AST_CONNECTED", "no".to_owned()));
            setup
        };
        let Some(site) = Site::of(Udp, |setup| setup.only("MD5"), quiet) else {
            return;
        };
        let mut other = site.baresip(2, Udp);
        let call = site.sipp(1, "refer").to("86002").over(transport);
        let messages = call
            .args(&["-aa", "-d", "500", "-key", "target", "600"])
            .run();
        other.in_call();
        let notifies: Vec<&str> = messages.split("NOTIFY sip:").skip(1).collect();
        for (state, told) in [("active", "SIP/2.0 100"), ("terminated", "SIP/2.0 200")] {
            let is_told = |one: &&str| {
                let body = one.split("\r\n\r\n").nth(1).unwrap_or_default();
                one.contains("Event: refer")
                    && one.contains(&format!("Subscription-State: {state}"))
                    && body.starts_with(told)
            };
            assert!(notifies.iter().any(is_told), "{state} {told}: {messages}");
        }
        other.hang_up();
    }
}

/// Of four watchers of a lamp, one takes all that it is sent and says nothing.
fn beside_a_mute(way: Way) {
    let quick = |mut setup: asterisk::Setup| {
        // Asterisk gives up a NOTIFY after 64 of them (RFC 3261 17.1.2.2).
        setup.more.push(("AST_T1", "100".to_owned()));
        setup
    };
    let Some(site) = Site::of(Udp, |setup| way.of(setup), quick) else {
        return;
    };
    let mut mute = site.phone(1, Udp);
    let mut others: Vec<Phone> = vec![site.phone(2, Udp), site.phone(3, Tcp), site.phone(4, Udp)];
    for phone in others.iter_mut().chain([&mut mute]) {
        let ok = phone.subscribe("690", "dialog", 60);
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
    }
    for phone in &mut others {
        phone.hear(&["Subscription-State: active"]);
    }
    for (order, state) in [
        ("INUSE", "confirmed"),
        ("NOT_INUSE", "terminated"),
        ("RINGING", "early"),
    ] {
        site.asterisk
            .cli(&format!("devstate change Custom:lamp690 {order}"));
        let began = Instant::now();
        for phone in &mut others {
            phone.hear(&[&format!("<state>{state}</state>")]);
        }
        assert!(
            began.elapsed() < SOON,
            "{state} after {:?}",
            began.elapsed()
        );
    }
    // It was told, and is the only one that Asterisk gives up.
    mute.expect("NOTIFY ");
    let left = if way == Shared { 1 } else { 3 };
    until("Asterisk has given it up", PATIENCE, || {
        (site.asterisk.inbound() == left).then_some(())
    });
    site.asterisk.cli(LIGHT);
    for phone in &mut others {
        phone.hear(&["<state>confirmed</state>"]);
    }
}

fn served(way: Way) -> Option<(Lane, Kamailio, bellhop_tests::Bellhop)> {
    let lab = Lab::or_skip()?;
    let lane = Lane::take();
    let kamailio = Kamailio::presence(&lab, &lane)?;
    let bellhop = way.of(bellhop::Setup::new(&lane)).start();
    Some((lane, kamailio, bellhop))
}

const WAYS: [Way; 3] = [Relayed, TwoDialogs, Shared];
const LIGHT: &str = "devstate change Custom:lamp690 INUSE";
/// Far less than the half minute that a NOTIFY without an answer lasts.
const SOON: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);
