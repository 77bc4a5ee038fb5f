//! What transactions hold: no more than they still need, and together no more than they may.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_testkit::{World, header, status_of};
use common::*;
use std::time::Duration;

fn held(world: &World) -> usize {
    world.nodes[0].engine.held()
}

#[test]
fn an_answered_call_keeps_none_of_its_messages() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let body = "x".repeat(900);
    let invite = a.request(
        "INVITE",
        "sip:6002@example.org",
        "long",
        &format!("X-Long: {body}\r\n"),
    );
    let invite = authorized(&mut world, &mut a, &invite);
    world.pass(Duration::from_secs(60));
    world.drain(a.address);
    assert_eq!(held(&world), 0, "a challenge costs nothing");
    say(&mut world, &a, &invite);
    let at_b = world.expect(b.address).unwrap();
    // As it came and as it goes on.
    assert!(held(&world) > 2 * invite.len(), "{}", held(&world));
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    world.pass(Duration::from_millis(10));
    assert!(held(&world) < 2_000, "{}", held(&world));
    world.pass(Duration::from_secs(33));
    assert_eq!(held(&world), 0);
}

#[test]
fn requests_beyond_what_transactions_may_hold_get_503_until_there_is_room() {
    let mut world = World::new(1);
    let mut config = config();
    config.max_held = 20_000;
    world.start(config, auth());
    let mut p = pbx();
    let (_, b) = pair(&mut world);
    let mut taken = 0;
    let mut call = |world: &mut World, n: usize| {
        let invite = p.request("INVITE", "sip:6002@192.0.2.1", &format!("call-{n}"), "");
        let answer = ask(world, &p, &invite);
        if status_of(&answer) == 503 {
            assert_eq!(header(&answer, "Retry-After"), Some("5"));
            return false;
        }
        assert_eq!(status_of(&answer), 100);
        let at_b = world.expect(b.address).unwrap();
        say(world, &b, &b.answer(&at_b, 200, "OK", ""));
        world.pass(Duration::from_millis(10));
        world.drain(p.address);
        true
    };
    while call(&mut world, taken) {
        taken += 1;
        assert!(held(&world) < 22_000, "{}", held(&world));
    }
    assert!((8..40).contains(&taken), "{taken}");
    world.pass(Duration::from_secs(33));
    assert!(call(&mut world, 1_000));
}

#[test]
fn a_call_that_is_over_is_reckoned_at_less_than_two_and_a_half_kilobytes() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    world.pass(Duration::from_secs(60));
    let (_, ok) = talk(&mut world, &mut a, &b, "over");
    let bye = from_caller(&mut a, "BYE", &ok, 3);
    say(&mut world, &a, &bye);
    let at_b = world.expect(b.address).unwrap();
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    // Timer K: copies of the BYE's answer are waited for no longer.
    world.pass(Duration::from_secs(6));
    let held = held(&world);
    assert!((1_500..2_500).contains(&held), "{held}");
}
