//! Answers about plugins, as people read them.

use super::show::{list as items, size, text};
use serde_json::Value;

/// `GET /plugins`: a line for each plugin and one for each hook that was called.
pub(super) fn list(value: &Value) -> String {
    let mut lines = Vec::new();
    for plugin in items(value, "plugins") {
        let is = |key: &str| plugin.get(key) == Some(&Value::Bool(true));
        let mut notes = String::new();
        for (note, is_so) in [("shadow", is("shadow")), ("QUARANTINED", is("quarantined"))] {
            if is_so {
                notes.push_str(&format!(", {note}"));
            }
        }
        if number(plugin, "suspects") > 0 {
            notes.push_str(&format!(", {} suspects", text(plugin, "suspects")));
        }
        let hash: String = text(plugin, "sha256").chars().take(12).collect();
        lines.push(format!(
            "{}\t{} {}\tsha256 {hash}..\t{} instances, store {}{notes}",
            text(plugin, "name"),
            text(plugin, "title"),
            text(plugin, "version"),
            text(plugin, "instances"),
            size(number(plugin, "store_bytes")),
        ));
        for hook in items(plugin, "calls") {
            lines.push(called(hook));
        }
        if is("shadow") {
            let (compared, differed) = (text(plugin, "compared"), text(plugin, "differed"));
            lines.push(format!("  {compared} comparisons, {differed} differed"));
        }
    }
    if lines.is_empty() {
        lines.push("no plugins".to_owned());
    }
    lines.join("\n")
}

/// `POST /plugins/reload`.
pub(super) fn reloaded(value: &Value) -> String {
    let mut lines = Vec::new();
    for (key, what) in [
        ("loaded", "loaded"),
        ("kept", "as it was"),
        ("removed", "removed"),
    ] {
        let names = items(value, key).iter().filter_map(Value::as_str);
        lines.extend(names.map(|name| format!("{name}: {what}")));
    }
    if lines.is_empty() {
        lines.push("no plugins".to_owned());
    }
    lines.join("\n")
}

/// `GET /plugins/NAME/differences`.
pub(super) fn differences(value: &Value) -> String {
    let mut lines: Vec<String> = Vec::new();
    for difference in items(value, "differences") {
        lines.push(format!(
            "{}\t{}\treal: {}\tshadow: {}",
            text(difference, "call_id"),
            text(difference, "hook"),
            text(difference, "real"),
            text(difference, "shadow"),
        ));
    }
    let (compared, differed) = (text(value, "compared"), text(value, "differed"));
    lines.push(format!("{compared} comparisons, {differed} differed"));
    lines.join("\n")
}

/// `  on-request\t12 calls, 3.4 us each; continue 10, reply 2; failed: deadline 1`
fn called(hook: &Value) -> String {
    let calls = number(hook, "calls");
    let seconds = hook.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
    let each = if calls > 0 {
        seconds * 1e6 / calls as f64
    } else {
        0.0
    };
    let counts = |key: &str| -> String {
        let counts = hook.get(key).and_then(Value::as_object);
        let counts = counts.into_iter().flatten();
        let counts: Vec<String> = counts
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        counts.join(", ")
    };
    let (verdicts, failures) = (counts("verdicts"), counts("failures"));
    let failures = match failures.is_empty() {
        true => failures,
        false => format!("; failed: {failures}"),
    };
    format!(
        "  {}\t{calls} calls, {each:.1} us each; {verdicts}{failures}",
        text(hook, "hook")
    )
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plugin_is_told_with_what_its_hooks_did_and_that_it_is_left_alone() {
        let plugin = json!({
            "name": "a", "title": "block-list", "version": "1.0", "sha256": "0123456789abcdef",
            "shadow": false, "quarantined": true, "suspects": 1, "instances": 2, "store_bytes": 12,
            "calls": [{ "hook": "on-request", "calls": 4, "seconds": 0.00001, "edits": 0,
                "verdicts": { "continue": 3 }, "failures": { "trap": 1 } }],
        });
        assert_eq!(
            list(&json!({ "plugins": [plugin] })),
            "a\tblock-list 1.0\tsha256 0123456789ab..\t2 instances, store 12 bytes, QUARANTINED, 1 suspects\n  \
             on-request\t4 calls, 2.5 us each; continue 3; failed: trap 1"
        );
    }

    #[test]
    fn differences_are_told_with_their_call() {
        let one =
            json!({ "call_id": "c\n", "hook": "on-route", "real": "continue", "shadow": "drop" });
        let all = json!({ "compared": 9, "differed": 1, "differences": [one] });
        assert_eq!(
            differences(&all),
            "c\\u{a}\ton-route\treal: continue\tshadow: drop\n9 comparisons, 1 differed"
        );
    }
}
