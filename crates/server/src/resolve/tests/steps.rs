//! The walk of RFC 3263 4.1 and 4.2, and what each step does if it finds nothing.

use super::*;

#[tokio::test]
async fn a_numeric_host_is_itself() {
    let server = NameServer::start("").await;
    let resolver = resolver(&server, &BOTH, bounds());
    assert_eq!(
        places(&resolver, "192.0.2.1:5070").await,
        ["udp:192.0.2.1:5070"]
    );
    let tls = places(&resolver, "[::ffff:192.0.2.1];transport=tls").await;
    assert!(tls.is_empty(), "no listener has IPv6: {tls:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_port_asks_for_addresses_alone() {
    let server = NameServer::start("pbx.example A 192.0.2.1").await;
    let resolver = resolver(&server, &BOTH, bounds());
    let found = places(&resolver, "pbx.example:5070;transport=tcp").await;
    assert_eq!(found, ["tcp:192.0.2.1:5070"]);
    assert_eq!(server.asked(), ["pbx.example A"]);
}

#[tokio::test]
async fn a_port_without_a_transport_is_udp() {
    let server = NameServer::start("pbx.example A 192.0.2.1").await;
    let resolver = resolver(&server, &BOTH, bounds());
    assert_eq!(
        places(&resolver, "pbx.example:5070").await,
        ["udp:192.0.2.1:5070"]
    );
}

#[tokio::test]
async fn a_transport_asks_for_its_srv_records_and_no_naptr() {
    let zone = "_sip._tcp.pbx.example SRV 1 0 5070 a.example
                a.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let found = places(&resolver, "pbx.example;transport=tcp").await;
    assert_eq!(found, ["tcp:192.0.2.1:5070"]);
    assert_eq!(server.asked(), ["_sip._tcp.pbx.example SRV", "a.example A"]);
}

#[tokio::test]
async fn naptr_records_say_the_transport_and_its_order() {
    let zone = "pbx.example NAPTR 20 10 s SIP+D2U _sip._udp.other.example
                pbx.example NAPTR 10 20 s SIP+D2U _sip._udp.pbx.example
                pbx.example NAPTR 10 10 S sip+d2t _sip._tcp.pbx.example
                pbx.example NAPTR 1 1 u E2U+sip _sip._udp.wrong.example
                _sip._tcp.pbx.example SRV 1 0 5071 a.example
                _sip._udp.pbx.example SRV 1 0 5072 a.example
                _sip._udp.other.example SRV 1 0 5073 a.example
                a.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let expected = [
        "tcp:192.0.2.1:5071",
        "udp:192.0.2.1:5072",
        "udp:192.0.2.1:5073",
    ];
    assert_eq!(places(&resolver, "pbx.example").await, expected);
}

#[tokio::test]
async fn a_naptr_for_a_transport_we_do_not_have_is_passed_over() {
    let zone = "pbx.example NAPTR 10 10 s SIPS+D2T _sips._tcp.pbx.example
                pbx.example NAPTR 20 10 s SIP+D2T _sip._tcp.pbx.example
                pbx.example NAPTR 30 10 s SIP+D2U _sip._udp.pbx.example
                _sips._tcp.pbx.example SRV 1 0 5061 a.example
                _sip._tcp.pbx.example SRV 1 0 5062 a.example
                _sip._udp.pbx.example SRV 1 0 5063 a.example
                a.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &["udp:0.0.0.0:5060"], bounds());
    let expected = ["udp:192.0.2.1:5063"];
    assert_eq!(places(&resolver, "pbx.example").await, expected);
}

#[tokio::test]
async fn without_naptr_the_srv_records_of_our_transports_are_asked_for() {
    let zone = "_sip._tcp.pbx.example SRV 1 0 5071 a.example
                _sip._udp.pbx.example SRV 1 0 5072 a.example
                _sips._tcp.pbx.example SRV 1 0 5073 a.example
                a.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let expected = ["udp:192.0.2.1:5072", "tcp:192.0.2.1:5071"];
    assert_eq!(places(&resolver, "pbx.example").await, expected);
}

#[tokio::test]
async fn without_naptr_and_srv_the_addresses_are_used_with_5060() {
    let server = NameServer::start("pbx.example A 192.0.2.1").await;
    let resolver = resolver(&server, &BOTH, bounds());
    let expected = ["udp:192.0.2.1:5060"];
    assert_eq!(places(&resolver, "pbx.example").await, expected);
}

#[tokio::test]
async fn a_server_that_fails_at_a_step_does_not_block_the_next() {
    let zone = "pbx.example NAPTR servfail
                _sip._udp.pbx.example SRV servfail
                pbx.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let expected = ["udp:192.0.2.1:5060"];
    assert_eq!(places(&resolver, "pbx.example").await, expected);
}

