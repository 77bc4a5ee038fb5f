//! A thousand ways to be nobody: every request that lacks one thing that a proof needs is challenged or
//! refused, exactly once, and goes nowhere (RFC 3261 22, RFC 7616, RFC 8760).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

#[path = "auth_matrix/case.rs"]
mod case;
mod common;

use bellhop_core::auth::client::{Answer, Qop};
use bellhop_core::auth::{Algorithm, Ha1};
use bellhop_testkit::{Chance, Peer, World, header_of, status_of};
use case::{Beside, Case, Expected, METHODS, Nonce};
use common::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// Sends the request of a case in a world of its own; what it came to.
fn outcome_of(case: &Case) -> Expected {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let nonce = nonce_for(&mut world, case.nonce);
    let request = written(&mut a, case, &nonce);
    world.drain(a.address);
    let before = world.trace.len();
    say(&mut world, &a, &request);
    // Longer than any timer (RFC 3261 17): nothing comes later either.
    world.pass(Duration::from_secs(70));
    let mut answers = world.drain(a.address);
    let is_relayed = world.trace[before..]
        .iter()
        .any(|p| p.to != a.address && p.from != a.address);
    if is_relayed
        || answers
            .iter()
            .any(|answer| (200..300).contains(&status_of(answer)))
    {
        return Expected::Served;
    }
    // One answer. A 403 used up credentials, so its INVITE has a transaction that repeats it (17.2.1).
    answers.dedup();
    assert!(answers.len() < 2, "{case:?}: {answers:?}");
    let Some(answer) = answers.first() else {
        return Expected::Silence;
    };
    let is_stale = answer.contains("stale=true");
    assert_eq!(
        answer.contains("nonce="),
        matches!(status_of(answer), 401 | 407),
        "{answer}"
    );
    assert_eq!(world.nodes[0].shared.location.len(), 0, "{case:?}");
    Expected::Answer(status_of(answer), is_stale)
}

