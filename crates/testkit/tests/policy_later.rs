//! Requests that wait for a policy's answer: on simulated time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helper may fail loudly"
)]

mod common;

use bellhop_core::policy::{Answer, Changes, Fork, Hook, NextHop, Reply, Route, Target, Verdict};
use bellhop_core::time::Instant;
use bellhop_testkit::{Ear, Peer, Script, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// How long the policy of these tests asks for.
const PATIENCE: Duration = Duration::from_millis(800);

/// A world with two registered phones and a policy that answers later at one hook, with `verdict`.
fn slow(
    hook: Hook,
    mut verdict: impl FnMut(&mut Changes) -> Verdict + Send + 'static,
) -> (World, Peer, Peer, Ear) {
    let mut world = world();
    let (a, b) = pair(&mut world);
    let start = world.now.instant;
    let (policy, ear) = Script::new(&[hook, Hook::Response], move |ask, is_again| {
        match (ask.hook == hook, is_again) {
            (false, _) => Answer::Now(Verdict::Continue),
            (true, true) => Answer::Now(verdict(ask.changes)),
            (true, false) => {
                let note = ask.notes.set("asked", "once");
                note.expect("room");
                Answer::Later {
                    until: later(start),
                }
            }
        }
    });
    world.set_policy(0, policy);
    (world, a, b, ear)
}

/// Phones register and call within a moment of the start, so patience ends about this long after.
fn later(start: Instant) -> Instant {
    start.after(PATIENCE)
}

fn invite(world: &mut World, a: &mut Peer) -> String {
    let invite = a.request("INVITE", "sip:6002@example.org", "later", "");
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    world.pass(Duration::from_millis(20));
    invite
}

fn answer_is_there(world: &mut World, ear: &Ear) {
    let ticket = ear.asked()[0].ticket;
    world.consulted(0, ticket);
}

#[test]
fn an_invite_that_waits_is_told_so_and_goes_on_when_the_answer_is_there() {
    let (mut world, mut a, b, ear) = slow(Hook::Request, |_| Verdict::Continue);
    invite(&mut world, &mut a);
    assert_eq!(statuses(&mut world, &a), [100]);
    assert!(world.drain(b.address).is_empty());
    answer_is_there(&mut world, &ear);
    let at_b = world.expect(b.address).expect("b rings");
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    assert_eq!(status_of(&outcome(&mut world, &a)), 200);
}

#[test]
fn copies_of_a_request_that_waits_ask_nobody() {
    let (mut world, mut a, b, ear) = slow(Hook::Request, |_| Verdict::Continue);
    let invite = invite(&mut world, &mut a);
    say(&mut world, &a, &invite);
    say(&mut world, &a, &invite);
    world.pass(Duration::from_millis(20));
    assert_eq!(ear.asked().len(), 1);
    answer_is_there(&mut world, &ear);
    assert!(
        world
            .expect(b.address)
            .expect("b rings")
            .starts_with("INVITE ")
    );
}

#[test]
fn patience_ends_by_the_engine_s_own_timer() {
    let (mut world, mut a, b, ear) = slow(Hook::Request, |_| Verdict::Continue);
    invite(&mut world, &mut a);
    world.pass(PATIENCE);
    assert!(
        world
            .expect(b.address)
            .expect("b rings")
            .starts_with("INVITE ")
    );
    assert!(ear.asked()[1].is_again);
}

#[test]
fn an_answer_that_comes_twice_or_too_late_changes_nothing() {
    let (mut world, mut a, b, ear) = slow(Hook::Request, |_| Verdict::Continue);
    invite(&mut world, &mut a);
    answer_is_there(&mut world, &ear);
    answer_is_there(&mut world, &ear);
    world.pass(PATIENCE);
    let invites: Vec<String> = world.drain(b.address);
    let branches: std::collections::BTreeSet<&str> = invites
        .iter()
        .map(|invite| header_of(invite, "Via"))
        .collect();
    assert_eq!(branches.len(), 1, "{invites:?}");
    let asked = ear
        .hooks()
        .iter()
        .filter(|hook| **hook == Hook::Request)
        .count();
    assert_eq!(asked, 2);
}

#[test]
fn a_caller_who_gives_up_is_not_called_for() {
    let (mut world, mut a, b, ear) = slow(Hook::Request, |_| Verdict::Continue);
    let invite = invite(&mut world, &mut a);
    world.drain(a.address);
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    world.pass(Duration::from_millis(20));
    let statuses = statuses(&mut world, &a);
    assert_eq!(
        statuses,
        [200, 487],
        "the CANCEL and the INVITE are answered"
    );
    assert_eq!(ear.abandoned(), [ear.asked()[0].ticket]);
    answer_is_there(&mut world, &ear);
    world.pass(PATIENCE);
    assert!(world.drain(b.address).is_empty());
}

#[test]
fn a_refusal_that_comes_later_is_the_transaction_s_answer() {
    let (mut world, mut a, b, ear) = slow(Hook::Request, |_| {
        Verdict::Reply(Reply {
            status: 603,
            ..Reply::default()
        })
    });
    let invite = invite(&mut world, &mut a);
    world.drain(a.address);
    answer_is_there(&mut world, &ear);
    let refusal = world.expect(a.address).expect("a refusal");
    assert_eq!(status_of(&refusal), 603);
    say(&mut world, &a, &invite);
    assert_eq!(
        world.expect(a.address).as_deref(),
        Some(&*refusal),
        "a copy gets the same"
    );
    say(&mut world, &a, &ack_of(&refusal, &a));
    world.pass(Duration::from_secs(40));
    assert!(world.drain(b.address).is_empty());
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_drop_that_comes_later_leaves_nothing_behind() {
    let (mut world, mut a, _, ear) = slow(Hook::Request, |_| Verdict::Drop);
    invite(&mut world, &mut a);
    answer_is_there(&mut world, &ear);
    world.pass(Duration::from_secs(40));
    assert_eq!(statuses(&mut world, &a), [100]);
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0));
}

