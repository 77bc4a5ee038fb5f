//! How the upstreams are, as people read it.

use super::show::{list as items, text, time};
use serde_json::Value;

/// `GET /upstreams`: a line for each target.
pub(super) fn list(value: &Value) -> String {
    let mut lines: Vec<String> = items(value, "upstreams").iter().map(target).collect();
    if lines.is_empty() {
        lines.push("no upstreams".to_owned());
    }
    lines.join("\n")
}

/// `POST /upstreams/resync`.
pub(super) fn resynced(value: &Value) -> String {
    let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    let (leases, rate) = (number("leases"), number("rate").max(1));
    let (upstream, subscriptions) = (text(value, "upstream"), number("subscriptions"));
    let what = match subscriptions {
        0 => String::new(),
        count => format!(" and {count} subscriptions"),
    };
    let all = leases.saturating_add(subscriptions);
    format!(
        "{upstream}: {leases} registrations{what} are made anew, {rate} a second: about {}",
        time(all.div_ceil(rate))
    )
}

/// `pbx\tudp:198.51.100.5:5060\tdown for 3 min\tprobed every 10 s\tlast trouble 3 min ago: ..`
fn target(target: &Value) -> String {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64);
    let mut line = format!(
        "{}\t{}\t{}",
        text(target, "name"),
        text(target, "target"),
        text(target, "state")
    );
    match number(target, "lasted") {
        Some(lasted) => line.push_str(&format!(" for {}", time(lasted))),
        None => line.push_str(" since the start"),
    }
    if let Some(rest) = number(target, "rest") {
        line.push_str(&format!(", {} more", time(rest)));
    }
    match number(target, "probe") {
        Some(every) => line.push_str(&format!("\tprobed every {}", time(every))),
        None => line.push_str("\tnot probed"),
    }
    if let Some(trouble) = target.get("trouble").filter(|t| t.is_object()) {
        let ago = time(number(trouble, "ago").unwrap_or(0));
        let what = text(trouble, "what");
        line.push_str(&format!("\tlast trouble {ago} ago: {what}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_tells_state_and_last_trouble_of_each_target() {
        let down = json!({
            "name": "pbx", "target": "udp:198.51.100.5:5060", "state": "down", "lasted": 200,
            "rest": null, "probe": 10, "trouble": { "what": "no answer", "ago": 200 },
        });
        let busy = json!({
            "name": "spare", "target": "tcp:198.51.100.6:5060", "state": "draining", "lasted": 5,
            "rest": 15, "probe": null, "trouble": { "what": "asked", "ago": 5 },
        });
        let well = json!({
            "name": "other", "target": "udp:[2001:db8::1]:5060", "state": "up", "lasted": null,
            "rest": null, "probe": null, "trouble": null,
        });
        let shown = list(&json!({ "upstreams": [down, busy, well] }));
        assert_eq!(
            shown,
            "pbx\tudp:198.51.100.5:5060\tdown for 3 min\tprobed every 10 s\tlast trouble 3 min ago: no answer\n\
             spare\ttcp:198.51.100.6:5060\tdraining for 5 s, 15 s more\tnot probed\tlast trouble 5 s ago: asked\n\
             other\tudp:[2001:db8::1]:5060\tup since the start\tnot probed"
        );
        assert_eq!(list(&json!({ "upstreams": [] })), "no upstreams");
        let resync = json!({ "upstream": "pbx", "leases": 9_000, "rate": 50 });
        assert_eq!(
            resynced(&resync),
            "pbx: 9000 registrations are made anew, 50 a second: about 3 min"
        );
        let both = json!({ "upstream": "pbx", "leases": 90, "subscriptions": 30, "rate": 60 });
        assert_eq!(
            resynced(&both),
            "pbx: 90 registrations and 30 subscriptions are made anew, 60 a second: about 2 s"
        );
    }
}