/// A nonce of this kind for 203.0.113.1.
fn nonce_for(world: &mut World, kind: Nonce) -> String {
    let mut other = phone("6001", "203.0.113.77:5060");
    let mut own = phone("6001", "203.0.113.1:5061");
    let get = |world: &mut World, from: &mut Peer| {
        let request = from.request("OPTIONS", "sip:example.org", "for-a-nonce", "");
        let answer = ask(world, from, &request);
        let (_, rest) = answer.split_once("nonce=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    match kind {
        Nonce::MadeUp => "A".repeat(24),
        Nonce::Empty => String::new(),
        Nonce::OfAnotherSource => get(world, &mut other),
        Nonce::TooOld => {
            let nonce = get(world, &mut own);
            world.pass(Duration::from_secs(301));
            nonce
        }
        Nonce::Ours => get(world, &mut own),
        Nonce::Used => {
            let nonce = get(world, &mut own);
            let case = Case::good("REGISTER");
            let query = written(&mut own, &case, &nonce);
            let contact = format!("Contact: {}\r\n", header_of(&query, "Contact"));
            let query = query.replacen(&contact, "", 1);
            assert_eq!(status_of(&ask(world, &own, &query)), 200, "{query}");
            nonce
        }
    }
}

/// The request of a case.
fn written(a: &mut Peer, case: &Case, nonce: &str) -> String {
    let method = case.method;
    let uri = if method == "REGISTER" {
        "sip:example.org"
    } else {
        "sip:600@example.org"
    };
    let (own, other) = if method == "REGISTER" {
        ("Authorization", "Proxy-Authorization")
    } else {
        ("Proxy-Authorization", "Authorization")
    };
    let password = if case.is_password_right {
        format!("secret{}", case.username)
    } else {
        "wrong".to_owned()
    };
    let answer = Answer {
        algorithm: case.algorithm,
        method,
        uri,
        nonce,
        opaque: None,
        qop: Qop::Auth,
        count: u32::from_str_radix(case.nc, 16).unwrap(),
        cnonce: "c0ffee",
    };
    let ha1 = Ha1::of_password(case.username, case.realm, &password);
    let mut value = answer.credentials(&ha1, case.username, case.realm).unwrap();
    value = value.replacen(", qop=auth", case.qop, 1).replacen(
        &format!("nc={:08x}", answer.count),
        &format!("nc={}", case.nc),
        1,
    );
    if let Some(text) = case.algorithm_text {
        let token = format!("algorithm={}", case.algorithm.token());
        value = value.replacen(&token, &format!("algorithm={text}"), 1);
    }
    let name = if case.in_other_header { other } else { own };
    let mut lines = if case.has_credentials {
        format!("{name}: {value}\r\n")
    } else {
        String::new()
    };
    lines += &match case.beside {
        Beside::Nothing => String::new(),
        Beside::Copy => lines.clone(),
        Beside::ForeignRealm => format!(
            "{name}: Digest username=\"x\", realm=\"other.test\", nonce=\"n\", uri=\"{uri}\", response=\"00\"\r\n"
        ),
        Beside::OtherScheme => format!("{name}: Basic NjAwMTpzZWNyZXQ2MDAx\r\n"),
        Beside::Unreadable => format!("{name}: Digest realm=\"example.org\r\n"),
    };
    let to = if method == "REGISTER" {
        format!("<{AOR}>{}", case.to_tag)
    } else {
        format!("<{uri}>{}", case.to_tag)
    };
    a.in_dialog(method, uri, &to, &format!("case-{method}"), 7, &lines)
}

#[test]
fn of_a_thousand_requests_without_a_whole_proof_none_is_served() {
    let mut chance = Chance::new(3);
    let mut seen: BTreeMap<(&str, Expected), usize> = BTreeMap::new();
    for n in 0..1_000 {
        let case = Case::made(n, &mut chance);
        let expected = case.expected();
        assert_ne!(expected, Expected::Served, "{case:?}");
        assert_eq!(outcome_of(&case), expected, "{case:?}");
        *seen.entry((case.method, expected)).or_default() += 1;
    }
    for method in METHODS
        .into_iter()
        .filter(|m| !matches!(*m, "ACK" | "CANCEL"))
    {
        let challenge = if method == "REGISTER" { 401 } else { 407 };
        for (status, stale) in [
            (400, false),
            (challenge, false),
            (challenge, true),
            (403, false),
        ] {
            let outcome = Expected::Answer(status, stale);
            assert!(
                seen.contains_key(&(method, outcome)),
                "{method} never got {outcome:?}"
            );
        }
    }
}

#[test]
fn the_same_requests_with_nothing_missing_are_served() {
    for method in METHODS
        .into_iter()
        .filter(|m| !matches!(*m, "ACK" | "CANCEL"))
    {
        for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
            for beside in [Beside::Nothing, Beside::ForeignRealm, Beside::OtherScheme] {
                let case = Case {
                    algorithm,
                    beside,
                    ..Case::good(method)
                };
                assert_eq!(case.expected(), Expected::Served);
                assert_eq!(outcome_of(&case), Expected::Served, "{case:?}");
            }
        }
    }
}

#[test]
fn a_captured_request_is_challenged_whenever_and_from_wherever_it_is_sent_again() {
    for method in METHODS
        .into_iter()
        .filter(|m| !matches!(*m, "ACK" | "CANCEL"))
    {
        let mut world = world();
        let mut a = phone("6001", "203.0.113.1:5060");
        let nonce = nonce_for(&mut world, Nonce::Ours);
        let captured = written(&mut a, &Case::good(method), &nonce);
        say(&mut world, &a, &captured);
        world.pass(Duration::from_secs(70));
        world.drain(a.address);
        let is_new_branch = captured.replacen(";branch=z9hG4bK", ";branch=z9hG4bKnew", 1);
        let thief = phone("6001", "203.0.113.66:5060");
        let neighbour = phone("6001", "203.0.113.1:5999");
        let before = world.trace.len();
        for (who, request) in [
            (&a, &captured),
            (&a, &is_new_branch),
            (&thief, &captured),
            (&neighbour, &is_new_branch),
        ] {
            let challenge = if method == "REGISTER" { 401 } else { 407 };
            assert_eq!(
                status_of(&ask(&mut world, who, request)),
                challenge,
                "{method} {}",
                who.address
            );
        }
        let own = [addr(SERVER), a.address, thief.address, neighbour.address];
        assert!(
            world.trace[before..].iter().all(|p| own.contains(&p.to)),
            "{method}"
        );
    }
}
