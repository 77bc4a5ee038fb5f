//! Many watchers before a real Asterisk 22, which has one subscription for all of them.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::fanout::Fanout;
use bellhop_tests::{Phone, Site, until};
use std::io::Write;
use std::time::Duration;

/// Each NOTIFY is looked at: dialog, CSeq, Content-Length, well-formed XML, a version above the last one's. How long
/// it took is said and not judged, for other tests run beside this one: `cargo xtask fanout` judges.
#[test]
fn five_hundred_watchers_of_a_lamp_are_one_subscription_at_asterisk_and_one_notify_for_each_change()
{
    let Some(mut scene) = Fanout::or_skip(500, "debug") else {
        return;
    };
    assert_eq!(scene.inbound(), 1);
    for is_lit in [true, false, true] {
        let before = scene.told();
        let spread = scene.change(is_lit);
        let (half, all) = (spread.half, spread.all);
        // Seen though the test passes.
        let line =
            format!("half of 500 watchers have heard after {half:.1?}, all after {all:.1?}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        assert_eq!(scene.told() - before, 1);
    }
    assert_eq!(scene.inbound(), 1);
}

#[test]
fn fifty_watchers_of_a_call_are_one_subscription_at_asterisk_over_udp() {
    watch_a_call("dialog", "<state>confirmed</state>", Udp);
}

#[test]
fn fifty_watchers_of_a_call_are_one_subscription_at_asterisk_over_tcp() {
    watch_a_call("dialog", "<state>confirmed</state>", Tcp);
}

#[test]
fn fifty_watchers_of_presence_are_one_subscription_at_asterisk() {
    watch_a_call("presence", "On the phone", Udp);
}

#[test]
fn the_watchers_of_a_mailbox_are_one_subscription_at_asterisk() {
    let Some(site) = site(Udp) else { return };
    let mut phones: Vec<Phone> = (11..21).map(|at| watcher(&site, 1, at, Udp)).collect();
    for phone in &mut phones {
        let answer = phone.subscribe("6001", "message-summary", 600);
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
    }
    all_hear(&mut phones, "Messages-Waiting: no");
    assert_eq!(site.asterisk.inbound(), 1);
}

/// Asterisk is killed and comes back without what it knew: nobody subscribes anew, and the lamps are right.
#[test]
fn an_asterisk_that_has_lost_them_is_subscribed_at_anew_without_the_phones() {
    let with = |mut setup: bellhop_tests::bellhop::Setup| {
        setup.probe = Some("1s");
        setup.more += SHARED;
        setup
    };
    let Some(mut site) = Site::with(Udp, with) else {
        return;
    };
    let mut phones: Vec<Phone> = (11..31).map(|at| watcher(&site, 3, at, Udp)).collect();
    for phone in &mut phones {
        phone.subscribe("6002", "dialog", 600);
    }
    all_hear(&mut phones, "<state>");
    let said = |what: &str| site.bellhop.log().matches(what).count();
    let (downs, grants) = (said(DOWN), said(GRANTED));
    site.asterisk.kill();
    until("Bellhop sees it go", Duration::from_secs(30), || {
        (said(DOWN) > downs).then_some(())
    });
    site.asterisk.start();
    until("it is asked anew", Duration::from_secs(30), || {
        (said(GRANTED) > grants).then_some(())
    });
    let call = site.sipp(2, "call").to("600").args(&["-d", "2000"]).start();
    all_hear(&mut phones, "<state>confirmed</state>");
    call.succeed();
}

fn watch_a_call(event: &str, busy: &str, transport: Transport) {
    let Some(site) = site(transport) else { return };
    let users = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let mut phones: Vec<Phone> = (11..61)
        .zip(users.into_iter().cycle())
        .map(|(at, n)| watcher(&site, n, at, transport))
        .collect();
    for phone in &mut phones {
        let answer = phone.subscribe("6002", event, 600);
        assert_eq!(answer.status(), Some(200), "{}", answer.text());
    }
    all_hear(&mut phones, "Subscription-State: active");
    assert_eq!(site.asterisk.inbound(), 1);
    let call = site.sipp(2, "call").to("600").args(&["-d", "3000"]).start();
    all_hear(&mut phones, busy);
    call.succeed();
    assert_eq!(site.asterisk.inbound(), 1);
}

fn site(transport: Transport) -> Option<Site> {
    Site::with(transport, |mut setup| {
        setup.more += SHARED;
        setup
    })
}

/// A phone of user 600`n` at address `at`.
fn watcher(site: &Site, n: u8, at: u8, transport: Transport) -> Phone {
    let user = format!("600{n}");
    Phone::new(&user, site.lane.phone(at), site.lane.bellhop(), transport)
}

/// Every phone hears a NOTIFY with this in it, and answers all that come before.
fn all_hear(phones: &mut [Phone], what: &str) {
    for phone in phones {
        until(what, Duration::from_secs(20), || {
            let message = phone.receive()?;
            assert!(
                message.start_line().starts_with("NOTIFY "),
                "{}",
                message.text()
            );
            phone.answer(&message, "200 OK");
            message.text().contains(what).then_some(())
        });
    }
}

const DOWN: &str = "udp is down";
const GRANTED: &str = "granted call_id=";
const SHARED: &str = "[subscriptions]\nshare = [\"dialog\", \"presence\", \"message-summary\"]\n";
