//! RFC 4475 3.2 to 3.4: transactions, what applications read, and what RFC 2543 wrote.

use crate::common::*;
use crate::message::{SDP, register, request, to_phone, to_uri, without};
use crate::scene::Verdict::{Answered, Dropped, Registered, Relayed};
use crate::scene::{DOOR, INSIDE, both, is, scene};
use bellhop_core::flow::Transport;
use bellhop_testkit::status_of;

#[test]
fn s3_2_1_requests_whose_branch_is_the_bare_cookie_are_told_apart_otherwise() {
    // As if there were no cookie at all (RFC 3261 17.2.3).
    let via = "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK";
    is(to_phone(&[via]), &Relayed(&[]));
    let mut world = scene();
    let (_, phone) = pair(&mut world);
    for (id, cseq) in [("one", 1), ("one", 2), ("two", 1), ("two", 1)] {
        let (id, cseq) = (format!("Call-ID: {id}"), format!("CSeq: {cseq} MESSAGE"));
        let message = to_phone(&[via, &id, &cseq]);
        world.send(Transport::Udp, addr(INSIDE), addr(DOOR), &message);
        world.pass(std::time::Duration::from_millis(10));
    }
    // The fourth is the third again.
    assert_eq!(world.drain(phone.address).len(), 3);
}

#[test]
fn s3_3_1_a_request_without_what_all_need_is_400_if_it_can_be_answered() {
    let whole = request("INVITE sip:6002@example.org SIP/2.0", &[], SDP);
    for names in [&["Call-ID"][..], &["From"], &["To"], &["CSeq"]] {
        is(without(&whole, names), &Answered(400, &["Missing"]));
    }
    is(
        without(&whole, &["Call-ID", "From", "To"]),
        &Answered(400, &["Missing"]),
    );
}

#[test]
fn s3_3_2_an_unknown_scheme_is_416_whatever_to_says() {
    is(to_uri("nobodyKnowsThis:opaque"), &Answered(416, &[]));
}

#[test]
fn s3_3_3_a_known_scheme_that_is_not_routed_is_416() {
    is(to_uri("soap.beep://192.0.2.103:3002"), &Answered(416, &[]));
    is(to_uri("https://example.org/"), &Answered(416, &[]));
}

#[test]
fn s3_3_4_other_schemes_in_from_pass_and_in_the_to_of_a_register_are_400() {
    let odd = [
        "To: isbn:2983792873",
        "From: <http://www.example.com>;tag=3",
    ];
    is(to_phone(&odd), &Relayed(&odd));
    let message = register(&[odd[0], odd[1], "Contact: <name:John_Smith>"]);
    assert_eq!(both(&message), (Some(400), Some(401)));
}

#[test]
fn s3_3_5_an_extension_required_of_proxies_is_420_and_named() {
    let message = to_phone(&[
        "Require: nothingSupportsThis",
        "Proxy-Require: noProxyDoesThis, norThis",
    ]);
    let unsupported = ["Unsupported: noProxyDoesThis", "norThis", "not nothing"];
    is(message, &Answered(420, &unsupported));
}

#[test]
fn s3_3_6_a_body_of_an_unknown_kind_is_relayed() {
    let body = "<audio>\r\n <pcmu port=\"443\"/>\r\n</audio>\r\n";
    let kind = "Content-Type: application/unheard";
    let message = request("INVITE sip:6002@example.org SIP/2.0", &[kind], body);
    is(message, &Relayed(&[kind, body]));
}

#[test]
fn s3_3_7_credentials_of_an_unknown_scheme_are_none() {
    let line = "Authorization: NoOneKnowsThis opaque-data=here";
    is(register(&[line]), &Registered(&[]));
    let line = "Proxy-Authorization: NoOneKnowsThis opaque-data=here";
    is(to_phone(&[line]), &Relayed(&[]));
}

#[test]
fn s3_3_8_single_headers_that_stand_twice_are_400() {
    let message = request(
        "INVITE sip:6002@example.org SIP/2.0",
        &[
            "CSeq: 5 INVITE",
            "Call-ID: one",
            "CSeq: 59 INVITE",
            "Call-ID: two",
            "To: <sip:6002@example.org>",
            "To: <sip:6003@example.org>",
            "From: <sip:tester@example.org>;tag=1",
            "From: <sip:tester@example.net>;tag=2",
            "Max-Forwards: 70",
            "Max-Forwards: 5",
        ],
        SDP,
    );
    is(message, &Answered(400, &["Duplicate CSeq"]));
}

