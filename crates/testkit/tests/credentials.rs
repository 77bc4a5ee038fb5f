//! What broke other servers' digest and the builders of their answers, at the wire (docs/security.md 4 to 6):
//! credentials that are cut, endless or doubled, challenges that answer challenges, and answers that tell who
//! exists.

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
use bellhop_wire::{Limits, Owned};
use common::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A REGISTER of 6001 over TCP with good credentials, that has not been sent, and where their value lies.
fn unsent(a: &mut Peer, world: &mut World) -> (String, std::ops::Range<usize>) {
    let contact = "Contact: <sip:6001@203.0.113.1>\r\n";
    let request = register_of(a, AOR, "cut", contact, "");
    let request = authorized(world, a, &request);
    let from = request.find("Authorization: ").unwrap() + "Authorization: ".len();
    let to = from + request[from..].find("\r\n").unwrap();
    (request, from..to)
}

/// OpenSIPS CVE-2023-28098 and 0fadc0a6: an Authorization that ends anywhere.
#[test]
fn a_register_whose_credentials_are_cut_anywhere_is_400_or_401() {
    let mut world = world();
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    let (good, value) = unsent(&mut a, &mut world);
    let mut seen = BTreeMap::new();
    for end in value.clone() {
        let cut = format!("{}{}", &good[..end], &good[value.end..]);
        let status = status_of(&ask(&mut world, &a, &cut));
        *seen.entry(status).or_insert(0) += 1;
        assert!(world.nodes[0].shared.location.is_empty(), "{cut}");
    }
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [400, 401]);
    assert_eq!(status_of(&ask(&mut world, &a, &good)), 200);
}

/// pjsip CVE-2022-24754 and its digest of April 2026: values that no buffer was made for.
#[test]
fn endless_values_in_credentials_are_refused_or_challenged_and_the_next_register_passes() {
    for name in [
        "username",
        "realm",
        "nonce",
        "uri",
        "response",
        "cnonce",
        "nc",
        "qop",
        "algorithm",
        "opaque",
    ] {
        for length in [256, 4_000, 8_000] {
            let mut world = world();
            let mut a = tcp_phone("6001", "203.0.113.1:40000");
            let (good, value) = unsent(&mut a, &mut world);
            let line = &good[value.clone()];
            let endless = "7".repeat(length);
            let endless = match line.find(&format!("{name}=")) {
                Some(at) => {
                    let begin = at + name.len() + 1;
                    let end = line[begin..]
                        .find(", ")
                        .map_or(line.len(), |end| begin + end);
                    format!("{}\"{endless}\"{}", &line[..begin], &line[end..])
                }
                None => format!("{line}, {name}=\"{endless}\""),
            };
            let request = good.replacen(line, &endless, 1);
            let status = status_of(&ask(&mut world, &a, &request));
            // `opaque` is not ours, and nothing is asked of it: RFC 7616 3.4.
            let expected: &[u16] = if name == "opaque" && length < 8_000 {
                &[200]
            } else {
                &[400, 401]
            };
            assert!(expected.contains(&status), "{name} of {length}: {status}");
            let mut b = phone("6002", "203.0.113.2:5060");
            register(&mut world, &mut b);
        }
    }
}

/// Asterisk AST-2020-002: challenge and answer for ever.
#[test]
fn each_challenge_of_the_pbx_goes_back_once_and_is_answered_by_the_caller_alone() {
    let mut world = world();
    let (mut a, p) = (phone("6001", "203.0.113.1:5060"), pbx());
    for round in 0..20 {
        let invite = a.request(
            "INVITE",
            "sip:600@example.org",
            &format!("round-{round}"),
            "",
        );
        let invite = authorized(&mut world, &mut a, &invite);
        say(&mut world, &a, &invite);
        let at_p = world.expect(p.address).unwrap();
        let more = format!(
            "Proxy-Authenticate: Digest realm=\"pbx.test\", nonce=\"{round}\", algorithm=MD5\r\n\
             Proxy-Authenticate: Digest realm=\"pbx.test\", nonce=\"{round}\", algorithm=SHA-256\r\n"
        );
        say(&mut world, &p, &p.answer(&at_p, 407, "Again", &more));
        let challenge = outcome(&mut world, &a);
        assert_eq!(status_of(&challenge), 407);
        say(&mut world, &a, &ack_of(&challenge, &a));
        world.pass(Duration::from_secs(1));
        assert!(world.drain(a.address).is_empty());
        let after = world.drain(p.address);
        assert!(after.iter().all(|m| m.starts_with("ACK ")), "{after:?}");
    }
}

