//! What is told of an INVITE that a plugin has dropped, or has thought about.

use crate::common::*;
use crate::records::{end, the_record};
use crate::site::*;
use bellhop_core::auth::Algorithm;
use bellhop_core::b2bua::{Cause, Ender, Outcome};
use bellhop_core::policy::{Answer, Hook, Verdict};
use bellhop_testkit::{Ear, Peer, Script, World};
use std::time::Duration;

/// A plugin that says this of each INVITE, at once or after a while.
fn asked(is_slow: bool, verdict: fn() -> Verdict) -> (World, Peer, Peer, Ear) {
    let (mut world, a, p) = scene();
    let patience = world.now.instant.after(Duration::from_secs(20));
    let (policy, ear) = Script::new(&[Hook::Request], move |ask, is_again| {
        if ask.message.uri() != b"sip:7000@example.org" {
            return Answer::Now(Verdict::Continue);
        }
        ask.notes.set("call:account", "4711").unwrap();
        match is_slow && !is_again {
            true => Answer::Later { until: patience },
            false => Answer::Now(verdict()),
        }
    });
    world.set_policy(0, policy);
    (world, a, p, ear)
}

fn invited(world: &mut World, a: &mut Peer) -> String {
    let invite = a.request("INVITE", "sip:7000@example.org", "call-1", OFFER);
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    invite
}

const DROPPED: (Outcome, u16, Ender, Cause) = (Outcome::Refused, 0, Ender::Bellhop, Cause::Policy);

#[test]
fn an_invite_that_a_plugin_drops_is_told_of() {
    let (mut world, mut a, p, _) = asked(false, || Verdict::Drop);
    let invite = invited(&mut world, &mut a);
    assert_eq!(world.drain(a.address), [""; 0]);
    // With new credentials it is the same call.
    let challenge = ask(&mut world, &a, &invite);
    let again = a.authorize(&invite, &challenge, Algorithm::Sha256).unwrap();
    say(&mut world, &a, &again);
    let record = the_record(&mut world);
    assert_eq!(end(&record), DROPPED);
    assert_eq!(record.reason, None);
    assert_eq!(&*record.request_uri, b"sip:7000@example.org");
    assert_eq!(record.caller.user.as_deref(), Some("6001"));
    assert_eq!(record.called, None);
    assert_eq!(world.drain(p.address), [""; 0]);
}

#[test]
fn an_invite_that_comes_again_and_is_dropped_again_is_told_of_once() {
    let (mut world, _, mut p, _) = asked(false, || Verdict::Drop);
    for id in ["call-1", "call-2"] {
        let invite = p.request("INVITE", "sip:7000@example.org", id, OFFER);
        // RFC 3261 17.1.1.2.
        for seconds in [1, 2, 4, 4, 4] {
            say(&mut world, &p, &invite);
            world.pass(Duration::from_secs(seconds));
        }
        assert_eq!(world.drain(p.address), [""; 0]);
        assert_eq!(end(&the_record(&mut world)), DROPPED, "{id}");
    }
}

#[test]
fn a_caller_who_gives_up_while_a_plugin_thinks_is_told_of() {
    let (mut world, mut a, p, _) = asked(true, || Verdict::Continue);
    let invite = invited(&mut world, &mut a);
    let start = world.now;
    world.pass(Duration::from_secs(3));
    let cause = "Reason: Q.850;cause=16\r\nContent-Length";
    let cancel = cancel_of(&invite).replacen("Content-Length", cause, 1);
    say(&mut world, &a, &cancel);
    let record = the_record(&mut world);
    let expected = (Outcome::Cancelled, 487, Ender::Caller, Cause::Cancel);
    assert_eq!(end(&record), expected);
    assert_eq!(record.reason.as_deref(), Some(&b"Q.850;cause=16"[..]));
    assert!(start.unix.abs_diff(record.began) < Duration::from_millis(50));
    assert!((2_900..3_200).contains(&record.ended.as_millis()));
    assert_eq!(record.called, None);
    assert_eq!(world.drain(p.address), [""; 0]);
}

#[test]
fn a_call_that_a_plugin_has_thought_about_began_when_its_invite_came() {
    for verdict in [|| Verdict::Continue, || Verdict::Drop] {
        let (mut world, mut a, p, ear) = asked(true, verdict);
        invited(&mut world, &mut a);
        let start = world.now;
        world.pass(Duration::from_secs(3));
        let ticket = ear.asked()[0].ticket;
        world.consulted(0, ticket);
        if let Some(at_pbx) = world.expect_within(p.address, Duration::from_millis(100)) {
            say(&mut world, &p, &p.answer(&at_pbx, 486, "Busy Here", ""));
        }
        let record = the_record(&mut world);
        assert!(start.unix.abs_diff(record.began) < Duration::from_millis(50));
        assert!((2_900..3_200).contains(&record.ended.as_millis()));
    }
}