#[test]
fn a_route_that_comes_later_is_taken_with_its_edits() {
    let (mut world, mut a, _, ear) = slow(Hook::Route, |changes| {
        changes.add_header("X-Asked", b"yes").expect("a header");
        let target = Target {
            uri: "sip:7000@pbx".into(),
            next_hop: Some(NextHop::Group("pbx".into())),
            priority: 0,
            timeout: None,
            headers: Changes::default(),
            tag: "".into(),
        };
        Verdict::Route(Route {
            targets: vec![target],
            mode: Fork::Serial,
            record_route: true,
        })
    });
    invite(&mut world, &mut a);
    answer_is_there(&mut world, &ear);
    let at_pbx = world.expect(addr(PBX)).expect("the PBX is asked");
    assert!(at_pbx.starts_with("INVITE sip:7000@pbx "));
    assert_eq!(header_of(&at_pbx, "X-Asked"), "yes");
}

#[test]
fn a_register_waits_too_and_is_answered_once() {
    let (mut world, _, _, ear) = slow(Hook::Register, |_| Verdict::Continue);
    let mut c = phone("6003", "203.0.113.3:5060");
    let contact = format!("Contact: <sip:6003@{}>\r\n", c.address);
    let request = register_of(&mut c, "sip:6003@example.org", "r", &contact, "");
    let request = authorized(&mut world, &mut c, &request);
    say(&mut world, &c, &request);
    world.pass(Duration::from_millis(20));
    say(&mut world, &c, &request);
    world.pass(Duration::from_millis(20));
    assert!(
        world.drain(c.address).is_empty(),
        "not bound, so not answered"
    );
    assert_eq!(world.nodes[0].shared.location.len(), 2);
    answer_is_there(&mut world, &ear);
    world.pass(Duration::from_millis(20));
    assert_eq!(statuses(&mut world, &c), [200]);
    assert_eq!(world.nodes[0].shared.location.len(), 3);
}

#[test]
fn a_message_that_waits_is_relayed_and_answered() {
    let (mut world, mut a, b, ear) = slow(Hook::Request, |_| Verdict::Continue);
    let message = a.request("MESSAGE", "sip:6002@example.org", "m", "");
    let message = authorized(&mut world, &mut a, &message);
    say(&mut world, &a, &message);
    world.pass(Duration::from_millis(20));
    answer_is_there(&mut world, &ear);
    let at_b = world.expect(b.address).expect("the MESSAGE");
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    assert_eq!(status_of(&outcome(&mut world, &a)), 200);
}

#[test]
fn notes_of_before_are_there_when_the_answer_is() {
    let mut world = world();
    let (mut a, _) = pair(&mut world);
    let until = later(world.now.instant);
    let (policy, ear) = Script::new(&[Hook::Request], move |ask, is_again| {
        if !is_again {
            ask.notes.set("plan", "b").expect("room");
            return Answer::Later { until };
        }
        let plan = ask.notes.find("plan").map(str::to_owned);
        ask.changes
            .add_header("X-Plan", plan.unwrap_or_default().as_bytes())
            .expect("a header");
        Answer::Now(Verdict::Continue)
    });
    world.set_policy(0, policy);
    invite(&mut world, &mut a);
    answer_is_there(&mut world, &ear);
    let at_b = world.expect(addr("203.0.113.2:5060")).expect("b rings");
    assert_eq!(header_of(&at_b, "X-Plan"), "b");
}
