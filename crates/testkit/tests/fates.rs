//! The response that a fork's caller gets, for all pairs of fates (RFC 3261 16.7 step 6).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_testkit::status_of;
use common::*;
use std::time::Duration;

/// What becomes of one branch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Says(u16),
    /// The network reports that nobody is there.
    Unreachable,
    /// Nothing comes, ever.
    Silent,
}

use Fate::{Says, Silent, Unreachable};

/// Best first; those of one group are equally good, and the first to come counts.
const RANKS: [&[Fate]; 7] = [
    &[Says(600), Says(603)],
    &[Says(302)],
    &[Says(401), Says(407), Says(484)],
    &[Says(404), Says(486)],
    &[Says(480), Says(487)],
    &[Says(500)],
    &[Says(503)],
];
/// What nobody said is never better than what somebody did.
const LOCAL: [Fate; 2] = [Unreachable, Silent];

/// What the caller gets if `fates` come in this order.
fn caller_gets(fates: [Fate; 2]) -> u16 {
    let mut world = world();
    let mut a = phone("6001", "203.0.113.1:5060");
    let phones = ["203.0.113.2:5060", "203.0.113.3:5060"].map(|at| phone("6002", at));
    register(&mut world, &mut a);
    for phone in &phones {
        register(&mut world, &mut phone.clone());
    }
    let invite = a.request("INVITE", "sip:6002@example.org", "fates", "");
    let invite = authorized(&mut world, &mut a, &invite);
    say(&mut world, &a, &invite);
    let rung = phones
        .each_ref()
        .map(|p| world.expect(p.address).expect("it rings"));
    for ((phone, invite), fate) in phones.iter().zip(&rung).zip(fates) {
        match fate {
            Says(status) => {
                let mut more = "";
                if matches!(status, 401 | 407) {
                    more = "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\"\r\n";
                }
                say(&mut world, phone, &phone.answer(invite, status, "S", more));
                world.pass(Duration::from_millis(10));
            }
            Unreachable => assert!(world.bounce(0, invite.as_bytes())),
            Silent => {
                // The other one rings on meanwhile, so that timer B is not his too.
                let other = phones
                    .iter()
                    .zip(&rung)
                    .find(|(p, _)| p.address != phone.address);
                let (other, invite) = other.unwrap();
                say(&mut world, other, &other.answer(invite, 180, "Ringing", ""));
                world.pass(Duration::from_secs(33));
            }
        }
    }
    world.pass(Duration::from_secs(1));
    let messages = world.drain(a.address);
    let last = messages.iter().map(|m| status_of(m)).filter(|s| *s >= 200);
    last.min().expect("a final response")
}

/// How a fate looks to the caller (16.7 step 6: a 503 is its sender's alone; RFC 3261 21.4.18).
fn as_told(fate: Fate) -> u16 {
    match fate {
        Says(503) => 500,
        Says(status) => status,
        Unreachable => 480,
        Silent => 408,
    }
}

#[test]
fn the_better_of_any_two_fates_reaches_the_caller_in_either_order() {
    let mut pairs = 0;
    for (n, rank) in RANKS.iter().enumerate() {
        let worse = RANKS[n..].iter().skip(1).copied().flatten().chain(&LOCAL);
        for best in *rank {
            for other in worse.clone() {
                for fates in [[*best, *other], [*other, *best]] {
                    assert_eq!(caller_gets(fates), as_told(*best), "{fates:?}");
                    pairs += 1;
                }
            }
        }
    }
    assert!(pairs > 100, "{pairs}");
}

#[test]
fn of_two_equally_good_fates_the_first_to_come_counts() {
    for rank in RANKS {
        for best in rank {
            for other in rank.iter().filter(|other| *other != best) {
                assert_eq!(caller_gets([*best, *other]), as_told(*best), "{other:?}");
            }
        }
    }
}
