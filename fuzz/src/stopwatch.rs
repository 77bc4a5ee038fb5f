//! How long something took: by the clock on the wall, and of the processor's own time.

use nix::time::{ClockId, clock_gettime};
use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// What something took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// By the clock on the wall, with all that the machine did meanwhile.
    pub wall: Duration,
    /// What this thread ran.
    pub own: Duration,
}

impl AddAssign for Took {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.own += other.own;
    }
}

pub(crate) struct Stopwatch {
    wall: Instant,
    own: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            own: own(),
            wall: Instant::now(),
        }
    }

    pub(crate) fn stop(&self) -> Took {
        Took {
            wall: self.wall.elapsed(),
            own: own().saturating_sub(self.own),
        }
    }
}

fn own() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map(Duration::from)
        .unwrap_or_default()
}
