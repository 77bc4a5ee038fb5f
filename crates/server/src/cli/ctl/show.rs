//! Answers as people read them. What phones wrote is made printable: it must not reach the terminal raw.

use super::Answer;
use serde_json::Value;

/// `GET /status`.
pub(super) fn status(value: &Value) -> String {
    let mut lines = vec![format!(
        "bellhop    {}, {}, process {}",
        text(value, "version"),
        text(value, "phase"),
        text(value, "process")
    )];
    if let Some(uptime) = value.get("uptime").and_then(Value::as_u64) {
        lines.push(format!("up         {}", time(uptime)));
    }
    if !value.get("file").is_none_or(Value::is_null) {
        lines.push(format!("file       {}", text(value, "file")));
    }
    for listener in list(value, "listeners") {
        lines.push(format!(
            "listen     {}: {}:{}",
            text(listener, "name"),
            text(listener, "transport"),
            text(listener, "address")
        ));
    }
    let workers = list(value, "workers");
    let stuck = workers
        .iter()
        .filter(|w| w.get("answers") == Some(&Value::Bool(false)));
    let stuck = match stuck.count() {
        0 => String::new(),
        stuck => format!(", {stuck} of them stuck"),
    };
    lines.push(format!("workers    {}{stuck}", workers.len()));
    let sum = |key: &str| -> u64 {
        let parts = workers.iter().filter_map(|w| w.get(key)?.as_u64());
        parts.fold(0, u64::saturating_add)
    };
    lines.push(format!(
        "under way  {} server and {} client transactions, {}",
        sum("server_transactions"),
        sum("client_transactions"),
        size(sum("transaction_bytes"))
    ));
    lines.push(format!("bindings   {}", text(value, "bindings")));
    if let Some(store) = value.get("store").filter(|store| store.is_object()) {
        lines.push(stored(store));
    }
    if let Some(connections) = value.get("connections").filter(|c| c.is_object()) {
        lines.push(format!(
            "streams    {} accepted, {} opened",
            text(connections, "accepted"),
            text(connections, "opened")
        ));
    }
    lines.push(format!(
        "messages   {} received, {} sent",
        text(value, "received"),
        text(value, "sent")
    ));
    if let Some(memory) = value.get("memory").and_then(Value::as_u64) {
        lines.push(format!("memory     {}", size(memory)));
    }
    if let Some(reloads) = value.get("reloads") {
        lines.push(format!(
            "reloads    {} done, {} refused",
            text(reloads, "done"),
            text(reloads, "refused")
        ));
    }
    lines.join("\n")
}

fn stored(store: &Value) -> String {
    let file = store.get("file").and_then(Value::as_u64).unwrap_or(0);
    let number = |key| store.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let state = match store.get("trouble").and_then(Value::as_str) {
        Some(trouble) => format!("cannot write: {}", plain(trouble)),
        None => format!(
            "{} written, a commit takes {:.1} ms, the longest took {:.1} ms",
            text(store, "commits"),
            number("mean_commit"),
            number("longest_commit")
        ),
    };
    let (records, waiting) = (text(store, "records"), text(store, "waiting"));
    format!(
        "store      {records} records, {waiting} waiting, {}; {state}",
        size(file)
    )
}

/// `POST /reload`.
pub(super) fn reloaded(value: &Value) -> String {
    let mut lines = vec!["reloaded".to_owned()];
    for what in list(value, "left_out") {
        let what = what.as_str().unwrap_or_default();
        lines.push(format!("needs a restart and is left out: {}", plain(what)));
    }
    lines.join("\n")
}

/// `GET /bindings`.
pub(super) fn bindings(value: &Value) -> String {
    let all = list(value, "bindings");
    let mut lines = Vec::with_capacity(all.len());
    for binding in all {
        let mut line = format!(
            "{}\t{}\t{} {}\texpires in {}\tq {}",
            text(binding, "aor"),
            text(binding, "contact"),
            text(binding, "transport"),
            text(binding, "remote"),
            time(binding.get("expires").and_then(Value::as_u64).unwrap_or(0)),
            text(binding, "q")
        );
        if !binding.get("path").is_none_or(Value::is_null) {
            line.push_str(&format!("\tpath {}", text(binding, "path")));
        }
        if !binding.get("upstream").is_none_or(Value::is_null) {
            line.push_str(&format!("\tat the PBX: {}", text(binding, "upstream")));
        }
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push("no bindings".to_owned());
    }
    if value.get("truncated") == Some(&Value::Bool(true)) {
        lines.push(format!("... of {} bindings", text(value, "total")));
    }
    lines.join("\n")
}

/// What the program does not want, with every mistake that it names.
pub(super) fn refusal(answer: &Answer) -> String {
    let Some(value) = answer.json() else {
        return format!(
            "HTTP status {}: {}",
            answer.status,
            plain(answer.text.trim_end())
        );
    };
    let mut lines = Vec::new();
    for (severity, key) in [("error", "errors"), ("warning", "warnings")] {
        for problem in list(&value, key) {
            let line = match problem.get("line").and_then(Value::as_u64) {
                None | Some(0) => String::new(),
                Some(line) => format!(":{line}"),
            };
            let key = match text(problem, "key").as_str() {
                "" => String::new(),
                key => format!("{key}: "),
            };
            let (file, message) = (text(problem, "file"), text(problem, "message"));
            lines.push(format!("{severity}: {file}{line}: {key}{message}"));
        }
    }
    lines.push(text(&value, "error"));
    lines.join("\n")
}

/// A member that is a list; an empty one if it is none.
pub(super) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// A member as a text; `-` if it is not there.
pub(super) fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => plain(text),
        Some(other) => other.to_string(),
    }
}

/// Without control characters and those that turn the direction of text.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match crate::log::is_harmful(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

/// Seconds.
pub(super) fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Bytes.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_phones_wrote_cannot_colour_the_terminal_or_turn_a_line() {
        let binding =
            json!({ "aor": "a@b", "contact": "sip:\u{1b}[31m\u{202e}@x\n", "expires": 9 });
        let shown = bindings(&json!({ "bindings": [binding], "total": 1 }));
        assert_eq!(
            shown,
            "a@b\tsip:\\u{1b}[31m\\u{202e}@x\\u{a}\t- -\texpires in 9 s\tq -"
        );
    }

    #[test]
    fn a_refusal_lists_every_mistake_with_its_line() {
        let text = json!({
            "error": "reload refused",
            "errors": [
                { "file": "b.toml", "line": 3, "key": "log.level", "value": "x", "message": "not a level" },
                { "file": "b.toml", "line": 0, "key": "", "value": null, "message": "cannot be read" },
            ],
            "warnings": [],
        });
        let answer = Answer {
            status: 422,
            text: text.to_string(),
        };
        assert_eq!(
            refusal(&answer),
            "error: b.toml:3: log.level: not a level\nerror: b.toml: cannot be read\nreload refused"
        );
    }
}
