//! A token bucket for each outside source address, in a bounded table.

use crate::config::Rate;
use crate::time::Instant;
use lru::LruCache;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

/// The buckets of one shard. The least recently seen source is forgotten first; it comes back with a
/// full bucket, which costs an attacker with that many addresses nothing that he did not have.
#[derive(Debug)]
pub(crate) struct Limiter {
    rate: Option<Rate>,
    buckets: LruCache<IpAddr, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Thousandths of a token.
    level: u64,
    seen: Instant,
}

impl Limiter {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            buckets: LruCache::new(CAPACITY),
        }
    }

    /// Takes one token of this source. `false`: there is none, drop the message.
    pub(crate) fn admit(&mut self, now: Instant, source: IpAddr) -> bool {
        let Some(rate) = self.rate else { return true };
        let full = u64::from(rate.burst).saturating_mul(TOKEN);
        let bucket = self.buckets.get_or_insert_mut(source, || Bucket {
            level: full,
            seen: now,
        });
        // One token in `1 / rate` seconds is `rate` thousandths in a millisecond.
        let millis = u64::try_from(now.since(bucket.seen).as_millis()).unwrap_or(u64::MAX);
        if millis > 0 {
            let back = millis.saturating_mul(u64::from(rate.per_source));
            bucket.level = bucket.level.saturating_add(back).min(full);
            bucket.seen = bucket.seen.after(Duration::from_millis(millis));
        }
        match bucket.level.checked_sub(TOKEN) {
            Some(left) => {
                bucket.level = left;
                true
            }
            None => false,
        }
    }
}

const TOKEN: u64 = 1_000;
const CAPACITY: NonZeroUsize = match NonZeroUsize::new(16_384) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn limiter() -> Limiter {
        Limiter::new(Some(Rate {
            per_source: 10,
            burst: 3,
        }))
    }

    #[test]
    fn a_burst_passes_and_the_next_one_does_not() {
        let mut l = limiter();
        let passed = (0..5)
            .filter(|_| l.admit(Instant::default(), SOURCE))
            .count();
        assert_eq!(passed, 3);
    }

    #[test]
    fn tokens_come_back_at_the_rate_and_not_beyond_the_burst() {
        let mut l = limiter();
        let mut now = Instant::default();
        while l.admit(now, SOURCE) {}
        now = now.after(Duration::from_millis(100));
        assert!(l.admit(now, SOURCE));
        assert!(!l.admit(now, SOURCE));
        now = now.after(Duration::from_secs(60));
        assert_eq!((0..9).filter(|_| l.admit(now, SOURCE)).count(), 3);
    }

    #[test]
    fn one_source_does_not_spend_anothers_tokens() {
        let mut l = limiter();
        while l.admit(Instant::default(), SOURCE) {}
        assert!(l.admit(Instant::default(), IpAddr::from([192, 0, 2, 2])));
    }
}
