//! One meaning in several forms: bodies of any octets, values on one line or several, compact names
//! (RFC 3261 7.3, 7.4).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::flow::Transport;
use bellhop_testkit::{Chance, Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// What follows the head of a message.
fn body(bytes: &[u8]) -> &[u8] {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    &bytes[at.unwrap() + 4..]
}

/// The body of the last packet that reached a peer.
fn arrived(world: &World, peer: &Peer) -> Vec<u8> {
    let mut packets = world.trace.iter().rev();
    let last = packets.find(|packet| packet.to == peer.address);
    body(&last.unwrap().bytes).to_vec()
}

#[test]
fn a_body_of_all_octets_arrives_whole_over_every_pair_of_transports() {
    let mut chance = Chance::new(24);
    for (from, to) in [
        (Transport::Udp, Transport::Udp),
        (Transport::Udp, Transport::Tcp),
        (Transport::Tcp, Transport::Udp),
        (Transport::Tcp, Transport::Tcp),
    ] {
        let mut world = world();
        let mut a = phone("6001", "203.0.113.1:5060");
        let mut b = phone("6002", "203.0.113.2:5060");
        (a.transport, b.transport) = (from, to);
        register(&mut world, &mut a);
        register(&mut world, &mut b);
        for round in 0..20 {
            let octets: Vec<u8> = (0..=255)
                .chain((0..chance.below(200)).map(|_| chance.below(256) as u8))
                .collect();
            let length = format!("Content-Length: {}\r\n\r\n", octets.len());
            let request = a.request(
                "MESSAGE",
                "sip:6002@example.org",
                &format!("b{round}"),
                &length,
            );
            let with_body = |head: &str| [head.as_bytes(), &octets].concat();
            world.send_bytes(from, a.address, a.server, with_body(&request));
            let challenge = world.expect(a.address).unwrap();
            let request = a
                .authorize(&request, &challenge, bellhop_core::auth::Algorithm::Md5)
                .unwrap();
            world.send_bytes(from, a.address, a.server, with_body(&request));
            let got = world.expect(b.address).unwrap();
            assert_eq!(arrived(&world, &b), octets, "{from:?} {to:?}");
            assert_eq!(header_of(&got, "Content-Length"), octets.len().to_string());
            let ok = b.answer(&got, 200, "OK", &length);
            world.send_bytes(to, b.address, b.server, with_body(&ok));
            assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
            assert_eq!(arrived(&world, &a), octets, "{from:?} {to:?}");
        }
    }
}

#[test]
fn values_on_one_line_mean_the_same_as_on_several() {
    let (one, two) = (
        "<sip:6002@[2001:db8::7]:5070;ob>;q=0.5;expires=600",
        "\"a, b\" <sip:6002@10.0.0.2;x=y>;q=0.7",
    );
    let forms = [
        format!("Contact: {one}, {two}\r\n"),
        format!("Contact: {one}\r\nContact: {two}\r\n"),
        format!("m:{one} ,\r\n {two}\r\n"),
    ];
    let bound = forms.map(|contact| {
        let mut world = world();
        let mut b = phone("6002", "203.0.113.2:5060");
        let request = register_of(&mut b, "sip:6002@example.org", "forms", &contact, "");
        let answer = answered(&mut world, &mut b, &request);
        assert_eq!(status_of(&answer), 200, "{answer}");
        contacts(&answer).join("\n")
    });
    assert!(bound[0].contains("[2001:db8::7]:5070") && bound[0].contains("10.0.0.2"));
    assert!(bound[0] == bound[1] && bound[0] == bound[2], "{bound:?}");

    // Our own Route and the next one.
    for routes in [
        "Route: <sip:192.0.2.1;lr>, <sip:203.0.113.60;lr>\r\n",
        "Route: <sip:192.0.2.1;lr>\r\nRoute: <sip:203.0.113.60;lr>\r\n",
        "Route: <sip:192.0.2.1;lr> ,\r\n\t<sip:203.0.113.60;lr>\r\n",
    ] {
        let mut world = world();
        let mut p = pbx();
        let request = p.request("MESSAGE", "sip:far@203.0.113.50", "routes", routes);
        say(&mut world, &p, &request);
        let got = world.expect(addr("203.0.113.60:5060")).unwrap();
        assert_eq!(header_of(&got, "Route"), "<sip:203.0.113.60;lr>", "{got}");
        assert_eq!(
            got.matches("<sip:").count(),
            request.matches("<sip:").count() - 1
        );
    }
}

/// The same message in compact names (7.3.3, IANA), oddly spaced.
fn compact(message: &str) -> String {
    [
        ("\r\nVia: ", "\r\nv :  "),
        ("\r\nFrom: ", "\r\nF:"),
        ("\r\nTo: ", "\r\nt:\t"),
        ("\r\nCall-ID: ", "\r\nI : "),
        ("\r\nContact: ", "\r\nm:"),
        ("\r\nContent-Length: ", "\r\nl :"),
        ("\r\nCSeq: ", "\r\ncSEQ:"),
        ("\r\nRoute: ", "\r\nROUTE :"),
    ]
    .into_iter()
    .fold(message.to_owned(), |text, (long, short)| {
        text.replace(long, short)
    })
}

/// The message as its peer would have got it without the compact names.
fn long(message: &str) -> String {
    [
        ("\r\nv :  ", "\r\nVia: "),
        ("\r\nF:", "\r\nFrom: "),
        ("\r\nt:\t", "\r\nTo: "),
        ("\r\nI : ", "\r\nCall-ID: "),
        ("\r\nm:", "\r\nContact: "),
        ("\r\ncSEQ:", "\r\nCSeq: "),
    ]
    .into_iter()
    .fold(message.to_owned(), |text, (short, long)| {
        text.replace(short, long)
    })
}

#[test]
fn a_call_in_compact_names_is_a_call() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let invite = a.request("INVITE", "sip:6002@example.org", "compact", "");
    let challenge = ask(&mut world, &a, &compact(&invite));
    assert_eq!(status_of(&challenge), 407);
    say(&mut world, &a, &compact(&ack_of(&long(&challenge), &a)));
    let algorithm = bellhop_core::auth::Algorithm::Sha256;
    let invite = a.authorize(&invite, &challenge, algorithm).unwrap();
    say(&mut world, &a, &compact(&invite));
    let at_b = long(&world.expect(b.address).unwrap());
    assert!(
        at_b.starts_with("INVITE sip:6002@203.0.113.2:5060 "),
        "{at_b}"
    );
    say(&mut world, &b, &compact(&b.answer(&at_b, 200, "OK", "")));
    let ok = long(&skip(&mut world, a.address, 100));
    assert_eq!(status_of(&ok), 200);
    for (method, cseq) in [("ACK", 2), ("BYE", 3)] {
        let request = from_caller(&mut a, method, &ok, cseq);
        say(&mut world, &a, &compact(&request));
        let got = world.expect(b.address).unwrap();
        assert!(got.starts_with(method), "{got}");
        if method == "BYE" {
            say(
                &mut world,
                &b,
                &compact(&b.answer(&long(&got), 200, "OK", "")),
            );
            assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
        }
    }
    world.pass(Duration::from_secs(60));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}
