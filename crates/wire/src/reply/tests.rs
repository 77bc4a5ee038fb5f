//! Replies, line by line.

use super::*;
use crate::{Index, Limits, Owned, tests::samples};

fn mark() -> ViaMark {
    ViaMark {
        received: Some(IpAddr::from([192, 0, 2, 4])),
        rport: Some(5062),
    }
}

/// The reply to this request, as its caller goes on with it.
fn reply(request: &[u8], status: u16, goes_on: impl FnOnce(&mut Reply<'_>, Message<'_>)) -> String {
    let request = Owned::parse(request, &Limits::default()).unwrap();
    let mut out = Vec::new();
    let message = request.message();
    let mut reply = Reply::new(&mut out, message, mark(), status, reason(status), b"ours");
    goes_on(&mut reply, message);
    reply.end();
    assert!(Index::new().parse(&out, &Limits::default()).is_ok());
    String::from_utf8(out).unwrap()
}

/// RFC 3261 8.2.6.2.
#[test]
fn a_reply_has_the_requests_lines_a_mark_and_a_tag() {
    let text = reply(samples::INVITE, 404, |_, _| {});
    assert_eq!(
        text,
        "SIP/2.0 404 Not Found\r\n\
         Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKtop;rport=5062;received=192.0.2.4, \
         SIP/2.0/TCP [2001:db8::9]:5061;branch=z9hG4bKtwo\r\n\
         v: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKlast\r\n\
         f: \"Alice; \\\"A\\\" <1>\" <sip:alice@example.com;tag=no>;tag=9fxced76sl\r\n\
         To: <sip:bob@example.com>;tag=ours\r\n\
         Call-ID: 3848276298220188511@alice.example.com\r\n\
         CSeq: 2 INVITE\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

/// RFC 3261 8.2.6.1, 8.2.6.2.
#[test]
fn a_100_has_the_timestamp_and_no_tag() {
    let text = reply(samples::INVITE, 100, |_, _| {});
    assert!(text.starts_with("SIP/2.0 100 Trying\r\nVia: "));
    assert!(text.contains("\r\nTo: <sip:bob@example.com>\r\n"));
    assert!(text.contains("\r\nTimestamp: 54\r\n"));
    assert!(!reply(samples::INVITE, 180, |_, _| {}).contains("Timestamp"));
}

#[test]
fn a_tag_that_is_there_stays() {
    let request = b"BYE sip:a SIP/2.0\r\nTo: <sip:a;tag=x>\r\n ;tag=theirs\r\n\r\n";
    let text = reply(request, 481, |_, _| {});
    assert!(text.contains("To: <sip:a;tag=x>\r\n ;tag=theirs\r\n"));
    assert!(!text.contains("ours"));
}

/// RFC 3261 12.1.1.
#[test]
fn record_routes_are_copied_when_asked_for() {
    let line = "\r\nRecord-Route: <sip:192.0.2.4;lr>\r\n";
    let with = reply(samples::INVITE, 200, |reply, request| {
        reply.record_routes(request);
    });
    assert!(with.contains(line));
    assert!(!reply(samples::INVITE, 200, |_, _| {}).contains("Record-Route"));
}

#[test]
fn headers_of_the_caller_stand_before_the_length() {
    let text = reply(samples::INVITE, 405, |reply, request| {
        reply
            .header("Allow", b"INVITE, ACK")
            .header_with("Date", |out| out.extend_from_slice(b"now"))
            .copy(request, HeaderId::Supported);
    });
    let end = "CSeq: 2 INVITE\r\nAllow: INVITE, ACK\r\nDate: now\r\n\
               Supported: 100rel,\r\n  path,\r\n\ttimer\r\nContent-Length: 0\r\n\r\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn values_that_would_break_their_line_are_left_out() {
    let clean = reply(samples::INVITE, 200, |_, _| {});
    for (name, value) in [
        ("X", "a\r\nb: c"),
        ("X", "a\n"),
        ("X", "\0"),
        ("X:\r\nY", "a"),
        ("", "a"),
    ] {
        let text = reply(samples::INVITE, 200, |reply, _| {
            reply.header(name, value.as_bytes());
        });
        assert_eq!(text, clean);
    }
    let request = Owned::parse(samples::INVITE, &Limits::default()).unwrap();
    let mut out = Vec::new();
    Reply::new(
        &mut out,
        request.message(),
        mark(),
        400,
        "Bad\r\nX: y\0",
        b"",
    )
    .end();
    assert!(out.starts_with(b"SIP/2.0 400 Bad  X: y \r\nVia: "));
}

#[test]
fn a_body_brings_its_type_and_length() {
    let request = Owned::parse(samples::INVITE, &Limits::default()).unwrap();
    let mut out = b"kept".to_vec();
    Reply::new(
        &mut out,
        request.message(),
        ViaMark::default(),
        200,
        "OK",
        b"t",
    )
    .body("text/plain", b"a\r\n\0");
    assert!(out.starts_with(b"keptSIP/2.0 200 OK\r\n"));
    assert!(out.ends_with(b"\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\na\r\n\0"));
}

/// What could be read of a bad request is enough to answer it.
#[test]
fn a_refused_request_is_answered_from_what_it_left() {
    let bytes =
        b"BYE sip:a@b SIP/7.0\r\nVia: SIP/2.0/UDP h\r\nX\0: 1\r\nTo: \"x\r\nCSeq: 1 BYE\r\n\r\n";
    let mut index = Index::new();
    let rejected = index.parse(bytes, &Limits::default()).unwrap_err();
    let mut out = Vec::new();
    let status = rejected.error.status();
    let request = rejected.partial.unwrap();
    Reply::new(&mut out, request, mark(), status, reason(status), b"t").end();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "SIP/2.0 505 Version Not Supported\r\n\
         Via: SIP/2.0/UDP h;received=192.0.2.4;rport=5062\r\n\
         To: \"x;tag=t\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
    );
}

/// RFC 3261 8.1.3.2: an unknown code is as good as the x00 of its class.
#[test]
fn an_unregistered_status_has_the_reason_of_its_class() {
    assert_eq!(reason(404), "Not Found");
    assert_eq!(reason(499), reason(400));
    assert_eq!(reason(299), reason(200));
    assert_eq!(reason(188), "Session Progress");
    assert_eq!(reason(999), "");
}

/// RFC 3261 7.3.1, 8.2.6.2: what is refused for a header that it has twice is answered with one.
#[test]
fn a_header_that_came_twice_is_answered_once() {
    let request = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP i\r\n\
        From: <sip:1@h>;tag=1\r\nf: <sip:2@h>;tag=2\r\nTo: <sip:a>\r\nt: <sip:b>\r\nCall-ID: one\r\n\
        i: two\r\nCSeq: 1 OPTIONS\r\nCSeq: 2 OPTIONS\r\n\r\n";
    let mut index = Index::new();
    let rejected = index.parse(request, &Limits::default()).unwrap_err();
    let request = rejected.partial.unwrap();
    let mut out = Vec::new();
    Reply::new(&mut out, request, mark(), 400, "Bad Request", b"ours").end();
    assert_eq!(
        String::from_utf8_lossy(&out),
        "SIP/2.0 400 Bad Request\r\n\
         Via: SIP/2.0/UDP h;branch=z9hG4bKa;received=192.0.2.4;rport=5062\r\nVia: SIP/2.0/UDP i\r\n\
         From: <sip:1@h>;tag=1\r\nTo: <sip:a>;tag=ours\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert!(Index::new().parse(&out, &Limits::default()).is_ok());
}
