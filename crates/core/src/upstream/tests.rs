//! When a target counts as down, and when it is well again.

use super::*;

const PLACE: Place = (
    Transport::Udp,
    SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9)),
        5060,
    ),
);

fn at(seconds: u64) -> Now {
    Now {
        instant: Instant::default().after(Duration::from_secs(seconds)),
        unix: Duration::from_secs(seconds),
    }
}

fn state(health: &Health, seconds: u64) -> State {
    health.state(at(seconds).instant, PLACE)
}

#[test]
fn three_requests_without_an_answer_make_it_down_and_an_answer_between_them_does_not() {
    let health = Health::default();
    assert_eq!(health.silent(at(1), PLACE, true), None);
    assert_eq!(health.silent(at(2), PLACE, true), None);
    assert_eq!(health.answered(at(3), PLACE, None), None);
    assert!(!health.is_watching());
    for second in [4, 5] {
        assert_eq!(health.silent(at(second), PLACE, true), None);
    }
    assert_eq!(state(&health, 6), State::Up);
    let down = health.silent(at(6), PLACE, true);
    assert_eq!(down, Some(Change::Down { silent: 3 }));
    assert_eq!(health.silent(at(7), PLACE, true), None);
    assert_eq!(state(&health, 1_000), State::Down);
    let was_down = true;
    let up = Some(Change::Up { was_down });
    assert_eq!(health.answered(at(8), PLACE, None), up);
    assert_eq!(state(&health, 8), State::Up);
}

#[test]
fn one_that_is_not_probed_is_tried_again_after_a_rest_and_rests_again_at_once() {
    let health = Health::default();
    for second in 1..=3 {
        health.silent(at(second), PLACE, false);
    }
    assert_eq!(
        (state(&health, 12), state(&health, 13)),
        (State::Down, State::Up)
    );
    assert_eq!(health.silent(at(14), PLACE, false), None);
    assert_eq!(
        (state(&health, 23), state(&health, 24)),
        (State::Down, State::Up)
    );
}

#[test]
fn one_that_asks_to_be_left_alone_is_until_its_time_is_over_whatever_it_answers() {
    let health = Health::default();
    let wait = Duration::from_secs(20);
    let change = health.answered(at(1), PLACE, Some(wait));
    assert_eq!(change, Some(Change::Draining(wait)));
    assert_eq!(health.answered(at(2), PLACE, Some(wait)), None);
    assert_eq!(health.answered(at(3), PLACE, None), None);
    assert_eq!(state(&health, 21), State::Draining(at(22).instant));
    assert_eq!(state(&health, 22), State::Up);
    let was_down = false;
    let up = Some(Change::Up { was_down });
    assert_eq!(health.answered(at(23), PLACE, None), up);
    // What it asks for is bounded.
    let change = health.answered(at(30), PLACE, Some(Duration::from_secs(1 << 32)));
    assert_eq!(change, Some(Change::Draining(LONGEST_REST)));
}

#[test]
fn what_is_not_configured_any_more_is_forgotten() {
    let health = Health::default();
    health.silent(at(1), PLACE, false);
    health.keep(|_| false);
    assert!(!health.is_watching());
}

#[test]
fn since_when_a_target_is_as_it_is_and_its_last_trouble_are_told() {
    let health = Health::default();
    let look = |second| health.look(at(second), PLACE);
    let seconds = Duration::from_secs;
    let never = Look {
        state: State::Up,
        lasted: None,
        trouble: None,
    };
    assert_eq!(look(1), never);
    for second in [4, 5] {
        health.silent(at(second), PLACE, false);
    }
    assert_eq!(look(6), never);
    health.silent(at(6), PLACE, false);
    let down = Look {
        state: State::Down,
        lasted: Some(seconds(94)),
        trouble: Some((Trouble::Silent(3), seconds(94))),
    };
    // It would be tried again by now, and has not answered.
    assert_eq!(look(100), down);
    health.answered(at(110), PLACE, None);
    let up = Look {
        state: State::Up,
        lasted: Some(seconds(5)),
        trouble: Some((Trouble::Silent(3), seconds(109))),
    };
    assert_eq!(look(115), up);
    health.answered(at(120), PLACE, Some(seconds(20)));
    let busy = Look {
        state: State::Draining(at(140).instant),
        lasted: Some(seconds(10)),
        trouble: Some((Trouble::Busy(seconds(20)), seconds(10))),
    };
    assert_eq!(look(130), busy);
    let rested = Look {
        state: State::Up,
        lasted: Some(seconds(3)),
        trouble: Some((Trouble::Busy(seconds(20)), seconds(23))),
    };
    assert_eq!(look(143), rested);
    health.answered(at(145), PLACE, None);
    assert_eq!(look(146).lasted, Some(seconds(6)));
    health.keep(|_| false);
    assert_eq!(look(147), never);
}

#[test]
fn a_target_s_latency_is_a_mean_that_forgets_and_is_of_no_use_when_it_is_gone() {
    let health = Health::default();
    assert_eq!(health.latency(PLACE), None);
    health.took(PLACE, Duration::from_millis(80));
    assert_eq!(health.latency(PLACE), Some(Duration::from_millis(80)));
    health.took(PLACE, Duration::from_millis(160));
    assert_eq!(health.latency(PLACE), Some(Duration::from_millis(90)));
    for _ in 0..50 {
        health.took(PLACE, Duration::from_millis(10));
    }
    assert_eq!(health.latency(PLACE).map(|mean| mean.as_millis()), Some(10));
    health.keep(|_| false);
    assert_eq!(health.latency(PLACE), None);
}

#[test]
fn one_whose_port_was_shut_has_begun_anew_when_it_answers() {
    let health = Health::default();
    health.shut(PLACE);
    assert_eq!(state(&health, 1), State::Up);
    let was_down = true;
    let up = Some(Change::Up { was_down });
    assert_eq!(health.answered(at(2), PLACE, None), up);
    assert_eq!(health.answered(at(3), PLACE, None), None);
    assert!(!health.is_watching());
}
