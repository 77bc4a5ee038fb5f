//! Calls through two Bellhops and a tree of forks while datagrams are lost, doubled and late: both ends
//! agree in the end, and nothing is left (RFC 3261 16, 17; RFC 6026).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;
mod ends;

use bellhop_core::config::{UpstreamTarget, Zone};
use bellhop_core::flow::Transport;
use bellhop_testkit::{Chance, Faults, World, status_of};
use common::*;
use ends::{Callee, Caller, Does, T1};
use std::time::Duration;

const EDGE: &str = SERVER;
const SECOND: &str = "192.0.2.2:5060";
/// What a UA does next is looked at so often, in milliseconds.
const STEP: u64 = 40;

/// The edge, and behind it the second Bellhop, where the phones are registered.
fn chain(seed: u64) -> World {
    let mut world = World::new(seed);
    for (own, other) in [(EDGE, SECOND), (SECOND, EDGE)] {
        let mut config = config();
        config.listeners = vec![listener("udp", Transport::Udp, own, Zone::Outside)];
        config.upstreams[0].targets = vec![UpstreamTarget {
            transport: Transport::Udp,
            remote: addr(other),
            host: "example.org".to_owned(),
        }];
        world.start(config, auth());
    }
    world
}

/// A phone of 6002 at the second Bellhop.
fn callee(world: &mut World, n: u8, q: &str, does: Does, hangs_up: bool) -> Callee {
    let mut peer = phone("6002", &format!("203.0.113.{}:5060", n + 2));
    peer.server = addr(SECOND);
    let contact = format!("Contact: <sip:6002@{}>;q={q}\r\n", peer.contact);
    let id = format!("reg-{n}");
    let request = register_of(&mut peer, "sip:6002@example.org", &id, &contact, "");
    assert_eq!(status_of(&answered(world, &mut peer, &request)), 200);
    Callee::new(peer, n, does, hangs_up)
}

/// What a phone does when it rings, and when.
fn fate(chance: &mut Chance) -> Does {
    let after = chance.below(4_000);
    match chance.below(10) {
        0..=4 => Does::Finally(200, after),
        5 => Does::Finally(486, after),
        6 => Does::Finally(480, after),
        7 => Does::Finally(603, after),
        8 => Does::Finally(500, after),
        _ => Does::Rings,
    }
}

/// How one call ended.
struct Ended {
    is_complete: bool,
    /// The caller's final response.
    status: u16,
}

/// One call of a seed: two to four phones, in parallel or one tier after the other; the caller may give
/// up. All that must hold of every call is asserted.
fn call(seed: u64) -> Ended {
    let mut chance = Chance::new(seed ^ 0x5eed);
    let mut world = chain(seed);
    let hangs_up = chance.happens(50);
    let mut callees: Vec<Callee> = (0..2 + chance.below(3) as u8)
        .map(|n| {
            let q = ["0.5", "0.5", "1.0"][chance.below(3) as usize];
            let does = fate(&mut chance);
            callee(&mut world, n, q, does, hangs_up)
        })
        .collect();
    let gives_up = chance.happens(25).then(|| chance.below(5_000));
    let peer = phone("6001", "203.0.113.1:5060");
    let mut caller = Caller::new(peer, !hangs_up, gives_up);
    world.faults = Faults {
        loss: 10,
        duplication: 10,
        reordering: 10,
    };
    let mut now = 0;
    // Timer C may have to end it, once for each tier.
    while now < 600_000 && !(caller.is_idle() && callees.iter().all(Callee::is_idle)) {
        caller.turn(&mut world, now);
        callees.iter_mut().for_each(|c| c.turn(&mut world, now));
        world.pass(Duration::from_millis(STEP));
        now += STEP;
    }
    // The last copies, then the timers.
    for _ in 0..80 {
        caller.turn(&mut world, now);
        callees.iter_mut().for_each(|c| c.turn(&mut world, now));
        world.pass(Duration::from_millis(T1));
        now += T1;
    }
    world.faults = Faults::default();
    world.pass(Duration::from_secs(600));
    for node in &world.nodes {
        assert_eq!(node.engine.live(), (0, 0, 0), "seed {seed}");
        assert_eq!(node.engine.next_timeout(), None, "seed {seed}");
    }
    agreed(seed, &caller, &callees)
}

/// Asserts that both ends are of one mind.
fn agreed(seed: u64, caller: &Caller, callees: &[Callee]) -> Ended {
    let status = caller
        .status
        .unwrap_or_else(|| panic!("seed {seed}: no end"));
    let what = format!("seed {seed}: {status}, {callees:?}");
    for callee in callees {
        assert_eq!(callee.doubles, 0, "one call rang twice: {what}");
        // 16.7 step 10: who has lost is told within the life of a transaction.
        let rang_for = callee.ended.saturating_sub(caller.ended);
        assert!(rang_for <= 66 * T1, "rang on for {rang_for} ms: {what}");
        assert!(
            callee.status != Some(200) || callee.is_hung_up,
            "left open: {what}"
        );
    }
    let mut is_complete = callees.iter().all(|c| !c.was_never_acknowledged);
    if status == 200 {
        let tag = caller.winner.as_deref();
        let winner = callees
            .iter()
            .find(|c| Some(c.tag()) == tag.map(str::to_owned));
        let winner = winner.unwrap_or_else(|| panic!("nobody won: {what}"));
        assert_eq!(winner.status, Some(200), "{what}");
        assert!(caller.is_hung_up, "the caller talks to nobody: {what}");
    } else {
        let is_theirs = callees.iter().any(|c| c.status == Some(status));
        let is_his = caller.has_given_up() && status == 487;
        // 16.8: timer C, or a phone of which nothing was heard.
        is_complete &= is_theirs || is_his;
        assert!(is_theirs || is_his || matches!(status, 408 | 480), "{what}");
    }
    Ended {
        is_complete,
        status,
    }
}

/// Calls of many seeds: how many there were, and how many came to a complete end.
fn storm(seeds: std::ops::Range<u64>) -> (usize, usize) {
    let ends: Vec<Ended> = seeds.map(call).collect();
    let complete = ends.iter().filter(|end| end.is_complete).count();
    let of = |status| ends.iter().filter(|end| end.status == status).count();
    eprintln!(
        "{} calls, {complete} complete; {} answered, {} given up, {} busy, {} declined, {} timed out",
        ends.len(),
        of(200),
        of(487),
        of(486),
        of(603),
        of(408),
    );
    assert!(of(200) > 0 && of(487) > 0 && of(603) > 0);
    (ends.len(), complete)
}

#[test]
fn calls_through_two_bellhops_and_a_fork_tree_end_in_agreement_in_a_storm() {
    // More by hand: BELLHOP_STORM=20000 cargo test --release -p bellhop-testkit --test storm
    let asked = std::env::var("BELLHOP_STORM").ok();
    let count = asked.map_or(500, |text| text.parse().unwrap());
    let (calls, complete) = storm(0..count);
    assert!(complete * 1000 >= calls * 995, "{complete} of {calls}");
}
