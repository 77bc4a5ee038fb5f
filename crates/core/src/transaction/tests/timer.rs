//! The times and the queue of deadlines.

use crate::{
    time::Instant,
    transaction::timer::{TimerConfig, Timers},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

#[test]
fn deadlines_come_in_order_of_time_and_then_of_setting() {
    let mut timers = Timers::new();
    timers.set("late", at(20));
    timers.set("first of two", at(10));
    timers.set("second of two", at(10));
    assert_eq!(timers.next(), Some(at(10)));
    assert_eq!(timers.pop_due(at(9)), None);
    assert_eq!(timers.pop_due(at(10)), Some("first of two"));
    assert_eq!(timers.pop_due(at(10)), Some("second of two"));
    assert_eq!(timers.pop_due(at(10)), None);
    assert_eq!(timers.pop_due(at(99)), Some("late"));
    assert!(timers.is_empty());
}

#[test]
fn a_deadline_set_again_counts_only_at_its_new_time() {
    let mut timers = Timers::new();
    timers.set("a", at(10));
    timers.set("a", at(30));
    assert_eq!(timers.next(), Some(at(30)));
    assert_eq!(timers.pop_due(at(29)), None);
    timers.set("a", at(5));
    assert_eq!(timers.pop_due(at(29)), Some("a"));
    assert_eq!(timers.pop_due(at(99)), None);
}

#[test]
fn a_cancelled_deadline_never_comes() {
    let mut timers = Timers::new();
    timers.set("a", at(10));
    timers.set("b", at(20));
    assert!(timers.cancel(&"a"));
    assert!(!timers.cancel(&"a"));
    assert_eq!(timers.next(), Some(at(20)));
    assert_eq!(timers.pop_due(at(15)), None);
}

#[test]
fn stale_deadlines_do_not_pile_up_behind_one_live_head() {
    let mut timers = Timers::new();
    timers.set(0, at(1));
    for round in 0..100_000 {
        timers.set(1, at(1000 + round));
    }
    assert_eq!(timers.len(), 2);
    assert!(timers.held() < 100, "{}", timers.held());
}

// RFC 4320 4.1: 0.5 + 1 + 2 s until timer E is set to T2 = 4 s.
#[test]
fn a_100_is_late_when_timer_e_has_grown_to_t2() {
    assert_eq!(TimerConfig::default().late(), Duration::from_millis(3500));
}

#[test]
fn times_of_zero_do_not_make_a_flood() {
    let timers = TimerConfig {
        t1: Duration::ZERO,
        t2: Duration::ZERO,
        t4: Duration::ZERO,
    };
    assert!(timers.first_interval() > Duration::ZERO);
    assert!(timers.next_interval(timers.first_interval()) > Duration::ZERO);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The queue against an ordered map that is searched from end to end.
    #[test]
    fn the_queue_agrees_with_a_plain_map(
        script in proptest::collection::vec((0..4u8, 0..8u8, 0..100u64), 0..300),
    ) {
        let mut timers = Timers::new();
        let mut model = BTreeMap::new();
        for (action, key, time) in script {
            match action {
                0 | 1 => {
                    timers.set(key, at(time));
                    model.insert(key, at(time));
                }
                2 => prop_assert_eq!(timers.cancel(&key), model.remove(&key).is_some()),
                _ => {
                    let due = timers.pop_due(at(time));
                    let earliest = model.values().min().copied().filter(|min| *min <= at(time));
                    prop_assert_eq!(due.and_then(|key| model.remove(&key)), earliest);
                }
            }
            prop_assert_eq!(timers.len(), model.len());
            prop_assert_eq!(timers.next(), model.values().min().copied());
        }
    }
}
