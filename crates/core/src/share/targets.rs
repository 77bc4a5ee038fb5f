//! What a shard knows of each target of a PBX that subscriptions are at: the youngest of ours there, what is asked about
//! beside its probes, and when all that are there were asked about last.

use super::sample::Rhythm;
use super::{Dialog, Shares, Source, State};
use crate::time::Instant;
use crate::upstream::Place;
use ahash::RandomState;
use std::collections::HashMap;

/// All targets that were of use. Each is or was one of the configuration's.
#[derive(Debug)]
pub(crate) struct Targets {
    each: HashMap<Place, AtTarget, RandomState>,
    /// When all subscriptions, wherever they are, were asked about last.
    looked_at: Option<Instant>,
}

/// One of them.
#[derive(Debug, Default)]
pub(crate) struct AtTarget {
    /// When the next question about a dialog there is asked.
    pub(crate) rhythm: Rhythm,
    newest: Newest,
    looked_at: Option<Instant>,
}

/// The source there whose dialog began last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Newest {
    /// It is to be looked for.
    #[default]
    Unknown,
    /// None is there.
    Nothing,
    /// This one, unless it is gone.
    Is(u64),
}

impl Targets {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            each: HashMap::with_hasher(hasher),
            looked_at: None,
        }
    }

    /// What is known of one.
    pub(crate) fn at(&mut self, place: Place) -> &mut AtTarget {
        self.each.entry(place).or_default()
    }

    /// The target that was asked this question, and when, if it waits for its answer.
    pub(crate) fn take(&mut self, number: u64) -> Option<(Place, Instant)> {
        let mut each = self.each.iter_mut();
        each.find_map(|(place, at)| Some((*place, at.rhythm.take(number)?)))
    }

    /// All that are at a target are asked about now; `None`: all, wherever they are.
    pub(crate) fn look(&mut self, now: Instant, place: Option<Place>) {
        match place {
            Some(place) => self.at(place).looked_at = Some(now),
            None => self.looked_at = Some(now),
        }
    }

    /// When all that are there were asked about last.
    pub(crate) fn looked_at(&mut self, place: Place) -> Option<Instant> {
        let everywhere = self.looked_at;
        self.at(place).looked_at.max(everywhere)
    }

    /// A source's dialog is at a target; `None`: at one of them.
    pub(super) fn has_source(&mut self, number: u64, place: Option<Place>) {
        match place {
            Some(place) => self.at(place).newest = Newest::Is(number),
            None => {
                for at in self.each.values_mut() {
                    at.newest = Newest::Unknown;
                }
            }
        }
    }
}

impl Shares {
    /// The dialog of a source that the PBX at a target should know: the youngest, if it can be, for what a PBX writes down
    /// it may not have written down yet. `is_there` says of each whether it is at that target.
    pub(crate) fn known_dialog(
        &mut self,
        place: Place,
        is_there: impl Fn(&Source) -> bool,
    ) -> Option<&Dialog> {
        let stands =
            |source: &Source| source.state == State::Held && source.has_told && source.is_known();
        let newest = match self.targets.at(place).newest {
            Newest::Nothing => return None,
            Newest::Is(number) => Some(number),
            Newest::Unknown => None,
        };
        let is_it = |number: &u64| {
            let source = self.sources.get(number);
            source.is_some_and(|source| is_there(source) && stands(source))
        };
        let newest = newest.filter(is_it);
        let number = newest.or_else(|| self.look_for_one(place, is_there, stands))?;
        self.sources.get(&number)?.dialog.as_ref()
    }

    /// Looks at all sources, once: where none is at a target, as none is at a spare one, that is remembered.
    fn look_for_one(
        &mut self,
        place: Place,
        is_there: impl Fn(&Source) -> bool,
        stands: impl Fn(&Source) -> bool,
    ) -> Option<u64> {
        let mut is_any = false;
        let mut all = self.sources.iter();
        let found = all.find(|(_, source)| {
            let is_it = is_there(source);
            is_any |= is_it;
            is_it && stands(source)
        });
        let found = found.map(|(number, _)| *number);
        self.targets.at(place).newest = match found {
            Some(number) => Newest::Is(number),
            None if is_any => Newest::Unknown,
            None => Newest::Nothing,
        };
        found
    }
}
