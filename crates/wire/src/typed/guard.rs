//! The guard: what went into `rsip` must come out again, or it is refused.

use super::{TypedError, WriteSip};
use crate::view::params::Param;
use crate::view::scan::is_blank;
use crate::{Host, NameAddr, Params, Scheme, UriRef, ViaRef};
use rsip::headers::typed::Tokenize;
use std::borrow::Cow;

/// A typed header of `rsip`'s that holds no URI: only these may be read by its parser. The guard sees
/// what that loses, but not what it puts in the wrong place, such as `first.last@h` all in the host.
pub trait NoUri<'a>: rsip::typed::TypedHeader<'a> {}

impl NoUri<'_> for rsip::typed::Accept {}
impl NoUri<'_> for rsip::typed::Allow {}
impl NoUri<'_> for rsip::typed::ContentDisposition {}
impl NoUri<'_> for rsip::typed::ContentType {}
impl NoUri<'_> for rsip::typed::CSeq {}
impl NoUri<'_> for rsip::typed::Priority {}

/// Reads one header value, made one line by [`unfold`], with `rsip`'s own typed parser and prints it
/// again.
///
/// # Errors
/// `Refused` if `rsip` cannot read it, `Lossy` if the printed value is not `clean`.
pub fn guarded<'a, T: NoUri<'a>>(clean: &'a str) -> Result<T, TypedError> {
    read_back(clean)
}

/// As [`guarded`] for every typed header; case may change in schemes and transports.
pub(super) fn read_back<'a, T: rsip::typed::TypedHeader<'a>>(
    clean: &'a str,
) -> Result<T, TypedError> {
    let tokens = T::Tokenizer::tokenize(clean).map_err(|_| TypedError::Refused)?;
    let typed = T::try_from(tokens).map_err(|_| TypedError::Refused)?;
    if folded(&typed.to_string()) == folded(clean) {
        Ok(typed)
    } else {
        Err(TypedError::Lossy)
    }
}

/// A header value as one line: without blanks around it, every fold one space (RFC 3261 7.3.1).
///
/// # Errors
/// `Text` if it is not UTF-8, `Unsafe` if it holds a CR, LF or NUL that is no fold's.
pub fn unfold(value: &[u8]) -> Result<Cow<'_, str>, TypedError> {
    let text = std::str::from_utf8(value).map_err(|_| TypedError::Text)?;
    let text = text.trim_matches(|c: char| c.is_ascii() && u8::try_from(c).is_ok_and(is_blank));
    if !text.contains(['\r', '\n', '\0']) {
        return Ok(Cow::Borrowed(text));
    }
    let mut line = String::with_capacity(text.len());
    for part in text.split("\r\n") {
        let starts_folded = part.starts_with([' ', '\t']);
        if part.contains(['\r', '\n', '\0']) || (!starts_folded && !line.is_empty()) {
            return Err(TypedError::Unsafe);
        }
        let part = part.trim_matches([' ', '\t']);
        if !line.is_empty() && !part.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    Ok(Cow::Owned(line))
}

/// The URI, written and read again, is the view it came from.
pub(super) fn uri(view: &UriRef<'_>, made: &rsip::Uri) -> Result<(), TypedError> {
    let written = written(made)?;
    let again = UriRef::parse(&written).map_err(|_| TypedError::Lossy)?;
    same_if(uris(view, &again))
}

/// As [`uri`], for From, To, Contact and Route elements.
pub(super) fn name_addr(view: &NameAddr<'_>, made: &impl WriteSip) -> Result<(), TypedError> {
    let written = written(made)?;
    let again = NameAddr::parse(&written).map_err(|_| TypedError::Lossy)?;
    let same = view.display == again.display
        && uris(&view.uri, &again.uri)
        && params(view.params, again.params);
    same_if(same)
}

/// As [`uri`], for Via.
pub(super) fn via(view: &ViaRef<'_>, made: &rsip::typed::Via) -> Result<(), TypedError> {
    let written = written(made)?;
    let again = ViaRef::parse(&written).map_err(|_| TypedError::Lossy)?;
    let same = view.transport.eq_ignore_ascii_case(again.transport)
        && view.host.same(again.host)
        && view.port == again.port
        && params(view.params, again.params);
    same_if(same)
}

fn same_if(same: bool) -> Result<(), TypedError> {
    same.then_some(()).ok_or(TypedError::Lossy)
}

fn written(made: &impl WriteSip) -> Result<Vec<u8>, TypedError> {
    let mut out = Vec::new();
    made.write_sip(&mut out).map_err(|_| TypedError::Lossy)?;
    Ok(out)
}

