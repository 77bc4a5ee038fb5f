//! What is read out of an indexed message.

use super::*;
use crate::tests::samples;

fn owned(bytes: impl AsRef<[u8]>) -> Owned {
    Owned::parse(bytes.as_ref(), &Limits::default()).unwrap()
}

/// `OPTIONS` with these header lines, each ended by CRLF.
fn options(lines: &str) -> Owned {
    owned(format!("OPTIONS sip:a@b SIP/2.0\r\n{lines}\r\n"))
}

/// What [`Message::check`] says of a request that is sound but for the lines of one header.
fn checked(method: &str, id: HeaderId, lines: &str) -> Result<(), Error> {
    let mut text = format!("{method} sip:a@b SIP/2.0\r\n{lines}");
    for (other, line) in [
        (HeaderId::Via, "Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"),
        (HeaderId::From, "From: <sip:c@d>;tag=1\r\n"),
        (HeaderId::To, "To: <sip:a@b>\r\n"),
        (HeaderId::CallId, "Call-ID: i@h\r\n"),
        (HeaderId::CSeq, "CSeq: 1 BYE\r\n"),
    ] {
        if other != id {
            text.push_str(line);
        }
    }
    owned(text + "\r\n").message().check()
}

#[test]
fn the_start_line_is_read() {
    let request = owned(samples::INVITE);
    assert_eq!(request.message().method(), Some(Method::Invite));
    assert_eq!(request.message().uri(), b"sip:bob@example.com");
    assert_eq!(request.message().status(), None);
    let response = owned(samples::RESPONSE);
    assert_eq!(
        response.message().start(),
        Start::Response {
            status: 200,
            reason: b"OK"
        }
    );
    assert_eq!(response.message().method(), None);
    assert_eq!(response.message().uri(), b"");
}

#[test]
fn the_dialog_identifiers_are_read() {
    let message = owned(samples::INVITE);
    let message = message.message();
    assert_eq!(message.from_tag(), Some(&b"9fxced76sl"[..]));
    assert_eq!(message.to_tag(), None);
    assert_eq!(message.call_id(), b"3848276298220188511@alice.example.com");
    assert_eq!(message.cseq(), Ok((2, Method::Invite)));
    assert_eq!(message.max_forwards(), Ok(Some(70)));
    assert_eq!(message.from().unwrap().tag(), message.from_tag());
    assert_eq!(message.to().unwrap().uri.raw, b"sip:bob@example.com");
    assert_eq!(
        message.top_via().unwrap().branch(),
        Some(&b"z9hG4bKtop"[..])
    );
    assert_eq!(message.check(), Ok(()));
    assert_eq!(owned(samples::RESPONSE).message().check(), Ok(()));
}

#[test]
fn a_tag_is_found_behind_names_and_uris_that_hold_one_too() {
    for (value, tag) in [
        ("<sip:a@b;tag=no>", None),
        ("<sip:a@b;tag=no>;tag=yes", Some("yes")),
        ("sip:a@b;tag=yes", Some("yes")),
        (
            "\";tag=no <;\\\";tag=no\" <sip:a@b> ; x ; TAG = yes",
            Some("yes"),
        ),
        ("Name <sip:a@b>\r\n ;tag=yes;tag=no", Some("yes")),
        ("\";tag=no", None),
        ("<sip:a@b;tag=no", None),
        ("<sip:a@b>;tag", None),
    ] {
        let message = options(&format!("From: {value}\r\n"));
        assert_eq!(
            message.message().from_tag(),
            tag.map(str::as_bytes),
            "{value}"
        );
    }
}

#[test]
fn list_elements_come_in_order_across_lines_and_names() {
    let message = owned(samples::INVITE);
    let branches: Vec<_> = message
        .message()
        .values(HeaderId::Via)
        .map(|value| ViaRef::parse(value.raw).unwrap().branch().unwrap())
        .collect();
    assert_eq!(
        branches,
        [&b"z9hG4bKtop"[..], b"z9hG4bKtwo", b"z9hG4bKlast"]
    );
    assert_eq!(message.message().values(HeaderId::Route).count(), 3);
    for value in message.message().values(HeaderId::Route) {
        assert!(message.message().bytes()[value.at..].starts_with(value.raw));
    }
}

#[test]
fn a_token_is_found_in_a_list_in_any_case_and_only_whole() {
    let message = owned(samples::INVITE);
    let message = message.message();
    for token in ["100rel", "PATH", "timer"] {
        assert!(message.lists(HeaderId::Supported, token), "{token}");
    }
    for token in ["100re", "rel", "", "100rel,path"] {
        assert!(!message.lists(HeaderId::Supported, token), "{token}");
    }
    assert!(!message.lists(HeaderId::Require, "path"));
}

#[test]
fn fields_are_found_by_name_compact_name_and_identity() {
    let message =
        options("X-A: 1\r\nb: <sip:r>\r\nm: <sip:1>\r\nReferred-By: <sip:s>\r\nx-a: 2\r\n");
    let values = |name| -> Vec<&[u8]> { message.message().named(name).map(|f| f.value).collect() };
    assert_eq!(values("x-a"), [b"1", b"2"]);
    assert_eq!(values("Referred-By"), [b"<sip:r>", b"<sip:s>"]);
    assert_eq!(values("Contact"), [b"<sip:1>"]);
    assert!(values("Via").is_empty());
    assert_eq!(message.message().fields(HeaderId::Other).count(), 4);
}

