//! Which URIs, routes and flows are ours, a PBX's, or nobody's.

use super::*;
use crate::config::{Listener, Upstream, UpstreamTarget};
use crate::flow::ConnectionId;
use crate::{
    registrar::RegistrarConfig, subscription::SubscriptionConfig, transaction::TimerConfig,
};
use bellhop_wire::Limits;

/// Transport, bound address, other addresses, shown host and port, zone.
type Listen<'a> = (Transport, &'a str, &'a [&'a str], &'a str, u16, Zone);

/// Transport, address, name, trusted.
type Pbx<'a> = (Transport, &'a str, &'a str, bool);

fn names(domains: &[&str], listeners: &[Listen<'_>], upstreams: &[Pbx<'_>]) -> Names {
    let listener = |&(transport, local, aliases, host, port, zone): &Listen<'_>| Listener {
        name: local.to_owned(),
        transport,
        local: local.parse().unwrap(),
        aliases: aliases.iter().map(|a| a.parse().unwrap()).collect(),
        host: host.to_owned(),
        port,
        zone,
    };
    let upstream = |&(transport, remote, host, trusted): &Pbx<'_>| Upstream {
        login: None,
        probe: None,
        name: host.to_owned(),
        targets: vec![UpstreamTarget {
            transport,
            remote: remote.parse().unwrap(),
            host: host.to_owned(),
        }],
        trusted,
    };
    Names::new(&Config {
        domains: domains.iter().map(|d| (*d).to_owned()).collect(),
        listeners: listeners.iter().map(listener).collect(),
        upstreams: upstreams.iter().map(upstream).collect(),
        default_upstream: None,
        registrar: RegistrarConfig::default(),
        timers: TimerConfig::default(),
        strip: Vec::new(),
        udp_limit: 1300,
        limits: Limits::default(),
        rate: None,
        max_transactions: 10,
        max_held: usize::MAX,
        b2bua: None,
        subscriptions: SubscriptionConfig::default(),
    })
}

/// UDP and TCP behind a NAT that shows them as pbx.example.org:5070, one on IPv6, one inside; a PBX on
/// the inside, one on our own machine, and one with a name.
fn usual() -> Names {
    use Transport::{Tcp, Udp};
    let aliases: &[&str] = &["192.0.2.1", "10.0.0.1"];
    names(
        &["example.org", "203.0.113.5"],
        &[
            (
                Udp,
                "0.0.0.0:5060",
                aliases,
                "pbx.example.org",
                5070,
                Zone::Outside,
            ),
            (
                Tcp,
                "0.0.0.0:5060",
                aliases,
                "203.0.113.5",
                5070,
                Zone::Outside,
            ),
            (
                Udp,
                "[2001:db8::1]:5080",
                &[],
                "[2001:db8::1]",
                5080,
                Zone::Outside,
            ),
            (Udp, "10.0.0.1:5090", &[], "10.0.0.1", 5090, Zone::Inside),
        ],
        &[
            (Udp, "10.0.0.10:5060", "10.0.0.10:5060", true),
            (Tcp, "192.0.2.1:5061", "asterisk.local:5061", true),
            (Udp, "198.51.100.9:5060", "trunk.test", false),
        ],
    )
}

fn uri(text: &str) -> UriRef<'_> {
    UriRef::parse(text.as_bytes()).unwrap()
}

fn own(names: &Names, host: &str, port: Option<u16>) -> bool {
    names.is_own_address(host_port(host.as_bytes()).unwrap().0, port)
}

fn flow(transport: Transport, remote: &str) -> Flow {
    Flow {
        listener: ListenerId(0),
        transport,
        remote: remote.parse().unwrap(),
        connection: transport.is_reliable().then_some(ConnectionId(1)),
    }
}

