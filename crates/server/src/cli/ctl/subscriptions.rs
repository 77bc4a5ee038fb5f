//! Who watches what, as people read it.

use super::show::{list as items, text, time};
use serde_json::Value;

/// `GET /subscriptions`: a line for each.
pub(super) fn list(value: &Value) -> String {
    let mut lines: Vec<String> = items(value, "subscriptions")
        .iter()
        .map(subscription)
        .collect();
    if lines.is_empty() {
        lines.push("no subscriptions".to_owned());
    }
    lines.extend(items(value, "published").iter().map(published));
    if value.get("truncated").and_then(Value::as_bool) == Some(true) {
        let total = value.get("total").and_then(Value::as_u64).unwrap_or(0);
        lines.push(format!("these are not all: there are {total}"));
    }
    lines.join("\n")
}

/// `sip:night@example.org\tdialog\tpublished by night-switch\t262 bytes\tuntil it is taken back`
fn published(one: &Value) -> String {
    let bytes = one.get("bytes").and_then(Value::as_u64).unwrap_or(0);
    let until = one.get("expires").and_then(Value::as_u64);
    format!(
        "{}\t{}\tpublished by {}\t{bytes} bytes\t{}",
        text(one, "resource"),
        text(one, "event"),
        text(one, "plugin"),
        until.map_or("until it is taken back".to_owned(), |left| format!(
            "{} more",
            time(left)
        )),
    )
}

/// `sip:6002@example.org\tdialog\tsip:6001@example.org\tactive\t58 min more\tfor 2 min`
fn subscription(one: &Value) -> String {
    let number = |key: &str| one.get(key).and_then(Value::as_u64).unwrap_or(0);
    let mut event = text(one, "event").to_owned();
    if let Some(id) = one.get("id").and_then(Value::as_str) {
        event.push_str(&format!(";id={id}"));
    }
    format!(
        "{}\t{event}\t{}\t{}\t{} more\tfor {}",
        text(one, "resource"),
        text(one, "watcher"),
        text(one, "state"),
        time(number("expires")),
        time(number("age")),
    )
}
