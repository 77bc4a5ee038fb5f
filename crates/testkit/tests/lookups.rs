//! Users that are kept elsewhere: a request of theirs waits until they have been looked up.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::auth::{Algorithm, AuthConfig, Directory, Keeping, User, Users};
use bellhop_core::engine::LookedUp;
use bellhop_core::registrar::Aor;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_phone_registers_once_its_user_has_been_looked_up() {
    let (mut world, mut a) = scene();
    let request = proven(&mut world, &mut a, "REGISTER");
    say(&mut world, &a, &request);
    assert!(world.expect_within(a.address, SOON).is_none());
    answer(&mut world, LookedUp::User(user("7001")));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
}

#[test]
fn a_call_waits_for_its_user_too_and_goes_out_once() {
    let (mut world, mut a) = scene();
    let invite = proven(&mut world, &mut a, "INVITE");
    say(&mut world, &a, &invite);
    say(&mut world, &a, &invite);
    answer(&mut world, LookedUp::User(user("7001")));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 100);
    assert!(world.expect(addr(PBX)).unwrap().starts_with("INVITE"));
    assert!(world.expect_within(addr(PBX), SOON).is_none());
}

#[test]
fn a_name_is_asked_for_once_and_then_remembered() {
    let (mut world, mut a) = scene();
    for round in 0..3 {
        let request = proven(&mut world, &mut a, "REGISTER");
        say(&mut world, &a, &request);
        if round == 0 {
            answer(&mut world, LookedUp::User(user("7001")));
        }
        world.pass(Duration::from_millis(50));
        assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    }
    assert!(world.sought.is_empty());
}

#[test]
fn a_wrong_password_of_who_was_looked_up_is_challenged_and_never_stale() {
    let (mut world, mut a) = scene();
    a.password = "guess".to_owned();
    let request = proven(&mut world, &mut a, "REGISTER");
    say(&mut world, &a, &request);
    answer(&mut world, LookedUp::User(user("7001")));
    let answer = world.expect(a.address).unwrap();
    assert_eq!(status_of(&answer), 401);
    assert!(!answer.contains("stale"));
}

#[test]
fn nobodys_name_is_challenged_like_a_wrong_password() {
    let (mut world, mut a) = scene();
    let request = proven(&mut world, &mut a, "REGISTER");
    say(&mut world, &a, &request);
    answer(&mut world, LookedUp::Nobody);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 401);
}

#[test]
fn nobody_is_looked_up_for_a_nonce_that_is_not_ours() {
    let (mut world, mut a) = scene();
    let mut b = phone("7001", "203.0.113.9:5060");
    let request = proven(&mut world, &mut b, "REGISTER");
    // Another address got that nonce.
    say(&mut world, &a, &request);
    let challenge = world.expect(a.address).unwrap();
    assert_eq!(status_of(&challenge), 401);
    assert!(world.sought.is_empty());
    assert!(
        a.authorize(&request, &challenge, Algorithm::Sha256)
            .is_some()
    );
}

#[test]
fn a_place_that_cannot_be_reached_gives_503_with_retry_after_and_is_asked_again() {
    let (mut world, mut a) = scene();
    let request = proven(&mut world, &mut a, "REGISTER");
    say(&mut world, &a, &request);
    answer(&mut world, LookedUp::Failed);
    let refusal = world.expect(a.address).unwrap();
    assert_eq!(status_of(&refusal), 503);
    assert_eq!(header_of(&refusal, "Retry-After"), "10");
    say(&mut world, &a, &request);
    answer(&mut world, LookedUp::User(user("7001")));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
}

#[test]
fn who_was_known_goes_on_while_the_place_cannot_be_reached() {
    let (mut world, mut a) = scene();
    register_with(&mut world, &mut a);
    world.pass(Duration::from_secs(301));
    let request = proven(&mut world, &mut a, "REGISTER");
    say(&mut world, &a, &request);
    answer(&mut world, LookedUp::Failed);
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
}

