//! The cases of RFC 4475 and RFC 5118 in messages of our own, each with the verdict it asks for.

use crate::{Edit, Frame, Framer, HeaderId, Index, Kind, Limits, Method, UriRef, frame};

/// A sound request but for what the case changes: its start line and lines that replace or join the
/// usual ones.
fn request(start: &str, lines: &[&str]) -> String {
    let usual = [
        "Via: SIP/2.0/UDP pc.example.com;branch=z9hG4bKtorture",
        "From: <sip:caller@example.net>;tag=98asjd8",
        "To: <sip:called@example.com>",
        "Call-ID: torture.case@example.net",
        "CSeq: 8 OPTIONS",
        "Max-Forwards: 70",
    ];
    let id =
        |line: &str| HeaderId::of(line.split([':', ' ']).next().unwrap_or_default().as_bytes());
    let changed: Vec<HeaderId> = lines.iter().map(|line| id(line)).collect();
    let mut text = format!("{start}\r\n");
    for line in usual
        .iter()
        .filter(|line| !changed.contains(&id(line)))
        .chain(lines)
    {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text + "\r\n"
}

/// An OPTIONS request with these lines.
fn options(lines: &[&str]) -> String {
    request("OPTIONS sip:called@example.com SIP/2.0", lines)
}

/// The status that refuses a message, by its reading or its check; `None` for a sound one, which must
/// then leave as it came.
fn verdict(bytes: impl AsRef<[u8]>) -> Option<u16> {
    let bytes = bytes.as_ref();
    let Frame::Message(datagram) = frame::datagram(bytes) else {
        return Some(0);
    };
    let mut index = Index::new();
    let message = match index.parse(datagram, &Limits::default()) {
        Ok(message) => message,
        Err(rejected) => return Some(rejected.error.status()),
    };
    if let Err(error) = message.check() {
        return Some(error.status());
    }
    let mut out = Vec::new();
    Edit::new(message).write(&mut out).unwrap();
    assert!(bytes.starts_with(&out));
    None
}

#[test]
fn rfc_4475_3_1_1_1_folds_blanks_and_compact_names_are_sound() {
    let text = request(
        "INVITE sip:called@example.com;unknownparam SIP/2.0",
        &[
            "TO :\r\n sip:called@example.com ;   tag    = 1918181833n",
            "from   : \"A \\\\\\\"B\\\"\"       <sip:caller@example.com>\r\n  ;\r\n  tag = 98asjd8",
            "MaX-fOrWaRdS: 0068",
            "cseq: 0009\r\n  INVITE",
            "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw",
            "s :",
            "NewFangledHeader:   newfangled value\r\n continued newfangled value",
            "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n \
             SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239",
            "m:\"Quoted string \\\"\\\"\" <sip:caller@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33",
        ],
    );
    assert_eq!(verdict(&text), None);
    let mut index = Index::new();
    let message = index.parse(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(message.values(HeaderId::Via).count(), 3);
    assert_eq!(message.cseq(), Ok((9, Method::Invite)));
    assert_eq!(message.max_forwards(), Ok(Some(68)));
    assert_eq!(message.to_tag(), Some(&b"1918181833n"[..]));
    assert_eq!(message.from_tag(), Some(&b"98asjd8"[..]));
}

#[test]
fn rfc_4475_3_1_1_2_every_octet_the_grammar_allows_is_sound() {
    let text = request(
        "!in-te.%*_+`'~ sip:1_u.URI~(to-b!s)&i't+it$/c?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
        &[
            "To: \"BEL:\\\u{7} NUL:\\\0 DEL:\\\u{7f}\" <sip:1_u.URI~(to-b!s)&i't+it$/c?,/;;*@example.com>",
            "From: token1~` token2'+_ token3*%!.- <sip:m@example.net>;fromParam''~+*_!.-%=\"\u{440}\";tag=_t'~+*!-.%",
            "CSeq: 1 !in-te.%*_+`'~",
            "extensionHeader-!.%*+_`'~:\u{fe00}\u{5927}\u{96fb}",
        ],
    );
    assert_eq!(verdict(text), None);
}

#[test]
fn rfc_4475_3_1_1_sound_requests_pass() {
    let long = "a".repeat(2_000);
    for (case, text) in [
        (
            "3.1.1.3 escapes",
            request(
                "OPTIONS sip:sips%3Auser%40example.com@example.net SIP/2.0",
                &[],
            ),
        ),
        (
            "3.1.1.4 escaped nulls",
            options(&["To: sip:null-%00-null@example.com", "m: <sip:%00%00@h>"]),
        ),
        (
            "3.1.1.5 escapes in method",
            request("RE%47IST%45R sip:h SIP/2.0", &["CSeq: 2 RE%47IST%45R"]),
        ),
        (
            "3.1.1.6 no blank before <",
            options(&["From: caller<sip:caller@example.com>;tag=323"]),
        ),
        (
            "3.1.1.7 long values",
            options(&[&format!("X-L: {long}"), &format!("Call-ID: {long}@{long}")]),
        ),
        (
            "3.1.1.9 semicolons in user",
            request("OPTIONS sip:user;par=u%40h@h SIP/2.0", &[]),
        ),
        (
            "3.1.1.10 transports",
            options(&["Via: SIP/2.0/TLS h;branch=z, SIP/2.0/NEW h;branch=z"]),
        ),
    ] {
        assert_eq!(verdict(text), None, "{case}");
    }
}

#[test]
fn rfc_4475_3_1_1_8_a_second_message_in_the_datagram_is_dropped_and_in_a_stream_read() {
    let message = options(&["l: 0"]);
    let both = format!("{message}{message}");
    let mut index = Index::new();
    let first = index.parse(both.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(first.bytes(), message.as_bytes());
    let (frame, used) = Framer::new()
        .next(both.as_bytes(), &Limits::default())
        .unwrap()
        .unwrap();
    assert_eq!(frame, Frame::Message(message.as_bytes()));
    assert_eq!(used, message.len());
}

#[test]
fn rfc_4475_3_1_1_11_a_body_is_octets() {
    let body = b"--b\r\n\r\n\x30\x82\x01\0\xff\xfe\n\r--b--";
    let head = options(&["Content-Type: multipart/mixed;boundary=b", "l: 20"]);
    assert_eq!(body.len(), 20);
    assert_eq!(verdict([head.as_bytes(), body].concat()), None);
}

#[test]
fn rfc_4475_3_1_1_12_and_13_any_reason_phrase_is_sound() {
    for start in [
        "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e}",
        "SIP/2.0 100 ",
        "SIP/2.0 100",
    ] {
        assert_eq!(verdict(request(start, &[])), None, "{start}");
    }
}

#[test]
fn rfc_4475_3_1_2_invalid_messages_are_refused() {
    let invite = "INVITE sip:called@example.com SIP/2.0";
    let start = |line| request(line, &[]);
    for (case, text, status) in [
        (
            "3.1.2.1 commas and semicolons",
            options(&["Via: SIP/2.0/UDP 192.0.2.15;;,;,,"]),
            400,
        ),
        (
            "3.1.2.2 length too large",
            options(&["Content-Length: 9999"]),
            400,
        ),
        (
            "3.1.2.3 length negative",
            options(&["Content-Length: -999"]),
            400,
        ),
        (
            "3.1.2.4 sequence overflow",
            options(&["CSeq: 36893488147419103232 OPTIONS"]),
            400,
        ),
        (
            "3.1.2.4 hops overflow",
            options(&["Max-Forwards: 300"]),
            400,
        ),
        (
            "3.1.2.6 open quote",
            options(&["To: \"Mr. J. User <sip:j.user@example.com>"]),
            400,
        ),
        (
            "3.1.2.7 <> around the URI",
            start("OPTIONS <sip:called@example.com> SIP/2.0"),
            400,
        ),
        (
            "3.1.2.8 blanks in the URI",
            start("OPTIONS sip:called@example.com; lr SIP/2.0"),
            400,
        ),
        (
            "3.1.2.9 blanks between parts",
            start("OPTIONS  sip:called@example.com  SIP/2.0"),
            400,
        ),
        (
            "3.1.2.10 blanks at the end",
            start("OPTIONS sip:called@example.com SIP/2.0  "),
            400,
        ),
        (
            "3.1.2.14 blanks inside <>",
            options(&["To: \"W, T\" < sip:t.w@example.org >"]),
            400,
        ),
        (
            "3.1.2.15 comma in a bare name",
            options(&["From: Bell, A <sip:a@h>;tag=43"]),
            400,
        ),
        (
            "3.1.2.16 version",
            start("OPTIONS sip:called@example.com SIP/7.0"),
            505,
        ),
        (
            "3.1.2.17 method mismatch",
            options(&["CSeq: 8 INVITE"]),
            400,
        ),
        (
            "3.1.2.18 unknown method mismatch",
            request("NEWMETHOD sip:h SIP/2.0", &["CSeq: 8 INVITE"]),
            400,
        ),
        (
            "3.3.1 missing fields",
            request(invite, &["From :"]).replace("From :\r\n", ""),
            400,
        ),
        (
            "3.3.8 single fields twice",
            options(&["CSeq: 8 OPTIONS", "CSeq: 9 OPTIONS"]),
            400,
        ),
        (
            "3.3.9 two lengths",
            options(&["Content-Length: 0", "Content-Length: 5"]),
            400,
        ),
    ] {
        assert_eq!(verdict(text), Some(status), "{case}");
    }
}

/// RFC 4475 3.1.2.5, 3.1.2.19: a response that is wrong is dropped, so all that counts is that it is
/// refused.
#[test]
fn rfc_4475_responses_out_of_range_are_refused() {
    for start in [
        "SIP/2.0 4294967301 better not",
        "SIP/2.0 700 high",
        "SIP/2.0 099 low",
    ] {
        assert!(verdict(request(start, &[])).is_some(), "{start}");
    }
    assert!(
        verdict(request(
            "SIP/2.0 503 x",
            &["CSeq: 9292394834772304023312 OPTIONS"]
        ))
        .is_some()
    );
}

/// RFC 4475 3.1.2.11 to 3.1.2.13 and 3.3: headers that only an endpoint reads, and schemes that only
/// a router judges, do not stop a message here.
#[test]
fn rfc_4475_what_a_proxy_does_not_read_does_not_stop_it() {
    for (case, text) in [
        (
            "3.1.2.11",
            request("OPTIONS sip:user@h?Route=%3Csip:h%3E SIP/2.0", &[]),
        ),
        (
            "3.1.2.12",
            options(&["Date: Fri, 01 Jan 2010 16:00:00 EST"]),
        ),
        (
            "3.1.2.13",
            options(&["Contact: sip:user@example.com?Route=%3Csip:h%3E"]),
        ),
        (
            "3.3.2",
            request("OPTIONS nobodyKnowsThisScheme:opaque SIP/2.0", &[]),
        ),
        (
            "3.3.3",
            request("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", &[]),
        ),
        (
            "3.3.4",
            options(&[
                "To: isbn:2983792873",
                "From: <http://www.example.com>;tag=3",
            ]),
        ),
        ("3.3.11", options(&["Max-Forwards: 0"])),
        (
            "3.4.1",
            options(&["From: <sip:a@example.net>", "Via: SIP/2.0/UDP h"]),
        ),
    ] {
        assert_eq!(verdict(text), None, "{case}");
    }
}

#[test]
fn rfc_4475_3_3_11_no_hops_left_is_told_by_the_step_that_counts_them() {
    let text = options(&["Max-Forwards: 0"]);
    let mut index = Index::new();
    let message = index.parse(text.as_bytes(), &Limits::default()).unwrap();
    let fault = Edit::new(message).decrement_max_forwards().unwrap_err();
    assert_eq!((fault.kind, fault.status()), (Kind::TooManyHops, 483));
}

#[test]
fn rfc_5118_ipv6_references_are_sound_and_unbracketed_ones_are_not() {
    assert_eq!(
        verdict(request(
            "REGISTER sip:[2001:db8::10] SIP/2.0",
            &["CSeq: 8 REGISTER"]
        )),
        None
    );
    assert!(UriRef::parse(b"sip:2001:db8::10").is_err());
    // 4.3: two ways to write where a port ends, both sound, not the same.
    let port = |uri: &str| UriRef::parse(uri.as_bytes()).map(|uri| uri.port);
    assert_eq!(port("sip:[2001:db8::10:5070]"), Ok(None));
    assert_eq!(port("sip:[2001:db8::10]:5070"), Ok(Some(5070)));
}

/// RFC 5118 4.4, 4.5, 4.10: `received` with and without brackets, and mapped addresses.
#[test]
fn rfc_5118_vias_with_ipv6_are_sound() {
    for via in [
        "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
        "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3",
        "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
    ] {
        let text = options(&[&format!("Via: {via}")]);
        assert_eq!(verdict(text), None, "{via}");
    }
}

/// RFC 5118 4.10: three colons come from a fault in RFC 3261's grammar, and are tolerated.
#[test]
fn rfc_5118_three_colons_before_an_ipv4_address_are_tolerated() {
    let host = |uri: &'static str| UriRef::parse(uri.as_bytes()).map(|uri| uri.host);
    let right = host("sip:user@[2001:db8::192.0.2.1]");
    assert!(matches!(right, Ok(Some(_))));
    assert_eq!(host("sip:user@[2001:db8:::192.0.2.1]"), right);
}
