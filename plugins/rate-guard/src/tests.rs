//! What is let through, and when again.

use bellhop_plugin::testing::{Harness, bye, invite, options, register};

use super::*;

fn plugin(config: &str) -> Harness<RateGuard> {
    Harness::new(config).unwrap_or_else(|error| unreachable!("{error}"))
}

#[test]
fn an_address_has_its_burst_and_then_its_rate() {
    let mut plugin = plugin(r#"{"per_source": {"rate": 2, "burst": 3}, "exempt": ["10.*"]}"#);
    for _ in 0..3 {
        assert_eq!(plugin.on_request(&options()), Verdict::Continue);
    }
    let refused = Reply::new(503)
        .reason("Too many requests")
        .header("Retry-After", "10");
    assert_eq!(plugin.on_request(&options()), refused.into());
    assert_eq!(
        plugin.on_request(&options().address("192.0.2.11")),
        Verdict::Continue
    );
    assert_eq!(
        plugin.on_request(&options().address("10.0.0.1")),
        Verdict::Continue
    );
    plugin.advance(Duration::from_millis(500));
    assert_eq!(plugin.on_request(&options()), Verdict::Continue);
    assert_eq!(plugin.on_request(&options()).status(), Some(503));
    assert_eq!(plugin.on_request(&bye()), Verdict::Continue);
}

#[test]
fn the_workers_of_a_host_share_a_users_rate() {
    let mut one = plugin(r#"{"per_user": {"rate": 1, "burst": 1}}"#);
    let mut other = one.worker().unwrap_or_else(|error| unreachable!("{error}"));
    assert_eq!(one.on_request(&invite().user("alice")), Verdict::Continue);
    assert_eq!(
        other.on_request(&invite().user("alice")).status(),
        Some(503)
    );
    assert_eq!(other.on_request(&invite().user("bob")), Verdict::Continue);
}

#[test]
fn registrations_have_a_rate_of_their_own() {
    let mut plugin = plugin(r#"{"registrations": {"rate": 0.1}}"#);
    assert_eq!(plugin.on_register(&register()), RegisterVerdict::Continue);
    assert_eq!(plugin.on_register(&register()).status(), Some(503));
    assert_eq!(plugin.on_request(&invite()), Verdict::Continue);
    plugin.advance(Duration::from_secs(10));
    assert_eq!(plugin.on_register(&register()), RegisterVerdict::Continue);
}

#[test]
fn one_user_has_so_many_calls_at_once() {
    let mut plugin = plugin(r#"{"calls_per_user": 2, "calls_per_source": 5}"#);
    plugin.set_dialogs("user", "alice", 1);
    assert_eq!(
        plugin.on_request(&invite().user("alice")),
        Verdict::Continue
    );
    plugin.set_dialogs("user", "alice", 2);
    assert_eq!(
        plugin.on_request(&invite().user("alice")).status(),
        Some(403)
    );
    assert_eq!(
        plugin.on_request(&options().user("alice")),
        Verdict::Continue
    );
    plugin.set_dialogs("source", "192.0.2.10", 5);
    assert_eq!(plugin.on_request(&invite().user("bob")).status(), Some(403));
}

#[test]
fn toll_fraud_ends_after_the_second_premium_call() {
    let config =
        r#"{"premium": {"prefixes": ["+49900", "+882"], "per_hour": 2, "lock_minutes": 30}}"#;
    let mut plugin = plugin(config);
    let premium = || invite().to("sip:+49900123@example.com").user("alice");
    let normal = || invite().to("sip:+4930123@example.com").user("alice");
    for _ in 0..2 {
        assert_eq!(plugin.on_request(&premium()), Verdict::Continue);
    }
    assert_eq!(plugin.on_request(&normal()), Verdict::Continue);
    assert_eq!(plugin.on_request(&premium()).status(), Some(403));
    // The password is in wrong hands: nothing at all goes out for half an hour.
    assert_eq!(plugin.on_request(&normal()).status(), Some(403));
    assert_eq!(plugin.on_request(&normal().user("bob")), Verdict::Continue);
    assert_eq!(
        plugin.lines(),
        ["Warn alice: 3 premium calls within an hour, refused +49900123"]
    );
    plugin.advance(Duration::from_secs(30 * 60));
    assert_eq!(plugin.on_request(&normal()), Verdict::Continue);
    plugin.advance(Duration::from_secs(30 * 60));
    assert_eq!(plugin.on_request(&premium()), Verdict::Continue);
}

#[test]
fn a_rate_of_nothing_is_refused() {
    let said = Harness::<RateGuard>::new(r#"{"per_user": {"rate": 0}}"#).err();
    assert_eq!(
        said.as_deref(),
        Some("per_user: rate and burst: expected more than 0")
    );
}
