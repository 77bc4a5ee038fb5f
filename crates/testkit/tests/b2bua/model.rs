//! Two phones that send again what is lost, over a network that loses, doubles and reorders: whatever is said when,
//! in the end no leg is left alive, one INVITE has rung, and a BYE of one has ended both.

use crate::common::*;
use crate::site::*;
use crate::ua::{Plan, Ua};
use bellhop_core::b2bua::{B2buaConfig, SessionConfig};
use bellhop_testkit::{Chance, Faults};
use std::time::Duration;

#[test]
fn no_schedule_leaves_a_leg_alive_or_rings_twice() {
    let asked = std::env::var("BELLHOP_SCHEDULES").ok();
    let most = asked
        .and_then(|most| most.parse().ok())
        .unwrap_or(SCHEDULES);
    let answered = (0..most).filter(|seed| run(*seed)).count();
    // Otherwise it would tell of nothing.
    assert!(
        answered as u64 > most / 3,
        "{answered} of {most} were answered"
    );
}

/// Whether the call was answered.
fn run(seed: u64) -> bool {
    let mut world = bellhop_testkit::World::new(seed);
    world.start(config_of(config(seed)), auth());
    let mut phone = phone("6001", "203.0.113.1:5060");
    register(&mut world, &mut phone);
    world.drain(phone.address);
    world.faults = Faults {
        loss: 10,
        duplication: 10,
        reordering: 10,
    };
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut caller = Ua::new(pbx(), Plan::random(&mut chance, true));
    let mut called = Ua::new(phone, Plan::random(&mut chance, false));
    for _ in 0..LONGEST.as_millis() / STEP.as_millis() {
        for ua in [&mut caller, &mut called] {
            for message in world.drain(ua.address()) {
                ua.hear(&message, world.now.instant);
            }
            ua.act(world.now.instant);
            for message in ua.sends.drain(..) {
                world.send(ua.peer.transport, ua.peer.address, ua.peer.server, &message);
            }
        }
        world.pass(STEP);
        if caller.is_done() && called.is_done() {
            break;
        }
    }
    let story = || format!("seed {seed}\n{caller:#?}\n{called:#?}");
    assert!(
        !caller.is_alive() && !called.is_alive(),
        "a leg lives: {}",
        story()
    );
    assert!(called.rung <= 1, "rung twice: {}", story());
    // What was said last may still be sent again for 32 s, and answered for as long.
    world.faults = Faults::default();
    for _ in 0..200 {
        for ua in [&mut caller, &mut called] {
            for message in world.drain(ua.address()) {
                ua.hear(&message, world.now.instant);
            }
            ua.act(world.now.instant);
            for message in ua.sends.drain(..) {
                world.send(ua.peer.transport, ua.peer.address, ua.peer.server, &message);
            }
        }
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(world.nodes[0].engine.calls(), 0, "seed {seed}");
    assert!(world.nodes[0].shared.tally.is_empty(), "seed {seed}");
    assert_eq!(world.nodes[0].engine.live(), (0, 0, 0), "seed {seed}");
    // Nobody called if the INVITE was lost for good.
    let told = world.records.len();
    assert!(
        told <= 1 && (told == 1 || called.rung == 0),
        "told {told} times, seed {seed}"
    );
    caller.has_talked() && called.has_talked()
}

/// Every other call has a session timer and keep-alives of ours on each leg, far more often than anybody would.
fn config(seed: u64) -> B2buaConfig {
    if seed.is_multiple_of(2) {
        return B2buaConfig::default();
    }
    B2buaConfig {
        session: Some(SessionConfig {
            interval: 8,
            least: 1,
        }),
        keepalive: Some(Duration::from_secs(3)),
        ..B2buaConfig::default()
    }
}

/// Enough for every race to come up many times; `BELLHOP_SCHEDULES` asks for more.
const SCHEDULES: u64 = 300;
const STEP: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(150);
