//! The start line: request line and status line (RFC 3261 7.1, 7.2).

use crate::{Error, Kind, Method, Start, seek, text};

/// Where the parts of the start line are, as offsets into it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    Request {
        /// The method if it has a name of its own in [`Method`].
        known: Option<Method<'static>>,
        method_end: usize,
        uri: (usize, usize),
    },
    Response {
        status: u16,
        reason: usize,
        end: usize,
    },
}

impl Default for Span {
    fn default() -> Self {
        Self::Response {
            status: 0,
            reason: 0,
            end: 0,
        }
    }
}

impl Span {
    /// The start line of the message it was read from.
    pub(crate) fn of(self, bytes: &[u8]) -> Start<'_> {
        match self {
            Self::Request {
                known,
                method_end,
                uri,
            } => Start::Request {
                method: known
                    .unwrap_or_else(|| Method::Ext(bytes.get(..method_end).unwrap_or_default())),
                uri: bytes.get(uri.0..uri.1).unwrap_or_default(),
            },
            Self::Response {
                status,
                reason,
                end,
            } => Start::Response {
                status,
                reason: bytes.get(reason..end).unwrap_or_default(),
            },
        }
    }
}

/// Reads a start line. With a fault the parts are still given if the method could be read, so that
/// the request can be answered.
pub(crate) fn read(line: &[u8]) -> (Option<Span>, Option<Error>) {
    if line
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"))
    {
        return status_line(line);
    }
    request_line(line)
}

/// `Method SP Request-URI SP SIP-Version`, single blanks, nothing behind (RFC 4475 3.1.2.7 to 3.1.2.10).
fn request_line(line: &[u8]) -> (Option<Span>, Option<Error>) {
    let bad = Some(Error::message(Kind::StartLine));
    let Some(method_end) = seek::find(b' ', line) else {
        return (None, bad);
    };
    let method = line.get(..method_end).unwrap_or_default();
    let known = Method::known(method);
    if known.is_none() && !text::is_token(method) {
        return (None, bad);
    }
    let uri_start = method_end.saturating_add(1);
    let uri_end = if line.ends_with(b" SIP/2.0") {
        line.len().wrapping_sub(8)
    } else {
        memchr::memrchr(b' ', line).unwrap_or(method_end)
    };
    let uri_end = uri_end.max(uri_start);
    let span = Span::Request {
        known,
        method_end,
        uri: (uri_start, uri_end),
    };
    let uri = line.get(uri_start..uri_end).unwrap_or_default();
    let after = line.get(uri_end.saturating_add(1)..).unwrap_or_default();
    let fault = version(after).or_else(|| match uri_fault(uri) {
        _ if uri.is_empty() => bad,
        Some(b' ' | b'\t') => bad,
        Some(_) => Some(Error::message(Kind::RequestUri)),
        None => None,
    });
    (Some(span), fault)
}

/// `SIP-Version SP Status-Code SP Reason-Phrase`; the blank before an empty reason may be missing.
fn status_line(line: &[u8]) -> (Option<Span>, Option<Error>) {
    let bad = Some(Error::message(Kind::StartLine));
    let Some(blank) = seek::find(b' ', line) else {
        return (None, bad);
    };
    let fault = version(line.get(..blank).unwrap_or_default());
    let code = blank.saturating_add(1);
    let code_end = code.saturating_add(3);
    let status = line
        .get(code..code_end)
        .and_then(text::decimal)
        .and_then(|n| u16::try_from(n).ok());
    let Some(status) = status else {
        return (None, fault.or(bad));
    };
    if !matches!(line.get(code_end), None | Some(b' ')) {
        return (None, fault.or(bad));
    }
    let span = Span::Response {
        status,
        reason: code_end.saturating_add(1).min(line.len()),
        end: line.len(),
    };
    (Some(span), fault)
}

/// What is wrong with a SIP version: nothing with 2.0 in any case, another one is 505, and what is no
/// version at all makes a bad start line.
fn version(text: &[u8]) -> Option<Error> {
    if text::same_without_case(text, b"SIP/2.0") {
        return None;
    }
    let numbers = text
        .split_at_checked(4)
        .filter(|(head, _)| head.eq_ignore_ascii_case(b"SIP/"))
        .map(|(_, tail)| tail)
        .unwrap_or_default();
    let mut parts = numbers.splitn(2, |b| *b == b'.');
    let is_version = |part: Option<&[u8]>| part.and_then(text::decimal).is_some();
    Some(Error::message(
        if is_version(parts.next()) && is_version(parts.next()) {
            Kind::Version
        } else {
            Kind::StartLine
        },
    ))
}

