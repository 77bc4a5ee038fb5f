//! What is refused, how, and what passes.

use bellhop_plugin::testing::{Harness, bye, invite, register};

use super::*;

fn plugin(config: &str) -> Harness<BlockList> {
    Harness::new(config).unwrap_or_else(|error| unreachable!("{error}"))
}

#[test]
fn a_call_to_a_blocked_number_gets_403_in_any_spelling() {
    let mut plugin = plugin(r#"{"callees": ["+49900*"]}"#);
    for uri in [
        "sip:+49900123@example.com",
        "tel:+49-900-123",
        "sip:+49.900.1@x;user=phone",
    ] {
        assert_eq!(
            plugin.on_request(&invite().to(uri)).status(),
            Some(403),
            "{uri}"
        );
    }
    let other = invite().to("sip:+4930123@example.com");
    assert_eq!(plugin.on_request(&other), Verdict::Continue);
}

#[test]
fn a_blocked_caller_is_refused_by_from_and_by_authenticated_user() {
    let mut plugin = plugin(
        r#"{"callers": ["*@spam.example", "mallory"], "status": 608, "reason": "Rejected"}"#,
    );
    let spam = plugin.on_request(&invite().from("sip:anybody@spam.example"));
    assert_eq!(spam, Reply::new(608).reason("Rejected").into());
    let disguised = invite().from("sip:alice@example.com").user("mallory");
    assert_eq!(plugin.on_request(&disguised).status(), Some(608));
    assert_eq!(
        plugin.on_request(&invite().user("alice")),
        Verdict::Continue
    );
}

#[test]
fn a_scanner_learns_nothing() {
    let mut plugin = plugin(
        r#"{"agents": ["friendly-scanner*"], "addresses": ["198.51.100.*"], "silent": true}"#,
    );
    let scan = invite().replacing("User-Agent", "friendly-scanner 1.8");
    assert_eq!(plugin.on_request(&scan), Verdict::Drop);
    assert_eq!(
        plugin.on_register(&register().address("198.51.100.7")),
        RegisterVerdict::Drop
    );
    assert_eq!(plugin.on_register(&register()), RegisterVerdict::Continue);
}

#[test]
fn a_registration_of_a_blocked_user_is_refused() {
    let mut plugin = plugin(r#"{"callers": ["alice"], "callees": ["*"]}"#);
    assert_eq!(plugin.on_register(&register()).status(), Some(403));
    let other = register().to("sip:bob@example.com").user("bob");
    assert_eq!(plugin.on_register(&other), RegisterVerdict::Continue);
}

#[test]
fn a_call_that_was_let_in_can_end() {
    let mut plugin = plugin(r#"{"callers": ["*"], "callees": ["*"], "addresses": ["*"]}"#);
    assert_eq!(plugin.on_request(&bye()), Verdict::Continue);
}

#[test]
fn a_wrong_configuration_is_refused_and_says_why() {
    let said = |config: &str| Harness::<BlockList>::new(config).err().unwrap_or_default();
    assert_eq!(
        said(r#"{"calles": []}"#),
        "calles: is unknown; known: callers, callees, addresses, agents, status, reason, silent"
    );
    assert_eq!(
        said(r#"{"callers": ["a", 1]}"#),
        "callers[1]: expected a string"
    );
    assert_eq!(said(r#"{"status": 200}"#), "status: expected 300 to 699");
}
