//! Outside of calls, before a real Asterisk 22 and with every packet read: in mode `b2bua` a registration, a
//! subscription, a question and a refusal show neither side anything of the other.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::two_legs::two_legs;
use bellhop_tests::{Phone, TwoLegs, asterisk, bellhop};
use std::net::IpAddr;

#[test]
fn lamps_presence_and_mailboxes_that_are_relayed_show_nothing_over_udp() {
    watches(Udp, Udp, "");
}

#[test]
fn lamps_presence_and_mailboxes_that_are_relayed_show_nothing_over_tcp() {
    watches(Tcp, Udp, "");
}

#[test]
fn lamps_presence_and_mailboxes_that_are_shared_show_nothing_over_udp() {
    watches(Udp, Udp, SHARED);
}

#[test]
fn lamps_presence_and_mailboxes_that_are_shared_show_nothing_over_tcp() {
    watches(Tcp, Udp, SHARED);
}

#[test]
fn sipp_watches_by_way_of_either_transport() {
    for outside in Transport::BOTH {
        let Some(legs) = TwoLegs::or_skip() else {
            return;
        };
        for (event, resource) in [("dialog", "6002"), ("message-summary", "6001")] {
            let watcher = legs.site.sipp(1, "subscribe").to(resource).event(event);
            watcher.over(outside).run();
        }
        legs.wire.shows_nothing();
        let phone = legs.site.lane.phone(1).ip();
        let look = legs.wire.look_other_way(&[phone]);
        assert!(look.leaks.is_empty() && look.words > 2, "{look}");
    }
}

/// Each SUBSCRIBE is challenged, the refreshes in the dialog too, and no phone hears of it.
#[test]
fn a_pbx_that_challenges_a_subscription_is_answered_in_its_own_dialog() {
    let offload = |setup| {
        two_legs(bellhop::Setup {
            offload: true,
            ..setup
        })
    };
    let challenges = |setup| asterisk::Setup {
        mode: asterisk::Mode::Digest,
        ..setup
    };
    let Some(legs) = TwoLegs::of(Udp, offload, challenges) else {
        return;
    };
    let mut phone = legs.site.phone(1, Udp);
    watch(&legs, &mut phone, "690", "dialog", Udp);
    shows_nothing(&legs, &[1], Udp);
}

/// Asterisk's NOTIFY comes over a connection of its own, and as a rule before the 200.
#[test]
fn lamps_presence_and_mailboxes_of_a_pbx_behind_tcp_show_nothing() {
    watches(Udp, Tcp, "");
}

/// Otherwise the tests here would tell of nothing.
#[test]
fn a_subscription_that_is_relayed_in_mode_proxy_shows_the_inside_and_the_phone() {
    let Some(legs) = TwoLegs::relayed() else {
        return;
    };
    let mut phone = legs.site.phone(1, Udp);
    watch(&legs, &mut phone, "6002", "dialog", Udp);
    let look = legs.wire.look();
    for what in ["address", "banner", "branch", "Call-ID", "name", "tag"] {
        assert!(look.kinds().contains(what), "{what}: {look}");
    }
    let shown = legs.wire.look_other_way(&[legs.site.lane.phone(1).ip()]);
    for what in ["address", "branch", "Call-ID", "tag"] {
        assert!(shown.kinds().contains(what), "{what}: {shown}");
    }
}

#[test]
fn questions_and_refusals_show_nothing() {
    for transport in Transport::BOTH {
        let Some(legs) = TwoLegs::or_skip() else {
            return;
        };
        let mut phone = legs.site.phone(1, transport);
        let text = "Content-Type: text/plain\r\n";
        let pidf = "Event: presence\r\nExpires: 60\r\nContent-Type: application/pidf+xml\r\n";
        let mut statuses = Vec::new();
        for (method, resource, lines, body) in [
            ("OPTIONS", "600", "", ""),
            ("MESSAGE", "600", text, "hello"),
            ("PUBLISH", "6001", pidf, "<presence entity=\"sip:6001@x\"/>"),
            ("INFO", "600", text, "hello"),
            (
                "SUBSCRIBE",
                "6002",
                "Event: nothing-known\r\nExpires: 60\r\n",
                "",
            ),
            ("SUBSCRIBE", "699", "Event: dialog\r\nExpires: 60\r\n", ""),
            ("FOO", "600", "", ""),
        ] {
            let answer = phone.ask(method, resource, lines, body);
            statuses.push(answer.status().unwrap_or_default());
            phone.begin_anew();
        }
        // Asterisk takes no presence that is published, and neither INFO nor FOO outside of a call.
        assert_eq!(statuses, [200, 202, 489, 501, 489, 404, 501]);
        shows_nothing(&legs, &[1], transport);
    }
}

