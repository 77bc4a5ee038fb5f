//! A REGISTER is answered 200 when its binding is on disk, and not before: on simulated time, with a
//! pretend disk.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::engine::PATIENCE;
use bellhop_core::policy::{Answer, Hook, Verdict};
use bellhop_core::registrar::Aor;
use bellhop_testkit::{Disk, Peer, Script, World, header_of, status_of};
use common::*;
use std::time::Duration;

fn on(disk: impl FnOnce(Disk) -> Disk) -> World {
    let mut world = world();
    world.set_disk(0, disk);
    world
}

fn aor() -> Aor {
    Aor::parse_text(AOR).unwrap()
}

fn on_disk(world: &World) -> Vec<String> {
    world.disk(0).unwrap().contacts(&aor())
}

/// Sends a REGISTER with its credentials; it is on its way.
fn registering(world: &mut World, peer: &mut Peer, id: &str, more: &str) -> String {
    let contact = format!("Contact: <sip:{}>\r\n", peer.contact);
    let request = register_of(peer, AOR, id, &contact, more);
    let request = authorized(world, peer, &request);
    say(world, peer, &request);
    request
}

fn is_registered(world: &mut World, peer: &mut Peer) -> bool {
    let query = register_of(peer, AOR, "query", "", "");
    let answer = answered(world, peer, &query);
    assert_eq!(
        status_of(&answer),
        200,
        "a query is answered whatever the disk does"
    );
    !contacts(&answer).is_empty()
}

#[test]
fn a_register_is_answered_200_when_its_binding_is_on_disk_and_not_before() {
    let mut world = on(|disk| disk.late(Duration::from_millis(300)));
    let mut a = phone("6001", "203.0.113.1:5060");
    registering(&mut world, &mut a, "late", "");
    world.pass(Duration::from_millis(290));
    assert!(world.drain(a.address).is_empty());
    assert!(on_disk(&world).is_empty());
    let answer = world.expect(a.address).unwrap();
    assert_eq!(status_of(&answer), 200, "{answer}");
    assert_eq!(contacts(&answer).len(), 1);
    assert_eq!(on_disk(&world), ["sip:203.0.113.1:5060"]);
    assert_eq!(world.nodes[0].engine.waiting_for_disk(), 0);
}

#[test]
fn a_copy_of_a_register_is_not_answered_before_the_disk_has_it_either() {
    let mut world = on(|disk| disk.late(Duration::from_millis(700)));
    let mut a = phone("6001", "203.0.113.1:5060");
    let request = registering(&mut world, &mut a, "copy", "");
    // RFC 3261 17.1.2.2: over UDP it comes again after T1.
    world.pass(Duration::from_millis(500));
    say(&mut world, &a, &request);
    world.pass(Duration::from_millis(190));
    assert!(world.drain(a.address).is_empty());
    world.pass(Duration::from_secs(2));
    assert_eq!(statuses(&mut world, &a), [200, 200]);
}

#[test]
fn a_disk_that_cannot_write_makes_it_503_with_retry_after_and_calls_go_on() {
    let mut world = on(|disk| disk.late(Duration::ZERO));
    let (mut a, b) = pair(&mut world);
    world.set_disk(0, |disk| disk.failing(20));
    registering(&mut world, &mut a, "full", "");
    let answer = world.expect(a.address).unwrap();
    assert_eq!(status_of(&answer), 503, "{answer}");
    let after: u32 = header_of(&answer, "Retry-After").parse().unwrap();
    assert!((20..40).contains(&after), "{after}");
    assert!(header_of(&answer, "To").contains(";tag="), "{answer}");
    assert!(contacts(&answer).is_empty());
    talk(&mut world, &mut a, &b, "goes-on");
    // The disk has room again.
    world.set_disk(0, |disk| disk.late(Duration::ZERO));
    registering(&mut world, &mut a, "again", "");
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
}

#[test]
fn a_disk_that_never_answers_makes_it_503_when_patience_ends() {
    let mut world = on(Disk::silent);
    let mut a = phone("6001", "203.0.113.1:5060");
    registering(&mut world, &mut a, "silent", "");
    world.pass(PATIENCE - Duration::from_millis(10));
    assert!(world.drain(a.address).is_empty());
    world.pass(Duration::from_millis(20));
    assert_eq!(statuses(&mut world, &a), [503]);
    assert_eq!(world.nodes[0].engine.waiting_for_disk(), 0);
    assert_eq!(world.nodes[0].engine.next_timeout(), None);
}

#[test]
fn a_query_waits_for_no_disk() {
    let mut world = on(Disk::silent);
    let mut a = phone("6001", "203.0.113.1:5060");
    assert!(!is_registered(&mut world, &mut a));
    assert_eq!(world.disk(0).unwrap().writes(), 0);
}

