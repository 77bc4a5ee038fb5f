//! How many calls there may be of whom, and what one too many is answered.

use crate::common::*;
use crate::site::*;
use bellhop_core::b2bua::{B2buaConfig, CallLimits, Cause, Limit, Outcome};
use bellhop_core::config::Config;
use bellhop_core::policy::{Answer, Changes, Fork, Hook, NextHop, Route, Target, Verdict};
use bellhop_testkit::{Peer, Script, World, header, header_of, status_of};
use std::time::Duration;

fn limited(limits: CallLimits) -> Config {
    config_of(B2buaConfig {
        limits,
        ..B2buaConfig::default()
    })
}

fn of_upstream(most: u32) -> CallLimits {
    CallLimits {
        per_upstream: vec![("pbx".to_owned(), most)],
        ..CallLimits::default()
    }
}

fn started(config: Config) -> World {
    let mut world = World::new(1);
    world.start(config, auth());
    world
}

fn user(world: &mut World, name: &str, address: &str) -> Peer {
    let mut phone = phone(name, address);
    register(world, &mut phone);
    world.drain(phone.address);
    phone
}

/// The final answer to a further INVITE to the PBX, which is not to hear of it.
fn refused(world: &mut World, a: &mut Peer, id: &str) -> String {
    world.drain(a.address);
    let invite = a.request("INVITE", "sip:7000@example.org", id, OFFER);
    let invite = authorized(world, a, &invite);
    say(world, a, &invite);
    let answer = skip(world, a.address, 100);
    say(world, a, &ack_of(&answer, a));
    let pbx = world.drain(addr(PBX));
    assert!(
        pbx.iter().all(|message| !message.starts_with("INVITE")),
        "{pbx:?}"
    );
    answer
}

fn hang_up(world: &mut World, a: &mut Peer, p: &Peer, ok: &str) {
    let bye = from_caller(a, "BYE", ok, 99);
    assert_eq!(status_of(&ask(world, a, &bye)), 200);
    let bye = world.expect(p.address).unwrap();
    say(world, p, &p.answer(&bye, 200, "OK", ""));
    world.pass(Duration::from_millis(100));
}

fn tally_of(world: &World) -> &bellhop_core::b2bua::Tally {
    &world.nodes[0].shared.tally
}

#[test]
fn a_user_has_so_many_calls_and_another_when_one_is_over() {
    let mut world = started(limited(CallLimits {
        per_user: Some(1),
        ..CallLimits::default()
    }));
    let (mut a, mut b) = (
        user(&mut world, "6001", "203.0.113.1:5060"),
        user(&mut world, "6002", "203.0.113.2:5060"),
    );
    let p = pbx();
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let answer = refused(&mut world, &mut a, "call-2");
    assert_eq!(status_of(&answer), 486, "{answer}");
    assert!(
        answer.contains(" 486 Too many calls of this user\r\n"),
        "{answer}"
    );
    assert_eq!(header_of(&answer, "Retry-After"), "5");
    talk_to_pbx(&mut world, &mut b, &p, "call-3");
    let record = world.records.remove(0);
    assert_eq!(
        (record.outcome, record.cause, record.status),
        (Outcome::Refused, Cause::Limit, 486)
    );
    assert_eq!(tally_of(&world).live(), (0, 2));
    assert_eq!(tally_of(&world).refused()[1], (Limit::User, 1));
    hang_up(&mut world, &mut a, &p, &ok);
    talk_to_pbx(&mut world, &mut a, &p, "call-4");
    assert_eq!(tally_of(&world).live(), (0, 2));
}

#[test]
fn a_call_that_rings_or_fails_has_its_place_until_then() {
    let mut world = started(limited(CallLimits {
        per_user: Some(1),
        ..CallLimits::default()
    }));
    let mut a = user(&mut world, "6001", "203.0.113.1:5060");
    let p = pbx();
    let (_, at_pbx) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    assert_eq!(tally_of(&world).live(), (1, 0));
    assert_eq!(status_of(&refused(&mut world, &mut a, "call-2")), 486);
    say(&mut world, &p, &p.answer(&at_pbx, 486, "Busy Here", ""));
    skip(&mut world, a.address, 100);
    assert!(tally_of(&world).is_empty());
    world.pass(Duration::from_secs(40));
    world.drain(a.address);
    let invite = a.request(
        "INVITE",
        "sip:7000@example.org",
        "call-3",
        "Require: gruu\r\n",
    );
    let invite = authorized(&mut world, &mut a, &invite);
    let answer = ask(&mut world, &a, &invite);
    assert_eq!(status_of(&answer), 420, "{answer}");
    assert!(
        tally_of(&world).is_empty(),
        "of what was refused otherwise nothing is kept"
    );
}

#[test]
fn an_outside_address_has_so_many_calls_and_the_pbx_as_many_as_it_likes() {
    let mut world = started(limited(CallLimits {
        per_source: Some(1),
        ..CallLimits::default()
    }));
    let (mut a, mut b) = (
        user(&mut world, "6001", "203.0.113.1:5060"),
        user(&mut world, "6002", "203.0.113.1:5062"),
    );
    let mut p = pbx();
    talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let answer = refused(&mut world, &mut b, "call-2");
    assert!(
        answer.contains(" 486 Too many calls from this address\r\n"),
        "{answer}"
    );
    assert_eq!(tally_of(&world).refused()[2], (Limit::Source, 1));
    for id in ["inside-1", "inside-2"] {
        let invite = p.request("INVITE", "sip:6001@example.org", id, OFFER);
        say(&mut world, &p, &invite);
        assert!(world.expect(a.address).unwrap().starts_with("INVITE "));
    }
}

