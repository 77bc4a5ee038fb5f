//! A real presence server, Kamailio, whose users say who may watch them: 202, pending until they have, active, and over
//! when they say no; relayed, by two dialogs, and shared (RFC 6665 4.1.3).

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::Way::{self, Relayed, Shared, TwoDialogs};
use bellhop_tests::judged::{is_over, is_pending};
use bellhop_tests::netns::Place;
use bellhop_tests::pjsua::Task;
use bellhop_tests::{Judged, Pjsua, bellhop, until};
use std::time::Duration;

#[test]
fn a_relayed_watcher_waits_until_the_watched_has_decided() {
    waits(Relayed);
}

#[test]
fn a_watcher_by_two_dialogs_waits_until_the_watched_has_decided() {
    waits(TwoDialogs);
}

/// The presence server judges one of them at a time.
#[test]
fn shared_watchers_wait_until_the_watched_has_decided() {
    let Some(mut scene) = Judged::or_skip(Shared) else {
        return;
    };
    scene.publish("at the desk");
    let (mut first, mut second) = (scene.phone(2, Udp), scene.phone(3, Tcp));
    for phone in [&mut first, &mut second] {
        let ok = phone.subscribe("6001", "presence", 600);
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        is_pending(phone);
    }
    scene.stand(&["pending"; 2]);
    scene.decide(&[("6002", "allow")]);
    for phone in [&mut first, &mut second] {
        phone.hear(&["Subscription-State: active;", "at the desk"]);
    }
    let mut third = scene.phone(4, Udp);
    let ok = third.subscribe("6001", "presence", 600);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    third.hear(&["Subscription-State: active;", "at the desk"]);
    scene.stand(&["active"; 3]);
    scene.publish("at lunch");
    for phone in [&mut first, &mut second, &mut third] {
        phone.hear(&["at lunch"]);
    }
    assert_eq!(scene.kamailio.taken("SUBSCRIBE"), 1);
    // It is the first that is rejected: the others are asked for in the name of the next.
    scene.decide(&[("6002", "block"), ("6003", "allow"), ("6004", "allow")]);
    is_over(&mut first, "rejected");
    scene.stand(&["active"; 2]);
    until("it is asked in another name", PATIENCE, || {
        (scene.kamailio.taken("SUBSCRIBE") == 2).then_some(())
    });
    scene.publish("at work");
    for phone in [&mut second, &mut third] {
        phone.hear(&["Subscription-State: active;", "at work"]);
    }
    scene.decide(&[("6002", "block"), ("6003", "block"), ("6004", "block")]);
    is_over(&mut second, "rejected");
    is_over(&mut third, "rejected");
    scene.stand(&[]);
    // Whoever asks then hears it again.
    first.begin_anew();
    first.subscribe("6001", "presence", 600);
    is_over(&mut first, "rejected");
    scene.stand(&[]);
}

#[test]
fn what_the_watched_takes_back_is_pending_again() {
    for way in [Relayed, TwoDialogs, Shared] {
        let Some(mut scene) = Judged::or_skip(way) else {
            return;
        };
        scene.publish("at the desk");
        scene.decide(&[("6002", "allow")]);
        let mut watcher = scene.phone(2, Udp);
        watcher.subscribe("6001", "presence", 600);
        watcher.hear(&["Subscription-State: active;", "at the desk"]);
        scene.decide(&[("6002", "confirm")]);
        is_pending(&mut watcher);
        scene.stand(&["pending"]);
        scene.publish("not for everybody");
        if way == Shared {
            let mut second = scene.phone(3, Udp);
            second.subscribe("6001", "presence", 600);
            is_pending(&mut second);
        }
        scene.decide(&[("6002", "allow")]);
        watcher.hear(&["Subscription-State: active;", "not for everybody"]);
    }
}

/// `probation`: the rule that allowed it is gone, and another may come.
#[test]
fn a_watcher_without_a_rule_any_more_is_ended_and_what_is_shared_is_asked_for_again() {
    for way in [Relayed, TwoDialogs, Shared] {
        let Some(mut scene) = Judged::or_skip(way) else {
            return;
        };
        scene.publish("at the desk");
        scene.decide(&[("6002", "allow")]);
        let mut watcher = scene.phone(2, Udp);
        watcher.subscribe("6001", "presence", 600);
        watcher.hear(&["Subscription-State: active;", "at the desk"]);
        scene.decide(&[("6009", "allow")]);
        if way == Shared {
            is_pending(&mut watcher);
            scene.decide(&[("6002", "allow")]);
            watcher.hear(&["Subscription-State: active;", "at the desk"]);
        } else {
            is_over(&mut watcher, "probation");
            scene.stand(&[]);
        }
    }
}

