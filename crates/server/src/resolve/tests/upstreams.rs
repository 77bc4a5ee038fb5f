//! What the upstreams' names stand for from look-up to look-up.

use super::{super::Names, *};
use crate::config::Target;

async fn refreshed(names: &Names, resolver: &Resolver, target: &Target) -> Names {
    names.refreshed(resolver, [target].into_iter()).await
}

#[tokio::test]
async fn an_upstream_by_name_gets_the_transports_and_ports_of_its_records() {
    let zone = "_sip._tcp.pbx.example SRV 1 0 5070 a.example
                _sip._tcp.pbx.example SRV 2 0 5071 b.example
                a.example A 192.0.2.1
                b.example A 192.0.2.2";
    let server = NameServer::start(zone).await;
    let resolver = resolver(&server, &BOTH, bounds());
    let target = Target::parse("sip:pbx.example").unwrap();
    let names = refreshed(&Names::default(), &resolver, &target).await;
    let expected = ["tcp:192.0.2.1:5070", "tcp:192.0.2.2:5071"];
    assert_eq!(shown(names.of(&target)), expected);
    // And `bellhop doctor` asks there.
    let asked = crate::doctor::places(&names, &target).unwrap();
    assert_eq!(shown(&asked), expected);
}

#[tokio::test]
async fn a_name_that_is_not_found_any_more_keeps_its_places() {
    let server = NameServer::start("pbx.example A 192.0.2.1 ttl=0").await;
    let fresh = resolver(&server, &BOTH, bounds());
    let target = Target::parse("sip:pbx.example:5060").unwrap();
    let before = refreshed(&Names::default(), &fresh, &target).await;
    server.says("");
    // Another resolver, which remembers nothing.
    let later = resolver(&server, &BOTH, bounds());
    let after = refreshed(&before, &later, &target).await;
    assert_eq!(shown(after.of(&target)), ["udp:192.0.2.1:5060"]);
    assert!(!after.differ_from(&before));
}

#[tokio::test]
async fn places_in_another_order_are_no_news() {
    let server = NameServer::start("pbx.example A 192.0.2.1\npbx.example A 192.0.2.2").await;
    let target = Target::parse("sip:pbx.example:5060").unwrap();
    let first = resolver(&server, &BOTH, bounds());
    let before = refreshed(&Names::default(), &first, &target).await;
    server.says("pbx.example A 192.0.2.2\npbx.example A 192.0.2.1");
    let second = resolver(&server, &BOTH, bounds());
    let after = refreshed(&before, &second, &target).await;
    assert!(!after.differ_from(&before));
    assert_eq!(after.of(&target), before.of(&target));
}

#[tokio::test]
async fn other_places_are_news() {
    let server = NameServer::start("pbx.example A 192.0.2.1").await;
    let target = Target::parse("sip:pbx.example:5060").unwrap();
    let first = resolver(&server, &BOTH, bounds());
    let before = refreshed(&Names::default(), &first, &target).await;
    server.says("pbx.example A 192.0.2.2");
    let second = resolver(&server, &BOTH, bounds());
    let after = refreshed(&before, &second, &target).await;
    assert!(after.differ_from(&before));
    assert_eq!(shown(after.of(&target)), ["udp:192.0.2.2:5060"]);
}

#[tokio::test]
async fn a_name_that_stands_for_nothing_is_asked_for_again_soon() {
    let server = NameServer::start("other.example A 192.0.2.1 ttl=3600").await;
    let resolver = resolver(&server, &BOTH, bounds());
    let gone = Target::parse("sip:pbx.example").unwrap();
    let names = refreshed(&Names::default(), &resolver, &gone).await;
    assert!(names.of(&gone).is_empty());
    assert_eq!(names.pause(), Duration::from_secs(5));
    let other = Target::parse("sip:other.example").unwrap();
    let names = refreshed(&Names::default(), &resolver, &other).await;
    assert!(names.pause() > Duration::from_secs(20));
}

#[tokio::test]
async fn without_names_nothing_is_asked() {
    let server = NameServer::start("").await;
    let resolver = resolver(&server, &BOTH, bounds());
    let target = Target::parse("sip:192.0.2.1").unwrap();
    let names = refreshed(&Names::default(), &resolver, &target).await;
    assert!(names.of(&target).is_empty());
    assert_eq!(names.pause(), Duration::from_secs(30));
    assert!(server.asked().is_empty());
}
