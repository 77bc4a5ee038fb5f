//! What is left of a message.

use bellhop_plugin::testing::{Harness, invite};

use super::*;

fn plugin(config: &str) -> Harness<HeaderShield> {
    Harness::new(config).unwrap_or_else(|error| unreachable!("{error}"))
}

#[test]
fn strangers_fields_are_stripped_and_the_hosts_own_stay() {
    let mut plugin = plugin(r#"{"requests": {"strip": ["x-*", "P-Asserted-Identity", "c*"]}}"#);
    let call = invite()
        .with("X-Secret", "1")
        .with("x-secret", "2")
        .with("P-Asserted-Identity", "<sip:boss@example.com>")
        .with("Call-Info", "<http://x.example>");
    assert_eq!(plugin.on_request(&call), Verdict::Continue);
    let names = call.header_names().join(" ");
    assert_eq!(
        names,
        "Via Max-Forwards From To Call-ID CSeq Contact User-Agent Content-Type"
    );
    assert_eq!(plugin.lines(), Vec::<String>::new());
}

#[test]
fn a_trusted_zone_keeps_its_fields() {
    let mut plugin = plugin(r#"{"requests": {"strip": ["X-*"]}, "trusted_zones": ["pbx"]}"#);
    let call = invite().with("X-Queue", "7").zone("pbx");
    plugin.on_request(&call);
    assert_eq!(call.header("X-Queue").as_deref(), Some("7"));
    assert_eq!(call.edits(), []);
}

#[test]
fn fields_are_renamed_set_and_added_with_what_is_known_of_the_message() {
    let mut plugin = plugin(
        r#"{"requests": {"rename": {"X-Old": "X-New"},
                         "set": {"X-Door": "{address} {zone} {user}"},
                         "add": {"X-Tag": "{method} {nothing}"}}}"#,
    );
    let call = invite()
        .with("X-Old", "a")
        .with("X-Old", "b")
        .with("X-Door", "forged")
        .user("alice");
    plugin.on_request(&call);
    assert_eq!(call.headers("X-New"), ["a", "b"]);
    assert_eq!(call.header("X-Old"), None);
    assert_eq!(call.headers("X-Door"), ["192.0.2.10 outside alice"]);
    assert_eq!(call.header("X-Tag").as_deref(), Some("INVITE {nothing}"));
}

#[test]
fn responses_have_rules_of_their_own() {
    let mut plugin = plugin(r#"{"responses": {"strip": ["Server"]}}"#);
    let response = invite().response(200, "OK").with("Server", "pbx 1.0");
    plugin.on_response(&response);
    assert_eq!(response.header("Server"), None);
    let call = invite().with("Server", "x");
    plugin.on_request(&call);
    assert_eq!(call.edits(), []);
}

#[test]
fn a_field_that_the_host_owns_is_not_set_and_the_log_says_so() {
    let mut plugin = plugin(r#"{"requests": {"set": {"Via": "SIP/2.0/UDP evil"}}}"#);
    let call = invite();
    assert_eq!(plugin.on_request(&call), Verdict::Continue);
    assert_eq!(call.edits(), []);
    assert_eq!(plugin.lines(), ["Warn set Via: the host owns this field"]);
}