#[tokio::test]
async fn a_server_that_is_silent_at_a_step_does_not_block_the_next() {
    let zone = "pbx.example NAPTR silence
                _sip._tcp.pbx.example SRV 1 0 5070 a.example
                a.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let bounds = Bounds {
        step: Duration::from_millis(500),
        ..bounds()
    };
    let resolver = resolver(&server, &BOTH, bounds);
    let expected = ["tcp:192.0.2.1:5070"];
    assert_eq!(places(&resolver, "pbx.example").await, expected);
}

#[tokio::test]
async fn a_naptr_that_leads_nowhere_is_followed_by_srv_records() {
    let zone = "pbx.example NAPTR 10 10 s SIP+D2U _sip._udp.gone.example
                _sip._udp.pbx.example SRV 1 0 5070 a.example
                a.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let expected = ["udp:192.0.2.1:5070"];
    assert_eq!(places(&resolver, "pbx.example").await, expected);
}

#[tokio::test]
async fn every_address_is_a_place_of_its_own() {
    let zone = "pbx.example A 192.0.2.1
                pbx.example A 192.0.2.2
                pbx.example AAAA 2001:db8::1";
    let server = NameServer::start(zone).await;
    let listeners = ["udp:0.0.0.0:5060", "udp:[::]:5060"];
    let resolver = resolver(&server, &listeners, bounds());
    let expected = [
        "udp:192.0.2.1:5060",
        "udp:192.0.2.2:5060",
        "udp:[2001:db8::1]:5060",
    ];
    assert_eq!(places(&resolver, "pbx.example:5060").await, expected);
}

#[tokio::test]
async fn an_address_of_a_family_without_a_listener_is_not_asked_for() {
    let zone = "pbx.example AAAA 2001:db8::1
                pbx.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &["udp:[::]:5060"], bounds());
    let expected = ["udp:[2001:db8::1]:5060"];
    assert_eq!(places(&resolver, "pbx.example:5060").await, expected);
    assert_eq!(server.asked(), ["pbx.example AAAA"]);
}

#[tokio::test]
async fn srv_targets_come_by_priority_each_with_its_port() {
    let zone = "_sip._udp.pbx.example SRV 20 0 5072 b.example
                _sip._udp.pbx.example SRV 30 0 5073 gone.example
                _sip._udp.pbx.example SRV 10 0 5071 a.example
                a.example A 192.0.2.1
                a.example A 192.0.2.2
                b.example A 192.0.2.3";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let expected = [
        "udp:192.0.2.1:5071",
        "udp:192.0.2.2:5071",
        "udp:192.0.2.3:5072",
    ];
    assert_eq!(
        places(&resolver, "pbx.example;transport=udp").await,
        expected
    );
}

#[tokio::test]
async fn srv_targets_without_addresses_leave_the_hosts_own() {
    let zone = "_sip._udp.pbx.example SRV 10 0 5071 gone.example
                pbx.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let expected = ["udp:192.0.2.1:5060"];
    assert_eq!(places(&resolver, "pbx.example").await, expected);
}

/// RFC 2782: "the service is decidedly not available at this domain".
#[tokio::test]
async fn a_service_that_a_domain_disclaims_is_not_looked_for_at_its_addresses() {
    let zone = "_sip._udp.pbx.example SRV 0 0 0 .
                pbx.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    assert!(places(&resolver, "pbx.example").await.is_empty());
}

#[tokio::test]
async fn a_name_without_a_dot_goes_through_the_search_list() {
    let zone = "_sip._udp.pbx.lan.example SRV 1 0 5070 a.lan.example
                a.lan.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &["udp:0.0.0.0:5060"], bounds());
    assert_eq!(places(&resolver, "pbx").await, ["udp:192.0.2.1:5070"]);
}

#[tokio::test]
async fn a_name_with_a_dot_does_not_go_through_the_search_list() {
    let zone = "pbx.example.lan.example A 192.0.2.66
                pbx.example A 192.0.2.1";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    assert_eq!(
        places(&resolver, "pbx.example").await,
        ["udp:192.0.2.1:5060"]
    );
    let outside = |question: &String| question.contains("lan.example");
    assert!(!server.asked().iter().any(outside));
}

#[tokio::test]
async fn what_is_no_host_name_is_not_asked_for() {
    let server = NameServer::start("").await;
    let resolver = resolver(&server, &BOTH, bounds());
    for text in [
        "a%20b.example",
        "a\\.b.example",
        "a..example",
        "\u{fffd}.example",
    ] {
        assert!(places(&resolver, text).await.is_empty(), "{text}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_name_that_only_the_system_knows_is_found_at_last() {
    let bounds = Bounds {
        threads: 64,
        ..bounds()
    };
    let resolver = left_to_the_system(&BOTH, bounds);
    assert_eq!(places(&resolver, "localhost").await, ["udp:127.0.0.1:5060"]);
}
