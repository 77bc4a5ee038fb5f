//! A presence server, Kamailio, that is killed while phones watch: with its subscriptions on disk, and without.

use bellhop_tests::Transport::{Tcp, Udp};
use bellhop_tests::Way::{Relayed, Shared, TwoDialogs};
use bellhop_tests::judged::is_pending;
use bellhop_tests::temp::TempDir;
use bellhop_tests::{Judged, Phone, bellhop, until};
use std::path::Path;
use std::time::Duration;

/// The phone finds it out at its refresh (RFC 6665 4.1.2.2), and subscribes anew.
#[test]
fn a_refresh_is_answered_481_by_a_presence_server_that_has_forgotten() {
    for way in [Relayed, TwoDialogs] {
        let Some(mut scene) = Judged::or_skip(way) else {
            return;
        };
        let mut watcher = scene.phone(2, Udp);
        let ok = watches(&mut scene, &mut watcher);
        scene.kamailio.kill();
        scene.kamailio.start();
        scene.is_published_no_more();
        scene.publish("back again");
        let answer = watcher.subscribe_again(&ok, "presence", 600);
        assert_eq!(answer.status(), Some(481), "{way:?} {}", answer.text());
        scene.stand(&[]);
        watcher.begin_anew();
        let ok = watcher.subscribe("6001", "presence", 600);
        assert_eq!(ok.status(), Some(202), "{way:?} {}", ok.text());
        watcher.hear(&["Subscription-State: active;", "back again"]);
        scene.stand(&["active"]);
    }
}

#[test]
fn a_presence_server_that_has_its_subscriptions_on_disk_tells_on() {
    for way in [Relayed, TwoDialogs] {
        let Some(mut scene) = Judged::with(way, true, |setup| setup) else {
            return;
        };
        let mut watcher = scene.phone(2, Udp);
        let ok = watches(&mut scene, &mut watcher);
        scene.kamailio.write_down();
        scene.kamailio.kill();
        scene.kamailio.start();
        scene.publish("back again");
        watcher.hear(&["Subscription-State: active;", "back again"]);
        let answer = watcher.subscribe_again(&ok, "presence", 600);
        assert_eq!(answer.status(), Some(202), "{way:?} {}", answer.text());
        scene.publish("at work");
        watcher.hear(&["Subscription-State: active;", "at work"]);
        scene.stand(&["active"]);
    }
}

#[test]
fn shared_watchers_hear_on_from_a_presence_server_that_was_killed() {
    for keeps in [false, true] {
        let with = |mut setup: bellhop::Setup| {
            setup.probe = Some("1s");
            setup
        };
        let Some(mut scene) = Judged::with(Shared, keeps, with) else {
            return;
        };
        let mut watchers = [
            scene.phone(2, Udp),
            scene.phone(3, Tcp),
            scene.phone(4, Udp),
        ];
        for watcher in &mut watchers {
            watches(&mut scene, watcher);
        }
        let asked: Vec<u32> = watchers.iter().map(Phone::requests).collect();
        if keeps {
            scene.kamailio.write_down();
        }
        scene.kamailio.kill();
        scene.bellhop.wait_for("is down");
        scene.kamailio.start();
        scene.bellhop.wait_for("is up again");
        if !keeps {
            scene.is_published_no_more();
        }
        scene.publish("back again");
        for watcher in &mut watchers {
            watcher.hear(&["Subscription-State: active;", "back again"]);
        }
        scene.publish("at work");
        for watcher in &mut watchers {
            watcher.hear(&["Subscription-State: active;", "at work"]);
        }
        scene.stand(&["active"; 3]);
        let now: Vec<u32> = watchers.iter().map(Phone::requests).collect();
        assert_eq!(asked, now, "nobody has subscribed anew");
    }
}

/// Kamailio says 200 to what it is asked beside a probe, whatever it knows, and 481 to the refresh that follows.
#[test]
fn shared_watchers_hear_on_from_a_presence_server_that_was_restarted_between_two_probes() {
    let with = |mut setup: bellhop::Setup| {
        setup.probe = Some("8s");
        setup
    };
    let Some(mut scene) = Judged::with(Shared, false, with) else {
        return;
    };
    let mut watcher = scene.phone(2, Udp);
    watches(&mut scene, &mut watcher);
    let asked = watcher.requests();
    scene.kamailio.kill();
    scene.kamailio.start();
    scene.is_published_no_more();
    scene.publish("back again");
    watcher.hear(&["Subscription-State: active;", "back again"]);
    assert_eq!(watcher.requests(), asked, "it has not subscribed anew");
    let log = scene.bellhop.log();
    assert!(!log.contains("is down"), "{log}");
}

/// The decision falls while Bellhop is away.
#[test]
fn what_a_presence_server_decides_after_bellhop_was_killed_reaches_who_watches() {
    for way in [Relayed, TwoDialogs, Shared] {
        let dir = TempDir::new();
        let Some(mut scene) = Judged::with(way, false, |setup| setup.data_dir(dir.path())) else {
            return;
        };
        scene.publish("at the desk");
        let mut watcher = scene.phone(2, Udp);
        watcher.subscribe("6001", "presence", 600);
        let told = is_pending(&mut watcher);
        let asked = watcher.requests();
        // Of two dialogs both are on disk, in files of their own.
        let files = if way == TwoDialogs { 2 } else { 1 };
        until("it is on disk", PATIENCE, || {
            (files_with(dir.path(), told.header("Call-ID")) == files).then_some(())
        });
        scene.bellhop.kill();
        scene.decide(&[("6002", "allow")]);
        scene.bellhop.start();
        watcher.hear(&["Subscription-State: active;", "at the desk"]);
        scene.stand(&["active"]);
        scene.publish("at lunch");
        watcher.hear(&["Subscription-State: active;", "at lunch"]);
        assert_eq!(watcher.requests(), asked, "{way:?}: it has not asked again");
    }
}

/// How many files of this directory have these words in them.
fn files_with(dir: &Path, words: &str) -> usize {
    let files = std::fs::read_dir(dir).into_iter().flatten();
    let files = files.filter_map(|file| std::fs::read(file.ok()?.path()).ok());
    let has = |bytes: &Vec<u8>| {
        bytes
            .windows(words.len())
            .any(|part| part == words.as_bytes())
    };
    files.filter(has).count()
}

/// It has subscribed and seen what is published.
fn watches(scene: &mut Judged, watcher: &mut Phone) -> bellhop_tests::Message {
    scene.publish("at the desk");
    scene.decide(&[("6002", "allow")]);
    let ok = watcher.subscribe("6001", "presence", 600);
    watcher.hear(&["Subscription-State: active;", "at the desk"]);
    ok
}

const PATIENCE: Duration = Duration::from_secs(20);