#[test]
fn a_domain_stands_for_itself_and_an_address_of_ours_for_the_first() {
    let names = usual();
    for (text, domain) in [
        ("sip:a@example.org", Some("example.org")),
        ("sip:a@EXAMPLE.ORG:5060", Some("example.org")),
        ("sip:a@example.org.", Some("example.org")),
        ("sips:a@example.org", Some("example.org")),
        // What is shown to the outside is a port of ours too.
        ("sip:a@example.org:5070", Some("example.org")),
        ("sip:a@example.org:5099", None),
        ("sip:a@203.0.113.5", Some("203.0.113.5")),
        ("sip:a@203.0.113.5:5070", Some("203.0.113.5")),
        ("sip:a@203.0.113.5:5071", None),
        ("sip:a@192.0.2.1", Some("example.org")),
        ("sip:a@192.0.2.1:5060;transport=tcp", Some("example.org")),
        ("sip:a@10.0.0.1:5090", Some("example.org")),
        ("sip:a@pbx.example.org:5070", Some("example.org")),
        ("sip:a@pbx.example.org", Some("example.org")),
        ("sip:a@[2001:db8::1]:5080", Some("example.org")),
        ("sip:a@[2001:DB8:0::1]:5080", Some("example.org")),
        ("sip:a@[2001:db8::2]:5080", None),
        ("sip:a@sub.example.org", None),
        ("sip:a@example.org.evil.test", None),
        ("sip:a@foreign.test", None),
        // A PBX on our own machine is not us.
        ("sip:a@192.0.2.1:5061", None),
        ("tel:+1234", None),
    ] {
        assert_eq!(names.domain_of(&uri(text)), domain, "{text}");
    }
}

#[test]
fn our_own_route_and_via_are_known_by_every_name_that_we_use() {
    let names = usual();
    for (host, port) in [
        ("pbx.example.org", Some(5070)),
        ("PBX.example.ORG", Some(5070)),
        ("203.0.113.5", Some(5070)),
        ("192.0.2.1", Some(5060)),
        ("10.0.0.1", Some(5060)),
        ("10.0.0.1", Some(5090)),
        ("[2001:db8::1]", Some(5080)),
        ("192.0.2.1", None),
    ] {
        assert!(own(&names, host, port), "{host} {port:?}");
    }
    for (host, port) in [
        ("pbx.example.org", Some(5060)),
        ("203.0.113.5", Some(5060)),
        ("192.0.2.1", Some(5061)),
        ("192.0.2.2", None),
        ("[2001:db8::1]", Some(5060)),
        ("example.test", None),
    ] {
        assert!(!own(&names, host, port), "{host} {port:?}");
    }
}

#[test]
fn a_neighbour_on_the_same_address_keeps_its_route() {
    let names = names(
        &["example.org"],
        &[(
            Transport::Udp,
            "192.0.2.1:5080",
            &[],
            "192.0.2.1",
            5080,
            Zone::Outside,
        )],
        &[(Transport::Udp, "192.0.2.1:5060", "192.0.2.1:5060", true)],
    );
    assert!(own(&names, "192.0.2.1", Some(5080)));
    assert!(!own(&names, "192.0.2.1", Some(5060)));
    // Without a port it is 5060, and that is the PBX.
    assert!(!own(&names, "192.0.2.1", None));
    assert_eq!(names.upstream_of(&uri("sip:600@192.0.2.1")), Some(0));
}

#[test]
fn an_upstream_is_known_by_address_and_by_name() {
    let names = usual();
    for (text, number) in [
        ("sip:600@10.0.0.10", Some(0)),
        ("sip:600@10.0.0.10:5060", Some(0)),
        ("sip:600@10.0.0.10:5061", None),
        ("sip:600@Asterisk.local:5061", Some(1)),
        ("sip:600@asterisk.local", None),
        ("sip:600@192.0.2.1:5061", Some(1)),
        ("sip:600@trunk.test", Some(2)),
        ("sip:600@trunk.test:5060", Some(2)),
        ("sip:600@other.test", None),
    ] {
        assert_eq!(names.upstream_of(&uri(text)), number, "{text}");
    }
}

#[test]
fn a_message_is_an_upstreams_only_from_its_very_address() {
    use Transport::{Tcp, Udp};
    let names = usual();
    for (transport, remote, sent_by, expected) in [
        (Udp, "10.0.0.10:5060", Some(5060), Some((0, true))),
        (Udp, "10.0.0.10:5099", Some(5060), None),
        (Udp, "198.51.100.9:5060", None, Some((2, false))),
        (Tcp, "192.0.2.1:5061", None, Some((1, true))),
        // A connection that the PBX opened, in the name of its port.
        (Tcp, "192.0.2.1:41234", Some(5061), Some((1, true))),
        (Tcp, "192.0.2.1:41234", Some(5099), None),
        (Tcp, "192.0.2.1:41234", None, None),
        (Tcp, "192.0.2.77:5061", Some(5061), None),
    ] {
        let found = names.upstream_at(&flow(transport, remote), sent_by);
        assert_eq!(found, expected, "{transport:?} {remote} {sent_by:?}");
    }
}

