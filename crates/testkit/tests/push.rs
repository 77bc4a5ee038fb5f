//! Phones that sleep (RFC 8599): woken for a request, which waits until they have registered again.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::push::{Push, Reason};
use bellhop_core::registrar::Aor;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::sync::Arc;
use std::time::Duration;

const PN: &str = ";pn-provider=acme;pn-param=app;pn-prid=ZTY4ZDJl";

/// A Bellhop that can wake phones by the services acme and fcm.
fn scene() -> World {
    let mut config = config();
    config.registrar.push = Some(Arc::new(Push {
        providers: vec!["acme".to_owned(), "fcm".to_owned()],
        patience: Duration::from_secs(20),
        awake: Duration::from_secs(10),
    }));
    let mut world = World::new(1);
    world.start(config, auth());
    world
}

/// Registers a phone with these parameters in its Contact's URI; the answer.
fn register_with(world: &mut World, peer: &mut Peer, params: &str) -> String {
    let contact = format!("Contact: <sip:{}@{}{params}>\r\n", peer.user, peer.contact);
    let aor = format!("sip:{}@example.org", peer.user);
    let request = register_of(peer, &aor, "app", &contact, "Expires: 3600\r\n");
    answered(world, peer, &request)
}

/// A phone that can be woken, asleep for a minute; and a caller's INVITE to it, sent.
fn call_to_a_sleeper(world: &mut World) -> (Peer, Peer, String) {
    let mut app = phone("6002", "203.0.113.2:5060");
    assert_eq!(status_of(&register_with(world, &mut app, PN)), 200);
    world.pass(Duration::from_secs(60));
    let mut caller = phone("6001", "203.0.113.1:5060");
    let invite = caller.request("INVITE", "sip:6002@example.org", "call", "");
    let invite = authorized(world, &mut caller, &invite);
    say(world, &caller, &invite);
    assert_eq!(status_of(&world.expect(caller.address).unwrap()), 100);
    (app, caller, invite)
}

#[test]
fn a_sleeping_phone_is_woken_and_the_call_reaches_it_once_it_has_registered() {
    let mut world = scene();
    let (mut app, _, _) = call_to_a_sleeper(&mut world);
    world.pass(Duration::from_secs(3));
    assert!(world.drain(app.address).is_empty());
    let [wake] = &world.woken[..] else {
        panic!("{:?}", world.woken)
    };
    assert_eq!(wake.aor, Aor::parse_text("sip:6002@example.org").unwrap());
    assert!(wake.contact.ends_with(PN.as_bytes()));
    assert!(matches!(&wake.reason, Reason::Request { method, .. } if method == "INVITE"));
    register_with(&mut world, &mut app, PN);
    let invite = world.expect(app.address).unwrap();
    assert!(invite.starts_with("INVITE sip:6002@203.0.113.2:5060;pn-provider=acme"));
}

#[test]
fn a_phone_that_wakes_up_elsewhere_is_called_there() {
    let mut world = scene();
    let (app, _, _) = call_to_a_sleeper(&mut world);
    // The same app, after its NAT has changed the port, under the Call-ID of its REGISTERs.
    let mut moved = phone("6002", "203.0.113.2:6666");
    register_with(&mut world, &mut moved, PN);
    let invite = world.expect(moved.address).unwrap();
    assert!(invite.starts_with("INVITE sip:6002@203.0.113.2:6666"));
    assert!(world.drain(app.address).is_empty());
}

#[test]
fn a_phone_that_does_not_wake_up_gives_480_when_patience_ends() {
    let mut world = scene();
    let (_, caller, _) = call_to_a_sleeper(&mut world);
    world.pass(Duration::from_secs(19));
    assert!(world.drain(caller.address).is_empty());
    world.pass(Duration::from_secs(2));
    assert_eq!(status_of(&world.expect(caller.address).unwrap()), 480);
}

#[test]
fn a_caller_who_hangs_up_while_the_phone_wakes_gets_487_and_the_phone_no_call() {
    let mut world = scene();
    let (mut app, caller, invite) = call_to_a_sleeper(&mut world);
    let cancel = invite
        .replacen("INVITE", "CANCEL", 1)
        .replacen(" INVITE\r\n", " CANCEL\r\n", 1);
    say(&mut world, &caller, &cancel);
    let answers = [(); 2].map(|()| status_of(&world.expect(caller.address).unwrap()));
    assert_eq!(answers, [200, 487]);
    register_with(&mut world, &mut app, PN);
    world.pass(Duration::from_secs(30));
    let calls = world.drain(app.address);
    assert!(!calls.iter().any(|m| m.starts_with("INVITE")), "{calls:?}");
}

