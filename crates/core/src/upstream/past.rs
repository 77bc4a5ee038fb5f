//! Since when each target is as it is, and what was the matter with it last: kept for people alone.

use super::{Change, Place, State};
use crate::time::Now;
use ahash::RandomState;
use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How a target is, and was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// How it is.
    pub state: State,
    /// How long it has been so; `None`: nothing else was ever known of it.
    pub lasted: Option<Duration>,
    /// What was the matter last, and how long ago that began.
    pub trouble: Option<(Trouble, Duration)>,
}

/// What was the matter with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// So many requests or probes in a row had no answer.
    Silent(u8),
    /// It asked to be left alone for so long (RFC 3261 21.5.4).
    Busy(Duration),
}

/// The last changes of each target.
#[derive(Debug)]
pub(super) struct Past(Mutex<HashMap<Place, Turns, RandomState>>);

#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    returned: Option<Now>,
    trouble: Option<(Trouble, Now)>,
}

impl Default for Past {
    fn default() -> Self {
        // Keys are the configuration's.
        let hasher = RandomState::with_seeds(5, 6, 7, 8);
        Self(Mutex::new(HashMap::with_hasher(hasher)))
    }
}

impl Past {
    pub(super) fn note(&self, now: Now, place: Place, change: Option<Change>) {
        let Some(change) = change else {
            return;
        };
        let mut all = self.lock();
        let turns = all.entry(place).or_default();
        match change {
            Change::Up { .. } => turns.returned = Some(now),
            Change::Down { silent } => turns.trouble = Some((Trouble::Silent(silent), now)),
            Change::Draining(wait) => turns.trouble = Some((Trouble::Busy(wait), now)),
        }
    }

    /// Whether it has answered after it had been in trouble.
    pub(super) fn has_returned(&self, place: Place) -> bool {
        let all = self.lock();
        all.get(&place)
            .is_some_and(|turns| turns.returned.is_some())
    }

    pub(super) fn keep(&self, is_there: impl Fn(&Place) -> bool) {
        self.lock().retain(|place, _| is_there(place));
    }

    pub(super) fn look(&self, now: Now, place: Place, state: State) -> Look {
        let turns = self.lock().get(&place).copied().unwrap_or_default();
        let ago = |then: Now| now.instant.since(then.instant);
        let lasted = match (state, turns.trouble) {
            (State::Up, Some((Trouble::Busy(wait), began))) => {
                // Its rest ends by itself, before or without an answer.
                let rested = now.instant.since(began.instant.after(wait));
                let is_later = |back: &Now| back.instant >= began.instant;
                Some(
                    turns
                        .returned
                        .filter(is_later)
                        .map_or(rested, |back| rested.max(ago(back))),
                )
            }
            (State::Up, _) => turns.returned.map(ago),
            (_, trouble) => trouble.map(|(_, began)| ago(began)),
        };
        Look {
            state,
            lasted,
            trouble: turns.trouble.map(|(what, began)| (what, ago(began))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Turns, RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(count) => write!(f, "no answer to {count} probes or requests"),
            Self::Busy(wait) => write!(f, "asked to be left alone for {} s", wait.as_secs()),
        }
    }
}