/// FreeSWITCH CVE-2021-41158: a phone that is called challenges, and is told the digest of a password.
#[test]
fn a_callee_that_challenges_anything_at_any_time_is_sent_no_digest_of_ours() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, ok) = talk(&mut world, &mut a, &b, "leak");
    let own = "Digest username=\"6001\", realm=\"example.org\", nonce=\"n\", uri=\"sip:a\", response=\"00\"";
    let own = format!("Authorization: {own}\r\nProxy-Authorization: {own}\r\nContact: ");
    let trap = |realm: &str| {
        let digest =
            format!("Digest realm=\"{realm}\", nonce=\"trap\", algorithm=MD5, qop=\"auth\"\r\n");
        format!("WWW-Authenticate: {digest}Proxy-Authenticate: {digest}")
    };
    for (n, method) in ["INVITE", "INFO", "BYE"].into_iter().enumerate() {
        for (m, status) in [401, 407].into_iter().enumerate() {
            for (l, realm) in ["example.org", "elsewhere.test"].into_iter().enumerate() {
                let cseq = u32::try_from(20 + 4 * n + 2 * m + l).unwrap();
                let request = from_caller(&mut a, method, &ok, cseq).replacen("Contact: ", &own, 1);
                say(&mut world, &a, &request);
                let got = world.expect(b.address).unwrap();
                say(
                    &mut world,
                    &b,
                    &b.answer(&got, status, "Who?", &trap(realm)),
                );
                assert_eq!(status_of(&outcome(&mut world, &a)), status);
                world.pass(Duration::from_secs(40));
                world.drain(a.address);
                let mut all = vec![got];
                all.extend(world.drain(b.address));
                for later in all {
                    assert_eq!(header(&later, "Authorization"), None, "{later}");
                    assert_eq!(header(&later, "Proxy-Authorization"), None, "{later}");
                }
            }
        }
    }
}

/// Asterisk AST-2018-008: who is there is told by the answer that is not like the others.
#[test]
fn a_stranger_learns_of_no_user_by_any_method() {
    for method in [
        "REGISTER",
        "INVITE",
        "OPTIONS",
        "MESSAGE",
        "SUBSCRIBE",
        "BYE",
    ] {
        let mut world = world();
        let mut there = phone("6002", "203.0.113.2:5060");
        register(&mut world, &mut there);
        let mut answers = BTreeSet::new();
        // Registered, away, the PBX's, nobody's.
        for target in ["6002", "6003", "6000", "6666"] {
            for from in ["6001", "6999"] {
                let mut a = phone(from, "203.0.113.66:5060");
                let uri = format!("sip:{target}@example.org");
                let ask_of = if method == "REGISTER" {
                    "sip:example.org"
                } else {
                    &uri
                };
                let request = a.in_dialog(method, ask_of, &format!("<{uri}>"), "who", 1, "");
                for wrong in [false, true] {
                    let challenge = ask(&mut world, &a, &request);
                    let answer = if wrong {
                        a.password = "wrong".to_owned();
                        let again = a
                            .authorize(&request, &challenge, Algorithm::Sha256)
                            .unwrap();
                        ask(&mut world, &a, &again)
                    } else {
                        challenge
                    };
                    answers.insert((wrong, told(&answer)));
                }
            }
        }
        let shown: Vec<_> = answers.iter().collect();
        // The CSeq tells the two tries apart, and nothing else tells anything apart.
        assert_eq!(answers.len(), 2, "{method}: {shown:#?}");
    }
}

/// An answer without what the asker wrote himself, the tag and the nonce.
fn told(answer: &str) -> String {
    let own = ["Via: ", "From: ", "To: ", "CSeq: ", "Call-ID: "];
    let lines = answer
        .split("\r\n")
        .filter(|l| !own.iter().any(|o| l.starts_with(o)));
    let without = |line: &str| match line.split_once("nonce=\"") {
        Some((before, rest)) => {
            let (nonce, after) = rest.split_once('"').unwrap();
            format!("{before}({}){after}", nonce.len())
        }
        None => line.to_owned(),
    };
    lines.map(without).collect::<Vec<_>>().join("\n")
}

/// OpenSIPS GHSA-7pf3-24qg-8v9h: an answer is measured with one of a header's copies and written with all.
#[test]
fn an_answer_to_headers_that_stand_many_times_is_whole_and_repeats_none_but_the_vias() {
    let copies = [
        ("Via", "SIP/2.0/UDP far.test;branch=z9hG4bKfar"),
        (
            "v",
            "SIP/2.0/UDP far.test;branch=z9hG4bKfar, SIP/2.0/TCP b.test;branch=z9hG4bKb",
        ),
        ("Record-Route", "<sip:far.test;lr>"),
        ("Timestamp", "54.5"),
        ("Call-Info", "<sip:far.test>"),
        ("Require", "path"),
        ("Contact", "<sip:x@far.test>"),
        ("X-Any", "y"),
    ];
    for (name, value) in copies {
        for count in [2, 3, 60] {
            let mut world = world();
            let mut a = tcp_phone("6001", "203.0.113.1:40000");
            let more = format!("{name}: {value}\r\n").repeat(count);
            let request = a.request("OPTIONS", "sip:600@example.org", "many", &more);
            let answer = ask(&mut world, &a, &request);
            assert!([400, 407].contains(&status_of(&answer)), "{answer}");
            let parsed = Owned::parse(answer.as_bytes(), &Limits::default());
            assert!(parsed.is_ok(), "{answer}");
            let vias = answer.matches("SIP/2.0/").count();
            let is_via = matches!(name, "Via" | "v");
            let each = value.matches("SIP/2.0/").count();
            assert_eq!(vias, 1 + if is_via { each * count } else { 0 }, "{answer}");
            for single in [
                "From: ",
                "To: ",
                "Call-ID: ",
                "CSeq: ",
                "Content-Length: ",
                "Timestamp: ",
            ] {
                let lines = answer
                    .split("\r\n")
                    .filter(|l| l.starts_with(single))
                    .count();
                assert!(lines <= 1, "{single}{answer}");
            }
            assert!(answer.ends_with("\r\n\r\n") && header_of(&answer, "Content-Length") == "0");
        }
    }
}
