//! A subscription from its beginning to its end with real Asterisk behind Bellhop, on the real clock: SUBSCRIBE, 407,
//! SUBSCRIBE, 200, NOTIFY, 200; something changes: NOTIFY, 200; before it expires a refresh, 200, NOTIFY, 200; when it
//! would have expired but for that the end, 200, NOTIFY, 200. SIPp has each package by each transport at once, in each way
//! that Bellhop has, here and behind a NAT.

use bellhop_tests::Transport::{self, Udp};
use bellhop_tests::Way::{self, Relayed, Shared, TwoDialogs};
use bellhop_tests::asterisk::Mode;
use bellhop_tests::netns::Nat;
use bellhop_tests::sipp::Running;
use bellhop_tests::{Asterisk, Edge, Sipp, Site, until};
use std::time::Duration;

#[test]
fn relayed_subscriptions_hear_a_change_and_outlive_their_first_time() {
    live_on(Relayed);
}

#[test]
fn subscriptions_of_two_dialogs_hear_a_change_and_outlive_their_first_time() {
    live_on(TwoDialogs);
}

#[test]
fn shared_subscriptions_hear_a_change_and_outlive_their_first_time() {
    live_on(Shared);
}

#[test]
fn relayed_subscriptions_hear_a_change_and_outlive_their_first_time_behind_a_nat() {
    live_on_behind_a_nat(Relayed);
}

#[test]
fn subscriptions_of_two_dialogs_hear_a_change_and_outlive_their_first_time_behind_a_nat() {
    live_on_behind_a_nat(TwoDialogs);
}

#[test]
fn shared_subscriptions_hear_a_change_and_outlive_their_first_time_behind_a_nat() {
    live_on_behind_a_nat(Shared);
}

/// Mode `passthrough`: the challenge is Asterisk's own.
#[test]
fn subscriptions_that_asterisk_itself_challenges_hear_a_change_and_outlive_their_first_time() {
    let with = |mut setup: bellhop_tests::bellhop::Setup| {
        setup.registrar = "mode = \"passthrough\"\n".to_owned();
        setup
    };
    let Some(site) = Site::in_mode(Mode::Digest, Udp, with) else {
        return;
    };
    go_through(&site.asterisk, "401", None, |n, scenario| {
        site.sipp(n, scenario)
    });
}

fn live_on(way: Way) {
    // Over TCP Asterisk has a connection of its own for what it sends, by which a NOTIFY may overtake its 200: phones must
    // bear that (RFC 6665 4.1.2.4), and SIPp's scenario does not.
    let Some(site) = Site::with(Udp, |setup| way.of(setup)) else {
        return;
    };
    go_through(&site.asterisk, "407", Some(way), |n, scenario| {
        site.sipp(n, scenario)
    });
}

/// Each has a port of its own behind the NAT, which gives it another one.
fn live_on_behind_a_nat(way: Way) {
    let Some(edge) = Edge::or_skip(Nat::Random, |setup| way.of(setup)) else {
        return;
    };
    go_through(&edge.asterisk, "407", Some(way), |n, scenario| {
        edge.sipp(scenario, 5060 + u16::from(n))
    });
}

/// Each package over each transport, all at once; `sipp` makes the n-th phone.
fn go_through(
    asterisk: &Asterisk,
    challenge: &str,
    way: Option<Way>,
    sipp: impl Fn(u8, &str) -> Sipp,
) {
    // One who watches before, so that what the next one hears first is how it is.
    let first = PACKAGES.iter().filter(|_| way == Some(Shared)).zip(7..);
    let first = first.map(|(package, n)| {
        let running = sipp(n, "hold").to(package.resource).event(package.event);
        running.lasting(60, 30).start()
    });
    let first: Vec<Running> = first.collect();
    first.iter().for_each(is_active);
    let each = PACKAGES.iter();
    let each = each.flat_map(|package| Transport::BOTH.map(|transport| (package, transport)));
    let all: Vec<(&Package, Transport, Running)> = each
        .zip(1..)
        .map(|((package, transport), n)| {
            let sipp = sipp(n, "exchange").to(package.resource);
            // The refresh comes eight seconds after the change, and the end eight seconds after that.
            let sipp = sipp.event(package.event).over(transport).lasting(16, 8);
            (package, transport, sipp.start())
        })
        .collect();
    all.iter().for_each(|(_, _, running)| is_active(running));
    for order in CHANGES {
        asterisk.cli(order);
    }
    for (package, transport, running) in all {
        let messages = running.succeed();
        judge(
            &format!("{} {transport}", package.event),
            &messages,
            package,
            challenge,
        );
    }
}

fn is_active(running: &Running) {
    until("it hears how it is", Duration::from_secs(15), || {
        let said = running.messages();
        said.contains("Subscription-State: active").then_some(())
    });
}

/// What crossed the wire, copies left out, and what the NOTIFYs said.
fn judge(what: &str, messages: &str, package: &Package, challenge: &str) {
    let mut lines: Vec<&str> = Vec::new();
    for line in messages.lines() {
        let is_start = line.ends_with(" SIP/2.0") || line.starts_with("SIP/2.0 ");
        let word = line.split(' ').next().unwrap_or_default();
        let what = match word {
            "SIP/2.0" => line.get(8..11).unwrap_or_default(),
            word => word,
        };
        if is_start && what != "100" {
            lines.push(what);
        }
    }
    lines.dedup();
    let mut expected = vec!["SUBSCRIBE", challenge];
    expected.extend(["SUBSCRIBE", "200", "NOTIFY", "200", "NOTIFY", "200"]);
    expected.extend(["SUBSCRIBE", "200", "NOTIFY", "200"].repeat(2));
    assert_eq!(lines, expected, "{what}: {messages}");
    let notifies: Vec<&str> = messages.split("NOTIFY sip:").skip(1).collect();
    let told = |state: &str, says: &str| {
        let is_it = |one: &&&str| one.contains(&format!("Subscription-State: {state}"));
        let mut those = notifies.iter().filter(is_it);
        those.any(|one| one.contains(&format!("Event: {}", package.event)) && one.contains(says))
    };
    for (state, says) in [
        ("active", package.before),
        ("active", package.after),
        ("terminated", ""),
    ] {
        assert!(told(state, says), "{what} {state} {says}: {messages}");
    }
}

/// An event, whom it is asked about, and what is said before it changes and then.
struct Package {
    event: &'static str,
    resource: &'static str,
    before: &'static str,
    after: &'static str,
}

const PACKAGES: [Package; 3] = [
    Package {
        event: "dialog",
        resource: "690",
        before: "<state>terminated</state>",
        after: "<state>confirmed</state>",
    },
    Package {
        event: "presence",
        resource: "690",
        before: "Ready",
        after: "On the phone",
    },
    Package {
        event: "message-summary",
        resource: "6001",
        before: "Messages-Waiting: no",
        after: "Messages-Waiting: yes",
    },
];
const CHANGES: [&str; 2] = [
    "channel originate Local/6001@vm-deposit application Milliwatt",
    "devstate change Custom:lamp690 INUSE",
];
