//! SUBSCRIBE through Bellhop to a real Asterisk: 200, NOTIFY; a refresh, NOTIFY;
//! the end, and the NOTIFY that says so (RFC 6665).

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::{Site, until};
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
