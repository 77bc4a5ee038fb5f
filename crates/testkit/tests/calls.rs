//! Calls through the proxy on simulated time: RFC 3261 16, with Bellhop between phones and a PBX.

mod common;

use bellhop_testkit::{header, header_of, status_of};
use common::*;
use std::time::Duration;

#[test]
fn a_call_between_phones_goes_through_and_its_bye_follows_the_record_route() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);

    let invite = a.request("INVITE", "sip:6002@example.org", "call-1", "");
    let invite = authorized(&mut world, &mut a, &invite);
    assert_eq!(status_of(&ask(&mut world, &a, &invite)), 100);

    let arrived = world.expect(b.address).unwrap();
    assert!(
        arrived.starts_with("INVITE sip:6002@203.0.113.2:5060 SIP/2.0"),
        "{arrived}"
    );
    assert_eq!(header_of(&arrived, "Max-Forwards"), "69");
    assert_eq!(header(&arrived, "Proxy-Authorization"), None);
    say(&mut world, &b, &b.answer(&arrived, 180, "Ringing", ""));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 180);
    say(&mut world, &b, &b.answer(&arrived, 200, "OK", ""));
    let ok = world.expect(a.address).unwrap();
    assert_eq!(status_of(&ok), 200);

    let ack = from_caller(&mut a, "ACK", &ok, 2);
    say(&mut world, &a, &ack);
    assert!(
        world
            .expect(b.address)
            .unwrap()
            .starts_with("ACK sip:6002@203.0.113.2:5060")
    );
    let bye = from_caller(&mut a, "BYE", &ok, 3);
    say(&mut world, &a, &bye);
    let bye = world.expect(b.address).unwrap();
    assert!(bye.starts_with("BYE sip:6002@203.0.113.2:5060"), "{bye}");
    assert_eq!(header(&bye, "Route"), None);
    say(&mut world, &b, &b.answer(&bye, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
}

#[test]
fn both_phones_of_an_aor_ring_and_the_loser_is_cancelled() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let (mut b, mut c) = (
        phone("6002", "203.0.113.2:5060"),
        phone("6002", "203.0.113.3:5060"),
    );
    for phone in [&mut a, &mut b, &mut c] {
        register(&mut world, phone);
    }
    let invite = a.request("INVITE", "sip:6002@example.org", "call-2", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).unwrap();
    let at_c = world.expect(c.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    say(&mut world, &c, &c.answer(&at_c, 180, "Ringing", ""));
    world.pass(Duration::from_millis(100));
    say(&mut world, &c, &c.answer(&at_c, 200, "OK", ""));

    let cancel = world.expect(b.address).unwrap();
    assert!(
        cancel.starts_with("CANCEL sip:6002@203.0.113.2:5060"),
        "{cancel}"
    );
    // 9.1: the branch and the CSeq number are the INVITE's.
    assert_eq!(header_of(&cancel, "Via"), header_of(&at_b, "Via"));
    assert_eq!(
        header_of(&cancel, "CSeq"),
        header_of(&at_b, "CSeq").replace("INVITE", "CANCEL")
    );
    say(&mut world, &b, &b.answer(&cancel, 200, "OK", ""));
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 487, "Request Terminated", ""),
    );
    assert!(world.expect(b.address).unwrap().starts_with("ACK "));
    world.pass(Duration::from_secs(1));
    let finals: Vec<u16> = world
        .drain(a.address)
        .iter()
        .map(|m| status_of(m))
        .filter(|s| *s >= 200)
        .collect();
    assert_eq!(finals, [200]);
}

#[test]
fn the_callers_cancel_stops_the_ringing_and_he_gets_487_once() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let invite = a.request("INVITE", "sip:6002@example.org", "call-3", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(50));
    world.drain(a.address);

    let cancel = invite.replace("INVITE", "CANCEL");
    say(&mut world, &a, &cancel);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    // A repeated CANCEL is answered again and not passed on again.
    say(&mut world, &a, &cancel);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    let at_b2 = world.expect(b.address).unwrap();
    assert!(at_b2.starts_with("CANCEL "), "{at_b2}");
    say(&mut world, &b, &b.answer(&at_b2, 200, "OK", ""));
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 487, "Request Terminated", ""),
    );
    assert!(world.expect(b.address).unwrap().starts_with("ACK "));
    let terminated = world.expect(a.address).unwrap();
    assert_eq!(status_of(&terminated), 487);
    say(&mut world, &a, &ack_of(&terminated, &a));
    world.pass(Duration::from_secs(40));
    assert!(world.drain(a.address).iter().all(|m| status_of(m) == 487));
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn what_is_no_binding_goes_to_the_default_upstream_with_its_host() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "call-5", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let arrived = world.expect(p.address).unwrap();
    assert!(
        arrived.starts_with("INVITE sip:600@198.51.100.5:5060 SIP/2.0"),
        "{arrived}"
    );
    assert_eq!(
        header_of(&arrived, "P-Asserted-Identity"),
        "<sip:6001@example.org>"
    );
}

