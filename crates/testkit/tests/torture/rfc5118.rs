//! RFC 5118 4: IPv6 in places where it has gone wrong.

use crate::message::{SDP, register_at, request, to_phone, to_uri};
use crate::scene::Verdict::{Answered, Registered, Relayed};
use crate::scene::{both, is};

const CONTACT: &str = "Contact: \"Q\" <sip:6002@[2001:db8::1]>";

#[test]
fn s4_1_an_ipv6_reference_is_a_host() {
    let message = register_at("sip:[2001:db8::10]", &[CONTACT]);
    is(message, &Registered(&["<sip:6002@[2001:db8::1]>"]));
}

#[test]
fn s4_2_an_ipv6_address_without_brackets_is_400() {
    let message = register_at("sip:2001:db8::10", &[CONTACT]);
    is(message, &Answered(400, &["Bad Request-URI"]));
}

#[test]
fn s4_3_inside_the_brackets_5070_is_part_of_the_address() {
    is(
        register_at("sip:[2001:db8::10:5070]", &[CONTACT]),
        &Registered(&[]),
    );
    is(
        to_uri("sip:q@[2001:db8::20:5070]"),
        &Relayed(&["MESSAGE sip:q@[2001:db8::20:5070] "]),
    );
}

#[test]
fn s4_4_behind_the_brackets_5070_is_the_port() {
    is(
        register_at("sip:[2001:db8::10]:5070", &[CONTACT]),
        &Registered(&[]),
    );
    let other = register_at("sip:[2001:db8::10]:5071", &[CONTACT]);
    assert_eq!(both(&other), (Some(403), Some(401)));
}

#[test]
fn s4_5_received_is_read_with_and_without_brackets() {
    let own = "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKodd";
    for address in ["[2001:db8::9:255]", "2001:db8::9:255"] {
        let via = format!("Via: SIP/2.0/UDP [2001:db8::9:1];received={address};branch=z9hG4bKas3");
        is(to_phone(&[own, &via]), &Relayed(&[&via]));
        is(to_phone(&[&via]), &Relayed(&[]));
    }
}

#[test]
fn s4_6_ipv6_in_a_session_is_none_of_a_proxys_business() {
    let body = SDP.replace("IP4 198.51.100.9", "IP6 2001:db8::20");
    let message = request("INVITE sip:q@[2001:db8::20] SIP/2.0", &[CONTACT], &body);
    is(message, &Relayed(&["INVITE sip:q@[2001:db8::20] ", &body]));
}

#[test]
fn s4_7_vias_of_both_families_stand_side_by_side() {
    let vias = [
        "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKodd",
        "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111",
        "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200",
        "To: <sip:6002@example.org>;tag=98--94",
    ];
    let message = request("BYE sip:6002@example.org SIP/2.0", &vias, "");
    is(message, &Relayed(&vias));
}

#[test]
fn s4_8_media_of_both_families_stand_side_by_side() {
    let body = format!("{SDP}m=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\n");
    let message = request("INVITE sip:6002@example.org SIP/2.0", &[CONTACT], &body);
    is(message, &Relayed(&[&body]));
}

#[test]
fn s4_9_mapped_addresses_are_read() {
    let lines = [
        "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKodd",
        "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
        "Contact: <sip:ted@[::ffff:192.0.2.2]>",
    ];
    is(
        request("INVITE sip:6002@example.org SIP/2.0", &lines, SDP),
        &Relayed(&lines),
    );
    let top = "Via: SIP/2.0/UDP [::ffff:198.51.100.9];branch=z9hG4bKodd";
    is(to_phone(&[top]), &Relayed(&[top]));
}

#[test]
fn s4_10_a_third_colon_before_an_ipv4_address_is_tolerated() {
    for host in ["[2001:db8::192.0.2.1]", "[2001:db8:::192.0.2.1]"] {
        let start = format!("OPTIONS sip:q@{host} SIP/2.0");
        let to = format!("To: sip:q@{host}");
        is(request(&start, &[&to], ""), &Relayed(&[&to]));
    }
}
