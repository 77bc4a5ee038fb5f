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
    let (shared, relayed) = (number("subscriptions"), number("relayed"));
    let mut line = format!(
        "{}: {leases} registrations are made anew, {rate} a second: about {}",
        text(value, "upstream"),
        time(leases.div_ceil(rate))
    );
    let all = shared.saturating_add(relayed);
    if all > 0 {
        let rate = number("subscription_rate").max(1);
        line.push_str(&format!(
            "; {shared} subscriptions are made anew and {relayed} that are relayed asked about, {rate} a second: about {}",
            time(all.div_ceil(rate))
        ));
    }
    line
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
    if let Some(count) = number(target, "relayed").filter(|count| *count > 0) {
        line.push_str(&format!("\t{count} subscriptions relayed"));
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
            "rest": null, "probe": 10, "relayed": 0, "trouble": { "what": "no answer", "ago": 200 },
        });
        let busy = json!({
            "name": "spare", "target": "tcp:198.51.100.6:5060", "state": "draining", "lasted": 5,
            "rest": 15, "probe": null, "trouble": { "what": "asked", "ago": 5 },
        });
        let well = json!({
            "name": "other", "target": "udp:[2001:db8::1]:5060", "state": "up", "lasted": null,
            "rest": null, "probe": null, "relayed": 12, "trouble": null,
        });
        let shown = list(&json!({ "upstreams": [down, busy, well] }));
        assert_eq!(
            shown,
            "pbx\tudp:198.51.100.5:5060\tdown for 3 min\tprobed every 10 s\tlast trouble 3 min ago: no answer\n\
             spare\ttcp:198.51.100.6:5060\tdraining for 5 s, 15 s more\tnot probed\tlast trouble 5 s ago: asked\n\
             other\tudp:[2001:db8::1]:5060\tup since the start\tnot probed\t12 subscriptions relayed"
        );
        assert_eq!(list(&json!({ "upstreams": [] })), "no upstreams");
        let resync = json!({ "upstream": "pbx", "leases": 9_000, "rate": 50 });
        assert_eq!(
            resynced(&resync),
            "pbx: 9000 registrations are made anew, 50 a second: about 3 min"
        );
        let both = json!({
            "upstream": "pbx", "leases": 90, "rate": 60,
            "subscriptions": 300, "relayed": 1_100, "subscription_rate": 500,
        });
        assert_eq!(
            resynced(&both),
            "pbx: 90 registrations are made anew, 60 a second: about 2 s; 300 subscriptions are made anew and 1100 that \
             are relayed asked about, 500 a second: about 3 s"
        );
    }
}
