//! Bodies and Contacts that broke others (docs/security.md 10 and 11): a proxy reads neither, and sends on
//! what came.

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
use bellhop_testkit::{Peer, World, status_of};
use common::*;
use std::net::SocketAddr;

/// Bodies that end too soon, never, or in themselves, each with what it says it is.
fn broken_bodies() -> Vec<(String, Vec<u8>)> {
    let multipart = |boundary: &str| format!("multipart/mixed;boundary={boundary}");
    let mut nested = Vec::new();
    for depth in 0..500 {
        nested.extend_from_slice(
            format!(
                "--b{depth}\r\nContent-Type: multipart/mixed;boundary=b{}\r\n\r\n",
                depth + 1
            )
            .as_bytes(),
        );
    }
    let entities: String = (1..20)
        .map(|n| format!("<!ENTITY l{n} \"&l{};&l{};\">", n - 1, n - 1))
        .collect();
    let pidf = "application/pidf+xml".to_owned();
    let sdp = "application/sdp".to_owned();
    vec![
        (
            multipart("b"),
            b"--b\r\nContent-Type: text/plain\r\n\r\nno end".to_vec(),
        ),
        (multipart("b"), b"--b--\r\n--b\r\n--b--".to_vec()),
        (multipart("b"), b"--b".repeat(5_000)),
        (multipart("\"\""), b"--\r\n--\r\n----".to_vec()),
        (multipart(&"y".repeat(4_000)), b"--y\r\n".to_vec()),
        ("multipart/mixed".to_owned(), b"--b\r\n\r\n--b--".to_vec()),
        (multipart("\"b"), b"--b\r\n\r\n--b--".to_vec()),
        (multipart("b0"), nested),
        (
            multipart("b"),
            b"--b\r\nContent-Length: 99999999999\r\n\r\n\r\n\r\n--b--".to_vec(),
        ),
        (
            pidf.clone(),
            format!("<!DOCTYPE a [<!ENTITY l0 \"l\">{entities}]><a>&l19;</a>").into_bytes(),
        ),
        (
            pidf.clone(),
            b"<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>".to_vec(),
        ),
        (pidf.clone(), b"<a>".repeat(10_000)),
        (pidf, b"<a b=\"\xff\xc3\x28\x00".to_vec()),
        (
            sdp.clone(),
            b"v=0\r\nm=audio 99999999999 RTP/AVP 0\r\nc=IN IP4\r\na=".to_vec(),
        ),
        (sdp, b"m=".repeat(10_000)),
        (String::new(), b"INVITE sip:x@y SIP/2.0\r\n\r\n".to_vec()),
        (
            "text/plain\r\nContent-Encoding: gzip".to_owned(),
            b"\x1f\x8b\x08\xff\xff".to_vec(),
        ),
    ]
}

/// OpenSIPS GHSA-hx7p, Kamailio June 2026, pjsip CVE-2022-21723.
#[test]
fn broken_parts_and_broken_xml_arrive_octet_for_octet_and_the_next_message_too() {
    let mut world = world();
    let (mut a, mut b) = pair(&mut world);
    a.transport = Transport::Tcp;
    let mut p = pbx();
    for (n, (kind, body)) in broken_bodies().into_iter().enumerate() {
        let lines = format!(
            "Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let id = format!("body-{n}");
        // From the inside to a phone, and from a phone to the PBX.
        let request = p.request("MESSAGE", "sip:6002@192.0.2.1", &id, &lines);
        arrives(&mut world, &p, &request, &body, b.address);
        let request = a.request("MESSAGE", "sip:600@example.org", &id, &lines);
        let challenge = ask_with(&mut world, &a, &request, &body);
        let request = a
            .authorize(&request, &challenge, bellhop_core::auth::Algorithm::Sha256)
            .unwrap();
        arrives(&mut world, &a, &request, &body, p.address);
    }
    register(&mut world, &mut b);
}

fn ask_with(world: &mut World, peer: &Peer, head: &str, body: &[u8]) -> String {
    let bytes = [head.as_bytes(), body].concat();
    world.send_bytes(peer.transport, peer.address, peer.server, bytes);
    let answer = world.expect(peer.address).unwrap();
    assert_eq!(status_of(&answer), 407, "{answer}");
    answer
}

/// Sends a message, and sees its body where it is to go.
fn arrives(world: &mut World, peer: &Peer, head: &str, body: &[u8], to: SocketAddr) {
    world.drain(peer.address);
    let before = world.trace.len();
    let bytes = [head.as_bytes(), body].concat();
    world.send_bytes(peer.transport, peer.address, peer.server, bytes);
    world.expect(to).expect("the message");
    let got = world.trace[before..]
        .iter()
        .find(|packet| packet.to == to)
        .unwrap();
    assert!(got.bytes.ends_with(&[b"\r\n\r\n", body].concat()), "{head}");
    let status = if peer.transport == Transport::Udp {
        1
    } else {
        0
    };
    assert!(world.drain(peer.address).len() <= status);
}

const ODD: [&str; 12] = [
    "Contact: None\r\n",
    "Contact: *\r\n",
    "Contact:\r\n",
    "Contact: <>\r\n",
    "Contact: <sip:>\r\n",
    "Contact: <sip:6002@203.0.113.2\r\n",
    "Contact: \"<sip:6002@203.0.113.2>\r\n",
    "Contact: <sip:6002@203.0.113.2>;q=2\r\n",
    "Contact: <sip:6002@203.0.113.2:99999>\r\n",
    "Contact: <urn:service:sos>, None\r\n",
    "Contact: ,,,\r\n",
    "",
];

/// drachtio: `Contact: None`, in a REGISTER, an INVITE and a 200, by datagram and by stream.
#[test]
fn odd_contacts_stop_neither_a_call_nor_whoever_comes_next() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut world = world();
        let (mut a, mut b) = pair(&mut world);
        a.transport = transport;
        for (n, odd) in ODD.into_iter().enumerate() {
            let own = |peer: &Peer, text: &str| {
                let line = text
                    .split("\r\n")
                    .find(|l| l.starts_with("Contact: "))
                    .unwrap();
                assert!(line.contains(&peer.contact));
                text.replacen(&format!("{line}\r\n"), odd, 1)
            };
            let request = register_of(&mut a, AOR, &format!("odd-{n}"), odd, "");
            let status = status_of(&answered(&mut world, &mut a, &request));
            assert!([200, 400].contains(&status), "{odd}: {status}");
            assert_eq!(status == 200, odd.is_empty(), "{odd}");

            let invite = a.request("INVITE", "sip:6002@example.org", &format!("call-{n}"), "");
            let invite = own(&a, &invite);
            let challenge = ask(&mut world, &a, &invite);
            let status = status_of(&challenge);
            assert!([400, 407].contains(&status), "{odd}: {challenge}");
            say(&mut world, &a, &ack_of(&challenge, &a));
            if status == 407 {
                let invite = a
                    .authorize(&invite, &challenge, bellhop_core::auth::Algorithm::Sha256)
                    .unwrap();
                say(&mut world, &a, &invite);
                let at_b = world.expect(b.address).unwrap();
                let ok = own(&b, &b.answer(&at_b, 200, "OK", ""));
                say(&mut world, &b, &ok);
                assert_eq!(status_of(&outcome(&mut world, &a)), 200, "{odd}");
            }
            world.pass(std::time::Duration::from_secs(40));
            world.drain(a.address);
            world.drain(b.address);
        }
        register(&mut world, &mut b);
        talk(&mut world, &mut a, &b, "after");
    }
}
