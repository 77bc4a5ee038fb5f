//! What the index takes, what it refuses, and what it keeps of a refused message.

use super::*;
use crate::{Method, Start, tests::samples};

const HEAD: &str = "OPTIONS sip:bob@example.com SIP/2.0\r\n";

fn error(bytes: impl AsRef<[u8]>) -> Option<Error> {
    let mut index = Index::new();
    let result = index.parse(bytes.as_ref(), &Limits::default());
    result.err().map(|rejected| rejected.error)
}

#[test]
fn every_line_is_found_with_its_name_and_trimmed_value() {
    let mut index = Index::new();
    let message = index.parse(samples::INVITE, &Limits::default()).unwrap();
    let lines: Vec<_> = message
        .all_fields()
        .map(|f| (f.id, f.name, f.value))
        .collect();
    assert_eq!(lines.len(), 16);
    assert_eq!(
        lines[2],
        (HeaderId::MaxForwards, &b"Max-Forwards"[..], &b"70"[..])
    );
    assert_eq!(lines[1].0, HeaderId::Via);
    assert_eq!(lines[10].2, b"100rel,\r\n  path,\r\n\ttimer");
    assert_eq!(lines[11], (HeaderId::Other, &b"Timestamp"[..], &b"54"[..]));
    assert_eq!(lines[12], (HeaderId::Other, &b"X-Nothing"[..], &b""[..]));
    assert_eq!(lines[13].2, b"Phone/1.0");
    assert_eq!(message.body(), b"v=0\r\n\xff\x00");
    assert_eq!(message.bytes(), samples::INVITE);
}

#[test]
fn an_index_can_be_used_again() {
    let mut index = Index::new();
    index.parse(samples::INVITE, &Limits::default()).unwrap();
    let message = index.parse(samples::RESPONSE, &Limits::default()).unwrap();
    assert_eq!(message.status(), Some(200));
    assert_eq!(message.all_fields().count(), 7);
    assert!(message.first(HeaderId::MaxForwards).is_none());
}

#[test]
fn the_body_is_what_content_length_says_and_without_it_the_rest() {
    let mut index = Index::new();
    for (text, body) in [
        ("l: 3\r\n\r\nabcdef", "abc"),
        ("Content-Length :\r\n 3\r\n\r\nabcdef", "abc"),
        ("l: 000\r\n\r\nabcdef", ""),
        ("To: x\r\n\r\n abcdef", " abcdef"),
        ("\r\n", ""),
    ] {
        let text = format!("{HEAD}{text}");
        let message = index.parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(message.body(), body.as_bytes());
        assert!(message.bytes().ends_with(format!("\r\n{body}").as_bytes()));
    }
}

#[test]
fn a_content_length_that_is_no_number_or_too_large_is_refused() {
    let id = HeaderId::ContentLength;
    for (value, kind) in [
        ("7", Kind::ContentLength),
        ("99999999999999999999999999", Kind::ContentLength),
        ("18446744073709551618", Kind::ContentLength),
        ("-1", Kind::Number),
        ("+1", Kind::Number),
        ("1 1", Kind::Number),
        ("0x1", Kind::Number),
        ("", Kind::Number),
    ] {
        let text = format!("{HEAD}Content-Length: {value}\r\n\r\nabcdef");
        assert_eq!(error(&text), Some(Error::of(kind, id)), "{value:?}");
    }
}

#[test]
fn single_headers_are_refused_when_they_stand_twice_in_any_spelling() {
    for (first, second, id) in [
        ("Content-Length: 0", "l: 0", HeaderId::ContentLength),
        ("CSeq: 1 OPTIONS", "cseq: 1 OPTIONS", HeaderId::CSeq),
        ("Call-ID: a", "I: a", HeaderId::CallId),
        ("From: a", "f: a", HeaderId::From),
        ("t: a", "To: a", HeaderId::To),
        ("Max-Forwards: 1", "MAX-FORWARDS : 1", HeaderId::MaxForwards),
    ] {
        let text = format!("{HEAD}{first}\r\n{second}\r\n\r\n");
        assert_eq!(error(&text), Some(Error::of(Kind::Duplicate, id)));
    }
}

