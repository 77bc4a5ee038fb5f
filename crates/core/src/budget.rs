//! Keeps us from being an amplifier: over UDP anybody can write another's address on a request, so what
//! nobody has proved draws at most 1.5 bytes out of us for each byte in.

use crate::time::Instant;
use lru::LruCache;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Bytes that sources have paid in for answers larger than 1.5 times their request.
///
/// Such an answer is withheld until the requests of its source that went unanswered within the last
/// minute pay for it: a client that sends its small request again (timers A and E, RFC 3261 17.1) gets the
/// answer to a later copy. Credit is spent once, so at no moment has a source been sent more than 1.5 times
/// what came in from it. In bounded memory: the least recently seen source is forgotten first, with
/// what it paid.
#[derive(Debug)]
pub(crate) struct Budget {
    paid: LruCache<IpAddr, Paid>,
}

#[derive(Debug)]
struct Paid {
    bytes: usize,
    since: Instant,
}

impl Budget {
    /// With nothing paid.
    pub(crate) fn new() -> Self {
        Self {
            paid: LruCache::new(CAPACITY),
        }
    }

    /// Whether an answer of `answer` bytes may go to `source` for its request of `request` bytes. The
    /// usual answer is small enough and touches nothing here; a request whose answer is withheld is
    /// credited.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: usize,
        answer: usize,
    ) -> bool {
        if fits(request, answer) {
            return true;
        }
        let price = price(answer);
        let fresh = || Paid {
            bytes: 0,
            since: now,
        };
        let paid = self.paid.get_or_insert_mut(source, fresh);
        if paid.bytes == 0 || now.since(paid.since) > WINDOW {
            *paid = fresh();
        }
        let have = paid.bytes.saturating_add(request);
        let left = have.checked_sub(price);
        paid.bytes = left.unwrap_or(have);
        left.is_some()
    }
}

/// Whether an answer amplifies nothing: at most 1.5 times its request.
pub(crate) fn fits(request: usize, answer: usize) -> bool {
    price(answer) <= request
}

/// The bytes in that pay for an answer: two thirds of it, rounded up.
fn price(answer: usize) -> usize {
    answer.saturating_mul(2).div_ceil(3)
}

/// How long what was paid counts.
const WINDOW: Duration = Duration::from_secs(60);

const CAPACITY: NonZeroUsize = match NonZeroUsize::new(4_096) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const START: Instant = Instant::from_micros(1_000_000);

    fn at(seconds: u64) -> Instant {
        START.after(Duration::from_secs(seconds))
    }

    #[test]
    fn an_answer_of_one_and_a_half_times_its_request_passes_and_one_byte_more_does_not() {
        let mut budget = Budget::new();
        for request in [2, 100, 367, 65_535] {
            let most = request * 3 / 2;
            assert!(budget.admit(START, SOURCE, request, most));
            assert!(!Budget::new().admit(START, SOURCE, request, most + 1));
        }
        assert!(budget.paid.is_empty(), "the usual answer touches no table");
    }

    #[test]
    fn a_later_copy_pays_for_the_answer() {
        let mut budget = Budget::new();
        let mut copy = |second| budget.admit(at(second), SOURCE, 131, 393);
        assert_eq!([copy(0), copy(1), copy(3)], [false, true, false]);
    }

    #[test]
    fn what_is_left_over_counts_for_the_next_answer_once() {
        let mut budget = Budget::new();
        let mut ask = |answer| budget.admit(START, SOURCE, 100, answer);
        // 100, then 200 - 120 = 80, then 180 - 120 = 60, 160 - 120 = 40, 20, 0, and not enough.
        let answers: Vec<bool> = (0..8).map(|_| ask(180)).collect();
        assert_eq!(answers, [false, true, true, true, true, true, false, true]);
    }

    #[test]
    fn what_was_paid_more_than_a_minute_ago_does_not_count() {
        let mut budget = Budget::new();
        assert!(!budget.admit(at(0), SOURCE, 100, 300));
        assert!(!budget.admit(at(61), SOURCE, 100, 300));
        assert!(budget.admit(at(121), SOURCE, 100, 300));
    }

    #[test]
    fn one_source_does_not_pay_for_another() {
        let mut budget = Budget::new();
        assert!(!budget.admit(START, SOURCE, 100, 300));
        assert!(!budget.admit(START, IpAddr::from([192, 0, 2, 2]), 100, 300));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_longest_silent_source() {
        let mut budget = Budget::new();
        let source = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
        for n in 0..=CAPACITY.get() {
            assert!(!budget.admit(START, source(n), 100, 300));
        }
        assert_eq!(budget.paid.len(), CAPACITY.get());
        assert!(!budget.admit(START, source(0), 100, 300), "forgotten");
        assert!(budget.admit(START, source(CAPACITY.get()), 100, 300));
    }
}
