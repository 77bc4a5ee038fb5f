//! Requests on their way through the proxy: RFC 3261 16.2 to 16.6, sentence by sentence where no other
//! file has it; `docs/conformance.md` says which test proves what.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::UpstreamTarget;
use bellhop_core::flow::Transport;
use bellhop_testkit::{World, header, header_of, status_of};
use common::*;
use std::time::Duration;

/// The branch in the topmost Via.
fn branch(message: &str) -> &str {
    let via = header_of(message, "Via");
    let branch = via.split("branch=").nth(1).unwrap_or_default();
    branch.split(';').next().unwrap_or_default()
}

#[test]
fn the_same_request_by_two_ways_is_relayed_twice() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    let message = p.request("MESSAGE", "sip:6002@192.0.2.1", "merged", "");
    say(&mut world, &p, &message);
    // 16.3: a merged request is the endpoint's to find, never an error here.
    let other = message.replacen(";branch=z9hG4bK", ";branch=z9hG4bKother", 1);
    say(&mut world, &p, &other);
    world.pass(Duration::from_millis(100));
    let got = world.drain(b.address);
    assert_eq!(got.len(), 2);
    assert_ne!(branch(&got[0]), branch(&got[1]));
    assert!(world.drain(p.address).is_empty());
}

#[test]
fn a_request_goes_on_byte_for_byte_but_for_what_a_proxy_must_change() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let p = pbx();
    // 16.3 step 1, 16.6 step 1: header fields in any order and shape, a bad Date, a body of any bytes.
    let rest = "t:  <sip:6002@example.org>\r\n\
        X-Odd:\t;,\"\r\n folded\r\n\
        Date: the day before yesterday\r\n\
        CONTACT : <sip:pbx@198.51.100.5>,\r\n <sip:x@y>\r\n\
        i:bytes\r\n\
        x-odd: 2\r\n\
        f: <sip:pbx@198.51.100.5>;tag=1\r\n\
        Cseq: 7  MESSAGE\r\n\
        C: x/y\r\n\
        L : 5\r\n\r\n\u{1}\u{fe}\r\n";
    let message = format!(
        "MESSAGE sip:6002@192.0.2.1 SIP/2.0\r\n\
         v: SIP/2.0/UDP 198.51.100.5:5060;branch=z9hG4bKbytes ;x\r\n\
         Max-Forwards:  12\r\n\
         {rest}"
    );
    say(&mut world, &p, &message);
    let got = world.expect(b.address).unwrap();
    let expected = format!(
        "MESSAGE sip:6002@203.0.113.2:5060 SIP/2.0\r\n\
         Via: {}\r\n\
         v: SIP/2.0/UDP 198.51.100.5:5060;branch=z9hG4bKbytes ;x\r\n\
         Max-Forwards:  11\r\n\
         {rest}",
        header_of(&got, "Via"),
    );
    let breadth = "Max-Breadth: 60\r\n";
    assert_eq!(got.replacen(breadth, "", 1), expected);
}

#[test]
fn a_request_without_max_forwards_goes_on_with_70() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    for (line, hops) in [("", "70"), ("Max-Forwards: 1\r\n", "0")] {
        let message = p.request("MESSAGE", "sip:6002@192.0.2.1", "hops", "");
        say(
            &mut world,
            &p,
            &message.replacen("Max-Forwards: 70\r\n", line, 1),
        );
        // 16.6 step 3.
        let got = world.expect(b.address).unwrap();
        assert_eq!(header_of(&got, "Max-Forwards"), hops);
    }
}

#[test]
fn a_via_of_ours_is_put_above_the_others_with_a_branch_of_its_own() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    let message = p.request("MESSAGE", "sip:6002@192.0.2.1", "via", "");
    say(&mut world, &p, &message);
    let got = world.expect(b.address).unwrap();
    // 16.6 step 8, 8.1.1.7; RFC 3581 3.
    let mut vias = got.split("\r\n").filter_map(|l| l.strip_prefix("Via: "));
    let ours = vias.next().unwrap();
    assert!(ours.starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"));
    assert!(ours.ends_with(";rport"), "{ours}");
    assert!(vias.next().unwrap().contains(branch(&message)));
    assert_eq!(vias.next(), None);
    assert_ne!(branch(&got), branch(&message));
}

