//! RFC 4475 3.1.1: odd, and sound.

use crate::message::{SDP, register, request, to_phone, to_uri};
use crate::scene::Verdict::{Registered, Relayed};
use crate::scene::is;

#[test]
fn s3_1_1_1_a_tortuous_invite_is_relayed_as_it_came() {
    let message = request(
        "INVITE sip:6002@example.org;unknownparam SIP/2.0",
        &[
            "TO :\r\n sip:6002@example.org ;   other    = 19n",
            "from   : \"Q \\\\\\\"\"       <sip:tester@example.org>\r\n  ;\r\n  tag = 98as",
            "MaX-fOrWaRdS: 0068",
            "cseq: 0009\r\n  INVITE",
            "Via  : SIP  /   2.0\r\n /UDP\r\n    198.51.100.9;branch=z9hG4bKodd",
            "s :",
            "v:  SIP  / 2.0  / TCP     loom.example.com   ;\r\n  branch  =   z9hG4bK9  ,\r\n \
             SIP  /    2.0   / UDP  192.0.2.111   ; branch=\r\n z9hG4bK3",
            "NewFangled:   value\r\n continued",
            "OddValue: ;;,,;;,;",
            "m:\"Quoted \\\"\\\"\" <sip:tester@198.51.100.9> ; newparam =\r\n      v ;\r\n  second ; q = 0.33",
        ],
        SDP,
    );
    is(
        message,
        &Relayed(&[
            "INVITE sip:6002@203.0.113.2:5060 SIP/2.0",
            "MaX-fOrWaRdS: 67",
            "NewFangled:   value\r\n continued",
            "OddValue: ;;,,;;,;",
            "from   : \"Q \\\\\\\"\"       <sip:tester@example.org>\r\n  ;\r\n  tag = 98as",
        ]),
    );
}

#[test]
fn s3_1_1_2_every_octet_that_the_grammar_allows_is_relayed() {
    let user = "1_u.URI~(to-b!s)&i't+it$/c?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)";
    let message = request(
        &format!("!odd-Method.%*_+`'~ sip:{user}@example.org SIP/2.0"),
        &[
            "To: \"BEL:\\\u{7} NUL:\\\0 DEL:\\\u{7f}\" <sip:1_u.URI~(to-b!s)&i't+it$/c?,/;;*@example.com>",
            "From: one~` two'+_ three*%!.- <sip:m@example.net>;from''~+*_!.-%=\"\u{440}\";tag=_t'~+*!-.%",
            "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK-.!%66*_+`'~",
            "Call-ID: odd%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            "Max-Forwards: 255",
            "ext-!.%*+_`'~:\u{fe00}\u{5927}\u{96fb}",
        ],
        "",
    );
    let line = "!odd-Method.%*_+`'~ sip:1_u.URI~(to-b!s)&i't+it$/c?,/;;*@198.51.100.5:5060 SIP/2.0";
    let kept = "ext-!.%*+_`'~:\u{fe00}\u{5927}\u{96fb}";
    is(message, &Relayed(&[line, kept, "Max-Forwards: 254"]));
}

#[test]
fn s3_1_1_3_escapes_mean_their_characters_and_leave_as_they_came() {
    // `%36` is 6 (RFC 3261 19.1.4), so this is the registered phone.
    is(
        to_uri("sip:%36002@example.org"),
        &Relayed(&["MESSAGE sip:6002@203.0.113.2:5060 "]),
    );
    is(
        to_uri("sip:sips%3Aroom%40elsewhere.test@example.org"),
        &Relayed(&["MESSAGE sip:sips%3Aroom%40elsewhere.test@198.51.100.5:5060 "]),
    );
    let from = "From: <sip:I%20have%20spaces@example.net;%6C%72;n%61me=v%61lue%25%34%31>;tag=1";
    is(to_phone(&[from]), &Relayed(&[from]));
}