#[test]
fn a_registration_in_each_mode_shows_nothing_nor_does_the_mailbox_that_is_told_unasked() {
    for mode in ["terminate", "mirror", "contact", "aor"] {
        let Some(legs) = registering(mode, asterisk::Mode::Registered, false) else {
            return;
        };
        let mut phone = legs.site.phone(2, Udp);
        phone.register();
        if mode != "terminate" {
            mailbox(&mut phone, "no");
            let leave = "channel originate Local/6002@vm-deposit application Milliwatt";
            legs.site.asterisk.cli(leave);
            mailbox(&mut phone, "yes");
        }
        phone.register();
        phone.unregister();
        legs.is_over();
        if mode != "terminate" {
            shows_nothing(&legs, &[2], Udp);
        }
    }
}

/// No phone hears of the PBX's challenge, nor of its refusal but that it is one.
#[test]
fn a_pbx_that_challenges_or_refuses_a_registration_is_not_heard_of() {
    for (mode, knows) in [("contact", true), ("mirror", true), ("contact", false)] {
        let Some(legs) = registering(mode, asterisk::Mode::Digest, knows) else {
            return;
        };
        let mut phone = legs.site.phone(2, Udp);
        let status = phone.try_register();
        assert_eq!(status == 200, knows, "{mode} {status}");
        shows_nothing(&legs, &[2], Udp);
    }
}

/// Three subscriptions of a phone, each from its begin to its end, a change in between.
fn watches(outside: Transport, inside: Transport, more: &str) {
    let with = |setup| {
        let setup = two_legs(setup);
        bellhop::Setup {
            more: setup.more.clone() + more,
            ..setup
        }
    };
    let Some(legs) = TwoLegs::of(inside, with, |pbx| pbx) else {
        return;
    };
    let mut phones: Vec<Phone> = (1..=2).map(|n| legs.site.phone(n, outside)).collect();
    for phone in &mut phones {
        watch(&legs, phone, "6002", "dialog", outside);
        watch(&legs, phone, "6002", "presence", outside);
        watch(&legs, phone, "6001", "message-summary", outside);
    }
    legs.no_channel_is_left();
    shows_nothing(&legs, &[1, 2], outside);
}

fn watch(legs: &TwoLegs, phone: &mut Phone, resource: &str, event: &str, outside: Transport) {
    phone.begin_anew();
    let ok = phone.subscribe(resource, event, 60);
    assert_eq!(ok.status(), Some(200), "{}", ok.text());
    phone.hear(&["Subscription-State: active", event]);
    if resource == "6002" {
        let call = legs
            .site
            .sipp(9, "call")
            .user("6002")
            .to("600")
            .over(outside);
        let call = call.args(&["-d", "1000"]).start();
        let (busy, idle) = match event {
            "dialog" => ("<state>confirmed</state>", "<state>terminated</state>"),
            _ => ("On the phone", "Ready"),
        };
        phone.hear(&[busy]);
        phone.hear(&[idle]);
        call.succeed();
    }
    for (seconds, state) in [(60, "active"), (0, "terminated")] {
        let ok = phone.subscribe_again(&ok, event, seconds);
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        phone.hear(&[&format!("Subscription-State: {state}")]);
    }
}

fn mailbox(phone: &mut Phone, waiting: &str) {
    let told = phone.expect("NOTIFY ");
    phone.answer(&told, "200 OK");
    let line = format!("Messages-Waiting: {waiting}");
    assert!(told.text().contains(&line), "{}", told.text());
}

/// Bellhop registers its phones at an Asterisk that asks for passwords or not; `knows`: it can say them.
fn registering(mode: &str, pbx: asterisk::Mode, knows: bool) -> Option<TwoLegs> {
    let with = |setup| {
        let setup = two_legs(setup);
        bellhop::Setup {
            registrar: format!("{}mode = \"{mode}\"\n", setup.registrar),
            offload: knows,
            ..setup
        }
    };
    TwoLegs::of(Udp, with, |setup| asterisk::Setup { mode: pbx, ..setup })
}

fn shows_nothing(legs: &TwoLegs, phones: &[u8], transport: Transport) {
    legs.wire.shows_nothing();
    let mut phones: Vec<_> = phones
        .iter()
        .map(|n| legs.site.lane.phone(*n).ip())
        .collect();
    if transport == Tcp {
        // A scripted phone that connects does so from wherever the system likes.
        phones = vec![IpAddr::from([127, 0, 0, 1])];
    }
    let look = legs.wire.look_other_way(&phones);
    assert!(look.leaks.is_empty(), "{look}");
    assert!(look.messages > 0 && look.words > 2, "{look}");
}

const SHARED: &str = "[subscriptions]\nshare = [\"dialog\", \"presence\", \"message-summary\"]\n";