#[test]
fn what_a_phone_takes_back_is_gone_from_the_disk_too() {
    let mut world = on(|disk| disk.late(Duration::from_millis(5)));
    let mut a = phone("6001", "203.0.113.1:5060");
    for (contact, more) in [
        ("Contact: <sip:203.0.113.1:5060>\r\n", "Expires: 0\r\n"),
        ("Contact: *\r\n", "Expires: 0\r\n"),
    ] {
        registering(&mut world, &mut a, "back", "");
        assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
        assert_eq!(on_disk(&world).len(), 1);
        let request = register_of(&mut a, AOR, "back", contact, more);
        assert_eq!(status_of(&answered(&mut world, &mut a, &request)), 200);
        assert!(on_disk(&world).is_empty(), "{contact}");
    }
}

#[test]
fn a_connection_that_is_gone_takes_its_binding_from_the_disk() {
    let mut world = on(|disk| disk.late(Duration::ZERO));
    let mut a = tcp_phone("6001", "203.0.113.1:40000");
    register(&mut world, &mut a);
    assert_eq!(on_disk(&world).len(), 1);
    world.cut(a.address);
    let mut b = phone("6002", "203.0.113.2:5060");
    register(&mut world, &mut b);
    assert!(on_disk(&world).is_empty());
}

#[test]
fn a_register_that_waited_for_a_policy_waits_for_the_disk_as_well() {
    let mut world = on(|disk| disk.late(Duration::from_millis(300)));
    let mut a = phone("6001", "203.0.113.1:5060");
    let until = world.now.instant.after(Duration::from_secs(2));
    let (policy, ear) = Script::new(&[Hook::Register], move |_, is_again| match is_again {
        true => Answer::Now(Verdict::Continue),
        false => Answer::Later { until },
    });
    world.set_policy(0, policy);
    let request = registering(&mut world, &mut a, "both", "");
    world.pass(Duration::from_millis(100));
    world.consulted(0, ear.asked()[0].ticket);
    world.pass(Duration::from_millis(200));
    say(&mut world, &a, &request);
    assert!(world.drain(a.address).is_empty());
    world.pass(Duration::from_millis(200));
    assert_eq!(statuses(&mut world, &a), [200]);
}

#[test]
fn after_a_crash_calls_reach_the_phones_that_were_registered() {
    let mut world = on(|disk| disk.late(Duration::from_millis(5)));
    let (mut a, b) = pair(&mut world);
    world.restart(0, config(), auth());
    talk(&mut world, &mut a, &b, "after");
}

#[test]
fn a_register_that_was_not_acknowledged_may_be_lost_in_a_crash() {
    let mut world = on(|disk| disk.late(Duration::from_millis(500)));
    let mut a = phone("6001", "203.0.113.1:5060");
    registering(&mut world, &mut a, "crash", "");
    world.pass(Duration::from_millis(100));
    world.restart(0, config(), auth());
    world.pass(Duration::from_secs(10));
    assert!(world.drain(a.address).is_empty());
    world.set_disk(0, |disk| disk.late(Duration::ZERO));
    assert!(!is_registered(&mut world, &mut a));
}

#[test]
fn a_phone_behind_a_nat_whose_connection_went_with_the_program_fails_a_call_at_once() {
    let mut world = on(|disk| disk.late(Duration::ZERO));
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = tcp_phone("6002", "203.0.113.9:34494");
    b.contact = "10.0.0.7:5060".to_owned();
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    world.restart(0, config(), auth());
    let invite = a.request("INVITE", "sip:6002@example.org", "nat", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    world.pass(Duration::from_millis(50));
    assert_eq!(statuses(&mut world, &a), [100, 480]);
    assert!(world.drain(b.address).is_empty());
    // It comes again over a new connection, and its old binding gives way.
    b.address = addr("203.0.113.9:34500");
    register(&mut world, &mut b);
    talk(&mut world, &mut a, &b, "again");
}

#[test]
fn a_phone_that_takes_connections_is_called_over_a_new_one_after_a_crash() {
    let mut world = on(|disk| disk.late(Duration::ZERO));
    let mut a = phone("6001", "203.0.113.1:5060");
    let mut b = tcp_phone("6002", "203.0.113.2:40000");
    b.contact = "203.0.113.2:5060".to_owned();
    register(&mut world, &mut a);
    register(&mut world, &mut b);
    world.restart(0, config(), auth());
    b.address = addr("203.0.113.2:5060");
    let (_, ok) = talk(&mut world, &mut a, &b, "open");
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    assert!(world.expect(b.address).unwrap().starts_with("BYE "));
}
