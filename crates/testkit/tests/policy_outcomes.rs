//! What a policy hears of failures, responses and dialogs, and what its word does there.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helper may fail loudly"
)]

mod common;

use bellhop_core::policy::{
    Answer, Changes, Fork, Hook, NextHop, Phase, Reply, Route, Target, Verdict,
};
use bellhop_testkit::{Ear, Peer, Script, World, header_of, status_of};
use common::*;
use std::time::Duration;

fn ruled(
    hooks: &[Hook],
    mut verdict: impl FnMut(Hook, &mut Changes) -> Verdict + Send + 'static,
) -> (World, Peer, Peer, Ear) {
    let mut world = world();
    let (a, b) = pair(&mut world);
    let (policy, ear) = Script::new(hooks, move |ask, _| {
        Answer::Now(verdict(ask.hook, ask.changes))
    });
    world.set_policy(0, policy);
    (world, a, b, ear)
}

fn voicemail(tag: &str) -> Verdict {
    Verdict::Route(Route {
        targets: vec![Target {
            uri: "sip:voicemail@pbx".into(),
            next_hop: Some(NextHop::Group("pbx".into())),
            priority: 0,
            timeout: None,
            headers: Changes::default(),
            tag: tag.into(),
        }],
        mode: Fork::Serial,
        record_route: true,
    })
}

fn call(world: &mut World, a: &mut Peer, to: &str) -> String {
    let invite = a.request("INVITE", to, "call", "");
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    invite
}

