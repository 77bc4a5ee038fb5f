//! `bellhop plugin replay`: what a plugin would have done to the calls of a capture, or what the next version
//! would do otherwise.

use super::{
    capture::{Capture, Seen},
    trial::{Asked, Outcome, Trial},
};
use bellhop_wire::{Index, Limits, Message};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    time::Duration,
};

/// The lines to print: one for each message about which a plugin had something to say, or on which two
/// differ; then the counts.
pub(super) fn replay(capture: &Capture, to: Option<IpAddr>, plugins: &mut [Trial]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut counts: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new(); plugins.len()];
    let mut differ = 0_usize;
    let questions = questions(capture, to);
    for (seen, user) in &questions {
        let asked = Asked {
            bytes: &seen.bytes,
            from: seen.from,
            is_tcp: seen.is_tcp,
            zone: "outside",
            user: user.as_deref(),
        };
        let mut said: Vec<String> = Vec::new();
        for (plugin, counts) in plugins.iter_mut().zip(&mut counts) {
            plugin.set_time(seen.at.max(Duration::from_secs(1)));
            let text = match plugin.ask(&asked, None) {
                Ok(outcomes) => {
                    let kind = kind(&outcomes);
                    let count = counts.entry(kind).or_default();
                    *count = count.saturating_add(1);
                    outcomes
                        .iter()
                        .map(told)
                        .collect::<Vec<_>>()
                        .join(", then ")
                }
                Err(error) => error,
            };
            said.push(text);
        }
        let silent = said
            .iter()
            .all(|text| text.is_empty() || text.split(", then ").all(is_nothing));
        let same = said
            .first()
            .is_none_or(|first| said.iter().all(|other| other == first));
        if !same {
            differ = differ.saturating_add(1);
        }
        if (plugins.len() == 1 && silent) || (plugins.len() > 1 && same) {
            continue;
        }
        lines.push(head(seen));
        match said.as_slice() {
            [one] => lines.push(format!("    {one}")),
            many => lines.extend(
                many.iter()
                    .zip(["-", "+"])
                    .map(|(text, sign)| format!("  {sign} {text}")),
            ),
        }
    }
    for (counts, sign) in counts.iter().zip(["-", "+"]) {
        let sign = if plugins.len() > 1 { sign } else { "=" };
        let counts: Vec<_> = counts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        lines.push(format!("{sign} {}", counts.join(", ")));
    }
    let (messages, asked) = (capture.messages.len(), questions.len());
    lines.push(format!(
        "{messages} SIP messages, {asked} of them asked about"
    ));
    if plugins.len() > 1 {
        lines.push(format!("{differ} decided otherwise"));
    }
    lines
}

/// Whether one hook's outcome is that nothing was decided or changed.
fn is_nothing(outcome: &str) -> bool {
    outcome.ends_with(": continue")
}

/// The messages that plugins are asked about, each once, with the user whose credentials it carries: no ACK
/// and CANCEL, no copies (retransmissions, and the next leg through a proxy), and no requests that were
/// only challenged. Responses count as requests do.
fn questions(capture: &Capture, to: Option<IpAddr>) -> Vec<(&Seen, Option<String>)> {
    let mut index = Index::new();
    let mut challenged = HashSet::new();
    let mut keys = HashMap::new();
    for (at, seen) in capture.messages.iter().enumerate() {
        let Ok(message) = index.parse(&seen.bytes, &Limits::default()) else {
            continue;
        };
        let Some(key) = transaction(message) else {
            continue;
        };
        if matches!(message.status(), Some(401 | 407)) {
            challenged.insert(key.clone());
        }
        keys.insert(at, (key, message.status(), user(message)));
    }
    let mut known = HashSet::new();
    let mut found = Vec::new();
    for (at, seen) in capture.messages.iter().enumerate() {
        let Some((key, status, user)) = keys.remove(&at) else {
            continue;
        };
        let here = to.is_none_or(|to| seen.to.ip() == to);
        let is_call = !matches!(key.2.as_str(), "ACK" | "CANCEL");
        // A 100 is for the hop before it alone (RFC 3261 16.7), so no hook sees it.
        let is_told = is_call && status != Some(100);
        if here && is_told && !challenged.contains(&key) && known.insert((key, status)) {
            found.push((seen, user));
        }
    }
    found
}

/// Call-ID, CSeq number and method, From tag.
fn transaction(message: Message<'_>) -> Option<(Vec<u8>, u32, String, Vec<u8>)> {
    let (number, method) = message.cseq().ok()?;
    let tag = message.from_tag().unwrap_or_default();
    Some((
        message.call_id().to_vec(),
        number,
        method.as_str().to_owned(),
        tag.to_vec(),
    ))
}

/// The username of the credentials in a request (RFC 3261 22.3); a capture tells no more.
fn user(message: Message<'_>) -> Option<String> {
    let mut fields = message
        .named("Authorization")
        .chain(message.named("Proxy-Authorization"));
    fields.find_map(|field| {
        let value = String::from_utf8_lossy(field.value).into_owned();
        let (_, after) = value.split_once("username=\"")?;
        after.split_once('"').map(|(user, _)| user.to_owned())
    })
}

/// Time of day (UTC), who to whom, start line, Call-ID.
fn head(seen: &Seen) -> String {
    let day = seen.at.as_secs() % 86_400;
    let (hours, minutes, seconds) = (day / 3600, day / 60 % 60, day % 60);
    let millis = seen.at.subsec_millis();
    let end = seen
        .bytes
        .iter()
        .position(|byte| *byte == b'\r')
        .unwrap_or(seen.bytes.len());
    let start = String::from_utf8_lossy(seen.bytes.get(..end).unwrap_or_default()).into_owned();
    let mut index = Index::new();
    let message = index.parse(&seen.bytes, &Limits::default());
    let call_id = message.map(|m| String::from_utf8_lossy(m.call_id()).into_owned());
    let line = format!(
        "{hours:02}:{minutes:02}:{seconds:02}.{millis:03} {} {start} {}",
        seen.from,
        call_id.unwrap_or_default()
    );
    line.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

fn told(outcome: &Outcome) -> String {
    let mut text = match outcome.fault {
        Some(fault) => format!("{}: FAILED ({fault})", outcome.hook),
        None => format!("{}: {}", outcome.hook, outcome.verdict),
    };
    if !outcome.edits.is_empty() {
        text.push_str(&format!(" [{}]", outcome.edits.join("; ")));
    }
    text
}

/// For the counts: a verdict's first words.
fn kind(outcomes: &[Outcome]) -> String {
    let Some(last) = outcomes.last() else {
        return "not asked".to_owned();
    };
    if outcomes.iter().any(|outcome| outcome.fault.is_some()) {
        return "failed".to_owned();
    }
    let words = if last.verdict.starts_with("reply") {
        2
    } else {
        1
    };
    let verdict: Vec<&str> = last.verdict.split([' ', ',']).take(words).collect();
    let edited = outcomes.iter().any(|outcome| !outcome.edits.is_empty());
    let edited = if edited { " with edits" } else { "" };
    format!("{}{edited}", verdict.join(" "))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests;