/// CVE-2016-9938 and CVE-2020-28361: what stands between name and colon must not hide a header from
/// one element and show it to another.
#[test]
fn no_octet_but_a_blank_may_stand_between_name_and_colon() {
    for octet in 0..=u8::MAX {
        let mut text = format!("{HEAD}Contact").into_bytes();
        text.push(octet);
        text.extend_from_slice(b": <sip:a@b>\r\nl: 0\r\n\r\n");
        let mut index = Index::new();
        let result = index.parse(&text, &Limits::default());
        match octet {
            b' ' | b'\t' | b':' => {
                let message = result.unwrap();
                assert_eq!(message.first(HeaderId::Contact).unwrap().name, b"Contact");
            }
            token if text::is_token_byte(token) => {
                assert!(result.unwrap().first(HeaderId::Contact).is_none());
            }
            _ => {
                let rejected = result.unwrap_err();
                assert_eq!(rejected.error.status(), 400, "octet {octet:#04x}");
                assert!(matches!(rejected.error.kind, Kind::HeaderName));
            }
        }
    }
}

#[test]
fn a_line_that_is_no_header_is_refused() {
    for line in ["no colon here", ": value", "Bad Name: x", " To: x", "\tx"] {
        let text = format!("{HEAD}{line}\r\nl: 0\r\n\r\n");
        assert_eq!(
            error(&text),
            Some(Error::message(Kind::HeaderName)),
            "{line:?}"
        );
    }
}

#[test]
fn line_feeds_alone_and_stray_control_octets_are_refused() {
    let refused = Some(Error::of(Kind::Syntax, HeaderId::To));
    for line in [
        "To: a\n",
        "To: a\rb\r\n",
        "To: a\0\r\n",
        "To: a\r\r\n",
        "To: a\n b\r\n",
    ] {
        assert_eq!(
            error(format!("{HEAD}{line}l: 0\r\n\r\n")),
            refused,
            "{line:?}"
        );
    }
    let start = Some(Error::message(Kind::StartLine));
    assert_eq!(error("OPTIONS sip:a@b SIP/2.0\nTo: a\r\n\r\n"), start);
    assert_eq!(
        error("OPTIONS sip:a@b\r SIP/2.0\r\nTo: a\r\n\r\n").map(Error::status),
        Some(400)
    );
    assert_eq!(
        error(format!("{HEAD}To: a\r\n\n")).map(Error::status),
        Some(400)
    );
}

#[test]
fn a_message_without_the_empty_line_is_truncated() {
    let truncated = Some(Error::message(Kind::Truncated));
    for text in ["", "To: a", "To: a\r\n", "To: a\r\n\r", "To: a\r\n b\r\n"] {
        assert_eq!(error(format!("{HEAD}{text}")), truncated, "{text:?}");
    }
    assert_eq!(error(""), Some(Error::message(Kind::StartLine)));
}

#[test]
fn header_lines_beyond_the_size_limit_are_513_and_a_body_beyond_it_413() {
    let limits = Limits {
        message: 400,
        ..Limits::default()
    };
    let lines = format!("{HEAD}{}\r\n", "X-A: 1\r\n".repeat(60));
    let body = format!("{HEAD}\r\n{}", "x".repeat(400));
    let mut index = Index::new();
    for (text, kind, status) in [
        (lines, Kind::MessageTooLong, 513),
        (body, Kind::BodyTooLong, 413),
    ] {
        let error = index.parse(text.as_bytes(), &limits).unwrap_err().error;
        assert_eq!((error.kind, error.status()), (kind, status));
    }
}