#[test]
fn a_pjsua_waits_until_the_watched_has_decided() {
    for way in [Relayed, TwoDialogs, Shared] {
        let Some(mut scene) = Judged::or_skip(way) else {
            return;
        };
        scene.publish("at the desk");
        let Some(mut pjsua) = pjsua(&scene) else {
            return;
        };
        pjsua.wait_for("buddy: PENDING");
        scene.decide(&[("6002", "allow")]);
        pjsua.wait_for("buddy: ACTIVE at the desk");
        scene.decide(&[("6002", "block")]);
        pjsua.wait_for("buddy: TERMINATED");
        pjsua.succeed();
    }
}

/// RFC 3857, RFC 3858: who watches, and how that stands.
#[test]
fn the_watched_hears_who_wants_to_watch() {
    for way in [Relayed, TwoDialogs, Shared] {
        let Some(mut scene) = Judged::or_skip(way) else {
            return;
        };
        let ok = scene.watched().subscribe("6001", "presence.winfo", 600);
        assert_eq!(ok.status(), Some(200), "{way:?} {}", ok.text());
        let kind = "Content-Type: application/watcherinfo+xml";
        scene.watched().hear(&["Event: presence.winfo", kind]);
        let mut watcher = scene.phone(2, Udp);
        watcher.subscribe("6001", "presence", 600);
        is_pending(&mut watcher);
        let who = ">sip:6002@presence.test</watcher>";
        scene.watched().hear(&[kind, who, "status=\"pending\""]);
        scene.decide(&[("6002", "allow")]);
        watcher.hear(&["Subscription-State: active;"]);
        scene.watched().subscribe_again(&ok, "presence.winfo", 600);
        scene.watched().hear(&[kind, who, "status=\"active\""]);
    }
}

/// We ask Kamailio for three seconds, and it wants five, and says so (RFC 6665 4.2.1.1).
#[test]
fn a_423_of_a_presence_server_to_what_is_shared_is_obeyed() {
    let with = |mut setup: bellhop::Setup| {
        setup.more += "upstream_expires = \"3s\"\n";
        setup
    };
    let Some(mut scene) = Judged::with(Shared, false, with) else {
        return;
    };
    scene.publish("at the desk");
    scene.decide(&[("6002", "allow")]);
    let mut watcher = scene.phone(2, Udp);
    watcher.subscribe("6001", "presence", 600);
    watcher.hear(&["Subscription-State: active;", "at the desk"]);
    assert_eq!(scene.kamailio.taken("SUBSCRIBE"), 2);
}

/// Asked for, allowed, ended by the watched, and asked for again; then ended by the watcher.
fn waits(way: Way) {
    for transport in Transport::BOTH {
        let Some(mut scene) = Judged::or_skip(way) else {
            return;
        };
        scene.publish("at the desk");
        let mut watcher = scene.phone(2, transport);
        let ok = watcher.subscribe("6001", "presence", 600);
        assert_eq!(ok.status(), Some(202), "{}", ok.text());
        is_pending(&mut watcher);
        scene.stand(&["pending"]);
        // A refresh changes nothing.
        let again = watcher.subscribe_again(&ok, "presence", 600);
        assert_eq!(again.status(), Some(202), "{}", again.text());
        is_pending(&mut watcher);
        scene.stand(&["pending"]);
        scene.decide(&[("6002", "allow")]);
        watcher.hear(&["Subscription-State: active;", "at the desk"]);
        scene.stand(&["active"]);
        scene.publish("at lunch");
        watcher.hear(&["Subscription-State: active;", "at lunch"]);
        scene.decide(&[("6002", "block")]);
        is_over(&mut watcher, "rejected");
        scene.stand(&[]);
        watcher.begin_anew();
        let ok = watcher.subscribe("6001", "presence", 600);
        assert_eq!(ok.status(), Some(202), "{}", ok.text());
        is_over(&mut watcher, "rejected");
        scene.stand(&[]);
        for rule in ["allow", "confirm"] {
            scene.decide(&[("6002", rule)]);
            watcher.begin_anew();
            let ok = watcher.subscribe("6001", "presence", 600);
            watcher.hear(&["Subscription-State: "]);
            let end = watcher.subscribe_again(&ok, "presence", 0);
            assert_eq!(end.status(), Some(202), "{}", end.text());
            is_over(&mut watcher, "timeout");
            scene.stand(&[]);
        }
    }
}

fn pjsua(scene: &Judged) -> Option<Pjsua> {
    let task = Task {
        place: Place::Here,
        user: "6002".to_owned(),
        local: scene.lane.phone(2),
        registrar: scene.lane.bellhop(),
        transport: Udp,
        call: None,
        watch: Some(("6001".to_owned(), 12)),
        steps: Vec::new(),
        tone: 440,
    };
    Pjsua::or_skip(&scene.lab, &task)
}

const PATIENCE: Duration = Duration::from_secs(20);
