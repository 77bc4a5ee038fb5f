//! What calls that outlive the program take with them: session timers and keep-alives (RFC 4028), their places.

use crate::common::*;
use crate::lasting::{LATE, SECOND, restart_with};
use crate::site::*;
use crate::timed::*;
use bellhop_core::b2bua::{B2buaConfig, CallLimits, SessionConfig};
use bellhop_testkit::{Peer, World, header_of, status_of};

fn config() -> B2buaConfig {
    B2buaConfig {
        session: Some(SessionConfig {
            interval: 1800,
            least: 90,
        }),
        ..B2buaConfig::default()
    }
}

/// A call in which the PBX has agreed to this.
fn agreed(agreed: &str) -> (World, Peer, Peer) {
    let (mut world, mut a, p) = scene_of(config());
    world.set_disk(0, |disk| disk.late(LATE));
    speak(&mut world, &mut a, &p, "", agreed);
    (world, a, p)
}

#[test]
fn a_session_that_we_refresh_is_refreshed_when_it_was_to_be_by_whoever_is_there() {
    let (mut world, a, p) = agreed(OURS);
    world.pass(secs(100));
    restart_with(&mut world, config());
    world.pass(secs(49));
    assert_eq!(world.drain(p.address), [""; 0]);
    let update = world.expect_within(p.address, secs(3)).expect("an UPDATE");
    assert!(update.starts_with("UPDATE "), "{update}");
    assert_eq!(header_of(&update, "Session-Expires"), "300;refresher=uac");
    say(&mut world, &p, &p.answer(&update, 200, "OK", OURS));
    // And again, from what that was answered; what was agreed anew is written.
    world.pass(SECOND);
    restart_with(&mut world, config());
    world.pass(secs(147));
    assert_eq!(world.drain(p.address), [""; 0]);
    assert!(world.expect_within(p.address, secs(4)).is_some());
    assert_eq!(world.drain(a.address), [""; 0]);
}

#[test]
fn a_refresh_that_was_due_while_nobody_was_there_comes_soon_after_the_start() {
    let (mut world, _, p) = agreed(OURS);
    world.pass(secs(2));
    world.set_disk(0, bellhop_testkit::Disk::silent);
    world.pass(secs(149));
    // This one is not of the program that comes after it.
    let update = world.drain(p.address).pop().expect("an UPDATE");
    say(&mut world, &p, &p.answer(&update, 200, "OK", OURS));
    world.pass(secs(10));
    restart_with(&mut world, config());
    let update = world.expect_within(p.address, secs(3)).expect("an UPDATE");
    assert!(update.starts_with("UPDATE "), "{update}");
}

#[test]
fn a_session_that_its_end_does_not_refresh_is_over_in_its_time_with_a_restart_in_it() {
    let theirs = "Require: timer\r\nSession-Expires: 300;refresher=uas\r\n";
    let (mut world, a, p) = agreed(theirs);
    world.pass(secs(200));
    restart_with(&mut world, config());
    world.pass(secs(66));
    assert_eq!(world.drain(p.address), [""; 0]);
    world.pass(secs(4));
    both_hang_up(&mut world, &a, &p, "Session expired");
}

/// It ended while nobody was there to hear of it.
#[test]
fn an_end_that_knows_nothing_of_a_call_that_came_back_is_found_and_both_are_released() {
    let config = B2buaConfig {
        keepalive: Some(secs(60)),
        ..B2buaConfig::default()
    };
    let (mut world, mut a, p) = scene_of(config.clone());
    world.set_disk(0, |disk| disk.late(LATE));
    talk_to_pbx(&mut world, &mut a, &p, "call-1");
    world.pass(SECOND);
    restart_with(&mut world, config);
    let options = world.expect_within(p.address, secs(60)).expect("OPTIONS");
    assert!(options.starts_with("OPTIONS "), "{options}");
    say(&mut world, &p, &p.answer(&options, 481, "No dialog", ""));
    let is_bye = |message: &String| message.starts_with("BYE ");
    world.pass(SECOND);
    let heard = world.drain(a.address);
    let bye = heard.iter().find(|message| is_bye(message)).expect("a BYE");
    say(&mut world, &a, &a.answer(bye, 200, "OK", ""));
    is_over(&mut world);
}

/// A call that came back takes the places that it had.
#[test]
fn limits_of_users_sources_and_upstreams_hold_over_a_restart() {
    let (user, source) = (Some(1), Some(1));
    let of = |per_user, per_source, pbx: &[u32]| CallLimits {
        per_user,
        per_source,
        per_upstream: pbx.iter().map(|most| ("pbx".to_owned(), *most)).collect(),
    };
    for (limits, refusal) in [
        (of(user, None, &[]), 486),
        (of(None, source, &[]), 486),
        (of(None, None, &[1]), 480),
        (of(None, None, &[]), 200),
    ] {
        let b2bua = B2buaConfig {
            limits,
            ..B2buaConfig::default()
        };
        let (mut world, mut a, p) = scene_of(b2bua.clone());
        world.set_disk(0, |disk| disk.late(LATE));
        let (_, ok) = talk_to_pbx(&mut world, &mut a, &p, "call-1");
        world.pass(SECOND);
        restart_with(&mut world, b2bua);
        assert_eq!(world.nodes[0].shared.tally.live(), (0, 1));
        if refusal == 200 {
            talk_to_pbx(&mut world, &mut a, &p, "call-2");
            continue;
        }
        let invite = a.request("INVITE", "sip:7000@example.org", "call-2", OFFER);
        let invite = authorized(&mut world, &mut a, &invite);
        say(&mut world, &a, &invite);
        let answer = skip(&mut world, a.address, 100);
        assert_eq!(status_of(&answer), refusal, "{answer}");
        say(&mut world, &a, &ack_of(&answer, &a));
        let bye = from_caller(&mut a, "BYE", &ok, 40);
        assert_eq!(status_of(&ask(&mut world, &a, &bye)), 200);
        let bye = world.expect(p.address).unwrap();
        say(&mut world, &p, &p.answer(&bye, 200, "OK", ""));
        talk_to_pbx(&mut world, &mut a, &p, "call-3");
    }
}

const OURS: &str =
    "Require: timer\r\nSession-Expires: 300;refresher=uac\r\nAllow: INVITE, UPDATE\r\n";
