//! Which trunk is chosen, and which follows.

use bellhop_plugin::{
    Attempt,
    testing::{Harness, invite},
};

use super::*;

const RATES: &str = r#"{
    "trunks": {
        "home":  {"via": "group:home", "timeout_ms": 4000, "headers": {"X-Account": "42"}},
        "cheap": {"via": "sip:203.0.113.5:5060;transport=tcp", "user": "00{number}", "host": "cheap.example"},
        "world": {"via": "group:world"}
    },
    "rates": [
        {"prefix": "+49", "trunk": "home", "cost": 1.0},
        {"prefix": "+49151", "trunk": "home", "cost": 9},
        {"prefix": "49", "trunk": "cheap", "cost": 2},
        {"prefix": "", "trunk": "world", "cost": 5},
        {"prefix": "+1", "trunk": "cheap", "cost": 5}
    ]}"#;

fn plugin() -> Harness<LeastCost> {
    Harness::new(RATES).unwrap_or_else(|error| unreachable!("{error}"))
}

fn tags(route: Option<Route>) -> Vec<String> {
    let route = route.into_iter();
    route
        .flat_map(|route| route.targets)
        .map(|target| target.tag)
        .collect()
}

fn failed(status: u16, tried: &[&str]) -> Failure {
    let attempt = |tag: &&str| Attempt {
        uri: String::new(),
        tag: format!("least-cost:{tag}"),
        status,
        elapsed_ms: 1,
    };
    Failure {
        status,
        reason: String::new(),
        local: false,
        attempts: tried.iter().map(attempt).collect(),
        elapsed_ms: 1,
    }
}

#[test]
fn a_trunk_whose_targets_are_all_down_is_passed_over() {
    let mut plugin = plugin();
    let member = |up| upstreams::Member {
        name: "gw".to_owned(),
        uri: "sip:192.0.2.1".to_owned(),
        up,
        active_calls: 0,
        latency_ms: 0,
        weight: 1,
    };
    let call = invite().to("sip:+493012345@example.com");
    plugin.group("home", vec![member(false), member(true)]);
    assert_eq!(tags(plugin.on_route(&call)), ["least-cost:home"]);
    plugin.group("home", vec![member(false)]);
    assert_eq!(tags(plugin.on_route(&call)), ["least-cost:cheap"]);
}

#[test]
fn the_cheapest_trunk_by_its_longest_prefix_is_first() {
    let mut plugin = plugin();
    let mut first = |uri: &str| tags(plugin.on_route(&invite().to(uri)));
    assert_eq!(first("sip:+493012345@example.com"), ["least-cost:home"]);
    assert_eq!(first("tel:+49-151-12345"), ["least-cost:cheap"]);
    assert_eq!(first("sip:+33123456789@example.com"), ["least-cost:world"]);
    // One price: the trunk that stands first.
    assert_eq!(first("sip:+12125551234@example.com"), ["least-cost:cheap"]);
}

#[test]
fn a_trunk_gets_the_number_as_it_wants_it() {
    let mut plugin = plugin();
    let mut target = |uri: &str| {
        let route = plugin.on_route(&invite().to(uri));
        route.and_then(|route| route.targets.into_iter().next())
    };
    let home = target("sip:+493012345@example.com;user=phone");
    let expected = Target::new("sip:+493012345@example.com;user=phone").via("group:home");
    let expected = expected
        .timeout_ms(4000)
        .header("X-Account", "42")
        .tag("least-cost:home");
    assert_eq!(home, Some(expected));
    let cheap = target("tel:+4915112345").map(|target| target.uri);
    assert_eq!(
        cheap.as_deref(),
        Some("sip:004915112345@cheap.example;user=phone")
    );
}

#[test]
fn a_fault_of_the_trunk_leads_to_the_next_until_all_were_tried() {
    let mut plugin = plugin();
    let call = invite().to("sip:+493012345@example.com");
    let mut next = |status, tried: &[&str]| match plugin.on_failure(&call, &failed(status, tried)) {
        FailureVerdict::Route(route) => tags(Some(route)),
        _ => Vec::new(),
    };
    assert_eq!(next(503, &["home"]), ["least-cost:cheap"]);
    assert_eq!(next(408, &["home", "cheap"]), ["least-cost:world"]);
    assert_eq!(next(500, &["home", "cheap", "world"]), Vec::<String>::new());
    // What the called party says is an answer.
    assert_eq!(next(486, &["home"]), Vec::<String>::new());
}

#[test]
fn what_is_no_global_number_is_routed_by_others() {
    let mut plugin = plugin();
    for uri in ["sip:alice@example.com", "sip:100@example.com"] {
        assert_eq!(plugin.on_route(&invite().to(uri)), None, "{uri}");
    }
}

#[test]
fn a_rate_of_an_unknown_trunk_is_refused() {
    let said = |config: &str| Harness::<LeastCost>::new(config).err().unwrap_or_default();
    let config = r#"{"trunks": {}, "rates": [{"prefix": "1", "trunk": "x", "cost": 1}]}"#;
    assert_eq!(said(config), "rates: no trunk x");
    let config = r#"{"trunks": {}, "rates": [{"prefix": "1a", "trunk": "x", "cost": 1}]}"#;
    assert_eq!(said(config), "rates[0]: prefix: expected digits");
}
