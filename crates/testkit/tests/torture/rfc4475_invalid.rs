//! RFC 4475 3.1.2: not sound, and told so.

use crate::message::{SDP, register, request, to_phone, to_uri};
use crate::scene::Verdict::{Answered, Registered, Relayed};
use crate::scene::is;

const BAD: crate::scene::Verdict<'static> = Answered(400, &[]);

#[test]
fn s3_1_2_1_stray_separators_in_a_via_are_400() {
    is(to_phone(&["Via: SIP/2.0/UDP 198.51.100.9;;,;,,"]), &BAD);
}

#[test]
fn s3_1_2_2_a_length_beyond_the_datagram_is_400() {
    let message = request("INVITE sip:6002@example.org SIP/2.0", &["l: 9999"], SDP);
    is(message, &Answered(400, &["Content-Length does not fit"]));
}

#[test]
fn s3_1_2_3_a_negative_length_is_400() {
    let message = request("INVITE sip:6002@example.org SIP/2.0", &["l: -999"], SDP);
    is(message, &Answered(400, &["Bad Content-Length"]));
}

#[test]
fn s3_1_2_4_a_number_too_large_is_400_where_it_counts() {
    let huge = format!("Expires: 1{}", "0".repeat(100));
    let contact = "Contact: <sip:6002@192.0.2.7>;expires=280297596632815";
    let cseq = "CSeq: 36893488147419103232 REGISTER";
    is(
        register(&[cseq, &huge, contact]),
        &Answered(400, &["Bad CSeq"]),
    );
    is(register(&["Max-Forwards: 300"]), &BAD);
    // Lifetimes alone are cut to what is allowed.
    is(register(&[&huge, contact]), &Registered(&["expires=3600"]));
}

#[test]
fn s3_1_2_6_a_quote_that_does_not_end_is_400() {
    is(
        to_phone(&["To: \"Ms. Q <sip:6002@example.org>"]),
        &Answered(400, &["Bad To"]),
    );
}

#[test]
fn s3_1_2_7_brackets_around_the_request_uri_are_400() {
    is(to_uri("<sip:6002@example.org>"), &BAD);
}

#[test]
fn s3_1_2_8_a_blank_inside_the_request_uri_is_400() {
    is(to_uri("sip:6002@example.org; lr"), &BAD);
}

#[test]
fn s3_1_2_9_more_than_one_blank_in_the_request_line_is_400() {
    let message = to_phone(&[]).replacen(" sip:6002@example.org ", "  sip:6002@example.org  ", 1);
    is(message, &BAD);
}

#[test]
fn s3_1_2_10_a_blank_at_the_end_of_the_request_line_is_400() {
    is(to_phone(&[]).replacen("SIP/2.0\r", "SIP/2.0  \r", 1), &BAD);
}

#[test]
fn s3_1_2_11_headers_of_the_request_uri_go_nowhere() {
    let uri = |host: &str| format!("sip:6002@{host}?Route=%3Csip:evil.test%3E");
    for (host, place) in [
        ("example.org", "sip:6002@203.0.113.2:5060 SIP/2.0"),
        ("192.0.2.77", "sip:6002@192.0.2.77 SIP/2.0"),
    ] {
        is(
            to_uri(&uri(host)),
            &Relayed(&["not Route", "not evil", place]),
        );
    }
}

#[test]
fn s3_1_2_12_a_date_of_another_zone_is_none_of_a_proxys_business() {
    let date = "Date: Fri, 01 Jan 2010 16:00:00 EST";
    is(to_phone(&[date]), &Relayed(&[date]));
}

#[test]
fn s3_1_2_13_a_contact_with_headers_and_no_brackets_is_400() {
    let contact = "Contact: sip:6002@192.0.2.7?Route=%3Csip:evil.test%3E";
    let message = register(&[contact]);
    let (inside, stranger) = crate::scene::both(&message);
    assert_eq!((inside, stranger), (Some(400), Some(401)));
}

#[test]
fn s3_1_2_14_blanks_inside_the_brackets_of_to_are_400() {
    is(to_phone(&["To: \"Q, R\" < sip:6002@example.org >"]), &BAD);
}

#[test]
fn s3_1_2_15_a_comma_in_a_name_without_quotes_is_400() {
    let from = "From:    Q, Roger <sip:tester@example.org>;tag=43";
    is(to_phone(&[from]), &Answered(400, &["Bad From"]));
}

#[test]
fn s3_1_2_16_another_version_is_505() {
    let message = to_phone(&["Via: SIP/7.0/UDP 198.51.100.9;branch=z9hG4bKodd"]);
    is(
        message.replacen("SIP/2.0\r", "SIP/7.0\r", 1),
        &Answered(505, &[]),
    );
}

#[test]
fn s3_1_2_17_a_cseq_of_another_method_is_400() {
    is(to_phone(&["CSeq: 8 INVITE"]), &BAD);
}

#[test]
fn s3_1_2_18_an_unknown_method_with_the_cseq_of_another_is_400() {
    let message = request(
        "NEWLY sip:6002@example.org SIP/2.0",
        &["CSeq: 8 INVITE"],
        SDP,
    );
    is(message, &BAD);
}
