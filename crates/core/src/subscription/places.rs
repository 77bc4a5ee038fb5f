//! At which target of a PBX each is that is relayed: where its SUBSCRIBE was answered, or its NOTIFYs come from.

use super::board::Board;
use super::table::{Entry, Table};
use super::thread::stands;
use crate::upstream::Place;

/// Where one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The target of the PBX that has it; `None`: nobody knows.
    pub(crate) place: Option<Place>,
    /// A policy has named that target: it is not left for a better one.
    pub(crate) is_chosen: bool,
}

/// How many of a part are at each target; `None`: nobody knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Vec<(Option<Place>, usize)>);

impl Places {
    pub(super) fn count(&mut self, at: Option<Place>, is_there: bool) {
        let known = self.0.iter_mut().find(|(place, _)| *place == at);
        match (known, is_there) {
            (Some((_, count)), true) => *count = count.saturating_add(1),
            (Some((_, count)), false) => *count = count.saturating_sub(1),
            // Whoever leaves was counted.
            (None, _) => self.0.push((at, usize::from(is_there))),
        }
    }

    fn add(&mut self, at: Option<Place>, more: usize) {
        match self.0.iter_mut().find(|(place, _)| *place == at) {
            Some((_, count)) => *count = count.saturating_add(more),
            None => self.0.push((at, more)),
        }
    }

    fn has(&self, is_there: impl Fn(Seat) -> bool) -> bool {
        let seat = |place| Seat {
            place,
            is_chosen: false,
        };
        let mut all = self.0.iter();
        all.any(|(place, count)| *count > 0 && is_there(seat(*place)))
    }
}

impl Table {
    /// One is there, if that is known.
    pub(super) fn is_seated(&mut self, number: u64, seat: Seat) {
        let entry = self.live.get_mut(&number);
        let Some(thread) = entry.and_then(|entry| entry.thread.as_mut()) else {
            return;
        };
        // What is asked for again in its dialog was not chosen anew.
        if seat.place.is_none() || thread.seat.place == seat.place {
            return;
        }
        let before = std::mem::replace(&mut thread.seat, seat);
        if let Some(noted) = &mut thread.noted {
            noted.is_stale = true;
        }
        self.places.count(before.place, false);
        self.places.count(seat.place, true);
    }
}

impl Board {
    /// Those of a shard that are relayed and stand, at these targets, the youngest first: what a PBX has forgotten in part
    /// is that.
    pub(crate) fn relayed(&self, shard: u16, is_there: impl Fn(Seat) -> bool) -> Vec<u64> {
        let mut found = Vec::new();
        self.change(shard, |table| {
            if table.places.has(&is_there) {
                let those = table.live.iter().filter(|(_, e)| is_it(e, &is_there));
                found.extend(those.map(|(number, _)| *number));
            }
        });
        found.sort_unstable_by(|one, other| other.cmp(one));
        found
    }

    /// How many that are relayed are at each target, those that are only asked for included; `None`: where nobody knows.
    pub fn at_targets(&self) -> Vec<(Option<Place>, usize)> {
        let mut all = Places::default();
        for table in (0..).map_while(|stripe| self.table(stripe)) {
            for (place, count) in &table.places.0 {
                all.add(*place, *count);
            }
        }
        all.0
    }

    /// One of them, another each time: what stands for all may be the only one that the PBX has not forgotten. The youngest is
    /// the first.
    pub(crate) fn next_relayed(&self, shard: u16, is_there: impl Fn(Seat) -> bool) -> Option<u64> {
        let mut found = None;
        self.change(shard, |table| {
            // Not all are looked at beside each probe of a spare target.
            if table.places.has(&is_there) {
                let all = table.live.iter().filter(|(_, e)| is_it(e, &is_there));
                let all = all.map(|(number, _)| *number);
                let older = all.clone().filter(|number| *number < table.sampled);
                found = older.max().or_else(|| all.max());
                table.sampled = found.unwrap_or(u64::MAX);
            }
        });
        found
    }
}

fn is_it(entry: &Entry, is_there: impl Fn(Seat) -> bool) -> bool {
    let seat = entry.thread.as_ref().map(|thread| thread.seat);
    seat.is_some_and(is_there) && stands(entry)
}
