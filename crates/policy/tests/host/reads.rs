//! What a plugin sees of a message.

use crate::kit::{Kit, invite, message, orders, probe};
use bellhop_core::policy::Hook;
use bellhop_wire::{Limits, Owned};

fn sees(order: &str) -> String {
    Kit::new(vec![probe("p")]).request(&orders(&[order])).saw()
}

#[test]
fn a_summary_holds_what_most_policies_read() {
    assert_eq!(
        sees("summary"),
        "Summary { method: \"INVITE\", ruri: \"sip:7000@example.org\", status: 0, call-id: \"call-1@host\", \
         cseq: 7, from-uri: \"sip:6001@example.org\", from-tag: \"f1\", to-uri: \"sip:7000@example.org\", \
         to-tag: \"\", contact: \"sip:6001@192.0.2.7:5061;transport=tls\", user-agent: \"probe/1\", \
         max-forwards: 69, in-dialog: false, body-length: 5, content-type: \"application/sdp\" }"
    );
}

#[test]
fn a_source_is_what_the_engine_saw() {
    assert_eq!(
        sees("source"),
        "Source { transport: Transport::Tls, address: \"192.0.2.7\", port: 5061, listener: \"door\", \
         zone: \"outside\", tls-peer: None, authenticated-user: Some(\"6001\") }"
    );
}

#[test]
fn headers_are_found_in_each_case_and_form_and_lists_are_split() {
    assert_eq!(sees("read k"), "Some(\"path, gruu\")");
    assert_eq!(sees("all SUPPORTED"), "path|gruu");
    assert_eq!(sees("all user-agent"), "probe/1");
    assert_eq!(sees("read X-None"), "None");
}

#[test]
fn a_header_that_is_not_utf_8_is_read_lossy_and_exactly() {
    let mut bytes = invite(&orders(&["read X-Raw", "exact X-Raw"]))
        .message()
        .bytes()
        .to_vec();
    let at = bytes.windows(6).position(|w| w == b"X-Do: ").unwrap();
    bytes.splice(at..at, *b"X-Raw: a\xffb\r\n");
    let message = Owned::parse(&bytes, &Limits::default()).unwrap();
    let outcome = Kit::new(vec![probe("p")]).ask(Hook::Request, &message);
    assert_eq!(outcome.saw(), "Some(\"a\u{fffd}b\")\nSome([97, 255, 98])");
}

#[test]
fn reads_see_the_edits_made_before() {
    let done = orders(&[
        "set Subject new",
        "add X-More 1",
        "remove Supported",
        "uri sip:other@example.org",
        "body hello",
        "read s",
        "all X-More",
        "read Supported",
        "read-body",
        "names",
        "summary",
    ]);
    let saw = Kit::new(vec![probe("p")])
        .request(&format!("Subject: old\r\n{done}"))
        .saw();
    let lines: Vec<&str> = saw.lines().collect();
    assert_eq!(lines[5..9], ["Some(\"new\")", "1", "None", "Ok(5)"]);
    let names: Vec<&str> = lines[9].split(',').collect();
    assert!(names.contains(&"Subject") && names.contains(&"X-More"));
    assert!(!names.contains(&"Supported"));
    assert!(lines[10].contains("ruri: \"sip:other@example.org\""));
    assert!(lines[10].contains("body-length: 5, content-type: \"text/plain\""));
}

#[test]
fn without_the_grant_no_body_is_read_by_any_way() {
    let mut config = probe("p");
    config.grants = config
        .grants
        .iter()
        .filter(|c| c.name() != "body-read")
        .collect();
    let lines = orders(&["read-body", "bytes"]);
    let head = invite(&lines).message().bytes().len() - 5;
    let outcome = Kit::new(vec![config]).request(&lines);
    assert_eq!(outcome.saw(), format!("Err(EditError::Denied)\n{head}"));
}

#[test]
fn a_response_is_seen_as_one() {
    let response = message(
        "SIP/2.0 183 Session Progress",
        "INVITE",
        &orders(&["summary", "uri sip:b@c"]),
    );
    let saw = Kit::new(vec![probe("p")])
        .ask(Hook::Response, &response)
        .saw();
    assert!(
        saw.contains("method: \"INVITE\", ruri: \"\", status: 183"),
        "{saw}"
    );
    assert!(saw.ends_with("Err(EditError::Malformed(\"a response has no Request-URI\"))"));
}