#[test]
fn the_nearest_listener_of_the_right_transport_and_family_is_used() {
    use Transport::{Tcp, Udp};
    let names = usual();
    for (transport, remote, id) in [
        (Udp, "10.0.0.10", 3),
        (Tcp, "10.0.0.10", 1),
        (Udp, "192.0.2.200", 0),
        (Udp, "2001:db8::9", 2),
    ] {
        let found = names.listener_for(transport, remote.parse().unwrap());
        assert_eq!(found, Some(ListenerId(id)), "{transport:?} {remote}");
    }
}

#[test]
fn nothing_is_sent_to_ourselves_not_even_by_way_of_the_nat() {
    let names = usual();
    for (remote, is_self) in [
        ("192.0.2.1:5060", true),
        ("10.0.0.1:5090", true),
        ("203.0.113.5:5070", true),
        ("[2001:db8::1]:5080", true),
        ("192.0.2.1:5061", false),
        ("203.0.113.5:5060", false),
    ] {
        assert_eq!(names.is_self(remote.parse().unwrap()), is_self, "{remote}");
    }
}

#[test]
fn the_outside_is_where_neither_listener_nor_peer_is_trusted() {
    let names = usual();
    for (listener, remote, is_outside) in [
        (0, "203.0.113.9:5060", true),
        (0, "10.0.0.10:5060", false),
        (0, "198.51.100.9:5060", true),
        (3, "10.0.0.99:5060", false),
        (9, "10.0.0.99:5060", true),
    ] {
        let to = Destination::Address {
            listener: ListenerId(listener),
            transport: Transport::Udp,
            remote: remote.parse().unwrap(),
        };
        assert_eq!(names.is_outside(&to), is_outside, "{listener} {remote}");
    }
}

#[test]
fn a_remembered_flow_uses_a_listener_that_fits_it_today() {
    use Transport::{Tcp, Tls, Udp};
    let names = usual();
    let today = |transport, remote, listener| {
        let flow = Flow {
            listener: ListenerId(listener),
            ..flow(transport, remote)
        };
        names.flow_today(flow).map(|flow| flow.listener.0)
    };
    assert_eq!(today(Udp, "10.0.0.10:9", 3), Some(3));
    // The one it used has been moved, or is of another transport or family now.
    assert_eq!(today(Udp, "10.0.0.10:9", 99), Some(3));
    assert_eq!(today(Tcp, "203.0.113.9:9", 0), Some(1));
    assert_eq!(today(Udp, "[2001:db8::9]:9", 0), Some(2));
    assert_eq!(today(Tcp, "[2001:db8::9]:9", 1), None);
    assert_eq!(today(Tls, "203.0.113.9:9", 0), None);
}

#[test]
fn a_domain_alone_is_read_as_any_other_uri_is() {
    let domains = [
        "pbx.example.com",
        "192.0.2.1",
        "pbx:5061",
        "a@b",
        "pbx;x",
        "-",
        "",
    ];
    let names = names(&domains, &[], &[]);
    for text in domains.iter().chain(&["PBX.example.com", "pbx"]) {
        for scheme in ["sip:", "SIP:", "sips:"] {
            let raw = format!("{scheme}{text}");
            let read = names.read(raw.as_bytes());
            let expected = UriRef::parse(raw.as_bytes()).ok();
            assert_eq!(format!("{read:?}"), format!("{expected:?}"), "{raw}");
        }
    }
}

/// What it is called would tell a PBX to open a WebSocket to us.
#[test]
fn a_listener_of_websockets_stands_for_no_other_transport_while_there_is_another() {
    use Transport::{Tcp, Udp, Ws};
    let outside = Zone::Outside;
    let near = (Ws, "10.0.0.1:5066", &[][..], "10.0.0.1", 5066, Zone::Inside);
    let far = (Udp, "192.0.2.1:5060", &[][..], "192.0.2.1", 5060, outside);
    let names = names(&["example.org"], &[near, far], &[]);
    let pbx = "10.0.0.10".parse().unwrap();
    for (transport, listener) in [(Tcp, 1), (Udp, 1), (Ws, 0)] {
        let found = names.listener_for(transport, pbx);
        assert_eq!(found, Some(ListenerId(listener)), "{transport:?}");
    }
}
