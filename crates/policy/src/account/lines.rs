//! How many log lines a plugin may write.

use bellhop_core::time::Instant;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts lines by the second.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The second, and in the low 24 bits how many lines it has had.
    now: AtomicU64,
    dropped: AtomicU64,
}

impl Lines {
    /// Whether one more may be written; else it is counted as dropped.
    pub(crate) fn may_write(&self, now: Instant, most: u32) -> bool {
        let second = (now.as_micros() / MICROS) << COUNT_BITS;
        let next = |held: u64| {
            let held = if held & !COUNTS == second {
                held
            } else {
                second
            };
            (held & COUNTS < u64::from(most).min(COUNTS)).then(|| held.saturating_add(1))
        };
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let may = self.now.fetch_update(set, get, next).is_ok();
        if !may {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// How many lines were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

const MICROS: u64 = 1_000_000;
const COUNT_BITS: u32 = 24;
const COUNTS: u64 = (1 << COUNT_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_as_many_again() {
        let lines = Lines::default();
        let written = |at| {
            (0..10)
                .filter(|_| lines.may_write(Instant::from_micros(at), 3))
                .count()
        };
        assert_eq!(written(5_000_000), 3);
        assert_eq!(written(5_999_999), 0);
        assert_eq!(written(6_000_000), 3);
        assert_eq!(lines.dropped(), 7 + 10 + 7);
    }
}
