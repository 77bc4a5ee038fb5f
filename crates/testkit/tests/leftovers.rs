//! What is left when all is over: nothing, in whatever state the peers fell silent, whatever the clock on
//! the wall does meanwhile (RFC 3261 16.7, 17; RFC 6026).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::Rate;
use bellhop_testkit::{Peer, World, header_of, status_of};
use common::*;
use std::time::Duration;

/// All timers are over; what is still there is asserted to be nothing.
fn is_empty_after_all_timers(world: &mut World, what: &str) {
    world.pass(Duration::from_secs(600));
    let engine = &world.nodes[0].engine;
    assert_eq!(engine.live(), (0, 0, 0), "{what}");
    assert_eq!(engine.held(), 0, "{what}");
    assert_eq!(engine.next_timeout(), None, "{what}");
}

/// How far a call comes before both peers are gone.
#[derive(Clone, Copy, Debug)]
enum State {
    Asked,
    Ringing,
    Cancelled,
    Refused,
    Answered,
    Acknowledged,
    Asking(&'static str),
    Torn,
}

const STATES: [State; 12] = [
    State::Asked,
    State::Ringing,
    State::Cancelled,
    State::Refused,
    State::Answered,
    State::Acknowledged,
    State::Asking("BYE"),
    State::Asking("INVITE"),
    State::Asking("INFO"),
    State::Asking("REFER"),
    State::Asking("UPDATE"),
    State::Torn,
];

/// A call of `a` to `b` in this state; the last response that `a` has.
fn call_in(world: &mut World, a: &mut Peer, b: &Peer, state: State) -> String {
    let (invite, at_b) = ring(world, a, b, "state");
    let mut last = world.expect(a.address).unwrap();
    if let State::Asked = state {
        return last;
    }
    if let State::Refused = state {
        say(world, b, &b.answer(&at_b, 486, "Busy Here", ""));
        return world.expect(a.address).unwrap();
    }
    say(world, b, &b.answer(&at_b, 180, "Ringing", ""));
    last = world.expect(a.address).unwrap();
    if let State::Ringing = state {
        return last;
    }
    if let State::Cancelled = state {
        say(world, a, &invite.replace("INVITE", "CANCEL"));
        world.expect(b.address).unwrap();
        return world.expect(a.address).unwrap();
    }
    say(world, b, &b.answer(&at_b, 200, "OK", ""));
    last = world.expect(a.address).unwrap();
    let ack = from_caller(a, "ACK", &last, 9);
    match state {
        State::Answered => return last,
        _ => say(world, a, &ack),
    }
    world.pass(Duration::from_millis(10));
    world.drain(b.address);
    let method = match state {
        State::Asking(method) => method,
        State::Torn => "BYE",
        _ => return last,
    };
    let request = from_caller(a, method, &last, 10);
    say(world, a, &request);
    let at_b = world.expect(b.address).unwrap();
    if let State::Torn = state {
        say(world, b, &b.answer(&at_b, 200, "OK", ""));
        world.pass(Duration::from_millis(10));
    }
    last
}

#[test]
fn peers_that_fall_silent_in_any_state_leave_nothing_behind() {
    for state in STATES {
        let mut world = world();
        let (mut a, b) = pair(&mut world);
        call_in(&mut world, &mut a, &b, state);
        is_empty_after_all_timers(&mut world, &format!("{state:?}"));
    }
}

#[test]
fn every_method_in_any_state_of_a_call_gets_an_answer_and_leaves_nothing_behind() {
    for state in STATES {
        for method in [
            "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY", "MESSAGE", "BYE", "OPTIONS", "ACK",
        ] {
            let mut world = world();
            let (mut a, b) = pair(&mut world);
            let last = call_in(&mut world, &mut a, &b, state);
            world.drain(a.address);
            world.drain(b.address);
            let request = from_caller(&mut a, method, &last, 77);
            say(&mut world, &a, &request);
            world.pass(Duration::from_millis(10));
            for got in world.drain(b.address) {
                if got.starts_with(method) && method != "ACK" {
                    say(&mut world, &b, &b.answer(&got, 481, "No such call", ""));
                }
            }
            world.pass(Duration::from_millis(10));
            let got = world.drain(a.address);
            let number = format!("77 {method}");
            let answers = got.iter().filter(|m| header_of(m, "CSeq") == number);
            let what = format!("{method} in {state:?}: {got:?}");
            // 17: an ACK has no answer.
            assert_eq!(answers.count(), usize::from(method != "ACK"), "{what}");
            is_empty_after_all_timers(&mut world, &what);
        }
    }
}

#[test]
fn twenty_thousand_requests_that_are_dropped_refused_answered_or_ignored_leave_nothing_behind() {
    let mut world = World::new(1);
    let mut config = config();
    config.rate = Some(Rate {
        per_source: 50,
        burst: 50,
    });
    world.start(config, auth());
    let (mut a, b) = pair(&mut world);
    let stranger = phone("6009", "203.0.113.66:5060");
    let refer = a.request("MESSAGE", "sip:6002@example.org", "x", "");
    for n in 0..5_000 {
        let one = |world: &mut World, peer: &Peer, text: String| {
            say(
                world,
                peer,
                &text.replacen("z9hG4bK", &format!("z9hG4bK{n}"), 1),
            );
        };
        // Challenged or, above the rate, dropped; a stray response; an ACK of nothing; a broken line.
        one(&mut world, &stranger, refer.clone());
        one(&mut world, &stranger, b.answer(&refer, 200, "OK", ""));
        one(&mut world, &stranger, refer.replace("MESSAGE", "ACK"));
        one(&mut world, &stranger, refer.replace("CSeq:", "CSeq"));
        world.pass(Duration::from_millis(1));
        if n % 40 == 0 {
            let id = format!("call-{n}");
            let mut p = pbx();
            let invite = p.request("INVITE", "sip:6002@192.0.2.1", &id, "");
            one(&mut world, &p, invite);
            let at_b = world.expect(b.address).unwrap();
            if n % 80 == 0 {
                say(&mut world, &b, &b.answer(&at_b, 486, "Busy Here", ""));
            }
            world.pass(Duration::from_millis(100));
            world.drain(p.address);
        }
        world.drain(stranger.address);
    }
    is_empty_after_all_timers(&mut world, "dropped");
}

#[test]
fn a_clock_that_jumps_ten_years_moves_no_timer_and_no_binding() {
    const TEN_YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
    for is_forward in [true, false] {
        let mut world = world();
        let (mut a, b) = pair(&mut world);
        let (_, at_b) = ring(&mut world, &mut a, &b, "jump");
        say(&mut world, &b, &b.answer(&at_b, 180, "Ringing", ""));
        world.pass(Duration::from_millis(10));
        world.drain(a.address);
        world.now.unix = match is_forward {
            true => world.now.unix + TEN_YEARS,
            false => world.now.unix - TEN_YEARS,
        };
        world.pass(Duration::from_secs(60));
        assert!(world.drain(a.address).is_empty() && world.drain(b.address).is_empty());
        say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
        let ok = world.expect(a.address).unwrap();
        assert_eq!(status_of(&ok), 200);
        let bye = from_caller(&mut a, "BYE", &ok, 9);
        say(&mut world, &a, &bye);
        assert!(world.expect(b.address).unwrap().starts_with("BYE "));
        // The bindings are there until their hour is over, new nonces are good at once.
        let mut p = pbx();
        let invite = p.request("INVITE", "sip:6002@192.0.2.1", "after", "");
        say(&mut world, &p, &invite);
        assert!(world.expect(b.address).unwrap().starts_with("INVITE "));
        register(&mut world, &mut a);
        world.pass(Duration::from_secs(3600));
        let invite = p.request("INVITE", "sip:6002@192.0.2.1", "later", "");
        world.drain(p.address);
        say(&mut world, &p, &invite);
        assert_eq!(status_of(&outcome(&mut world, &p)), 480);
        assert_eq!(world.nodes[0].shared.location.sweep(world.now.instant), 2);
    }
}

#[test]
fn a_trusted_pbx_is_never_held_to_the_rate_of_strangers() {
    let mut world = World::new(1);
    let mut config = config();
    config.rate = Some(Rate {
        per_source: 1,
        burst: 5,
    });
    world.start(config, auth());
    let mut p = pbx();
    for n in 0..200 {
        let request = p.request("OPTIONS", "sip:192.0.2.1", &format!("probe-{n}"), "");
        assert_eq!(status_of(&ask(&mut world, &p, &request)), 200);
    }
    // Whoever forges a phone's address takes nothing from the PBX.
    let mut a = phone("6001", "203.0.113.1:5060");
    for n in 0..50 {
        let request = a.request("OPTIONS", "sip:192.0.2.1", &format!("flood-{n}"), "");
        say(&mut world, &a, &request);
    }
    let request = p.request("OPTIONS", "sip:192.0.2.1", "probe", "");
    assert_eq!(status_of(&ask(&mut world, &p, &request)), 200);
}

#[test]
fn a_resolver_that_is_silent_delays_nobody_else() {
    let mut world = world();
    world.resolver_answers = false;
    let (mut a, b) = pair(&mut world);
    let mut p = pbx();
    for n in 0..20 {
        let uri = format!("sip:x@slow{n}.test");
        let waiting = p.request("INVITE", &uri, &format!("slow-{n}"), "");
        say(&mut world, &p, &waiting);
    }
    let begin = world.now.instant;
    talk(&mut world, &mut a, &b, "quick");
    // Some round trips of 2 ms.
    assert!(world.now.instant.since(begin) < Duration::from_millis(20));
    is_empty_after_all_timers(&mut world, "slow names");
}

#[test]
fn a_reload_in_the_middle_of_a_call_does_not_end_it() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "reloaded");
    let mut changed = config();
    changed.domains.push("example.net".to_owned());
    world.reconfigure(0, changed.clone(), auth());
    say(&mut world, &b, &b.answer(&at_b, 200, "OK", ""));
    let ok = skip(&mut world, a.address, 100);
    assert_eq!(status_of(&ok), 200);
    world.reconfigure(0, changed, auth());
    let bye = from_caller(&mut a, "BYE", &ok, 9);
    say(&mut world, &a, &bye);
    let bye = world.expect(b.address).unwrap();
    assert!(bye.starts_with("BYE "), "{bye}");
    say(&mut world, &b, &b.answer(&bye, 200, "OK", ""));
    assert_eq!(status_of(&world.expect(a.address).unwrap()), 200);
    is_empty_after_all_timers(&mut world, "reloaded");
}

