//! What the host lets a plugin write: the rules of `crates/core/src/policy` and of the contract's
//! comments, for the native harness.

use crate::{
    EditError, FailureVerdict, HeaderField, RegisterVerdict, Reply, Route, Verdict, uri::Uri,
};

/// Whether a plugin may set this header field to this value.
pub(super) fn field(name: &str, value: &str) -> Result<(), EditError> {
    token(name)?;
    let id = full_name(name);
    if PROTECTED.iter().any(|own| own.eq_ignore_ascii_case(id)) {
        return Err(EditError::Protected);
    }
    line(value)
}

/// A sip, sips or tel URI without header fields (RFC 3261, 19.1.5).
pub(super) fn uri(uri: &str) -> Result<(), EditError> {
    let plain = |b: u8| b > b' ' && b < 0x7f && !matches!(b, b'<' | b'>' | b'"');
    if uri.len() > LONGEST_URI || !uri.bytes().all(plain) {
        return Err(malformed("not a URI"));
    }
    let parts = Uri::parse(uri).ok_or_else(|| malformed("not a sip, sips or tel URI"))?;
    match parts.rest.contains('?') {
        true => Err(malformed("a Request-URI has no header fields")),
        false => Ok(()),
    }
}

/// A body's Content-Type and size.
pub(super) fn body(content_type: &str, data: &[u8]) -> Result<(), EditError> {
    let typed = content_type.find('/').is_some_and(|at| at > 0);
    match typed && data.len() <= LONGEST_BODY && content_type.len() <= LONGEST_NAME {
        true => line(content_type),
        false => Err(malformed("not a body")),
    }
}

/// A note's key and value.
pub(super) fn note(key: &str, value: &str, others: usize) -> Result<(), EditError> {
    match key.len() <= 64 && value.len() <= 1024 && others < 16 {
        true => Ok(()),
        false => Err(malformed("more notes, or longer ones, than a message has")),
    }
}

/// Whether a call's record takes a note of this key and value, besides so many others.
pub(super) fn is_recorded(key: &str, value: &str, others: usize) -> bool {
    key.len() <= 64 && value.len() <= 256 && others < 16
}

/// Whether the host takes this verdict on a request of this method.
pub(super) fn verdict(verdict: &Verdict, method: &str) -> Result<(), String> {
    match verdict {
        Verdict::Reply(value) => reply(value, method),
        Verdict::Route(value) => route(value),
        Verdict::Challenge(value) => said("realm", line(&value.realm)),
        Verdict::Continue | Verdict::Accept | Verdict::Drop => Ok(()),
    }
}

/// Whether the host takes this verdict on a REGISTER.
pub(super) fn register_verdict(verdict: &RegisterVerdict) -> Result<(), String> {
    match verdict {
        RegisterVerdict::Reply(value) => reply(value, "REGISTER"),
        RegisterVerdict::Challenge(value) => said("realm", line(&value.realm)),
        _ => Ok(()),
    }
}

/// Whether the host takes this verdict on a failure.
pub(super) fn failure_verdict(verdict: &FailureVerdict, method: &str) -> Result<(), String> {
    match verdict {
        FailureVerdict::Reply(value) => reply(value, method),
        FailureVerdict::Route(value) => route(value),
        _ => Ok(()),
    }
}

/// Whether the host takes this route.
pub(super) fn route(route: &Route) -> Result<(), String> {
    if route.targets.is_empty() {
        return Err("a route without targets".to_owned());
    }
    for target in &route.targets {
        said("target", uri(&target.uri))?;
        if target.priority > 1000 {
            return Err(format!("priority {}: 1000 is the most", target.priority));
        }
        match target.next_hop.as_deref() {
            None => {}
            Some(hop) if hop.strip_prefix("group:").is_some_and(|g| !g.is_empty()) => {}
            Some(hop) => said("next hop", uri(hop))?,
        }
        for HeaderField { name, value } in &target.headers {
            said(name, field(name, value))?;
        }
        said("tag", line(&target.tag))?;
    }
    Ok(())
}

fn reply(reply: &Reply, method: &str) -> Result<(), String> {
    let makes_dialog = ["INVITE", "SUBSCRIBE", "REFER", "UPDATE"].contains(&method);
    match reply.status {
        300..=699 => {}
        200..=299 if !makes_dialog => {}
        status => return Err(format!("a plugin cannot answer {method} with {status}")),
    }
    said("reason", line(reply.reason.as_deref().unwrap_or_default()))?;
    for HeaderField { name, value } in &reply.headers {
        let contact = name.eq_ignore_ascii_case("contact") || name.eq_ignore_ascii_case("m");
        match contact && reply.status < 400 && reply.status >= 300 {
            true => said(name, line(value))?,
            false => said(name, field(name, value))?,
        }
    }
    match &reply.body {
        Some(own) => said("body", body(&own.content_type, &own.data)),
        None => Ok(()),
    }
}

/// The long name of a compact form (RFC 3261, 7.3.3 and 20; RFC 3265, 3515, 3892, 4028, 4474).
pub(super) fn full_name(name: &str) -> &str {
    let compact = COMPACT
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(name));
    compact.map_or(name, |(_, long)| long)
}

/// Whether two names mean one header.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    full_name(a).eq_ignore_ascii_case(full_name(b))
}

fn token(name: &str) -> Result<(), EditError> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    match !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(ok) {
        true => Ok(()),
        false => Err(malformed("not a header name")),
    }
}

fn line(value: &str) -> Result<(), EditError> {
    let plain = value.chars().all(|c| c == '\t' || !c.is_control());
    match plain && value.len() <= LONGEST_VALUE {
        true => Ok(()),
        false => Err(malformed("not a header value")),
    }
}

fn said(what: &str, result: Result<(), EditError>) -> Result<(), String> {
    result.map_err(|error| format!("{what}: {error:?}"))
}

fn malformed(what: &str) -> EditError {
    EditError::Malformed(what.to_owned())
}

const COMPACT: &[(&str, &str)] = &[
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("n", "Identity-Info"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
    ("y", "Identity"),
];
const PROTECTED: &[&str] = &[
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Record-Route",
    "Route",
    "Contact",
    "Max-Forwards",
    "Max-Breadth",
    "Content-Length",
    "Content-Type",
    "Authorization",
    "Proxy-Authorization",
    "WWW-Authenticate",
    "Proxy-Authenticate",
    "Authentication-Info",
    "Proxy-Authentication-Info",
];
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 8 * 1024;
const LONGEST_URI: usize = 2 * 1024;
const LONGEST_BODY: usize = 64 * 1024;
