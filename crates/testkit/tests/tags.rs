//! The To tag of answers that we give ourselves (RFC 3261 8.2.6.2, 8.2.7, 19.3).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::Config;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// How to bring about an answer of ours with this status: what to change of a request, and of the world.
struct Case {
    status: u16,
    method: &'static str,
    uri: &'static str,
    more: &'static str,
    config: fn(&mut Config),
    /// What happens at the peers after the request was sent.
    then: fn(&mut World, &Peer),
}

const PLAIN: Case = Case {
    status: 0,
    method: "MESSAGE",
    uri: "sip:600@example.org",
    more: "",
    config: |_| {},
    then: |_, _| {},
};

fn cases() -> Vec<Case> {
    let of = |status, uri, more| Case {
        status,
        uri,
        more,
        ..PLAIN
    };
    let call = |status, uri, then| Case {
        status,
        method: "INVITE",
        uri,
        then,
        ..PLAIN
    };
    vec![
        of(400, "sip:600@example.org", "Max-Breadth: x\r\n"),
        of(403, "sip:600@elsewhere.test", ""),
        Case {
            config: |c| c.default_upstream = None,
            ..of(404, "sip:nobody@example.org", "")
        },
        of(416, "http://example.org", ""),
        of(420, "sip:600@example.org", "Proxy-Require: x\r\n"),
        Case {
            config: |c| c.default_upstream = None,
            ..of(480, "sip:6003@example.org", "")
        },
        Case {
            method: "OPTIONS",
            ..of(200, "sip:example.org", "")
        },
        call(408, "sip:600@example.org", |w, _| {
            w.pass(Duration::from_secs(33))
        }),
        call(480, "sip:6002@example.org", |w, _| {
            let rung = w.expect(addr("203.0.113.2:5060")).expect("it rings");
            assert!(w.bounce(0, rung.as_bytes()));
        }),
        call(500, "sip:600@example.org", |w, _| {
            let rung = w.expect(addr(PBX)).expect("it rings");
            assert!(w.bounce(0, rung.as_bytes()));
        }),
        Case {
            more: "Max-Breadth: 1\r\n",
            ..call(440, "sip:6002@example.org", |_, _| {})
        },
    ]
}

/// All tags of the answers with this status that wait at a peer.
fn tags(world: &mut World, peer: &Peer, status: u16) -> Vec<String> {
    let answers = world.drain(peer.address);
    let with_it = answers.iter().filter(|m| status_of(m) == status);
    with_it
        .map(|m| {
            let to = header_of(m, "To");
            assert_eq!(to.matches(";tag=").count(), 1, "{m}");
            to.split(";tag=").nth(1).unwrap().to_owned()
        })
        .collect()
}

#[test]
fn every_answer_of_ours_has_one_tag_and_keeps_it_when_the_request_comes_again() {
    for case in cases() {
        let mut world = World::new(1);
        let mut config = config();
        (case.config)(&mut config);
        world.start(config, auth());
        let mut a = phone("6001", "203.0.113.1:5060");
        for at in ["203.0.113.2:5060", "203.0.113.3:5060"] {
            if !(case.status == 480 && at.contains("113.3")) {
                register(&mut world, &mut phone("6002", at));
            }
        }
        let request = a.request(case.method, case.uri, "tag", case.more);
        let challenge = ask(&mut world, &a, &request);
        let request = match status_of(&challenge) {
            401 | 407 => authorized_by(&mut world, &mut a, &request, &challenge),
            _ => request,
        };
        say(&mut world, &a, &request);
        world.pass(Duration::from_millis(5));
        (case.then)(&mut world, &a);
        world.pass(Duration::from_millis(20));
        say(&mut world, &a, &request);
        world.pass(Duration::from_millis(20));
        let tags = tags(&mut world, &a, case.status);
        assert!(tags.len() >= 2, "{}: {tags:?}", case.status);
        assert!(
            tags.iter().all(|tag| tag.len() >= 8 && *tag == tags[0]),
            "{}: {tags:?}",
            case.status
        );
    }
}

fn authorized_by(world: &mut World, a: &mut Peer, request: &str, challenge: &str) -> String {
    let algorithm = bellhop_core::auth::Algorithm::Sha256;
    let request = a
        .authorize(request, challenge, algorithm)
        .expect("a challenge");
    if request.starts_with("INVITE ") {
        say(world, a, &ack_of(challenge, a));
    }
    request
}

#[test]
fn a_100_of_ours_adds_no_tag() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    ring(&mut world, &mut a, &b, "trying");
    let trying = world.expect(a.address).unwrap();
    // 8.2.6.1, 16.2: it makes no dialog.
    assert_eq!(status_of(&trying), 100);
    assert!(!header_of(&trying, "To").contains("tag="), "{trying}");
}
