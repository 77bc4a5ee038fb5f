//! Headers that nobody outside may send do not reach a PBX in any spelling, not even in one that only a lax
//! reader takes for them (CVE-2016-9938, CVE-2020-28361).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::auth::Algorithm;
use bellhop_testkit::status_of;
use common::*;
use std::time::Duration;

/// The identity headers, and two that this operator does not let in, one of which has a compact form.
const STRIPPED: [&str; 6] = [
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Diversion",
    "X-Secret",
    "Identity",
];

const FORGED: &str = "sip:boss@forged.test";

/// What the PBX got of a user's MESSAGE with these header lines; the refusal if it got nothing.
fn at_pbx(lines: &[u8]) -> Result<Vec<u8>, u16> {
    let mut config = config();
    config.strip.push("Identity".to_owned());
    let mut world = bellhop_testkit::World::new(1);
    world.start(config, auth());
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    let plain = a.request("MESSAGE", "sip:600@example.org", "forged", "");
    let challenge = ask(&mut world, &a, &plain);
    let proved = a.authorize(&plain, &challenge, Algorithm::Sha256).unwrap();
    let (head, tail) = proved.split_once("Contact: ").unwrap();
    let request = [head.as_bytes(), lines, b"Contact: ", tail.as_bytes()].concat();
    world.send_bytes(a.transport, a.address, a.server, request);
    world.pass(Duration::from_secs(1));
    let mut arrived = world.trace.iter().filter(|packet| packet.to == p.address);
    match arrived.next() {
        Some(packet) => Ok(packet.bytes.clone()),
        None => Err(world.drain(a.address).pop().map_or(0, |m| status_of(&m))),
    }
}

/// Whether the laxest of readers finds the header with the forged value: a line may end at CR, LF or NUL,
/// and what is no letter of a token (RFC 3261 25.1) before the first colon is overlooked.
fn reads(message: &[u8], name: &str) -> bool {
    let lines = message.split(|b| matches!(b, b'\r' | b'\n' | 0));
    lines.into_iter().any(|line| {
        let colon = line.iter().position(|b| *b == b':').unwrap_or(0);
        let (said, value) = line.split_at(colon);
        let letters = said
            .iter()
            .filter(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b));
        let said: Vec<u8> = letters.map(u8::to_ascii_lowercase).collect();
        let wanted = name.to_ascii_lowercase();
        let compact = name == "Identity" && said == b"y";
        (said == wanted.as_bytes() || compact) && find(value, FORGED.as_bytes())
    })
}

fn find(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// No spelling of these lines is read as the header. Whether the rest of the message arrived.
fn stays_out(name: &str, lines: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(lines).into_owned();
    match at_pbx(lines) {
        Ok(message) => {
            assert!(!reads(&message, name), "{shown:?} came through");
            true
        }
        Err(status) => {
            assert!(matches!(status, 0 | 400..=499), "{shown:?}: {status}");
            false
        }
    }
}

#[test]
fn the_lax_reader_of_these_tests_reads_a_header_that_does_come_through() {
    let kept = at_pbx(format!("X-Kept\t: {FORGED}\r\n").as_bytes()).unwrap();
    assert!(reads(&kept, "X-Kept"));
    assert!(reads(
        b"a\r\nX\x01-Secret\xff: sip:boss@forged.test",
        "X-Secret"
    ));
}

#[test]
fn no_octet_between_name_and_colon_lets_a_stripped_header_in() {
    for name in STRIPPED {
        let mut arrived = 0;
        for octet in 0..=255_u8 {
            let line = [name.as_bytes(), &[octet], b": <sip:boss@forged.test>\r\n"].concat();
            arrived += usize::from(stays_out(name, &line));
        }
        // A space, a tab, a colon, a fold, and octets that make another, legal name.
        assert!((3..=80).contains(&arrived), "{name}: {arrived} of 256");
    }
}

#[test]
fn no_octet_before_the_name_lets_a_stripped_header_in() {
    for name in STRIPPED {
        for octet in 0..=255_u8 {
            let line = [&[octet], name.as_bytes(), b": <sip:boss@forged.test>\r\n"].concat();
            stays_out(name, &line);
        }
    }
}

#[test]
fn no_octet_inside_the_name_lets_a_stripped_header_in() {
    for name in STRIPPED {
        let (front, back) = name.as_bytes().split_at(2);
        for octet in 0..=255_u8 {
            let line = [front, &[octet], back, b": <sip:boss@forged.test>\r\n"].concat();
            stays_out(name, &line);
        }
    }
}

#[test]
fn a_stripped_header_is_stripped_in_every_case_folded_doubled_and_compact() {
    for name in STRIPPED {
        let (upper, lower) = (name.to_uppercase(), name.to_lowercase());
        let mixed: String = (name.chars().enumerate())
            .map(|(n, c)| {
                if n % 2 == 0 {
                    c.to_ascii_lowercase()
                } else {
                    c.to_ascii_uppercase()
                }
            })
            .collect();
        let v = format!("<{FORGED}>");
        for lines in [
            format!("{upper}: {v}\r\n"),
            format!("{lower}:{v}\r\n"),
            format!("{mixed} \t : {v}\r\n"),
            format!("{name}:\r\n {v}\r\n"),
            format!("{name}: \r\n\t\r\n {v}\r\n"),
            format!("{name}: {v},\r\n {v}\r\n{lower}: {v}\r\n{upper} : {v}\r\n"),
            format!("X-Kept: 1\r\n{name}: {v}\r\nX-Kept: 2\r\n{name}: {v}\r\n"),
        ] {
            assert!(stays_out(name, lines.as_bytes()), "{lines} was refused");
        }
    }
    assert!(stays_out("Identity", b"y: <sip:boss@forged.test>\r\n"));
    assert!(stays_out("Identity", b"Y :\r\n <sip:boss@forged.test>\r\n"));
}
