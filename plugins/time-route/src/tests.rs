//! Where calls go at which time.

use bellhop_plugin::testing::{Harness, bye, invite};

use super::*;

const OFFICE: &str = r#"{"zone": "CET-1CEST,M3.5.0,M10.5.0/3", "rules": [
    {"callees": ["112"], "pass": true},
    {"dates": ["12-25", "2026-04-06"], "to": "sip:holiday@announce.example"},
    {"callees": ["support"], "days": ["mon-fri"], "hours": ["08:00-12:00", "13:00-17:30"], "via": "group:office"},
    {"callees": ["support"], "days": ["sat"], "hours": ["22:00-02:00"], "reply": 480, "reason": "At night"},
    {"callees": ["support"], "to": "sip:{user}-night@{host}"}
]}"#;

/// The harness's clock at `hours` after 2026-01-01 00:00 UTC.
fn plugin_at(hours: u64) -> Harness<TimeRoute> {
    let plugin = Harness::new(OFFICE).unwrap_or_else(|error: String| unreachable!("{error}"));
    plugin.advance(std::time::Duration::from_secs(hours.saturating_mul(3600)));
    plugin
}

/// "uri via" of the target, or the status, or "-".
fn routed(plugin: &mut Harness<TimeRoute>, user: &str) -> String {
    let verdict = plugin.on_request(&invite().to(&format!("sip:{user}@example.com")));
    match verdict {
        Verdict::Route(route) => {
            let show = |target: &Target| {
                format!(
                    "{} {}",
                    target.uri,
                    target.next_hop.as_deref().unwrap_or("-")
                )
            };
            route.targets.iter().map(show).collect()
        }
        Verdict::Reply(reply) => reply.status.to_string(),
        _ => "-".to_owned(),
    }
}

#[test]
fn the_office_is_open_from_eight_to_half_past_five() {
    let office = "sip:support@example.com group:office";
    let night = "sip:support-night@example.com -";
    // Thursday, 06:59, 07:00, 11:30, 12:00 UTC; an hour later in Berlin.
    assert_eq!(routed(&mut plugin_at(6), "support"), night);
    assert_eq!(routed(&mut plugin_at(7), "support"), office);
    assert_eq!(routed(&mut plugin_at(11), "support"), night);
    assert_eq!(routed(&mut plugin_at(12), "support"), office);
    // Saturday noon.
    assert_eq!(routed(&mut plugin_at(2 * 24 + 11), "support"), night);
}

#[test]
fn a_span_over_midnight_is_of_its_weekday() {
    // Saturday 22:00 and 01:00 in Berlin.
    assert_eq!(routed(&mut plugin_at(2 * 24 + 21), "support"), "480");
    assert_eq!(routed(&mut plugin_at(2 * 24), "support"), "480");
    // Sunday 01:00.
    assert_eq!(
        routed(&mut plugin_at(3 * 24), "support"),
        "sip:support-night@example.com -"
    );
}

#[test]
fn a_holiday_comes_before_the_hours_and_an_emergency_before_all() {
    // Christmas Day, and Easter Monday of 2026, at noon.
    for day in [358, 95] {
        let mut plugin = plugin_at(day * 24 + 11);
        assert_eq!(routed(&mut plugin, "bob"), "sip:holiday@announce.example -");
        assert_eq!(routed(&mut plugin, "112"), "-");
    }
    assert_eq!(routed(&mut plugin_at(95 * 24 - 13), "bob"), "-");
}

#[test]
fn requests_of_a_dialog_are_left_alone() {
    let mut plugin = plugin_at(358 * 24 + 11);
    assert_eq!(plugin.on_request(&bye()), Verdict::Continue);
}

#[test]
fn a_wrong_rule_is_refused_and_says_why() {
    let said = |rule: &str| {
        let config = format!(r#"{{"zone": "UTC0", "rules": [{rule}]}}"#);
        Harness::<TimeRoute>::new(&config).err().unwrap_or_default()
    };
    assert_eq!(
        said(r#"{"reply": 200}"#),
        "rules[0]: expected one of: pass, reply (300 to 699), to and via"
    );
    assert_eq!(
        said(r#"{"pass": true, "hours": ["8-17"]}"#),
        "rules[0]: hours: 8-17: expected 08:00-17:30"
    );
    assert_eq!(
        said(r#"{"pass": true, "days": ["monday"]}"#),
        "rules[0]: days: expected mon, tue, .. or mon-fri"
    );
    let zone = Harness::<TimeRoute>::new(r#"{"zone": "Berlin", "rules": []}"#).err();
    assert_eq!(
        zone.as_deref(),
        Some("zone: Berlin: expected a form like CET-1CEST,M3.5.0,M10.5.0/3")
    );
}
