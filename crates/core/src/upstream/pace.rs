//! How long each target takes to answer: a mean that forgets, of probes and, where somebody asks, of requests.

use super::Place;
use ahash::RandomState;
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// The response times of all targets.
#[derive(Debug)]
pub(super) struct Pace {
    means: Mutex<HashMap<Place, Duration, RandomState>>,
    /// Requests are measured too, not only probes.
    with_requests: AtomicBool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            // Keys are the configuration's.
            means: Mutex::new(HashMap::with_hasher(RandomState::with_seeds(9, 10, 11, 12))),
            with_requests: AtomicBool::new(false),
        }
    }
}

impl Pace {
    pub(super) fn measure_requests(&self, wanted: bool) {
        self.with_requests.store(wanted, Relaxed);
    }

    pub(super) fn measures_requests(&self) -> bool {
        self.with_requests.load(Relaxed)
    }

    /// An answer came after this time: a mean with the weights of RFC 6298 2.3, the first one as it is.
    pub(super) fn took(&self, place: Place, time: Duration) {
        let mut means = self.lock();
        let mean = means.entry(place).or_insert(time);
        *mean = mean
            .saturating_mul(7)
            .saturating_add(time)
            .checked_div(8)
            .unwrap_or(time);
    }

    pub(super) fn mean(&self, place: Place) -> Option<Duration> {
        self.lock().get(&place).copied()
    }

    pub(super) fn keep(&self, is_there: impl Fn(&Place) -> bool) {
        self.lock().retain(|place, _| is_there(place));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Duration, RandomState>> {
        self.means.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
