//! Bad requests on the wire, and what each is answered (RFC 3261 16.3, 21.4, 21.5; the shapes are those
//! of RFC 4475 and RFC 5118, the messages our own).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_testkit::{header_of, status_of};
use common::*;

#[test]
fn the_good_request_is_relayed() {
    let (answer, relayed) = verdict(GOOD);
    assert_eq!((answer, relayed.len()), (None, 1));
}

#[test]
fn a_bad_request_is_refused_with_a_reason_that_says_what_was_wrong() {
    let long = "x".repeat(9_000);
    for (old, new, line) in [
        ("Max-Forwards: 70", "Max-Forwards: 0", "483 Too Many Hops"),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 256",
            "400 Bad Max-Forwards",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: -1",
            "400 Bad Max-Forwards",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nMax-Forwards: 1",
            "400 Duplicate Max-Forwards",
        ),
        ("org SIP/2.0\r\nVia", "org SIP/7.0\r\nVia", "505 "),
        (
            "sip:6002@example.org SIP",
            "nobodyKnowsThisScheme:x SIP",
            "416 ",
        ),
        (
            "sip:6002@example.org SIP",
            "<sip:6002@example.org> SIP",
            "400 Bad Request-URI",
        ),
        (
            "sip:6002@example.org SIP",
            "sip:6002@[2001:db8::1 SIP",
            "400 Bad Request-URI",
        ),
        (
            "sip:6002@example.org SIP",
            "sip:6002@example.org; lr SIP",
            "400 ",
        ),
        ("CSeq: 7 MESSAGE", "CSeq: 7 INVITE", "400 "),
        (
            "CSeq: 7 MESSAGE",
            "CSeq: 36893488147419103232 MESSAGE",
            "400 Bad CSeq",
        ),
        (
            "CSeq: 7 MESSAGE",
            "CSeq: 7 MESSAGE\r\nCSeq: 8 MESSAGE",
            "400 Duplicate CSeq",
        ),
        (
            "Content-Length: 0",
            "Content-Length: -999",
            "400 Bad Content-Length",
        ),
        ("Content-Length: 0", "Content-Length: 9999", "400 "),
        (
            "Content-Length: 0",
            "Content-Length: 0\r\nl: 1",
            "400 Duplicate Content-Length",
        ),
        ("To: <sip", "To: \"Mr. X <sip", "400 Bad To"),
        (
            "To: <sip:6002@example.org>",
            "To: <sip:6002@example.org>\r\nt: <sip:y@x>",
            "400 Duplicate To",
        ),
        ("From: <", "From: caller, not quoted <", "400 Bad From"),
        ("Call-ID: bad", "Call-ID: one two", "400 Bad Call-ID"),
        ("Call-ID: bad", "Call-ID: bad\r\n: nameless", "400 "),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nP-Asserted\x01Identity: <sip:x@y>",
            "400 ",
        ),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nRoute: <sip:x@y",
            "400 Bad Route",
        ),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nMax-Breadth: many",
            "400 Bad Max-Breadth",
        ),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nProxy-Require: nothingSupportsThis",
            "420 Bad Extension",
        ),
        (
            "sip:6002@example.org SIP",
            &format!("sip:{long}@example.org SIP"),
            "414 ",
        ),
        (
            "Call-ID: bad",
            &format!("Call-ID: bad\r\nSubject: {long}"),
            "400 ",
        ),
        (
            "Content-Length: 0",
            &format!("Content-Length: 0{}", "\r\nX: 1".repeat(130)),
            "400 ",
        ),
    ] {
        let shown: String = new.chars().take(60).collect();
        let (answer, relayed) = verdict(&spoiled(old, new));
        let answer = answer.unwrap_or_else(|| panic!("{shown}: silence"));
        let status = answer.strip_prefix("SIP/2.0 ").unwrap_or_default();
        assert!(status.starts_with(line), "{shown}: {answer}");
        assert!(
            header_of(&answer, "To").contains("tag=") || line.contains(" To"),
            "{shown}: {answer}"
        );
        assert!(relayed.is_empty(), "{shown}");
    }
}

#[test]
fn header_lines_beyond_the_size_limit_are_513() {
    let lines = format!("X-A: {}\r\n", "y".repeat(7_000)).repeat(10);
    let message = spoiled(
        "Content-Length: 0\r\n",
        &format!("{lines}Content-Length: 0\r\n"),
    );
    let (answer, relayed) = verdict(&message);
    assert_eq!((status_of(&answer.unwrap()), relayed.len()), (513, 0));
}

