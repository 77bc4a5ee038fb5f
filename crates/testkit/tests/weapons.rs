//! What is sent to make Bellhop a weapon, or to fill it (docs/security.md 14 to 17): bindings that lead back
//! here, names that could be guessed, and floods that should leave something behind.

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
use bellhop_testkit::{Peer, World, header, header_of, status_of};
use common::*;
use std::collections::HashSet;
use std::time::Duration;

/// RFC 5393 3: ten contacts of one user name the other, ten of the other name the one, and whatever arrives
/// at either is sent back as it is.
#[test]
fn two_users_whose_contacts_name_each_other_make_no_storm() {
    let mut world = world();
    let mut phones = [
        phone("6001", "203.0.113.1:5060"),
        phone("6002", "203.0.113.2:5060"),
    ];
    for (phone, other) in phones.iter_mut().zip(["6002", "6001"]) {
        let own = format!("sip:{}@example.org", phone.user);
        let lines: String = (0..10)
            .map(|n| format!("m: <sip:{other}@example.org;n={n}>\r\n"))
            .collect();
        let request = register_of(phone, &own, "ring", &lines, "");
        let answer = answered(&mut world, phone, &request);
        assert_eq!((status_of(&answer), contacts(&answer).len()), (200, 10));
    }
    let mut p = pbx();
    let before = world.trace.len();
    let invite = p.request("INVITE", "sip:6001@192.0.2.1", "weapon", "");
    say(&mut world, &p, &invite);
    for _ in 0..2_000 {
        world.pass(Duration::from_millis(20));
        for phone in &phones {
            for message in world.drain(phone.address) {
                say(&mut world, phone, &message);
            }
        }
    }
    let sent = world.trace[before..]
        .iter()
        .filter(|packet| packet.from == addr(SERVER) && packet.bytes.starts_with(b"INVITE "));
    let branches: HashSet<String> = sent
        .map(|packet| header_of(&String::from_utf8_lossy(&packet.bytes), "Via").to_owned())
        .collect();
    // What came back was from no trusted side, so it was challenged and went no further.
    assert_eq!(branches.len(), 10);
    world.pass(Duration::from_secs(300));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

/// reSIProcate June 2026 (CWE-338): what nobody else may guess is drawn anew each time, and long.
#[test]
fn our_branches_and_tags_are_64_bits_of_which_none_is_fixed() {
    let mut world = world();
    let (_, b) = pair(&mut world);
    let mut p = pbx();
    let mut drawn: [Vec<String>; 2] = Default::default();
    for n in 0..300 {
        let id = format!("drawn-{n}");
        let message = p.request("MESSAGE", "sip:6002@192.0.2.1", &id, "");
        say(&mut world, &p, &message);
        let at_b = world.expect(b.address).unwrap();
        let branch = header_of(&at_b, "Via").split(";branch=z9hG4bK").nth(1);
        drawn[0].push(hex_in(branch.unwrap()));
        say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
        world.expect(p.address).unwrap();
        let message = p.request("MESSAGE", "sip:6009@192.0.2.1", &id, "");
        let refusal = ask(&mut world, &p, &message);
        let tag = header_of(&refusal, "To").split(";tag=").nth(1).unwrap();
        drawn[1].push(hex_in(tag));
    }
    for names in &drawn {
        let distinct: HashSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), 300);
        let changing = (0..names[0].len()).filter(|at| {
            let digits: HashSet<u8> = names.iter().map(|name| name.as_bytes()[*at]).collect();
            digits.len() == 16
        });
        assert!(changing.count() >= 16, "{:?}", &names[..4]);
    }
}

/// The longest run of hex digits at the head of a branch or tag.
fn hex_in(text: &str) -> String {
    let is_hex = |c: &char| c.is_ascii_hexdigit();
    text.split(|c: char| !is_hex(&c))
        .max_by_key(|run| run.len())
        .unwrap()
        .to_owned()
}

/// FreeSWITCH CVE-2021-41145: REGISTERs that cost memory before they are believed.
#[test]
fn a_flood_of_registers_with_made_up_digests_enters_no_table() {
    let mut world = world();
    for n in 0..5_000_u32 {
        let source = format!("198.18.{}.{}:5060", n / 250, n % 250 + 1);
        let mut a = phone("6001", &source);
        a.password = "wrong".to_owned();
        let contact = format!("Contact: <sip:6001@{source}>\r\n");
        let request = register_of(&mut a, AOR, &format!("flood-{n}"), &contact, "");
        let challenge = ask(&mut world, &a, &request);
        let request = a
            .authorize(&request, &challenge, Algorithm::Md5)
            .expect("a challenge");
        assert_eq!(status_of(&ask(&mut world, &a, &request)), 401);
    }
    let node = &world.nodes[0];
    assert_eq!(node.engine.live(), (0, 0, 0));
    assert_eq!(node.engine.next_timeout(), None);
    assert!(node.shared.location.is_empty() && node.shared.replay.is_empty());
}

/// Asterisk AST-2020-001 and AST-2017-011: calls without end, of one who may call.
#[test]
fn a_flood_of_calls_is_refused_at_the_limit_and_leaves_nothing_behind() {
    let mut world = World::new(1);
    let mut config = config();
    config.max_transactions = 100;
    world.start(config, auth());
    let mut phones: Vec<Peer> = (0..3)
        .map(|n| tcp_phone("6001", &format!("203.0.113.1:4000{n}")))
        .collect();
    let mut refused = 0;
    for n in 0..300 {
        let a = &mut phones[n % 3];
        let invite = a.request("INVITE", "sip:600@example.org", &format!("call-{n}"), "");
        let invite = authorized(&mut world, a, &invite);
        let answer = ask(&mut world, a, &invite);
        if status_of(&answer) == 503 {
            refused += 1;
            assert!(header(&answer, "Retry-After").is_some(), "{answer}");
        } else {
            assert_eq!(status_of(&answer), 100, "{answer}");
        }
        let (transactions, ..) = world.nodes[0].engine.live();
        assert!(transactions <= 100, "{transactions}");
    }
    assert!((200..300).contains(&refused), "{refused}");
    world.pass(Duration::from_secs(300));
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
    let (mut a, b) = pair(&mut world);
    talk(&mut world, &mut a, &b, "after");
}