#[test]
fn limits_are_kept() {
    let limits = Limits {
        message: 400,
        headers: 3,
        line: 100,
    };
    let long = "x".repeat(100);
    let mut index = Index::new();
    for (text, kind, status) in [
        (
            format!("{HEAD}a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n"),
            Kind::TooManyHeaders,
            400,
        ),
        (format!("{HEAD}a: {long}\r\n\r\n"), Kind::LineTooLong, 400),
        (
            format!("{HEAD}a: x\r\n {long}\r\n\r\n"),
            Kind::LineTooLong,
            400,
        ),
        (
            format!("OPTIONS sip:{long} SIP/2.0\r\n\r\n"),
            Kind::UriTooLong,
            414,
        ),
        (
            format!("{HEAD}\r\n{}", long.repeat(4)),
            Kind::BodyTooLong,
            413,
        ),
    ] {
        let rejected = index.parse(text.as_bytes(), &limits).unwrap_err();
        assert_eq!(rejected.error.kind, kind);
        assert_eq!(rejected.error.status(), status);
        assert!(rejected.partial.is_some());
    }
    let text = format!("{HEAD}a: 1\r\nb: 2\r\nc: 3\r\n\r\n");
    assert!(index.parse(text.as_bytes(), &limits).is_ok());
}

#[test]
fn a_refused_message_keeps_what_an_answer_needs() {
    for fault in [
        "Bad Name: 1",
        "To: again",
        "X: a\0b",
        "Content-Length: x",
        "Content-Length: 9",
    ] {
        let text = format!(
            "BYE sip:a@b SIP/2.0\r\n{fault}\r\nVia: SIP/2.0/UDP h;branch=z9\r\nFrom: <sip:c@d>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: i\r\nCSeq: 9 BYE\r\n\r\n"
        );
        let mut index = Index::new();
        let rejected = index
            .parse(text.as_bytes(), &Limits::default())
            .unwrap_err();
        assert_eq!(rejected.error.status(), 400);
        let partial = rejected.partial.unwrap();
        assert_eq!(partial.method(), Some(Method::Bye));
        assert_eq!(partial.call_id(), b"i");
        assert_eq!(partial.cseq(), Ok((9, Method::Bye)));
        for id in [HeaderId::Via, HeaderId::From, HeaderId::To] {
            assert!(partial.first(id).is_some(), "{fault}");
        }
    }
}

#[test]
fn a_line_with_a_stray_octet_is_not_kept() {
    let mut index = Index::new();
    let text = format!("{HEAD}Via: a\rb\r\nVia: c\r\n\r\n");
    let rejected = index
        .parse(text.as_bytes(), &Limits::default())
        .unwrap_err();
    let vias: Vec<_> = rejected
        .partial
        .unwrap()
        .fields(HeaderId::Via)
        .map(|f| f.value)
        .collect();
    assert_eq!(vias, [b"c"]);
}

#[test]
fn another_version_is_refused_with_its_lines_kept() {
    let mut index = Index::new();
    let text = "OPTIONS sip:a@b SIP/7.0\r\nCall-ID: i\r\nBad Name: x\r\n\r\n";
    let rejected = index
        .parse(text.as_bytes(), &Limits::default())
        .unwrap_err();
    assert_eq!(rejected.error.status(), 505);
    assert_eq!(rejected.partial.unwrap().call_id(), b"i");
}

#[test]
fn a_start_line_without_a_method_leaves_nothing() {
    let mut index = Index::new();
    for text in [
        "\0\0\0\0\r\n\r\n",
        "\r\n\r\n",
        "hello\r\n\r\n",
        "SIP/2.0 20 OK\r\nTo: a\r\n\r\n",
    ] {
        let rejected = index
            .parse(text.as_bytes(), &Limits::default())
            .unwrap_err();
        assert!(rejected.partial.is_none(), "{text:?}");
    }
}

#[test]
fn a_request_uri_of_any_scheme_is_kept_verbatim() {
    let mut index = Index::new();
    let text = "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\r\n\r\n";
    let message = index.parse(text.as_bytes(), &Limits::default()).unwrap();
    let Start::Request { uri, .. } = message.start() else {
        panic!("a request");
    };
    assert_eq!(uri, b"nobodyKnowsThisScheme:totallyopaquecontent");
}
