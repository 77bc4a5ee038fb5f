//! Bearer tokens beside digest (RFC 8898): taken over connections, read once, and never handed on.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::auth::{AuthConfig, Bearer, Ha1, Keeping, User, Users};
use bellhop_core::engine::LookedUp;
use bellhop_core::outbox::Sought;
use bellhop_core::registrar::Aor;
use bellhop_testkit::{Peer, World, status_of};
use common::*;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_phone_with_a_good_token_registers_as_the_user_that_it_names() {
    let (mut world, mut a) = scene();
    let request = register(&mut a, TOKEN);
    say(&mut world, &a, &request);
    found(&mut world, good());
    let answer = world.expect(a.address).unwrap();
    assert_eq!(status_of(&answer), 200, "{answer}");
    // It is read once.
    let request = register(&mut a, TOKEN);
    say(&mut world, &a, &request);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    assert!(world.sought.is_empty());
}

#[test]
fn a_token_for_one_user_binds_no_other() {
    let (mut world, mut a) = scene();
    a.user = "6002".to_owned();
    let request = register(&mut a, TOKEN);
    say(&mut world, &a, &request);
    found(&mut world, good());
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 403);
}

#[test]
fn a_token_is_read_again_when_its_time_is_up_and_one_that_is_nobodys_is_challenged() {
    let (mut world, mut a) = scene();
    let request = register(&mut a, TOKEN);
    say(&mut world, &a, &request);
    found(&mut world, good());
    world.expect(a.address).unwrap();
    world.pass(Duration::from_secs(61));
    let request = register(&mut a, TOKEN);
    say(&mut world, &a, &request);
    found(&mut world, LookedUp::Nobody);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 401);
    let request = register(&mut a, "another");
    say(&mut world, &a, &request);
    found(&mut world, LookedUp::Failed);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 503);
}

#[test]
fn a_challenge_offers_tokens_over_connections_alone() {
    let (mut world, mut a) = scene();
    let request = register(&mut a, "");
    let answer = ask(&mut world, &a, &request);
    assert!(answer.contains(CHALLENGE), "{answer}");
    assert!(
        answer.contains("WWW-Authenticate: Digest realm="),
        "{answer}"
    );
    let mut b = phone("6001", "203.0.113.2:5060");
    let request = register(&mut b, TOKEN);
    let answer = ask(&mut world, &b, &request);
    assert_eq!(status_of(&answer), 401);
    assert!(!answer.contains("Bearer"), "{answer}");
    assert!(world.sought.is_empty());
}

#[test]
fn a_call_with_a_token_goes_on_without_it() {
    let (mut world, mut a) = scene();
    let lines =
        format!("Proxy-Authorization: Bearer {TOKEN}\r\nAuthorization: bearer other.{TOKEN}\r\n");
    let invite = a.request("INVITE", "sip:600@example.org", "call", &lines);
    say(&mut world, &a, &invite);
    found(&mut world, good());
    let at_pbx = world.expect(addr(PBX)).unwrap();
    assert!(at_pbx.starts_with("INVITE "), "{at_pbx}");
    assert!(!at_pbx.contains(TOKEN), "{at_pbx}");
    assert!(!format!("{:?}", world.nodes[0].log).contains(TOKEN));
}

#[test]
fn who_is_known_here_has_here_what_he_has() {
    let (mut world, mut a) = scene_of(vec![User::with_ha1(
        "6001",
        Ha1::default(),
        vec![Aor::parse_text("sip:sales@example.org").unwrap()],
    )]);
    let request = register(&mut a, TOKEN);
    say(&mut world, &a, &request);
    found(&mut world, good());
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 403);
}

fn scene() -> (World, Peer) {
    scene_of(Vec::new())
}

fn scene_of(users: Vec<User>) -> (World, Peer) {
    let keeping = Keeping {
        present: Duration::from_secs(300),
        absent: Duration::from_secs(30),
        grace: Duration::ZERO,
        capacity: NonZeroUsize::new(100).unwrap(),
    };
    let authority = Some("https://id.example.org");
    let bearer = Bearer::new(keeping, [1, 2, 3, 4], "example.org", authority);
    let users = Users::new(users).unwrap().with_bearer(Arc::new(bearer));
    let auth = AuthConfig {
        users: Arc::new(users),
        ..auth()
    };
    let mut world = World::new(1);
    world.start(config(), auth);
    (world, tcp_phone("6001", "203.0.113.1:40000"))
}

fn register(a: &mut Peer, token: &str) -> String {
    let contact = format!("Contact: <sip:{}@{}>\r\n", a.user, a.contact);
    let more = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    let aor = format!("sip:{}@example.org", a.user);
    register_of(a, &aor, "reg", &contact, &more)
}

/// 6001, for a minute.
fn good() -> LookedUp {
    let aor = Aor::parse_text("sip:6001@example.org").unwrap();
    let user = User::with_ha1("6001", Ha1::default(), vec![aor]);
    LookedUp::UserFor(user, Duration::from_secs(60))
}

/// Answers the one token that is to be read.
fn found(world: &mut World, found: LookedUp) {
    world.pass(Duration::from_millis(200));
    let [sought] = &world.sought[..] else {
        panic!("{:?}", world.sought);
    };
    assert_eq!(sought.kind, Sought::Token);
    assert!(!format!("{sought:?}").contains(TOKEN));
    let ticket = sought.ticket;
    world.sought.clear();
    world.looked_up(0, ticket, found);
}

const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
const CHALLENGE: &str =
    "WWW-Authenticate: Bearer realm=\"example.org\", authz_server=\"https://id.example.org\"\r\n";
