//! Which targets of the upstreams answer: what requests and probes have shown, shared by all shards.

mod pace;
mod past;
mod probes;
#[cfg(test)]
mod tests;

pub use past::{Look, Trouble};
pub(crate) use probes::{Probe, Probes};

use pace::Pace;
use past::Past;

use crate::{
    flow::Transport,
    time::{Instant, Now},
};
use ahash::RandomState;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// The health of all targets. One that nothing is known of is up.
#[derive(Debug)]
pub struct Health {
    targets: Mutex<HashMap<Place, Target, RandomState>>,
    /// Some target is not known to be well: only then is there anything to look up.
    is_watching: AtomicBool,
    /// What has changed, for people.
    past: Past,
    /// How long they take to answer.
    pace: Pace,
}

/// A target: how it is reached, and where it is.
pub type Place = (Transport, SocketAddr);

/// How a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It answers, or nothing else is known.
    Up,
    /// It does not answer.
    Down,
    /// It has asked to be left alone until then (503 with Retry-After, RFC 3261 21.5.4).
    Draining(Instant),
}

/// A change that the log is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is down, after so many requests or probes without an answer.
    Down { silent: u8 },
    /// It wants to be left alone for so long.
    Draining(Duration),
    /// It answers again, and before it did not, or had asked to be left alone.
    Up { was_down: bool },
}

#[derive(Clone, Copy, Debug)]
struct Target {
    state: State,
    /// Requests and probes in a row that had no answer.
    silent: u8,
    /// When one that is down and not probed is tried again.
    again: Option<Instant>,
    /// Its port was shut for somebody's request: whoever answers there next has begun anew.
    was_shut: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            // Keys are the configuration's.
            targets: Mutex::new(HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4))),
            is_watching: AtomicBool::new(false),
            past: Past::default(),
            pace: Pace::default(),
        }
    }
}

impl Health {
    /// How a target is.
    pub fn state(&self, now: Instant, place: Place) -> State {
        if !self.is_watching() {
            return State::Up;
        }
        let targets = self.lock();
        let Some(target) = targets.get(&place) else {
            return State::Up;
        };
        match target.state {
            State::Draining(until) if until <= now => State::Up,
            State::Down if target.again.is_some_and(|again| again <= now) => State::Up,
            state => state,
        }
    }

    /// How a target is, for people: one that is down and tried again is down until it has answered.
    pub fn look(&self, now: Now, place: Place) -> Look {
        let state = match self.lock().get(&place).map(|target| target.state) {
            Some(State::Draining(until)) if until <= now.instant => State::Up,
            Some(state) => state,
            None => State::Up,
        };
        self.past.look(now, place, state)
    }

    /// Whether a target has answered, and whatever was sent there since has not gone without an answer so far. One
    /// that nothing is known of is up, and is not known to be well.
    pub(crate) fn is_well(&self, place: Place) -> bool {
        let has_answered = self.pace.mean(place).is_some() || self.past.has_returned(place);
        has_answered && !self.lock().contains_key(&place)
    }

    /// Whether a target does not answer, though it may be tried again.
    pub(crate) fn is_down(&self, place: Place) -> bool {
        let state = || self.lock().get(&place).map(|target| target.state);
        self.is_watching() && state() == Some(State::Down)
    }

    /// How long a target takes to answer, as a mean that forgets; `None`: it has not answered since anybody
    /// measured. Probes always count, requests by their first response once [`Health::measure_requests`] says so.
    pub fn latency(&self, place: Place) -> Option<Duration> {
        self.pace.mean(place)
    }

    /// Whether requests are measured too: it costs a little for each.
    pub fn measure_requests(&self, wanted: bool) {
        self.pace.measure_requests(wanted);
    }

    /// Whether they are.
    pub(crate) fn measures_requests(&self) -> bool {
        self.pace.measures_requests()
    }

    /// A target answered after this time.
    pub(crate) fn took(&self, place: Place, time: Duration) {
        self.pace.took(place, time);
    }

    /// Whether some target is not known to be well.
    pub(crate) fn is_watching(&self) -> bool {
        self.is_watching.load(Relaxed)
    }

    /// A response came; `wait` is what a 503 asks for.
    pub(crate) fn answered(
        &self,
        now: Now,
        place: Place,
        wait: Option<Duration>,
    ) -> Option<Change> {
        if wait.is_none() && !self.is_watching() {
            return None;
        }
        let mut targets = self.lock();
        let change = match wait {
            Some(wait) => {
                let wait = wait.min(LONGEST_REST);
                let target = targets.entry(place).or_insert(Target::WELL);
                let was = target.state;
                *target = Target {
                    state: State::Draining(now.instant.after(wait)),
                    ..Target::WELL
                };
                (!matches!(was, State::Draining(_))).then_some(Change::Draining(wait))
            }
            None => match targets.get(&place).map(|target| target.state) {
                // What was sent before it asked to be left alone is answered still.
                Some(State::Draining(until)) if until > now.instant => None,
                Some(State::Up) | None => {
                    let known = targets.remove(&place);
                    let was_shut = known.is_some_and(|target| target.was_shut);
                    was_shut.then_some(Change::Up { was_down: true })
                }
                Some(state) => {
                    targets.remove(&place);
                    let was_down = state == State::Down;
                    Some(Change::Up { was_down })
                }
            },
        };
        self.is_watching.store(!targets.is_empty(), Relaxed);
        self.past.note(now, place, change);
        change
    }

    /// No response came. One that is probed is down until a probe is answered, another is tried again after
    /// [`REST`].
    pub(crate) fn silent(&self, now: Now, place: Place, is_probed: bool) -> Option<Change> {
        let mut targets = self.lock();
        let target = targets.entry(place).or_insert(Target::WELL);
        target.silent = target.silent.saturating_add(1);
        self.is_watching.store(true, Relaxed);
        if target.silent < MOST_SILENT {
            return None;
        }
        let was_down = target.state == State::Down;
        target.state = State::Down;
        target.again = (!is_probed).then(|| now.instant.after(REST));
        let silent = target.silent;
        let change = (!was_down).then_some(Change::Down { silent });
        self.past.note(now, place, change);
        change
    }

    /// The network has said that nobody listens there (ICMP, RFC 3261 18.4): the program was not running, so its next
    /// answer is a new one's, who may have forgotten what the former knew.
    pub(crate) fn shut(&self, place: Place) {
        let mut targets = self.lock();
        targets.entry(place).or_insert(Target::WELL).was_shut = true;
        self.is_watching.store(true, Relaxed);
    }

    /// Forgets targets that the configuration does not have any more.
    pub(crate) fn keep(&self, is_there: impl Fn(&Place) -> bool) {
        let mut targets = self.lock();
        targets.retain(|place, _| is_there(place));
        self.is_watching.store(!targets.is_empty(), Relaxed);
        self.past.keep(&is_there);
        self.pace.keep(is_there);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Target, RandomState>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target {
    const WELL: Self = Self {
        state: State::Up,
        silent: 0,
        again: None,
        was_shut: false,
    };
}

/// Requests or probes without an answer after which a target is down.
const MOST_SILENT: u8 = 3;
/// How long a target that is not probed is left alone when it is down.
pub(crate) const REST: Duration = Duration::from_secs(10);
/// The longest time for which a target is left alone because it asks.
const LONGEST_REST: Duration = Duration::from_secs(3600);