#[test]
fn s3_1_1_4_users_with_escaped_nulls_are_whole_and_different() {
    let message = register(&[
        "To: sip:nul-%00-nul@example.org",
        "Contact: <sip:%00@192.0.2.7>",
        "Contact: <sip:%00%00@192.0.2.7>",
    ]);
    let (one, two) = ("<sip:%00@192.0.2.7>", "<sip:%00%00@192.0.2.7>");
    is(message, &Registered(&[one, two]));
}

#[test]
fn s3_1_1_5_a_percent_that_is_no_escape_stays_one() {
    let message = request(
        "RE%47IST%45R sip:room@example.org SIP/2.0",
        &[
            "To: \"%Z%45\" <sip:room@example.org>",
            "C%6Fntact: <sip:two@192.0.2.7>",
            "Contact: <sip:one@192.0.2.7>",
        ],
        "",
    );
    let start = "RE%47IST%45R sip:room@198.51.100.5:5060 SIP/2.0";
    is(
        message,
        &Relayed(&[start, "\"%Z%45\"", "C%6Fntact: <sip:two@"]),
    );
}

#[test]
fn s3_1_1_6_no_blank_is_needed_before_the_bracket() {
    let from = "From: tester<sip:tester@example.org>;tag=323";
    is(to_phone(&[from]), &Relayed(&[from]));
}

#[test]
fn s3_1_1_7_long_values_are_relayed_whole() {
    let (a, b, c) = ("a".repeat(500), "b".repeat(2_000), "c".repeat(200));
    let to = format!("To: \"{a}\"<sip:6002@example.org:6000;{a}={b};{c}>");
    let from = format!("F: sip:{a}@example.net;tag={a};{c}={b};{a}");
    let via = |n: u8| format!("v: SIP/2.0/TCP s{n}.{c}.example.com;branch=z9hG4bK{b}");
    let (call, other) = (
        format!("Call-ID: {b}"),
        format!("Unknown-{a}: {b}; {a}={c}"),
    );
    let own = "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKodd";
    let message = to_phone(&[own, &to, &from, &call, &other, &via(1), &via(2), &via(3)]);
    is(message, &Relayed(&[&to, &from, &call, &other, &via(3)]));
}

#[test]
fn s3_1_1_8_octets_behind_the_body_of_a_datagram_are_noise() {
    let one = register(&[
        "Contact: <sip:6003@192.0.2.7>",
        "To: <sip:6003@example.org>",
    ]);
    let two = request(
        "INVITE sip:6002@example.org SIP/2.0",
        &["Call-ID: second"],
        SDP,
    );
    is(
        format!("{one}\r\n{two}"),
        &Registered(&["not second", "CSeq: 7 REGISTER"]),
    );
    let noise = format!("{}{two}", to_phone(&[]));
    is(noise, &Relayed(&["MESSAGE ", "not second"]));
}

#[test]
fn s3_1_1_9_a_user_may_hold_semicolons() {
    is(
        to_uri("sip:room;par=u%40example.net@example.org"),
        &Relayed(&["MESSAGE sip:room;par=u%40example.net@198.51.100.5:5060 "]),
    );
}

#[test]
fn s3_1_1_10_vias_of_any_transport_are_kept() {
    let vias = [
        "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKodd",
        "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bK2",
        "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK3",
        "Via: SIP/2.0/UNHEARD t4.example.com;branch=z9hG4bK4",
        "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK5",
    ];
    is(to_phone(&vias), &Relayed(&vias));
}

#[test]
fn s3_1_1_11_a_body_in_parts_with_nulls_leaves_octet_for_octet() {
    let body = "--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n--b\r\n\r\n0\u{2}\0\u{1}\0\n\r\n\r\n--b--\r\n";
    let kind = "Content-Type: multipart/mixed;boundary=b";
    let message = request("MESSAGE sip:6002@example.org SIP/2.0", &[kind], body);
    is(message, &Relayed(&[kind, &format!("\r\n\r\n{body}")]));
}