#[test]
fn an_upstream_that_is_full_is_480_and_its_own_calls_are_486() {
    let mut world = started(limited(of_upstream(1)));
    let mut a = user(&mut world, "6001", "203.0.113.1:5060");
    let mut p = pbx();
    let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
    assert_eq!(tally_of(&world).of_upstreams(), [("pbx".into(), 1)]);
    let answer = refused(&mut world, &mut a, "call-2");
    assert_eq!(status_of(&answer), 480, "{answer}");
    let record = world.records.remove(0);
    assert_eq!(
        (record.outcome, record.cause),
        (Outcome::Refused, Cause::Limit)
    );
    assert_eq!((record.attempts.len(), record.attempts[0].status), (1, 480));
    let invite = p.request("INVITE", "sip:6001@example.org", "inside-1", OFFER);
    let answer = ask(&mut world, &p, &invite);
    assert!(
        answer.contains(" 486 Too many calls of this upstream\r\n"),
        "{answer}"
    );
    assert_eq!(header(&answer, "Retry-After"), Some("5"));
    assert_eq!(tally_of(&world).refused()[3], (Limit::Upstream, 2));
    hang_up(&mut world, &mut a, &p, &ok);
    talk_to_pbx(&mut world, &mut a, &p, "call-3");
}

#[test]
fn a_call_goes_to_the_next_upstream_if_the_first_is_full() {
    let second = "198.51.100.6:5060";
    let mut config = limited(of_upstream(1));
    let mut other = config.upstreams[0].clone();
    other.name = "spare".to_owned();
    other.targets[0].remote = addr(second);
    other.targets[0].host = second.to_owned();
    config.upstreams.push(other);
    let mut world = started(config);
    let (policy, _) = Script::new(&[Hook::Route], |ask, _| {
        let uri: Box<str> = String::from_utf8_lossy(ask.message.uri()).into();
        let target = |group: &str| Target {
            uri: uri.clone(),
            next_hop: Some(NextHop::Group(group.into())),
            priority: 0,
            timeout: None,
            headers: Changes::default(),
            tag: group.into(),
        };
        Answer::Now(Verdict::Route(Route {
            targets: vec![target("pbx"), target("spare")],
            mode: Fork::Serial,
            record_route: true,
        }))
    });
    let mut a = user(&mut world, "6001", "203.0.113.1:5060");
    let p = pbx();
    world.set_policy(0, policy);
    talk_to_pbx(&mut world, &mut a, &p, "call-1");
    let invite = a.request("INVITE", "sip:7000@example.org", "call-2", OFFER);
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let at_spare = world.expect(addr(second)).unwrap();
    assert!(at_spare.starts_with("INVITE "), "{at_spare}");
    let q = Peer::new("pbx", "", addr(second), addr(SERVER), p.transport);
    say(&mut world, &q, &q.answer(&at_spare, 200, "OK", OFFER));
    skip(&mut world, a.address, 100);
    let counts = tally_of(&world).of_upstreams();
    assert_eq!(counts, [("pbx".into(), 1), ("spare".into(), 1)]);
}

#[test]
fn a_call_that_failed_over_within_its_upstream_has_one_place() {
    let second = "198.51.100.6:5060";
    let mut config = limited(of_upstream(1));
    let mut target = config.upstreams[0].targets[0].clone();
    target.remote = addr(second);
    target.host = second.to_owned();
    config.upstreams[0].targets.push(target);
    let mut world = started(config);
    let mut a = user(&mut world, "6001", "203.0.113.1:5060");
    let p = pbx();
    let (_, first) = dial(&mut world, &mut a, &p, "call-1", OFFER);
    say(&mut world, &p, &p.answer(&first, 503, "No", ""));
    assert!(world.expect(addr(second)).unwrap().starts_with("INVITE "));
    assert_eq!(tally_of(&world).of_upstreams(), [("pbx".into(), 1)]);
}

#[test]
fn a_limit_holds_over_all_shards() {
    let mut world = World::new(1);
    let config = limited(CallLimits {
        per_user: Some(3),
        ..CallLimits::default()
    });
    world.start_shards(4, config, &auth());
    let mut a = user(&mut world, "6001", "203.0.113.1:5060");
    let p = pbx();
    let mut statuses = [0, 0];
    for n in 1..=20_u64 {
        let id = format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let invite = a.request("INVITE", "sip:7000@example.org", &id, OFFER);
        let invite = authorized(&mut world, &mut a, &invite);
        say(&mut world, &a, &invite);
        let answer = world.expect(a.address).unwrap();
        match status_of(&answer) {
            100 => statuses[0] += 1,
            486 => statuses[1] += 1,
            _ => panic!("{answer}"),
        }
    }
    assert_eq!(statuses, [3, 17]);
    let with_calls = world.nodes.iter().filter(|node| node.engine.calls() > 0);
    assert!(with_calls.count() > 1, "they are in more than one shard");
    for invite in world.drain(p.address) {
        if invite.starts_with("INVITE ") {
            say(&mut world, &p, &p.answer(&invite, 486, "Busy Here", ""));
        }
    }
    world.pass(Duration::from_secs(40));
    assert!(tally_of(&world).is_empty());
}
