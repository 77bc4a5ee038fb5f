//! A subscription from its beginning to its end, its refresh waited for on the real clock, with real Asterisk behind
//! Bellhop: SUBSCRIBE, 407, SUBSCRIBE, 200, NOTIFY, 200; before it expires a refresh, NOTIFY, 200; when it would have
//! expired but for that, the end, NOTIFY, 200. Relayed, and shared with others; over UDP and TCP; behind a NAT.

use bellhop_tests::Transport::{self, Tcp, Udp};
use bellhop_tests::asterisk::{self, Mode};
use bellhop_tests::bellhop::{self, Zone};
use bellhop_tests::netns::{Nat, Net};
use bellhop_tests::sipp::Running;
use bellhop_tests::{Asterisk, Bellhop, Lab, Lane, Sipp, Site, until};
use std::time::Duration;

#[test]
fn relayed_subscriptions_outlive_their_first_time_over_udp() {
    live_on(Udp, "");
}

#[test]
fn relayed_subscriptions_outlive_their_first_time_over_tcp() {
    live_on(Tcp, "");
}

#[test]
fn shared_subscriptions_outlive_their_first_time_over_udp() {
    live_on(Udp, SHARED);
}

#[test]
fn shared_subscriptions_outlive_their_first_time_over_tcp() {
    live_on(Tcp, SHARED);
}

#[test]
fn relayed_subscriptions_outlive_their_first_time_behind_a_nat() {
    live_on_behind_a_nat("");
}

#[test]
fn shared_subscriptions_outlive_their_first_time_behind_a_nat() {
    live_on_behind_a_nat(SHARED);
}

/// Each package, all at once.
fn live_on(transport: Transport, more: &str) {
    let with = |mut setup: bellhop::Setup| {
        setup.more += more;
        setup
    };
    // Over TCP Asterisk has a connection of its own for what it sends, by which a NOTIFY may overtake its 200: phones must
    // bear that (RFC 6665 4.1.2.4), and SIPp's scenario does not.
    let Some(site) = Site::with(Udp, with) else {
        return;
    };
    let sipp = |n: u8, scenario: &str| site.sipp(n, scenario).over(transport);
    let _first = (!more.is_empty()).then(|| {
        let all = PACKAGES.into_iter().zip(7..);
        let all = all.map(|((event, to), n)| hold(sipp(n, "hold").to(to).event(event)));
        all.collect::<Vec<_>>()
    });
    let all = PACKAGES.into_iter().zip(1..);
    let all = all.map(|((event, to), n)| (event, begin(sipp(n, "subscribe").to(to).event(event))));
    for (event, running) in all.collect::<Vec<_>>() {
        judge(event, &running.succeed());
    }
}

fn live_on_behind_a_nat(more: &str) {
    let Some(edge) = Edge::or_skip(more) else {
        return;
    };
    // One of each transport for each package, each with a port of its own behind the NAT.
    let both = || {
        let each = PACKAGES.into_iter();
        each.flat_map(|package| [(package, Udp), (package, Tcp)])
    };
    let _first = (!more.is_empty()).then(|| {
        let all = PACKAGES.into_iter().zip(5080..);
        let all = all.map(|((event, to), port)| hold(edge.sipp("hold", port).to(to).event(event)));
        all.collect::<Vec<_>>()
    });
    let all = both().zip(5061..).map(|(((event, to), transport), port)| {
        let sipp = edge.sipp("subscribe", port).to(to).event(event);
        (event, begin(sipp.over(transport)))
    });
    for (event, running) in all.collect::<Vec<_>>() {
        judge(event, &running.succeed());
    }
}

/// One who watches before, so that what the next one hears first is how it is.
fn hold(sipp: Sipp) -> Running {
    let running = sipp.lasting(60, 18).start();
    until("somebody watches", Duration::from_secs(10), || {
        let said = running.messages();
        said.contains("Subscription-State: active").then_some(())
    });
    running
}

/// The refresh comes after 6 of 8 seconds, the end after 12.
fn begin(sipp: Sipp) -> Running {
    sipp.lasting(8, 6).start()
}

/// What crossed the wire, copies left out.
fn judge(event: &str, messages: &str) {
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
    // After a 200 the next one may be our own to the NOTIFY that overtook it.
    let expected = [
        "SUBSCRIBE",
        "407",
        "SUBSCRIBE",
        "200",
        "NOTIFY",
        "200",
        "SUBSCRIBE",
        "200",
        "NOTIFY",
        "200",
        "SUBSCRIBE",
        "200",
        "NOTIFY",
        "200",
    ];
    assert_eq!(lines, expected, "{event}: {messages}");
    let events = messages
        .lines()
        .filter_map(|line| line.strip_prefix("Event: "));
    assert!(events.clone().all(|one| one.starts_with(event)) && events.count() >= 7);
}

/// phone - nat - Bellhop - Asterisk.
struct Edge {
    _bellhop: Bellhop,
    _asterisk: Asterisk,
    lab: Lab,
    net: Net,
}

impl Edge {
    fn or_skip(more: &str) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let net = Net::or_skip(&lab, Nat::Random)?;
        let lane = Lane::take();
        let mut setup = bellhop::Setup::new(&lane);
        setup.place = net.place("edge");
        setup.listen = vec![
            (format!("udp:{}", Net::EDGE_PUBLIC), Zone::Outside),
            (format!("tcp:{}", Net::EDGE_PUBLIC), Zone::Outside),
            (format!("udp:{}", Net::EDGE_INSIDE), Zone::Inside),
        ];
        setup.upstream = Some(format!("sip:{}", Net::PBX));
        setup.more += more;
        let bellhop = setup.start();
        let mut setup = asterisk::Setup::new(&lab, &lane, Udp);
        (setup.place, setup.bind) = (net.place("pbx"), Net::PBX);
        (setup.proxy, setup.contact) = (Net::EDGE_INSIDE.ip(), Net::EDGE_INSIDE.to_string());
        setup.mode = Mode::Trusted;
        Some(Self {
            _bellhop: bellhop,
            _asterisk: setup.start(),
            lab,
            net,
        })
    }

    /// A scenario of user 6001 behind the NAT, at this port.
    fn sipp(&self, scenario: &str, port: u16) -> Sipp {
        let mut local = Net::PHONE;
        local.set_port(port);
        Sipp::new(&self.lab, scenario, local, Net::EDGE_PUBLIC).at(self.net.place("phone"))
    }
}

/// And whom they are asked about.
const PACKAGES: [(&str, &str); 3] = [
    ("dialog", "6002"),
    ("presence", "6002"),
    ("message-summary", "6001"),
];
const SHARED: &str = "[subscriptions]\nshare = [\"dialog\", \"presence\", \"message-summary\"]\nmin_expires = \"5s\"\n";
