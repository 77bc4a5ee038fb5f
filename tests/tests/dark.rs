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

/// They cannot be had back, for a relayed dialog is between the phone and Asterisk: the phones are told at once.
#[test]
fn relayed_lamps_that_asterisk_has_forgotten_are_ended_so_that_their_phones_subscribe_anew() {
    let Some(mut lamps) = Lamps::or_skip(RELAYED) else {
        return;
    };
    lamps.restart_asterisk();
    assert!(lamps.are_deactivated(MOST), "{}", lamps.deactivated());
    none(&lamps.complaints());
}

#[test]
fn relayed_lamps_that_asterisk_remembers_are_left_alone() {
    let Some(mut lamps) = Lamps::or_skip(RELAYED_AND_REMEMBERED) else {
        return;
    };
    // Its database is on disk a second later, as a rule.
    lamps.listen(Duration::from_secs(2));
    lamps.restart_asterisk();
    lamps.listen(Duration::from_secs(5));
    let (ended, left) = (lamps.deactivated(), lamps.inbound());
    assert!(left > 0 && ended + left == 50, "{ended} ended, {left} left");
}

/// They are between the phone and Asterisk, and known again.
#[test]
fn relayed_lamps_outlive_bellhop_and_are_known_again() {
    let Some(mut lamps) = Lamps::or_skip(RELAYED) else {
        return;
    };
    let asked = lamps.requests();
    // What began last is on disk half a second later.
    lamps.listen(Duration::from_secs(1));
    for first in [0, 1] {
        let (_, right) = lamps.kill_bellhop(first);
        assert!(right < MOST, "{right:?}");
        assert_eq!(lamps.known(), 200.0);
        assert_eq!((lamps.deactivated(), lamps.inbound()), (0, 200));
    }
    assert_eq!(lamps.requests(), asked, "a phone has asked");
    none(&lamps.complaints());
}

/// Neither remembers what nobody has written, and none of the phones has to wait for its own refresh.
#[test]
fn bellhop_and_an_asterisk_that_forgets_are_killed_together_under_two_hundred_relayed_lamps() {
    let Some(mut lamps) = Lamps::or_skip(RELAYED) else {
        return;
    };
    for _ in 0..2 {
        let asked = lamps.requests();
        lamps.listen(Duration::from_secs(1));
        let (_, right) = lamps.kill_both(0);
        assert!(right < MOST, "{right:?}");
        assert_eq!(lamps.deactivated(), 200);
        assert_eq!(lamps.requests(), asked, "a phone has asked");
        none(&lamps.complaints());
        // They subscribe anew, as they were told.
        lamps.subscribe_all();
        assert_eq!(lamps.inbound(), 200);
    }
}

/// What it has still goes on, and what it has not is ended.
#[test]
fn bellhop_and_an_asterisk_that_remembers_are_killed_together_under_relayed_lamps() {
    let Some(mut lamps) = Lamps::or_skip(RELAYED_AND_REMEMBERED) else {
        return;
    };
    // Its database is on disk a second later, as a rule.
    lamps.listen(Duration::from_secs(2));
    let asked = lamps.requests();
    let (_, right) = lamps.kill_both(0);
    assert!(right < MOST, "{right:?}");
    lamps.listen(Duration::from_secs(5));
    let (ended, left) = (lamps.deactivated(), lamps.inbound());
    assert!(ended + left >= 50, "{ended} ended, {left} left");
    assert_eq!(lamps.requests(), asked, "a phone has asked");
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
    is_spread: false,
    is_shared: true,
    asterisk_remembers: false,
    // Asterisk is back before the next one, as a rule: what it has forgotten is found out by what is asked beside that.
    probe: "5s",
};
/// The same with no more of Bellhop than its way between.
const RELAYED: Plan = Plan {
    is_shared: false,
    ..PLAN
};
const RELAYED_AND_REMEMBERED: Plan = Plan {
    asterisk_remembers: true,
    phones: 5,
    ..RELAYED
};
const MOST: Duration = Duration::from_secs(10);
