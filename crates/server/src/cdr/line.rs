//! A call record as a line of JSON: `docs/cdr.md` tells what each field means.

use crate::log;
use bellhop_core::{
    b2bua::{CallRecord, Party, Tried},
    flow::{Flow, Transport},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use std::{borrow::Cow, net::SocketAddr, time::Duration};

/// Appends the line of a record.
///
/// # Errors
/// Those of the writing, which memory does not have.
pub(super) fn write(record: &CallRecord, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let text = serde_json::to_string(&Line::of(record))?;
    // What turns a terminal's direction is a peer's to choose, too.
    let text = log::escaped(&text);
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
    Ok(())
}

#[derive(Serialize)]
struct Line<'a> {
    schema: u8,
    begin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ring: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    end: String,
    duration_ms: u64,
    disposition: &'static str,
    status: u16,
    ended_by: &'static str,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'a, str>>,
    from: Cow<'a, str>,
    to: Cow<'a, str>,
    request_uri: Cow<'a, str>,
    caller: Leg<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    called: Option<Leg<'a>>,
    attempts: Vec<Attempt<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    attempts_left_out: usize,
    notes: Noted<'a>,
}

#[derive(Serialize)]
struct Leg<'a> {
    call_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_tag: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

#[derive(Serialize)]
struct Attempt<'a> {
    uri: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    status: u16,
    ms: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    tag: &'a str,
}

struct Noted<'a>(&'a [(Box<str>, Box<str>)]);

impl Serialize for Noted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'a> Line<'a> {
    fn of(record: &'a CallRecord) -> Self {
        let at = |after: Duration| rfc3339(record.began.saturating_add(after));
        let lasted = record.answered.map_or(Duration::ZERO, |answered| {
            record.ended.saturating_sub(answered)
        });
        Self {
            schema: SCHEMA,
            begin: at(Duration::ZERO),
            ring: record.rang.map(at),
            answer: record.answered.map(at),
            end: at(record.ended),
            duration_ms: millis(lasted),
            disposition: record.outcome.word(),
            status: record.status,
            ended_by: record.ender.word(),
            cause: record.cause.word(),
            reason: record.reason.as_deref().map(String::from_utf8_lossy),
            from: String::from_utf8_lossy(&record.from),
            to: String::from_utf8_lossy(&record.to),
            request_uri: String::from_utf8_lossy(&record.request_uri),
            caller: Leg::of(&record.caller),
            called: record.called.as_ref().map(Leg::of),
            attempts: record.attempts.iter().map(Attempt::of).collect(),
            attempts_left_out: record.attempts_left_out,
            notes: Noted(&record.notes),
        }
    }
}

impl<'a> Leg<'a> {
    fn of(party: &'a Party) -> Self {
        let tag = Some(&*party.remote_tag).filter(|tag| !tag.is_empty());
        Self {
            call_id: String::from_utf8_lossy(&party.call_id),
            local_tag: party.local_tag.map(|tag| format!("{tag:016x}")),
            remote_tag: tag.map(String::from_utf8_lossy),
            address: party.flow.map(|flow: Flow| flow.remote),
            transport: party.flow.map(|flow| flow.transport.uri_token()),
            upstream: party.upstream.as_deref(),
            user: party.user.as_deref(),
        }
    }
}

impl<'a> Attempt<'a> {
    fn of(tried: &'a Tried) -> Self {
        Self {
            uri: String::from_utf8_lossy(&tried.uri),
            address: tried.to.map(|(_, address)| address),
            transport: tried
                .to
                .map(|(transport, _): (Transport, _)| transport.uri_token()),
            upstream: tried.upstream.as_deref(),
            status: tried.status,
            ms: millis(tried.took),
            tag: &tried.tag,
        }
    }
}

/// The moment that is this span after 1970, in UTC and to the millisecond (RFC 3339 5.6).
#[allow(
    clippy::arithmetic_side_effects,
    reason = "the span is bounded first, no divisor is zero, and each step subtracts less than there is"
)]
fn rfc3339(unix: Duration) -> String {
    let seconds = unix.as_secs().min(LAST);
    // From the first of March of the year 0, in spans of 400 years, which all have the same number of days.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, is_next) = match month {
        0..=9 => (month + 3, 0),
        _ => (month - 9, 1),
    };
    let year = era * 400 + year + is_next;
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let millis = unix.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Grows when a field changes its meaning or goes; new fields may come without.
const SCHEMA: u8 = 1;
/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_to_the_millisecond() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_796_034_030_007, "2026-11-30T10:20:30.007Z"),
            (1_798_761_599_999, "2026-12-31T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.615Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_millis(millis)), expected);
        }
    }
}
