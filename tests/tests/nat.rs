//! A phone behind a NAT, Bellhop at the edge with a listener for each side,
//! Asterisk inside. Bellhop sends to where a request came from (RFC 3581), so
//! that NOTIFYs and calls arrive; without it they go to the phone's own address.

use bellhop_tests::asterisk::{self, Mode};
use bellhop_tests::netns::{Nat, Net};
use bellhop_tests::{Edge, Lab, Lane, Sipp, Transport, until};
use std::time::Duration;

#[test]
fn subscriptions_work_through_a_nat_that_keeps_ports() {
    subscriptions(Nat::Masquerade);
}

#[test]
fn subscriptions_work_through_a_nat_that_changes_ports() {
    subscriptions(Nat::Random);
}

#[test]
fn a_phone_is_called_through_a_nat_that_keeps_ports() {
    called(Nat::Masquerade);
}

#[test]
fn a_phone_is_called_through_a_nat_that_changes_ports() {
    called(Nat::Random);
}

#[test]
fn a_phone_behind_a_nat_calls_the_echo() {
    let Some(edge) = Edge::or_skip(Nat::Random, |setup| setup) else {
        return;
    };
    edge.sipp("call", PORT).to("600").args(&["-d", "300"]).run();
    edge.sipp("call", PORT)
        .to("600")
        .over(Transport::Tcp)
        .args(&["-d", "300"])
        .run();
}

/// The case that Bellhop is for: the same phone, the same NAT, Asterisk itself
/// at the edge. Its NOTIFY goes to an address behind the NAT.
#[test]
fn without_bellhop_the_notify_is_lost_in_the_nat() {
    let Some(lab) = Lab::or_skip() else { return };
    let Some(net) = Net::or_skip(&lab, Nat::Random) else {
        return;
    };
    let lane = Lane::take();
    let mut setup = asterisk::Setup::new(&lab, &lane, Transport::Udp);
    (setup.place, setup.mode, setup.bind) = (net.place("edge"), Mode::Digest, Net::EDGE_PUBLIC);
    let asterisk = setup.start();
    let sipp =
        |scenario| Sipp::new(&lab, scenario, Net::PHONE, asterisk.bind()).at(net.place("phone"));
    sipp("register").run();
    let mut watcher = sipp("subscribe")
        .to("6002")
        .event("dialog")
        .args(&["-timeout", "4s"])
        .start();
    assert!(!watcher.ends_well());
    let messages = watcher.messages();
    assert!(
        messages.contains("SIP/2.0 200 OK") && !messages.contains("NOTIFY sip:"),
        "{messages}"
    );
}

fn subscriptions(nat: Nat) {
    let Some(edge) = Edge::or_skip(nat, |setup| setup) else {
        return;
    };
    edge.sipp("register", PORT).run();
    for (event, to) in [
        ("dialog", "6002"),
        ("presence", "6002"),
        ("message-summary", "6001"),
    ] {
        edge.sipp("subscribe", PORT).to(to).event(event).run();
    }
    edge.sipp("subscribe", PORT)
        .to("6002")
        .event("dialog")
        .over(Transport::Tcp)
        .run();
}

fn called(nat: Nat) {
    let Some(edge) = Edge::or_skip(nat, |setup| setup) else {
        return;
    };
    edge.sipp("register", PORT).run();
    // The same address and port: the NAT's binding still leads there.
    let phone = edge.sipp("answer", PORT).listen();
    edge.asterisk
        .cli("channel originate PJSIP/6001 application Milliwatt");
    until("the call is up", Duration::from_secs(10), || {
        phone.messages().contains("ACK sip:").then_some(())
    });
    edge.asterisk.cli("channel request hangup all");
    phone.succeed();
}

const PORT: u16 = Net::PHONE.port();