#[test]
fn the_pbx_calls_a_phone_without_being_challenged() {
    let mut world = world();
    let (mut b, mut p) = (phone("6002", "203.0.113.2:5060"), pbx());
    register(&mut world, &mut b);
    let invite = p.request(
        "INVITE",
        "sip:6002@192.0.2.1:5060",
        "call-6",
        "P-Asserted-Identity: <sip:999@pbx>\r\n",
    );
    say(&mut world, &p, &invite);
    let arrived = world.expect(b.address).unwrap();
    assert!(
        arrived.starts_with("INVITE sip:6002@203.0.113.2:5060"),
        "{arrived}"
    );
    assert_eq!(header_of(&arrived, "P-Asserted-Identity"), "<sip:999@pbx>");
}

#[test]
fn a_call_from_the_pbx_to_a_user_who_is_away_gets_480_and_no_loop() {
    let mut world = world();
    let mut p = pbx();
    let invite = p.request("INVITE", "sip:6002@192.0.2.1:5060", "call-7", "");
    assert_eq!(status_of(&ask(&mut world, &p, &invite)), 480);
}

#[test]
fn a_phone_behind_a_nat_gets_its_in_dialog_requests_over_its_flow() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.9:34494"), pbx());
    a.contact = "10.0.0.7:5060".to_owned();
    let subscribe = a.request(
        "SUBSCRIBE",
        "sip:6002@example.org",
        "sub-1",
        "Event: dialog\r\nExpires: 60\r\n",
    );
    let subscribe = authorized(&mut world, &mut a, &subscribe);
    say(&mut world, &a, &subscribe);
    let arrived = world.expect(p.address).unwrap();
    say(
        &mut world,
        &p,
        &p.answer(&arrived, 200, "OK", "Expires: 60\r\n"),
    );
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    let routes = route_lines(&arrived, false);
    let notify = format!(
        "NOTIFY sip:6001@10.0.0.7:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {PBX};branch=z9hG4bKn1\r\n{routes}Max-Forwards: 70\r\n\
         From: <sip:6002@example.org>;tag=tpbx\r\nTo: <sip:6001@x>;tag=f6001\r\nCall-ID: sub-1\r\nCSeq: 1 NOTIFY\r\n\
         Contact: <sip:{PBX}>\r\nEvent: dialog\r\nSubscription-State: active\r\nContent-Length: 0\r\n\r\n"
    );
    say(&mut world, &p, &notify);
    let notify = world.expect(a.address).unwrap();
    assert!(
        notify.starts_with("NOTIFY sip:6001@10.0.0.7:5060"),
        "{notify}"
    );
    assert_eq!(
        header_of(&arrived, "Record-Route"),
        header_of(&notify, "Record-Route")
    );
}

#[test]
fn a_pbxs_503_reaches_the_caller_as_500() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "call-9", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let arrived = world.expect(p.address).unwrap();
    say(
        &mut world,
        &p,
        &p.answer(&arrived, 503, "Maintenance", "Retry-After: 60\r\n"),
    );
    let answer = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&answer), 500);
    assert_eq!(header(&answer, "Retry-After"), None);
}

#[test]
fn a_silent_pbx_gives_408_after_timer_b_and_leaves_nothing_behind() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let invite = a.request("INVITE", "sip:600@example.org", "call-10", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let answer = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&answer), 408);
    say(&mut world, &a, &ack_of(&answer, &a));
    world.pass(Duration::from_secs(120));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_retransmitted_invite_is_not_relayed_again() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let invite = a.request("INVITE", "sip:600@example.org", "call-11", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    say(&mut world, &a, &invite);
    let arrived = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&arrived, 100, "Trying", ""));
    world.pass(Duration::from_secs(3));
    assert!(world.drain(p.address).is_empty());
}

#[test]
fn an_extension_method_is_relayed() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let request = a.request("WHISTLE", "sip:600@example.org", "ext-1", "");
    let request = authorized(&mut world, &mut a, &request);
    say(&mut world, &a, &request);
    assert!(
        world
            .expect(p.address)
            .unwrap()
            .starts_with("WHISTLE sip:600@")
    );
}

#[test]
fn a_subscription_to_a_registered_user_goes_to_the_pbx_and_not_to_the_phone() {
    let mut world = world();
    let (mut a, _) = pair(&mut world);
    let subscribe = a.request(
        "SUBSCRIBE",
        "sip:6002@example.org",
        "blf",
        "Event: dialog\r\nExpires: 60\r\n",
    );
    let subscribe = authorized(&mut world, &mut a, &subscribe);
    say(&mut world, &a, &subscribe);
    assert!(
        world
            .expect(addr(PBX))
            .unwrap()
            .starts_with("SUBSCRIBE sip:6002@198.51.100.5:5060")
    );
}