#[test]
fn a_body_beyond_the_size_limit_is_413() {
    let body = "y".repeat(66_000);
    let message = spoiled("Content-Length: 0\r\n\r\n", "Content-Length: 66000\r\n\r\n") + &body;
    let (answer, relayed) = verdict(&message);
    assert_eq!((status_of(&answer.unwrap()), relayed.len()), (413, 0));
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    for message in [
        spoiled(
            "Via: SIP/2.0/UDP 198.51.100.5:5060;branch=z9hG4bKbad\r\n",
            "",
        ),
        spoiled("MESSAGE sip", "MESSAGE  sip"),
        spoiled(" SIP/2.0\r\nVia", "\r\nVia"),
        "\r\n\r\n".to_owned(),
        "INVITE".to_owned(),
        "\0\0\0\0".to_owned(),
        spoiled("MESSAGE sip:6002@example.org SIP/2.0", "SIP/2.0 99 Odd"),
        spoiled(
            "MESSAGE sip:6002@example.org SIP/2.0",
            "SIP/2.0 4294967301 better not break the receiver",
        ),
    ] {
        let (answer, relayed) = verdict(&message);
        assert!(relayed.is_empty(), "{message}");
        if let Some(answer) = answer {
            assert_eq!(status_of(&answer), 400, "{message}");
        }
    }
}

#[test]
fn odd_but_legal_requests_are_relayed() {
    for (old, new) in [
        ("Call-ID: bad", "i : bad"),
        ("Max-Forwards: 70\r\n", ""),
        ("Max-Forwards: 70", "MAX-FORWARDS :\t\r\n 00070"),
        ("CSeq: 7 MESSAGE", "cseq: 0000000007\r\n   MESSAGE"),
        (
            "Via: SIP/2.0/UDP 198",
            "v:  SIP  / 2.0\r\n / UDP\r\n     198",
        ),
        (
            "branch=z9hG4bKbad",
            "branch=z9hG4bKbad,SIP/2.0/TCP x.y;branch=z9hG4bK2 , SIP/2.0/TLS [2001:db8::9:1]:5061;received=[2001:db8::9:255]",
        ),
        (
            "From: <sip:pbx@198.51.100.5>;tag=1",
            "f: \"J Rosenberg \\\\\\\"\"   <sip:jdrosen@[::ffff:192.0.2.10]> ; tag = 98asjd8",
        ),
        (
            "From: <sip:pbx@198.51.100.5>;tag=1",
            "From: I have spaces <sip:caller@x>;tag=1",
        ),
        (
            "sip:6002@example.org SIP",
            "sip:%36002@EXAMPLE.org;unknownparam?Route=%3Csip:x.test%3E SIP",
        ),
        ("sip:6002@example.org SIP", "sip:6002@example.org;lr SIP"),
        (
            "To: <sip:6002@example.org>",
            "To: sip:6002@example.org ;p=1",
        ),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value",
        ),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nUnknownHeaderWithUnusualValue: ;;,,;;,;",
        ),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nEmpty:\r\nDate: Fri, 01 Jan 2010 16:00:00 EST",
        ),
        (
            "Call-ID: bad",
            "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
        ),
    ] {
        let (answer, relayed) = verdict(&spoiled(old, new));
        assert_eq!(answer, None, "{new}");
        assert_eq!(relayed.len(), 1, "{new}");
    }
}

#[test]
fn bytes_behind_the_content_length_of_a_datagram_are_not_relayed() {
    // RFC 3261 18.3.
    let (answer, relayed) = verdict(&format!("{GOOD}INVITE sip:second@example.org SIP/2.0\r\n"));
    assert_eq!(answer, None);
    assert!(relayed[0].ends_with("\r\n\r\n") && !relayed[0].contains("second"));
}

#[test]
fn an_unknown_method_with_every_odd_letter_is_relayed() {
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    let (_, relayed) = verdict(&GOOD.replace("MESSAGE", method));
    assert!(relayed[0].starts_with(&format!("{method} sip:6002@203.0.113.2:5060 ")));
}

#[test]
fn an_ack_that_is_bad_is_never_answered() {
    for (old, new) in [
        ("Max-Forwards: 70", "Max-Forwards: 0"),
        ("CSeq: 7 ACK", "CSeq: 7 INVITE"),
        ("org SIP/2.0", "org SIP/9.0"),
        ("Call-ID: bad", "Call-ID: bad\r\nProxy-Require: x"),
        ("To: <sip", "To: \"<sip"),
    ] {
        let ack = GOOD.replace("MESSAGE", "ACK").replacen(old, new, 1);
        let (answer, _) = verdict(&ack);
        assert_eq!(answer, None, "{new}");
    }
}

#[test]
fn an_options_that_may_go_no_further_is_answered_here() {
    // 16.3 step 3, 11.
    let request = GOOD.replace("MESSAGE", "OPTIONS").replacen("70", "0", 1);
    let (answer, relayed) = verdict(&request);
    assert_eq!((status_of(&answer.unwrap()), relayed.len()), (200, 0));
}

#[test]
fn an_options_that_requires_what_we_do_not_know_is_420() {
    let request = GOOD.replace("MESSAGE", "OPTIONS").replacen(
        "sip:6002@example.org SIP",
        "sip:example.org SIP",
        1,
    );
    assert_eq!(status_of(&verdict(&request).0.unwrap()), 200);
    let request = request.replacen("Call-ID: bad", "Call-ID: bad\r\nRequire: nothing, path", 1);
    let answer = verdict(&request).0.unwrap();
    // 8.2.2.3.
    assert_eq!(
        (status_of(&answer), header_of(&answer, "Unsupported")),
        (420, "nothing")
    );
}
