//! A policy's word on one call: relayed or two legs, and what its record says.

use crate::common::*;
use crate::site::*;
use bellhop_core::b2bua::{B2buaConfig, Cause};
use bellhop_core::policy::{Answer, Changes, Hook, Reply, Verdict};
use bellhop_testkit::{Peer, Script, World, header, status_of};
use std::time::Duration;

/// A world where calls usually have two legs or not, and a policy says this of INVITEs at a hook.
fn world_where(is_usual: bool, hook: Hook, has_legs: Option<bool>) -> (World, Peer, Peer) {
    let mut world = world_of(B2buaConfig {
        is_usual,
        ..B2buaConfig::default()
    });
    let mut a = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut a);
    let (policy, _) = Script::new(&[hook], move |ask, _| {
        if let Some(has_legs) = has_legs {
            ask.notes.set_legs(has_legs);
        }
        Answer::Now(Verdict::Continue)
    });
    world.set_policy(0, policy);
    (world, a, pbx())
}

#[test]
fn a_policy_chooses_two_legs_or_none_for_a_call_whatever_is_usual() {
    let cases = [
        (false, None, false),
        (false, Some(true), true),
        (true, None, true),
        (true, Some(false), false),
    ];
    for hook in [Hook::Request, Hook::Route] {
        for (is_usual, said, has_legs) in cases {
            let (mut world, mut a, p) = world_where(is_usual, hook, said);
            let (invite, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
            let case = format!("{is_usual} {said:?}: {at_pbx}");
            assert_eq!(call_id(&at_pbx) != call_id(&invite), has_legs, "{case}");
            assert_eq!(
                header(&at_pbx, "Record-Route").is_none(),
                has_legs,
                "{case}"
            );
            assert_eq!(
                world.nodes[0].engine.calls(),
                usize::from(has_legs),
                "{case}"
            );
            say(&mut world, &p, &p.answer(&at_pbx, 486, "Busy Here", ""));
            world.pass(Duration::from_secs(40));
            assert_eq!(world.records.len(), usize::from(has_legs), "{case}");
        }
    }
}

#[test]
fn calls_of_either_kind_go_to_their_end_side_by_side() {
    for (is_usual, said) in [(false, Some(false)), (true, Some(false))] {
        let (mut world, mut a, p) = world_where(is_usual, Hook::Request, said);
        let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
        say(&mut world, &p, &p.answer(&at_pbx, 200, "OK", OFFER));
        let ok = skip(&mut world, a.address, 100);
        let ack = from_caller(&mut a, "ACK", &ok, 2);
        say(&mut world, &a, &ack);
        assert!(world.expect(p.address).unwrap().starts_with("ACK "));
        let bye = from_caller(&mut a, "BYE", &ok, 9);
        say(&mut world, &a, &bye);
        let bye = world.expect(p.address).unwrap();
        assert!(bye.starts_with("BYE "), "{bye}");
        assert_eq!(call_id(&bye), "call-1", "it is the caller's own");
        say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
        assert_eq!(status_of(&skip(&mut world, a.address, 100)), 200);
    }
}

#[test]
fn what_a_policy_notes_is_in_the_record_of_an_answered_and_of_a_refused_call() {
    for refuses in [false, true] {
        let (mut world, mut a, p) = scene();
        let (policy, _) = Script::new(&[Hook::Request, Hook::Failure], move |ask, _| {
            if ask.failure.is_some() {
                ask.notes.record("failed", "yes").unwrap();
                return Answer::Now(Verdict::Continue);
            }
            ask.notes.record("account", "17").unwrap();
            ask.notes.record("account", "4711").unwrap();
            ask.notes.set("inner", "not told").unwrap();
            if refuses {
                return Answer::Now(Verdict::Reply(Reply {
                    status: 603,
                    reason: None,
                    headers: Changes::default(),
                    body: None,
                }));
            }
            Answer::Now(Verdict::Continue)
        });
        world.set_policy(0, policy);
        let noted = |world: &mut World| {
            let record = world.records.remove(0);
            let notes = record.notes.iter();
            let notes: Vec<String> = notes.map(|(key, value)| format!("{key}={value}")).collect();
            (record.cause, notes.join(","))
        };
        if refuses {
            let invite = a.request("INVITE", "sip:7000@example.org", "call-1", OFFER);
            let invite = authorized(&mut world, &mut a, &invite);
            assert_eq!(status_of(&ask(&mut world, &a, &invite)), 603);
            assert_eq!(
                noted(&mut world),
                (Cause::Policy, "account=4711".to_owned())
            );
            continue;
        }
        let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
        let bye = from_caller(&mut a, "BYE", &ok, 9);
        say(&mut world, &a, &bye);
        world.pass(Duration::from_millis(100));
        assert_eq!(noted(&mut world), (Cause::Bye, "account=4711".to_owned()));
        world.drain(a.address);
        world.drain(p.address);
        let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-2", OFFER);
        say(&mut world, &p, &p.answer(&at_pbx, 486, "Busy Here", ""));
        world.pass(Duration::from_secs(1));
        let expected = "account=4711,failed=yes".to_owned();
        assert_eq!(noted(&mut world), (Cause::Refusal, expected));
    }
}