#[test]
fn every_attempt_has_a_branch_of_its_own() {
    let mut world = World::new(1);
    let mut config = config();
    let spare = "198.51.100.6:5060";
    config.upstreams[0].targets.push(UpstreamTarget {
        transport: Transport::Udp,
        remote: addr(spare),
        host: spare.to_owned(),
    });
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    let p = pbx();
    let invite = a.request("INVITE", "sip:600@example.org", "attempts", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let first = world.expect(p.address).unwrap();
    say(&mut world, &p, &p.answer(&first, 503, "Unavailable", ""));
    let second = world.expect(addr(spare)).unwrap();
    // 16.6 step 7: a new client transaction, so a new branch; all else is made anew from the same request.
    assert_ne!(branch(&first), branch(&second));
    assert_eq!(header_of(&second, "Max-Forwards"), "69");
    assert_eq!(second.matches("Via: ").count(), 2);
    assert_eq!(second.matches("Record-Route: ").count(), 1);
}

#[test]
fn an_maddr_that_is_ours_is_taken_off() {
    for uri in [
        "sip:6002@example.org;maddr=192.0.2.1",
        "sip:6002@example.org:5060;transport=udp;MADDR=192.0.2.1",
        "sip:6002@example.org;maddr=example.org",
    ] {
        let mut world = world();
        let (mut a, b) = pair(&mut world);
        let message = a.request("MESSAGE", uri, "maddr", "");
        let message = authorized(&mut world, &mut a, &message);
        say(&mut world, &a, &message);
        // 16.4: as if it had not been there.
        let got = world.expect(b.address).unwrap();
        assert!(
            got.starts_with("MESSAGE sip:6002@203.0.113.2:5060 SIP/2.0"),
            "{uri}: {got}"
        );
    }
    let mut world = world();
    let mut p = pbx();
    let far = "203.0.113.50:5060";
    let uri = "sip:far@203.0.113.50;maddr=192.0.2.1;x=1";
    let message = p.request("MESSAGE", uri, "maddr", "");
    say(&mut world, &p, &message);
    let got = world.expect(addr(far)).unwrap();
    assert!(
        got.starts_with("MESSAGE sip:far@203.0.113.50;x=1 SIP/2.0"),
        "{got}"
    );
}

#[test]
fn an_maddr_that_is_another_place_is_the_only_target() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    let uri = "sip:6002@example.org;maddr=203.0.113.50";
    let message = p.request("MESSAGE", uri, "maddr", "");
    say(&mut world, &p, &message);
    // 16.5, for those who may name a target at all.
    let got = world.expect(addr("203.0.113.50:5060")).unwrap();
    assert!(got.starts_with(&format!("MESSAGE {uri} SIP/2.0")), "{got}");
    assert!(world.drain(b.address).is_empty());
    // Ours, but by another transport: it would come back to us.
    let uri = "sip:6002@example.org;maddr=192.0.2.1;transport=tcp";
    let message = p.request("MESSAGE", uri, "maddr-tcp", "");
    assert_eq!(status_of(&ask(&mut world, &p, &message)), 482);
}

#[test]
fn a_user_who_does_not_exist_is_404_and_one_who_is_away_480() {
    let mut world = World::new(1);
    let mut config = config();
    config.default_upstream = None;
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    for (user, status) in [("nobody", 404), ("6003", 480)] {
        let uri = format!("sip:{user}@example.org");
        let invite = a.request("INVITE", &uri, user, "");
        let invite = authorized(&mut world, &mut a, &invite);
        // 16.5, last two paragraphs.
        assert_eq!(status_of(&ask(&mut world, &a, &invite)), status);
    }
}

#[test]
fn a_method_parameter_does_not_get_into_the_request_uri() {
    let mut world = world();
    let (mut a, mut b) = (
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.2:5060"),
    );
    register(&mut world, &mut a);
    let contact = "Contact: <sip:6002@203.0.113.2:5060;line=1;Method=INVITE;ob?X=y>\r\n";
    let request = register_of(&mut b, "sip:6002@example.org", "method", contact, "");
    assert_eq!(status_of(&answered(&mut world, &mut b, &request)), 200);
    let (_, at_b) = ring(&mut world, &mut a, &b, "method-call");
    // 16.6 step 2 with the table of 19.1.1.
    assert!(
        at_b.starts_with("INVITE sip:6002@203.0.113.2:5060;line=1;ob SIP/2.0"),
        "{at_b}"
    );
}

