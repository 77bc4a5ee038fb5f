//! Sources that wait for their turn, in the order in which they came. Who leaves leaves at once, and its place is passed
//! over when it comes to the front.

use super::{Due, Shares};
use crate::time::Instant;
use ahash::RandomState;
use std::collections::{HashSet, VecDeque};

/// A line.
#[derive(Debug)]
pub(crate) struct Line {
    places: VecDeque<u64>,
    standing: HashSet<u64, RandomState>,
    /// A turn has been taken for whoever is the first when it comes.
    pub(super) has_turn: bool,
}

impl Line {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            places: VecDeque::new(),
            standing: HashSet::with_hasher(hasher),
            has_turn: false,
        }
    }

    /// Puts one at the end, unless it stands there already.
    pub(super) fn join(&mut self, number: u64) {
        if self.standing.insert(number) {
            self.places.push_back(number);
        }
        let most = self.standing.len().saturating_mul(2);
        if self.places.len() > most.saturating_add(SLACK) {
            let standing = &self.standing;
            self.places.retain(|place| standing.contains(place));
        }
    }

    /// Takes one out.
    pub(super) fn leave(&mut self, number: u64) {
        self.standing.remove(&number);
    }

    /// Whether a turn is to be taken for it.
    pub(crate) fn wants_turn(&self) -> bool {
        !self.has_turn && !self.standing.is_empty()
    }

    /// Its turn has come: the first leaves.
    pub(crate) fn take(&mut self) -> Option<u64> {
        self.has_turn = false;
        loop {
            let first = self.places.pop_front()?;
            if self.standing.remove(&first) {
                return Some(first);
            }
        }
    }
}

impl Shares {
    /// Has a source looked at when its turn comes, and not before.
    pub(crate) fn stand_in_line(&mut self, number: u64) {
        if self.sources.contains_key(&number) {
            self.timers.cancel(&Due::Source(number));
            self.line.join(number);
        }
    }

    /// A turn has been taken.
    pub(crate) fn turn_at(&mut self, at: Instant) {
        self.line.has_turn = true;
        self.timers.set(Due::Turn, at);
    }
}

/// Places of those who left that are not worth sweeping.
const SLACK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_passed_over_and_who_comes_back_stands_once() {
        let mut line = Line::new(RandomState::with_seeds(1, 2, 3, 4));
        assert!(!line.wants_turn());
        for number in [1, 2, 3, 2] {
            line.join(number);
        }
        line.leave(1);
        assert!(line.wants_turn());
        line.has_turn = true;
        assert!(!line.wants_turn());
        assert_eq!(line.take(), Some(2));
        line.join(2);
        let rest: Vec<u64> = std::iter::from_fn(|| line.take()).collect();
        assert_eq!(rest, [3, 2]);
        assert!(!line.wants_turn());
    }

    #[test]
    fn places_of_those_who_left_do_not_pile_up() {
        let mut line = Line::new(RandomState::with_seeds(1, 2, 3, 4));
        line.join(0);
        for number in 1..10_000 {
            line.join(number);
            line.leave(number);
        }
        assert!(line.places.len() <= SLACK + 3, "{}", line.places.len());
        assert_eq!((line.take(), line.take()), (Some(0), None));
    }
}
