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

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsEntropy;

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

impl Entropy for OsEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        // Without chance there are no nonces, tags and branches that others cannot guess, and going on
        // would be worse than stopping. The call can only fail on kernels older than getrandom(2).
        if let Err(error) = getrandom::fill(out) {
            tracing::error!(%error, "the system has no random numbers; stopping");
            std::process::exit(70);
        }
    }
}
