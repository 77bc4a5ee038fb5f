//! Waiting for a condition with a deadline. The one place in the tests that
//! may sleep: between two looks.

use std::time::{Duration, Instant};

/// Looks with `probe` until it finds something, and returns that. Panics with
/// `what` if nothing is found `within` the time.
pub fn until<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// As [`until`], for a condition; `false` instead of a panic when the time is up.
pub fn holds_within(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    true
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_is_seen() {
        let mut looks = 0;
        let found = until("three looks", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "not within 0ns: pigs that fly")]
    fn a_condition_that_never_comes_true_fails_with_its_name() {
        until("pigs that fly", Duration::ZERO, || None::<()>);
    }

    #[test]
    fn a_condition_that_does_not_hold_in_time_is_told_without_a_panic() {
        assert!(!holds_within(Duration::ZERO, || false));
        assert!(holds_within(Duration::ZERO, || true));
    }
}