#[test]
fn our_record_route_is_a_loose_sip_uri_above_those_that_are_there() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    let more = "Route: <sip:192.0.2.1;lr>\r\nRecord-Route: <sip:old.test;lr>\r\n";
    let invite = p.request("INVITE", "sip:6002@192.0.2.1", "rr", more);
    say(&mut world, &p, &invite);
    let got = world.expect(b.address).unwrap();
    // 16.6 step 4: though the request came with a Route.
    let mut routes = got
        .split("\r\n")
        .filter_map(|l| l.strip_prefix("Record-Route: "));
    let ours = routes.next().unwrap();
    assert!(
        ours.starts_with("<sip:") && ours.ends_with("@192.0.2.1:5060;lr>"),
        "{ours}"
    );
    assert_eq!(routes.next(), Some("<sip:old.test;lr>"));
    assert_eq!(routes.next(), None);
}

#[test]
fn a_method_that_may_make_a_dialog_is_record_routed_and_no_other() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    for (method, is_recorded) in [
        ("INVITE", true),
        ("SUBSCRIBE", true),
        ("REFER", true),
        // 16.6 step 4: a proxy that must stay cannot know what a method that it does not know begins.
        ("WHISTLE", true),
        ("MESSAGE", false),
        ("INFO", false),
    ] {
        let request = p.request(method, "sip:6002@192.0.2.1", method, "");
        say(&mut world, &p, &request);
        let got = world.expect(b.address).unwrap();
        assert_eq!(
            header(&got, "Record-Route").is_some(),
            is_recorded,
            "{method}"
        );
        say(&mut world, &b, &b.answer(&got, 486, "Busy Here", ""));
        world.pass(Duration::from_millis(10));
        world.drain(b.address);
    }
}

#[test]
fn groups_that_are_tried_one_after_the_other_have_the_whole_breadth_each() {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let mut phones = Vec::new();
    for (n, q) in [(2, "0.9"), (3, "0.3"), (4, "0.3")] {
        let mut b = phone("6002", &format!("203.0.113.{n}:5060"));
        let contact = format!("Contact: <sip:6002@{}>;q={q}\r\n", b.contact);
        let request = register_of(&mut b, "sip:6002@example.org", &n.to_string(), &contact, "");
        assert_eq!(status_of(&answered(&mut world, &mut b, &request)), 200);
        phones.push(b);
    }
    let invite = a.request("INVITE", "sip:6002@example.org", "breadth", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let first = world.expect(phones[0].address).unwrap();
    // RFC 5393 5.3.3: 60 where none is given; 5.3.3.1: only what is in flight counts.
    assert_eq!(header_of(&first, "Max-Breadth"), "60");
    let busy = phones[0].answer(&first, 486, "Busy Here", "");
    say(&mut world, &phones[0], &busy);
    for phone in &phones[1..] {
        let got = world.expect(phone.address).unwrap();
        assert_eq!(header_of(&got, "Max-Breadth"), "30");
    }
}

#[test]
fn a_breadth_of_0_is_440_for_a_single_target_too() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    let request = p.request(
        "MESSAGE",
        "sip:6002@192.0.2.1",
        "zero",
        "Max-Breadth: 0\r\n",
    );
    // RFC 5393 5.3.3.
    assert_eq!(status_of(&ask(&mut world, &p, &request)), 440);
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn a_breadth_above_60_is_taken_for_60() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    for (n, breadth) in ["60", "61", "4294967295", "99999999999"]
        .into_iter()
        .enumerate()
    {
        let more = format!("Max-Breadth: {breadth}\r\n");
        let message = a.request(
            "MESSAGE",
            "sip:6002@example.org",
            &format!("wide-{n}"),
            &more,
        );
        let message = authorized(&mut world, &mut a, &message);
        say(&mut world, &a, &message);
        // RFC 5393 5.3.3: a proxy has a greatest one of its own.
        let at_b = world.expect(b.address).unwrap();
        assert_eq!(header_of(&at_b, "Max-Breadth"), "60", "{breadth}");
        say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
        world.expect(a.address).unwrap();
    }
}
