//! Lamps that do not go dark: Bellhop, or the real Asterisk behind it, is killed under two hundred subscriptions, lamps
//! change meanwhile, and every phone shows them as they are within ten seconds, though none has asked.

use bellhop_tests::lamps::{Lamps, Plan};
use std::time::Duration;

#[test]
fn bellhop_is_killed_again_and_again_under_two_hundred_lamps() {
    let Some(mut lamps) = Lamps::or_skip(PLAN) else {
        return;
    };
    assert_eq!(lamps.subscriptions(), 200);
    let asked = lamps.requests();
    for first in [0, 1, 0] {
        let (_, right) = lamps.kill_bellhop(first);
        assert!(right < MOST, "{right:?}");
        // It goes on as if nothing had been.
        lamps.flip(0);
        assert!(lamps.become_right(MOST) < MOST);
        assert_eq!(lamps.inbound(), 10);
    }
    assert_eq!(lamps.requests(), asked, "a phone has asked");
    none(&lamps.complaints());
}

#[test]
fn an_asterisk_that_forgets_all_is_killed_under_two_hundred_lamps() {
    outlive_asterisk(PLAN);
}

/// It takes its subscriptions back from its database, and so does not need ours.
#[test]
fn an_asterisk_that_remembers_is_killed_under_two_hundred_lamps() {
    let plan = Plan {
        asterisk_remembers: true,
        ..PLAN
    };
    outlive_asterisk(plan);
}

fn outlive_asterisk(plan: Plan) {
    let Some(mut lamps) = Lamps::or_skip(plan) else {
        return;
    };
    let asked = lamps.requests();
    for first in [0, 1] {
        let (_, right) = lamps.kill_asterisk(first);
        assert!(right < MOST, "{right:?}");
        lamps.flip(0);
        assert!(lamps.become_right(MOST) < MOST);
        assert_eq!(lamps.inbound(), 10);
    }
    assert_eq!(lamps.requests(), asked, "a phone has asked");
    none(&lamps.complaints());
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Twenty phones with ten lamps each.
const PLAN: Plan = Plan {
    phones: 20,
    lamps: 10,
    is_shared: true,
    asterisk_remembers: false,
    probe: "1s",
};
const MOST: Duration = Duration::from_secs(10);