/// The first octet that can stand in no URI: blanks, controls, brackets, quotes, non-ASCII.
fn uri_fault(uri: &[u8]) -> Option<u8> {
    uri.get(seek::find_by(uri, seek::no_uri)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> Option<Kind> {
        read(line.as_bytes()).1.map(|e| e.kind)
    }

    #[test]
    fn a_request_line_gives_method_and_uri() {
        let line = b"NEWMETHOD.!%*_+`'~ soap.beep://192.0.2.103:3002 SIP/2.0";
        let (span, fault) = read(line);
        assert_eq!(fault, None);
        assert_eq!(
            span.unwrap().of(line),
            Start::Request {
                method: Method::Ext(b"NEWMETHOD.!%*_+`'~"),
                uri: b"soap.beep://192.0.2.103:3002"
            }
        );
    }

    #[test]
    fn a_status_line_may_have_no_reason() {
        for line in ["SIP/2.0 100 ", "SIP/2.0 100", "sip/2.0 100 "] {
            let (span, fault) = read(line.as_bytes());
            assert_eq!(fault, None);
            let expected = Start::Response {
                status: 100,
                reason: b"",
            };
            assert_eq!(span.unwrap().of(line.as_bytes()), expected);
        }
    }

    #[test]
    fn blanks_that_do_not_belong_make_a_bad_start_line() {
        for line in [
            "INVITE  sip:a@b SIP/2.0",
            "INVITE sip:a@b  SIP/2.0",
            "INVITE sip:a@b; lr SIP/2.0",
            "INVITE sip:a@b SIP/2.0 ",
            " INVITE sip:a@b SIP/2.0",
            "INVITE\tsip:a@b SIP/2.0",
            "INVITE sip:a@b\tSIP/2.0",
            "INVITE SIP/2.0",
            "INVITE",
            "",
        ] {
            assert_eq!(kind(line), Some(Kind::StartLine), "{line:?}");
        }
    }

    #[test]
    fn a_uri_in_angle_brackets_is_a_bad_request_uri() {
        assert_eq!(kind("INVITE <sip:a@b> SIP/2.0"), Some(Kind::RequestUri));
        assert_eq!(kind("INVITE sip:\u{fc}@b SIP/2.0"), Some(Kind::RequestUri));
        assert_eq!(kind("INVITE sip:a\x01@b SIP/2.0"), Some(Kind::RequestUri));
    }

    #[test]
    fn another_version_is_told_from_no_version() {
        assert_eq!(kind("OPTIONS sip:a@b SIP/7.0"), Some(Kind::Version));
        assert_eq!(kind("OPTIONS sip:a@b SIP/2.00"), Some(Kind::Version));
        assert_eq!(kind("SIP/3.0 200 OK"), Some(Kind::Version));
        assert_eq!(kind("GET / HTTP/1.1"), Some(Kind::StartLine));
        assert_eq!(kind("OPTIONS sip:a@b SIP/2"), Some(Kind::StartLine));
        assert_eq!(kind("OPTIONS sip:a@b sip/2.0"), None);
    }

    #[test]
    fn a_status_code_has_three_digits() {
        for line in [
            "SIP/2.0 4294967301 better not break the receiver",
            "SIP/2.0 20 OK",
            "SIP/2.0 2x0 OK",
            "SIP/2.0  200 OK",
            "SIP/2.0",
        ] {
            assert_eq!(kind(line), Some(Kind::StartLine), "{line:?}");
            assert!(read(line.as_bytes()).0.is_none());
        }
    }

    #[test]
    fn a_faulty_request_line_still_gives_its_method() {
        for line in [
            "INVITE <sip:a> SIP/2.0",
            "INVITE sip:a SIP/9.0",
            "INVITE  x SIP/2.0 ",
        ] {
            let (span, _) = read(line.as_bytes());
            assert!(matches!(
                span.unwrap().of(line.as_bytes()),
                Start::Request {
                    method: Method::Invite,
                    ..
                }
            ));
        }
    }
}