/// Part by part the same; stricter than [`UriRef::same`], for nothing may be left out.
fn uris(a: &UriRef<'_>, b: &UriRef<'_>) -> bool {
    let other = |uri: &UriRef<'_>| match uri.scheme {
        Scheme::Other => uri.raw.to_ascii_lowercase(),
        _ => Vec::new(),
    };
    let hosts = match (a.host, b.host) {
        (Some(Host::Name(x)), Some(Host::Name(y))) => x == y,
        (x, y) => x == y,
    };
    hosts
        && a.scheme == b.scheme
        && a.user == b.user
        && a.password == b.password
        && a.port == b.port
        && a.headers == b.headers
        && params(a.params, b.params)
        && other(a) == other(b)
}

fn params(a: Params<'_>, b: Params<'_>) -> bool {
    let same = |x: Param<'_>, y: Param<'_>| match (x.value, y.value) {
        (Some(v), Some(w)) if x.is("transport") => v.eq_ignore_ascii_case(w),
        (v, w) => v == w,
    };
    a.iter().count() == b.iter().count()
        && a.iter()
            .zip(b.iter())
            .all(|(x, y)| x.name.eq_ignore_ascii_case(y.name) && same(x, y))
}

/// The text with its sip or sips scheme and the value of every `transport=` in lower case: `rsip`
/// prints these in one case, and case means nothing in them (RFC 3261 19.1.4).
fn folded(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut fold_until = 0;
    let mut before = '<';
    for (at, c) in text.char_indices() {
        let tail = lower.get(at..).unwrap_or_default();
        let length = if tail.starts_with("transport=") {
            tail.find([';', '>', ',', '?', ' ']).unwrap_or(tail.len())
        } else if before == '<' && tail.starts_with("sip") {
            tail.find(':').unwrap_or(0)
        } else {
            0
        };
        fold_until = fold_until.max(at.saturating_add(length));
        out.push(if at < fold_until {
            c.to_ascii_lowercase()
        } else {
            c
        });
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_becomes_one_space() {
        assert_eq!(unfold(b" a\r\n\t b ; c \r\n ").unwrap(), "a b ; c");
        assert_eq!(unfold(b"a  b").unwrap(), "a  b");
        assert_eq!(unfold(b"").unwrap(), "");
    }

    #[test]
    fn what_is_no_fold_is_unsafe() {
        for bad in [
            &b"a\r\nb"[..],
            b"a\nb",
            b"a\rb",
            b"a\n b",
            b"a\0b",
            b"a\r\n\r\n b",
        ] {
            assert_eq!(unfold(bad), Err(TypedError::Unsafe), "{bad:?}");
        }
        assert_eq!(unfold(b"\xff"), Err(TypedError::Text));
    }

    #[test]
    fn values_that_rsip_prints_as_they_were_come_through() {
        let allow: rsip::typed::Allow = guarded("INVITE, ACK").unwrap();
        assert_eq!(allow.0, [rsip::Method::Invite, rsip::Method::Ack]);
        let kind: rsip::typed::ContentType = guarded("application/sdp").unwrap();
        assert_eq!(kind.0, rsip::typed::MediaType::Sdp(Vec::new()));
        let to: rsip::typed::To = read_back("A <SIP:a@h;transport=tcp>;tag=X").unwrap();
        assert_eq!(to.tag().unwrap().value(), "X");
    }

    #[test]
    fn what_rsip_would_cut_off_is_lossy() {
        // facts/message-layer.md, section 1: values cut at the colon, parameters lost behind a blank.
        for cut in [
            "SIP/2.0/UDP h;branch=z9hG4bK:1",
            "SIP/2.0/UDP h;received=2001:db8::9",
            "SIP/2.0/UDP h ;branch=z9hG4bK1",
            "SIP/2.0/UDP h;branch=a, SIP/2.0/UDP i;branch=b",
        ] {
            assert_eq!(
                read_back::<rsip::typed::Via>(cut),
                Err(TypedError::Lossy),
                "{cut}"
            );
        }
        for cut in [
            "<sip:a@h;gr=urn:uuid:f8>",
            "<sip:a@h;p=a/b>",
            "<tel:+1555>",
            "sip:a@h",
            "\"<\" <sip:a@h>",
        ] {
            assert_eq!(
                read_back::<rsip::typed::From>(cut),
                Err(TypedError::Lossy),
                "{cut}"
            );
        }
    }

    #[test]
    fn what_rsip_cannot_read_is_refused() {
        for bad in ["<sip:a@h>; tag=1", "<sip:a@h>;i=\"<urn:x>\""] {
            assert_eq!(
                read_back::<rsip::typed::To>(bad),
                Err(TypedError::Refused),
                "{bad}"
            );
        }
        assert_eq!(
            guarded::<rsip::typed::Allow>("INVITE, FOO"),
            Err(TypedError::Refused)
        );
    }

    #[test]
    fn the_guard_cannot_see_a_part_in_the_wrong_place() {
        // Why no header with a URI is `NoUri`.
        let from: rsip::typed::From = read_back("<sip:first.last@h>").unwrap();
        assert_eq!(from.uri.user(), None);
        assert_eq!(from.uri.host().to_string(), "first.last@h");
    }
}