fn busy(world: &mut World, a: &mut Peer, b: &Peer) {
    call(world, a, "sip:6002@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    say(world, b, &b.answer(&at_b, 486, "Busy Here", ""));
}

#[test]
fn a_refused_call_goes_to_the_target_that_the_policy_names_then() {
    let (mut world, mut a, b, ear) = ruled(&[Hook::Failure], |_, _| voicemail("vm"));
    busy(&mut world, &mut a, &b);
    let at_pbx = world.expect(addr(PBX)).expect("the PBX is asked");
    assert!(at_pbx.starts_with("INVITE sip:voicemail@pbx "));
    let pbx = pbx();
    say(&mut world, &pbx, &pbx.answer(&at_pbx, 200, "OK", ""));
    assert_eq!(status_of(&outcome(&mut world, &a)), 200);
    let failure = ear.asked()[0].failure.clone().expect("a failure");
    assert_eq!((failure.status, failure.is_local), (486, false));
    assert_eq!(failure.attempts.len(), 1);
    assert_eq!(failure.attempts[0].status, 486);
}

#[test]
fn each_round_of_failure_names_its_attempts_by_their_tags() {
    let (mut world, mut a, b, ear) = ruled(&[Hook::Failure], |_, _| voicemail("vm"));
    busy(&mut world, &mut a, &b);
    let pbx = pbx();
    let at_pbx = world.expect(addr(PBX)).expect("the PBX is asked");
    say(
        &mut world,
        &pbx,
        &pbx.answer(&at_pbx, 503, "Service Unavailable", ""),
    );
    world.pass(Duration::from_millis(20));
    let second = ear.asked()[1].failure.clone().expect("a failure");
    let told: Vec<(&str, u16)> = second
        .attempts
        .iter()
        .map(|a| (&*a.tag, a.status))
        .collect();
    assert_eq!(told, [("", 486), ("vm", 503)]);
}

#[test]
fn after_eight_rounds_the_best_response_goes_back() {
    let (mut world, mut a, b, ear) = ruled(&[Hook::Failure], |_, _| voicemail("vm"));
    busy(&mut world, &mut a, &b);
    let pbx = pbx();
    for _ in 0..8 {
        let at_pbx = skip_acks(&mut world, addr(PBX));
        say(
            &mut world,
            &pbx,
            &pbx.answer(&at_pbx, 480, "Temporarily Unavailable", ""),
        );
    }
    assert_eq!(status_of(&outcome(&mut world, &a)) / 100, 4);
    assert_eq!(ear.asked().len(), 8);
}

fn skip_acks(world: &mut World, address: std::net::SocketAddr) -> String {
    loop {
        let message = world.expect(address).expect("a message");
        if !message.starts_with("ACK ") {
            return message;
        }
    }
}

#[test]
fn a_call_to_a_user_who_is_away_has_failed_too() {
    let mut config = config();
    config.default_upstream = None;
    let mut world = World::new(1);
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let (policy, ear) = Script::new(&[Hook::Failure], |_, _| Answer::Now(voicemail("vm")));
    world.set_policy(0, policy);
    call(&mut world, &mut a, "sip:6002@example.org");
    let at_pbx = world.expect(addr(PBX)).expect("voice mail");
    assert!(at_pbx.starts_with("INVITE sip:voicemail@pbx "));
    let failure = ear.asked()[0].failure.clone().expect("a failure");
    assert_eq!(
        (failure.status, failure.is_local, failure.attempts.len()),
        (480, true, 0)
    );
}

#[test]
fn a_user_who_is_away_is_480_when_the_policy_knows_no_better() {
    let mut config = config();
    config.default_upstream = None;
    let mut world = World::new(1);
    world.start(config, auth());
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let (policy, _) = Script::new(&[Hook::Failure], |_, _| Answer::Now(Verdict::Continue));
    world.set_policy(0, policy);
    call(&mut world, &mut a, "sip:6002@example.org");
    assert_eq!(status_of(&outcome(&mut world, &a)), 480);
}

#[test]
fn a_policy_may_answer_a_failure_itself() {
    let (mut world, mut a, b, _) = ruled(&[Hook::Failure], |_, _| {
        Verdict::Reply(Reply {
            status: 486,
            reason: Some("Try again at nine".into()),
            ..Reply::default()
        })
    });
    call(&mut world, &mut a, "sip:6002@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 480, "Temporarily Unavailable", ""),
    );
    assert!(outcome(&mut world, &a).starts_with("SIP/2.0 486 Try again at nine\r\n"));
}

#[test]
fn nothing_is_tried_for_a_caller_who_gave_up_or_after_a_6xx() {
    let (mut world, mut a, b, ear) = ruled(&[Hook::Failure], |_, _| voicemail("vm"));
    let invite = call(&mut world, &mut a, "sip:6002@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    world.pass(Duration::from_millis(20));
    say(
        &mut world,
        &b,
        &b.answer(&at_b, 487, "Request Terminated", ""),
    );
    world.pass(Duration::from_millis(20));
    world.drain(a.address);
    let second = a.request("INVITE", "sip:6002@example.org", "second", "");
    let second = authorized(&mut world, &mut a, &second);
    world.drain(b.address);
    say(&mut world, &a, &second);
    let at_b = world.expect(b.address).expect("b rings");
    say(&mut world, &b, &b.answer(&at_b, 603, "Decline", ""));
    world.pass(Duration::from_millis(20));
    assert!(ear.asked().is_empty(), "{:?}", ear.hooks());
    assert!(world.drain(addr(PBX)).is_empty());
}

#[test]
fn a_failure_s_answer_may_come_later() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let until = world.now.instant.after(Duration::from_secs(5));
    let (policy, ear) = Script::new(&[Hook::Failure], move |_, is_again| {
        if is_again {
            Answer::Now(voicemail("vm"))
        } else {
            Answer::Later { until }
        }
    });
    world.set_policy(0, policy);
    busy(&mut world, &mut a, &b);
    world.pass(Duration::from_millis(20));
    assert!(world.drain(addr(PBX)).is_empty());
    let ticket = ear.asked()[0].ticket;
    world.consulted(0, ticket);
    let at_pbx = world.expect(addr(PBX)).expect("the PBX is asked");
    assert!(at_pbx.starts_with("INVITE sip:voicemail@pbx "));
}

#[test]
fn a_caller_who_gives_up_while_a_failure_is_thought_about_gets_487() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let until = world.now.instant.after(Duration::from_secs(5));
    let (policy, ear) = Script::new(&[Hook::Failure], move |_, _| Answer::Later { until });
    world.set_policy(0, policy);
    let invite = call(&mut world, &mut a, "sip:6002@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    say(&mut world, &b, &b.answer(&at_b, 500, "Server Error", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &a, &invite.replace("INVITE", "CANCEL"));
    world.pass(Duration::from_millis(20));
    let statuses = statuses(&mut world, &a);
    assert!(
        statuses.contains(&487) || statuses.ends_with(&[500]),
        "{statuses:?}"
    );
    assert_eq!(ear.abandoned().len(), 1);
}

#[test]
fn a_response_is_edited_on_its_way_back_and_in_every_copy() {
    let (mut world, mut a, b, _) = ruled(&[Hook::Response], |_, changes| {
        changes.remove_header("User-Agent").expect("a header");
        changes.set_header("Server", b"door").expect("a header");
        Verdict::Continue
    });
    call(&mut world, &mut a, "sip:6002@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    let ok = b.answer(&at_b, 200, "OK", "User-Agent: inner\r\n");
    for _ in 0..2 {
        say(&mut world, &b, &ok);
        let ok = skip(&mut world, a.address, 100);
        assert!(!ok.contains("inner"), "{ok}");
        assert_eq!(header_of(&ok, "Server"), "door");
    }
}

#[test]
fn a_refusal_that_goes_back_is_edited_too() {
    let (mut world, mut a, b, _) = ruled(&[Hook::Response], |_, changes| {
        changes.set_header("Server", b"door").expect("a header");
        Verdict::Continue
    });
    busy(&mut world, &mut a, &b);
    assert_eq!(header_of(&outcome(&mut world, &a), "Server"), "door");
}

#[test]
fn a_call_is_told_of_from_its_first_try_to_its_end() {
    let (mut world, mut a, b, ear) = ruled(&[Hook::Dialog], |_, _| Verdict::Continue);
    call(&mut world, &mut a, "sip:6002@example.org");
    let at_b = world.expect(b.address).expect("b rings");
    say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
    world.pass(Duration::from_millis(20));
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    let ok = outcome(&mut world, &a);
    let bye = from_caller(&mut a, "BYE", &ok, 3);
    say(&mut world, &a, &bye);
    let at_b = world.expect(b.address).expect("the BYE");
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    world.pass(Duration::from_millis(20));
    let told: Vec<(Phase, u16)> = ear
        .dialogs()
        .iter()
        .map(|(phase, _, s)| (*phase, *s))
        .collect();
    let expected = [
        (Phase::Tried, 0),
        (Phase::Early, 180),
        (Phase::Confirmed, 200),
        (Phase::Ended, 200),
    ];
    assert_eq!(told, expected);
    let callee = Some(b.address);
    assert_eq!(ear.answered_by(), [None, callee, callee, callee]);
    assert!(
        ear.dialogs()
            .iter()
            .all(|(_, call_id, _)| call_id == "call")
    );
}

#[test]
fn a_call_that_fails_ends_with_the_status_that_its_caller_gets() {
    let (mut world, mut a, b, ear) = ruled(&[Hook::Dialog], |_, _| Verdict::Continue);
    busy(&mut world, &mut a, &b);
    world.pass(Duration::from_millis(20));
    let told: Vec<(Phase, u16)> = ear
        .dialogs()
        .iter()
        .map(|(phase, _, s)| (*phase, *s))
        .collect();
    assert_eq!(told, [(Phase::Tried, 0), (Phase::Ended, 486)]);
}

#[test]
fn a_call_has_ended_even_if_nobody_answers_its_bye() {
    let (mut world, mut a, b, ear) = ruled(&[Hook::Dialog], |_, _| Verdict::Continue);
    let (_, ok) = talk(&mut world, &mut a, &b, "call");
    let bye = from_caller(&mut a, "BYE", &ok, 3);
    say(&mut world, &a, &bye);
    world.pass(Duration::from_secs(40));
    let phases: Vec<Phase> = ear.dialogs().iter().map(|(phase, _, _)| *phase).collect();
    assert_eq!(phases, [Phase::Tried, Phase::Confirmed, Phase::Ended]);
}