#[test]
fn s3_3_9_two_lengths_are_400() {
    let lengths = ["Content-Length: 13", "Content-Length: 5"];
    let message = request(
        "MESSAGE sip:6002@example.org SIP/2.0",
        &lengths,
        "How long is this?",
    );
    is(message, &Answered(400, &["Duplicate Content-Length"]));
}

#[test]
fn s3_3_10_a_response_with_a_broadcast_via_is_not_sent_there() {
    let vias = [
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
        "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2",
        "CSeq: 7 MESSAGE",
    ];
    is(request("SIP/2.0 200 OK", &vias, ""), &Dropped);
}

#[test]
fn s3_3_11_no_hops_left_is_483_and_an_options_may_end_here() {
    is(to_phone(&["Max-Forwards: 0"]), &Answered(483, &[]));
    let options = request(
        "OPTIONS sip:6002@example.org SIP/2.0",
        &["Max-Forwards: 0"],
        "",
    );
    // 16.3 step 3: a MAY, which strangers are not shown.
    assert_eq!(both(&options), (Some(200), Some(483)));
    let to_us = request("OPTIONS sip:example.org SIP/2.0", &["Max-Forwards: 0"], "");
    assert_eq!(both(&to_us), (Some(200), Some(407)));
}

#[test]
fn s3_3_12_a_parameter_of_contact_is_not_the_uris() {
    let contact = "Contact: sip:+19725550222@192.0.2.7;unknownparam";
    let given = ["<sip:+19725550222@192.0.2.7>;expires=3600;unknownparam"];
    is(register(&[contact]), &Registered(&given));
}

#[test]
fn s3_3_13_a_parameter_of_the_contact_uri_is_kept_in_it() {
    let contact = "Contact: <sip:+19725550222@192.0.2.7;unknownparam>";
    let given = ["<sip:+19725550222@192.0.2.7;unknownparam>"];
    is(register(&[contact]), &Registered(&given));
}

#[test]
fn s3_3_14_headers_of_a_contact_are_shown_again_and_are_no_part_of_a_request_uri() {
    let contact = "<sip:6003@192.0.2.7?Route=%3Csip:edge.test%3E>";
    let line = format!("M: {contact}");
    let message = register(&[&line, "To: <sip:6003@example.org>"]);
    is(&message, &Registered(&[contact]));
    let mut world = scene();
    world.send(Transport::Udp, addr(INSIDE), addr(DOOR), &message);
    assert_eq!(status_of(&world.expect(addr(INSIDE)).unwrap()), 200);
    let call = to_uri("sip:6003@example.org").replace("Call-ID: odd", "Call-ID: call");
    world.send(Transport::Udp, addr(INSIDE), addr(DOOR), &call);
    let relayed = world.expect(addr(INSIDE)).unwrap();
    assert!(
        relayed.starts_with("MESSAGE sip:6003@192.0.2.7 SIP/2.0\r\n"),
        "{relayed}"
    );
}

#[test]
fn s3_3_15_an_accept_that_nobody_can_meet_is_relayed() {
    let accept = "Accept: text/nobodyKnowsThis";
    let message = request("INVITE sip:6002@example.org SIP/2.0", &[accept], SDP);
    is(message, &Relayed(&[accept]));
}

#[test]
fn s3_4_1_an_invite_of_rfc_2543_is_relayed() {
    let message = request(
        "INVITE sip:6002@example.org SIP/2.0",
        &[
            "Via: SIP/2.0/UDP 198.51.100.9",
            "From: <sip:+13035550111@example.net;user=phone>",
            "Record-Route: <sip:6002@example.org;maddr=ss1.example.com>",
            "To: sip:+16505550222@ss1.example.net;user=phone",
            "Max-Forwards:",
        ],
        SDP,
    );
    is(
        without(&message, &["Max-Forwards", "Content-Length"]),
        &Relayed(&["Max-Forwards: "]),
    );
}
