//! The built sample plugins, asked as the commands ask them.

use super::*;
use crate::cli::plugin::trial;
use bellhop_policy::Capability;
use std::path::Path;

/// A plugin of `plugins/built` with this configuration.
fn plugin(name: &str, config: &str) -> Trial {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/built");
    let grants = Capability::ALL.into_iter().collect();
    let config = trial::config(&built.join(format!("{name}.wasm")), config, grants);
    Trial::new(config).unwrap()
}

fn message(start: &str, call: u32, cseq: &str, more: &str) -> Vec<u8> {
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-{call}\r\nFrom: <sip:alice@example.com>;tag=1\r\n\
         To: <sip:b@example.com>\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn seen(bytes: Vec<u8>) -> Seen {
    Seen {
        at: Duration::from_millis(1_767_254_401_250),
        from: "192.0.2.10:5060".parse().unwrap(),
        to: "203.0.113.1:5060".parse().unwrap(),
        is_tcp: false,
        bytes,
    }
}

fn capture(messages: Vec<Vec<u8>>) -> Capture {
    let messages = messages.into_iter().map(seen).collect();
    Capture {
        messages,
        skipped: 0,
    }
}

fn asked(bytes: &[u8]) -> Asked<'_> {
    Asked {
        bytes,
        from: "192.0.2.10:5060".parse().unwrap(),
        is_tcp: false,
        zone: "outside",
        user: None,
    }
}

#[test]
fn a_message_is_run_through_a_plugin_and_its_edits_are_told() {
    let mut plan = plugin(
        "number-plan",
        r#"{"country": "49", "area": "30", "national": "0"}"#,
    );
    let call = message("INVITE sip:12345@example.com SIP/2.0", 1, "1 INVITE", "");
    let outcomes = plan.ask(&asked(&call), None).unwrap();
    let told: Vec<String> = outcomes.iter().map(told).collect();
    assert_eq!(
        told,
        ["on-request: continue [Request-URI: sip:+493012345@example.com]"]
    );
}

#[test]
fn a_failed_route_leads_to_the_next_trunk() {
    let config = r#"{"trunks": {"a": {"via": "group:a"}, "b": {"via": "group:b"}},
        "rates": [{"prefix": "49", "trunk": "a", "cost": 1}, {"prefix": "49", "trunk": "b", "cost": 2}]}"#;
    let mut trunks = plugin("least-cost", config);
    let call = message("INVITE sip:+4930@example.com SIP/2.0", 1, "1 INVITE", "");
    let outcomes = trunks.ask(&asked(&call), Some(503)).unwrap();
    let told: Vec<String> = outcomes.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "on-route: route to sip:+4930@example.com via group:a (least-cost:a)",
            "on-failure: route to sip:+4930@example.com via group:b (least-cost:b)",
        ]
    );
    let busy = trunks.ask(&asked(&call), Some(486)).unwrap();
    assert_eq!(
        busy.last().map(|outcome| outcome.verdict.as_str()),
        Some("continue")
    );
}

#[test]
fn a_capture_shows_where_two_versions_differ() {
    let capture = capture(vec![
        message("INVITE sip:+49900@example.com SIP/2.0", 1, "1 INVITE", ""),
        message(
            "SIP/2.0 407 Proxy Authentication Required",
            1,
            "1 INVITE",
            "",
        ),
        message("ACK sip:+49900@example.com SIP/2.0", 1, "1 ACK", ""),
        message(
            "INVITE sip:+49900@example.com SIP/2.0",
            1,
            "2 INVITE",
            "Proxy-Authorization: Digest username=\"eve\"\r\n",
        ),
        message("INVITE sip:+49900@pbx SIP/2.0", 1, "2 INVITE", ""),
        // No hook is asked about the one, and this plugin has none for the other.
        message("SIP/2.0 100 Trying", 1, "2 INVITE", ""),
        message("SIP/2.0 200 OK", 1, "2 INVITE", ""),
        message("INVITE sip:+4930@example.com SIP/2.0", 2, "1 INVITE", ""),
    ]);
    let mut one = [plugin("block-list", r#"{"callees": ["+49900*"]}"#)];
    let line = "08:00:01.250 192.0.2.10:5060 INVITE sip:+49900@example.com SIP/2.0 1";
    assert_eq!(
        replay(&capture, None, &mut one),
        [
            line,
            "    on-request: reply 403",
            "= 1 continue, 1 not asked, 1 reply 403",
            "8 SIP messages, 3 of them asked about"
        ]
    );
    let mut two = [
        plugin("block-list", r#"{"callees": ["+49900*"]}"#),
        plugin("block-list", r#"{"callers": ["eve"], "status": 480}"#),
    ];
    let lines = replay(&capture, Some("203.0.113.1".parse().unwrap()), &mut two);
    assert_eq!(
        lines[..3],
        [
            line,
            "  - on-request: reply 403",
            "  + on-request: reply 480"
        ]
    );
    assert_eq!(
        lines.last().map(String::as_str),
        Some("1 decided otherwise")
    );
    assert_eq!(
        replay(&capture, Some("203.0.113.9".parse().unwrap()), &mut two).len(),
        4
    );
}

#[test]
fn the_plugins_clock_is_the_captures() {
    let config =
        r#"{"zone": "UTC0", "rules": [{"days": ["thu"], "hours": ["08:00-08:01"], "reply": 480}]}"#;
    let mut calendar = [plugin("time-route", config)];
    let capture = capture(vec![message(
        "INVITE sip:b@example.com SIP/2.0",
        1,
        "1 INVITE",
        "",
    )]);
    let lines = replay(&capture, None, &mut calendar);
    assert_eq!(
        lines.get(1).map(String::as_str),
        Some("    on-request: reply 480")
    );
}