#[test]
fn a_look_up_that_is_never_answered_is_given_up() {
    let (mut world, mut a) = scene();
    let request = proven(&mut world, &mut a, "REGISTER");
    say(&mut world, &a, &request);
    world.pass(Duration::from_secs(14));
    assert!(world.drain(a.address).is_empty());
    world.pass(Duration::from_secs(2));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 503);
    assert!(world.nodes[0].engine.next_timeout().is_none());
}

#[test]
fn so_many_requests_of_one_name_wait_and_the_next_is_refused() {
    let (mut world, mut a) = scene();
    for _ in 0..16 {
        let request = proven(&mut world, &mut a, "REGISTER");
        say(&mut world, &a, &request);
    }
    let request = proven(&mut world, &mut a, "REGISTER");
    assert_eq!(status_of(&ask(&mut world, &a, &request)), 503);
    assert_eq!(world.sought.len(), 1);
    answer(&mut world, LookedUp::User(user("7001")));
    world.pass(SOON);
    let answers = world.drain(a.address);
    assert_eq!(answers.iter().filter(|a| status_of(a) == 200).count(), 16);
}

#[test]
fn users_who_are_here_are_not_looked_up() {
    let (mut world, _) = scene();
    register(&mut world, &mut phone("6001", "203.0.113.2:5060"));
    assert!(world.sought.is_empty());
}

/// A Bellhop whose other users are kept elsewhere, and a phone of one of them.
fn scene() -> (World, Peer) {
    let mut world = World::new(1);
    let auth = auth();
    let users = Users::clone(&auth.users).with_directory(Arc::new(directory()));
    let auth = AuthConfig {
        users: Arc::new(users),
        ..auth
    };
    world.start(config(), auth);
    (world, phone("7001", "203.0.113.1:5060"))
}

fn directory() -> Directory {
    let keeping = Keeping {
        present: Duration::from_secs(300),
        absent: Duration::from_secs(30),
        grace: Duration::from_secs(3600),
        capacity: NonZeroUsize::new(100).unwrap(),
    };
    Directory::new(keeping, [1, 2, 3, 4])
}

fn user(name: &str) -> User {
    let aor = Aor::parse_text(&format!("sip:{name}@example.org")).unwrap();
    User::with_password(name, "example.org", &format!("secret{name}"), vec![aor])
}

/// A request with right credentials for a new nonce, unsent.
fn proven(world: &mut World, a: &mut Peer, method: &str) -> String {
    if method == "INVITE" {
        let invite = a.request("INVITE", "sip:600@example.org", "call", "");
        return authorized(world, a, &invite);
    }
    let aor = format!("sip:{}@example.org", a.user);
    let request = register_of(a, &aor, "reg", &contact_of(a), "Expires: 3600\r\n");
    authorized(world, a, &request)
}

fn contact_of(a: &Peer) -> String {
    format!("Contact: <sip:{}@{}>\r\n", a.user, a.contact)
}

fn register_with(world: &mut World, a: &mut Peer) {
    let request = proven(world, a, "REGISTER");
    say(world, a, &request);
    answer(world, LookedUp::User(user("7001")));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
}

/// Answers the one look-up that is waited for, once what is under way has arrived.
fn answer(world: &mut World, found: LookedUp) {
    world.pass(SOON);
    let [sought] = &world.sought[..] else {
        panic!("{:?}", world.sought);
    };
    assert_eq!(&*sought.name, b"7001");
    let ticket = sought.ticket;
    world.sought.clear();
    world.looked_up(0, ticket, found);
}

const SOON: Duration = Duration::from_millis(200);

#[test]
fn a_phone_whose_connection_goes_while_its_user_is_looked_up_is_not_bound_over_it() {
    let (mut world, _) = scene();
    let mut a = tcp_phone("7001", "203.0.113.7:40000");
    let request = proven(&mut world, &mut a, "REGISTER");
    say(&mut world, &a, &request);
    world.pass(SOON);
    assert_eq!(world.sought.len(), 1);
    world.cut(a.address);
    answer(&mut world, LookedUp::User(user("7001")));
    world.pass(SOON);
    assert_eq!(world.nodes[0].shared.location.len(), 0);
}