#[test]
fn a_reload_that_renames_a_listener_loses_no_answer_that_is_under_way() {
    let mut world = world();
    let (mut a, b) = pair(&mut world);
    let (_, at_b) = ring(&mut world, &mut a, &b, "renamed");
    assert!(header_of(&at_b, "Via").contains("192.0.2.1:5060"));
    // More than one, so that the names before the last reload count too.
    for name in ["one.example.org", "two.example.org"] {
        let mut renamed = config();
        for listener in &mut renamed.listeners {
            listener.host = name.to_owned();
            listener.port = 5080;
            listener.local.set_port(5080);
        }
        world.reconfigure(0, renamed, auth());
    }
    let mut there = b.clone();
    there.server.set_port(5080);
    for status in [180, 200] {
        let answer = b.answer(&at_b, status, "Yes", "");
        say(&mut world, &there, &answer);
        // 18.1.2: its top Via shows what we were called when we asked.
        assert_eq!(status_of(&skip(&mut world, a.address, 100)), status);
    }
    // Without a request that waits for it no name lets an answer in.
    let before = world.trace.len();
    let stray = b
        .answer(&at_b, 200, "Yes", "")
        .replacen("z9hG4bK", "z9hG4bKstray", 1);
    say(&mut world, &there, &stray);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.trace.len(), before + 1);
    let elsewhere = b
        .answer(&at_b, 200, "Yes", "")
        .replacen("192.0.2.1:", "192.0.2.9:", 1);
    say(&mut world, &there, &elsewhere);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.trace.len(), before + 2);
}