#[test]
fn numbers_are_bounded() {
    let number = |lines: &str, id| options(lines).message().number(id);
    let expires = HeaderId::Expires;
    assert_eq!(number("", expires), Ok(None));
    assert_eq!(number("Expires: 0\r\n", expires), Ok(Some(0)));
    assert_eq!(
        number("Expires: 4294967296\r\n", expires),
        Ok(Some(u32::MAX))
    );
    for bad in ["", "-1", "1.5", "Thu, 01 Dec 1994 16:00:00 GMT", "1;x"] {
        let lines = format!("Expires: {bad}\r\n");
        assert_eq!(
            number(&lines, expires),
            Err(Error::of(Kind::Number, expires))
        );
    }
    let retry = HeaderId::RetryAfter;
    assert_eq!(
        number("Retry-After: 120 (I'm in a meeting)\r\n", retry),
        Ok(Some(120))
    );
    assert_eq!(
        number("Retry-After: 18000;duration=3600\r\n", retry),
        Ok(Some(18_000))
    );
}

#[test]
fn a_sequence_number_is_below_two_to_the_31() {
    let cseq = |value: &str| {
        let cseq = options(&format!("CSeq: {value}\r\n"));
        cseq.message()
            .cseq()
            .map(|(number, _)| number)
            .map_err(|e| e.kind)
    };
    assert_eq!(cseq("0009 \r\n\t INVITE"), Ok(9));
    assert_eq!(cseq("2147483647 BYE"), Ok(2_147_483_647));
    for number in ["2147483648", "36893488147419103232"] {
        assert_eq!(cseq(&format!("{number} BYE")), Err(Kind::Number));
    }
    for bad in [
        "",
        "1",
        "BYE",
        "1BYE",
        "-1 BYE",
        "1 BYE BYE",
        "1 B,E",
        "1 BYE, 2 BYE",
    ] {
        assert_eq!(cseq(bad), Err(Kind::Syntax), "{bad:?}");
    }
    let message = options("");
    assert_eq!(
        message.message().cseq().map_err(|e| e.kind),
        Err(Kind::Missing)
    );
}

/// RFC 3261 8.1.1.
#[test]
fn every_mandatory_header_must_be_there() {
    for id in [
        HeaderId::Via,
        HeaderId::From,
        HeaderId::To,
        HeaderId::CallId,
        HeaderId::CSeq,
    ] {
        assert_eq!(checked("BYE", id, ""), Err(Error::of(Kind::Missing, id)));
    }
    assert_eq!(checked("BYE", HeaderId::MaxForwards, ""), Ok(()));
}

#[test]
fn headers_that_cannot_be_read_fail_the_check() {
    for (id, lines, kind) in [
        (HeaderId::Via, "Via: SIP/2.0\r\n", Kind::Syntax),
        (HeaderId::Via, "Via:\r\n", Kind::Missing),
        (HeaderId::From, "From: \"open <sip:a@b>\r\n", Kind::Syntax),
        (HeaderId::To, "To:\r\n", Kind::Syntax),
        (HeaderId::CallId, "Call-ID:\r\n", Kind::Syntax),
        (HeaderId::CallId, "Call-ID: a b\r\n", Kind::Syntax),
        (HeaderId::CallId, "Call-ID: a\r\n b\r\n", Kind::Syntax),
        (HeaderId::CSeq, "CSeq: 4294967296 BYE\r\n", Kind::Number),
        (HeaderId::MaxForwards, "Max-Forwards: 256\r\n", Kind::Number),
        (HeaderId::MaxForwards, "Max-Forwards: 1 1\r\n", Kind::Number),
    ] {
        assert_eq!(
            checked("BYE", id, lines),
            Err(Error::of(kind, id)),
            "{lines:?}"
        );
    }
}

/// RFC 3261 8.1.1.5; methods are compared with case.
#[test]
fn the_sequence_method_must_be_the_requests() {
    for method in ["INVITE", "bye", "BYEX"] {
        let fault = checked(method, HeaderId::Other, "");
        assert_eq!(fault, Err(Error::of(Kind::MethodMismatch, HeaderId::CSeq)));
        assert_eq!(fault.unwrap_err().status(), 400);
    }
}

#[test]
fn a_status_outside_its_classes_fails_the_check() {
    let text = String::from_utf8_lossy(samples::RESPONSE).into_owned();
    for (status, sound) in [("099", false), ("100", true), ("699", true), ("700", false)] {
        let message = owned(text.replace("2.0 200", &format!("2.0 {status}")));
        assert_eq!(message.message().check().is_ok(), sound, "{status}");
    }
}

#[test]
fn an_owned_copy_is_the_same_message() {
    let bytes = [samples::INVITE, b"behind"].concat();
    let mut index = Index::new();
    let copy = {
        let message = index.parse(&bytes, &Limits::default()).unwrap();
        message.to_owned()
    };
    assert_eq!(copy.message().bytes(), samples::INVITE);
    assert_eq!(copy.message().body(), b"v=0\r\n\xff\x00");
    assert_eq!(copy.message().check(), Ok(()));
    assert!(Owned::parse(b"garbage", &Limits::default()).is_err());
}

#[test]
fn a_copy_in_used_memory_reads_as_the_message_itself() {
    let first = options("Via: a\r\nSubject: one\r\nX-A: 1\r\nX-A: 2\r\nX-A: 3\r\n");
    let mut copy = options("X-B: 1\r\n");
    copy.copy_from(first.message());
    assert_eq!(copy.message().bytes(), first.message().bytes());
    assert_eq!(copy.message().named("X-A").count(), 3);
    assert_eq!(copy.message().named("X-B").count(), 0);
    assert_eq!(format!("{:?}", copy.index), format!("{:?}", first.index));
}