#[test]
fn a_phone_that_has_just_registered_is_awake() {
    let mut world = scene();
    let mut app = phone("6002", "203.0.113.2:5060");
    register_with(&mut world, &mut app, PN);
    let mut caller = phone("6001", "203.0.113.1:5060");
    let invite = caller.request("INVITE", "sip:6002@example.org", "call", "");
    let invite = authorized(&mut world, &mut caller, &invite);
    say(&mut world, &caller, &invite);
    assert!(world.expect(app.address).unwrap().starts_with("INVITE"));
    assert!(world.woken.is_empty());
}

#[test]
fn the_phones_that_are_awake_ring_while_another_one_is_woken() {
    let mut world = scene();
    let mut desk = phone("6002", "203.0.113.9:5060");
    register(&mut world, &mut desk);
    call_to_a_sleeper(&mut world);
    assert!(world.expect(desk.address).unwrap().starts_with("INVITE"));
    assert_eq!(world.woken.len(), 1);
}

#[test]
fn a_phone_whose_connection_is_gone_keeps_its_binding_if_it_can_be_woken() {
    let mut world = scene();
    let mut app = tcp_phone("6002", "203.0.113.2:40000");
    register_with(&mut world, &mut app, PN);
    world.cut(app.address);
    let mut caller = phone("6001", "203.0.113.1:5060");
    let invite = caller.request("INVITE", "sip:6002@example.org", "call", "");
    let invite = authorized(&mut world, &mut caller, &invite);
    say(&mut world, &caller, &invite);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.woken.len(), 1);
    let mut back = tcp_phone("6002", "203.0.113.2:40001");
    register_with(&mut world, &mut back, PN);
    assert!(world.expect(back.address).unwrap().starts_with("INVITE"));
}

#[test]
fn a_question_whether_a_phone_is_there_wakes_nobody() {
    let mut world = scene();
    let mut app = phone("6002", "203.0.113.2:5060");
    register_with(&mut world, &mut app, PN);
    world.pass(Duration::from_secs(60));
    let options = pbx().request("OPTIONS", "sip:6002@example.org", "q", "");
    say(&mut world, &pbx(), &options);
    world.pass(Duration::from_secs(1));
    assert!(world.woken.is_empty());
}

/// RFC 8599 4.1.
#[test]
fn the_answer_to_a_register_names_the_service_that_its_phone_can_be_woken_by() {
    let mut world = scene();
    let mut app = phone("6002", "203.0.113.2:5060");
    let answer = register_with(&mut world, &mut app, PN);
    assert_eq!(header_of(&answer, "Feature-Caps"), "*;+sip.pns=\"acme\"");
    let asked = register_with(&mut world, &mut app, ";pn-provider");
    assert!(asked.contains("+sip.pns=\"acme\"") && asked.contains("+sip.pns=\"fcm\""));
    let plain = register_with(&mut world, &mut phone("6001", "203.0.113.1:5060"), "");
    assert!(!plain.contains("Feature-Caps"));
}

/// RFC 8599 8.1.
#[test]
fn a_service_that_we_do_not_reach_is_555_and_nothing_is_bound() {
    let mut world = scene();
    let mut app = phone("6002", "203.0.113.2:5060");
    let pn = ";pn-provider=other;pn-prid=x";
    assert_eq!(status_of(&register_with(&mut world, &mut app, pn)), 555);
    assert!(world.nodes[0].shared.location.is_empty());
}

#[test]
fn bindings_that_are_about_to_end_are_found_if_their_phones_can_be_woken() {
    let mut world = scene();
    register_with(&mut world, &mut phone("6002", "203.0.113.2:5060"), PN);
    register_with(&mut world, &mut phone("6001", "203.0.113.1:5060"), "");
    let push = Push {
        providers: vec!["acme".to_owned()],
        patience: Duration::ZERO,
        awake: Duration::ZERO,
    };
    let found = |from: u64, until: u64| {
        let at = |seconds| world.now.instant.after(Duration::from_secs(seconds));
        let location = &world.nodes[0].shared.location;
        location.ending(&push, at(from), at(until)).len()
    };
    assert_eq!((found(3_500, 3_601), found(0, 3_500)), (1, 0));
}
