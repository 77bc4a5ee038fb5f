//! The system's clocks and its source of chance, as the core wants them.

use bellhop_core::{
    entropy::Entropy,
    time::{Instant, Now},
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The program's clock: monotonic since its start, and the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: std::time::Instant,
}

/// The operating system's random numbers, fetched many at a time.
pub(crate) struct OsEntropy {
    fetched: [u8; 512],
    used: usize,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Now {
        Now {
            instant: Instant::default().after(self.start.elapsed()),
            unix: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// The runtime's name for a moment.
    pub(crate) fn deadline(&self, at: Instant) -> tokio::time::Instant {
        let since = Duration::from_micros(at.as_micros());
        let far = self.start.checked_add(since);
        far.unwrap_or(self.start).into()
    }
}

impl OsEntropy {
    /// A source that has fetched nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            fetched: [0; 512],
            used: 512,
        }
    }

    fn fetch(&mut self) {
        // Without chance there are no nonces, tags and branches that others cannot guess, and going on
        // would be worse than stopping. The call can only fail on kernels older than getrandom(2).
        if let Err(error) = getrandom::fill(&mut self.fetched) {
            tracing::error!(%error, "the system has no random numbers; stopping");
            std::process::exit(70);
        }
        self.used = 0;
    }
}

impl Entropy for OsEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used >= self.fetched.len() {
                self.fetch();
            }
            if let Some(fresh) = self.fetched.get_mut(self.used) {
                // What was given out once is not kept.
                *byte = std::mem::take(fresh);
            }
            self.used = self.used.saturating_add(1);
        }
    }
}
