//! SUBSCRIBE through Bellhop to a real Asterisk: 200, NOTIFY; a refresh, NOTIFY;
//! the end, and the NOTIFY that says so (RFC 6665).

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::admin::Admin;
use bellhop_tests::process::{Process, command};
use bellhop_tests::{Site, bellhop, until};
use std::time::Duration;

#[test]
fn a_phone_watches_dialogs_over_udp() {
    subscribes("dialog", "6002", Udp);
}

#[test]
fn a_phone_watches_dialogs_over_tcp() {
    subscribes("dialog", "6002", Tcp);
}

#[test]
fn a_phone_watches_presence_over_udp() {
    subscribes("presence", "6002", Udp);
}

#[test]
fn a_phone_watches_presence_over_tcp() {
    subscribes("presence", "6002", Tcp);
}

#[test]
fn a_phone_watches_its_mailbox_over_udp() {
    subscribes("message-summary", "6001", Udp);
}

#[test]
fn a_phone_watches_its_mailbox_over_tcp() {
    subscribes("message-summary", "6001", Tcp);
}

/// What a key with a lamp needs: the watched user is registered here, and the
/// PBX still answers for his state.
#[test]
fn a_phone_watches_the_dialogs_of_a_registered_phone() {
    let Some(site) = Site::or_skip() else { return };
    let mut watched = site.phone(2, Udp);
    watched.register();
    site.sipp(1, "subscribe").to("6002").event("dialog").run();
}

#[test]
fn a_call_of_the_watched_phone_is_told_by_notify_over_udp() {
    lamp(Udp);
}

#[test]
fn a_call_of_the_watched_phone_is_told_by_notify_over_tcp() {
    lamp(Tcp);
}

#[test]
fn who_watches_what_is_told_for_as_long_as_it_lasts() {
    let with = |mut setup: bellhop::Setup| {
        let (bind, _) = &setup.listen[0];
        let ip = bind.split(':').nth(1).unwrap();
        setup.more += &format!("[admin]\nbind = \"{ip}:8060\"\n");
        setup
    };
    let Some(site) = Site::with(Udp, with) else {
        return;
    };
    let admin = Admin::of(&site.lane);
    let ctl = || {
        let mut program = command(bellhop::binary());
        program.args(["ctl", "subscriptions", "dialog", "--admin", &admin.url()]);
        let mut process = Process::start("ctl", program);
        let status = process.finish(Duration::from_secs(10)).code();
        assert_eq!(status, Some(0), "{}", process.said());
        process.said()
    };
    assert_eq!(ctl().trim_end(), "no subscriptions");
    let watcher = site.sipp(1, "watch").to("6002").event("dialog").start();
    let line = until("it is active", Duration::from_secs(10), || {
        Some(ctl()).filter(|said| said.contains("\tactive\t"))
    });
    assert!(
        line.contains("6002@") && line.contains("\tdialog\t"),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
    let gauge = "bellhop_subscriptions{event=\"dialog\",state=\"active\"}";
    assert!((admin.metrics().value(gauge) - 1.0).abs() < f64::EPSILON);
    site.sipp(2, "call").to("600").args(&["-d", "500"]).run();
    watcher.succeed();
}

fn subscribes(event: &str, to: &str, transport: Transport) {
    let Some(site) = Site::or_skip() else { return };
    let messages = site
        .sipp(1, "subscribe")
        .to(to)
        .event(event)
        .over(transport)
        .run();
    let notified = messages.lines().filter(|line| line.starts_with("Event:"));
    assert!(
        notified.clone().all(|line| line.contains(event)),
        "{messages}"
    );
    assert!(notified.count() >= 6, "{messages}");
}

fn lamp(transport: Transport) {
    let Some(site) = Site::or_skip() else { return };
    let watcher = site
        .sipp(1, "watch")
        .to("6002")
        .event("dialog")
        .over(transport)
        .start();
    until("the first NOTIFY", Duration::from_secs(10), || {
        watcher
            .messages()
            .contains("Subscription-State: active")
            .then_some(())
    });
    site.sipp(2, "call")
        .to("600")
        .over(transport)
        .args(&["-d", "500"])
        .run();
    watcher.succeed();
}
