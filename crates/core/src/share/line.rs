//! Who waits for a turn at the PBX, in the order in which they came: our own subscriptions in one line, those that are
//! relayed and that it is to be asked about in another, and one of each by turns. Who leaves leaves at once, and its
//! place is passed over when it comes to the front.

use super::{Due, Shares};
use crate::time::Instant;
use ahash::RandomState;
use std::collections::{HashSet, VecDeque};

/// Both lines. They share one turn at a time.
#[derive(Debug)]
pub(crate) struct Lines {
    sources: Line,
    relayed: Line,
    /// A turn has been taken for whoever is the first when it comes.
    has_turn: bool,
    /// The last turn was of one that is relayed.
    was_relayed: bool,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stander {
    /// A subscription of ours.
    Source(u64),
    /// One that is relayed, by its number on the board.
    Relayed(u64),
}

/// A line.
#[derive(Debug)]
struct Line {
    places: VecDeque<u64>,
    standing: HashSet<u64, RandomState>,
}

impl Lines {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            sources: Line::new(hasher.clone()),
            relayed: Line::new(hasher),
            has_turn: false,
            was_relayed: false,
        }
    }

    /// Puts one that is relayed at the end, unless it stands there already.
    pub(crate) fn join_relayed(&mut self, number: u64) {
        self.relayed.join(number);
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.standing.is_empty() && self.relayed.standing.is_empty()
    }

    /// Whether a turn is to be taken.
    pub(crate) fn wants_turn(&self) -> bool {
        !self.has_turn && !self.is_empty()
    }

    /// The turn has come: the first leaves, of the line that had not the last one if both wait. What is given may turn out
    /// to have no use for it, and then the next one may be taken.
    pub(crate) fn take(&mut self) -> Option<Stander> {
        self.has_turn = false;
        let mut source = || self.sources.take().map(Stander::Source);
        let mut relayed = || self.relayed.take().map(Stander::Relayed);
        let next = match self.was_relayed {
            true => source().or_else(relayed),
            false => relayed().or_else(source),
        };
        self.was_relayed = matches!(next, Some(Stander::Relayed(_)));
        next
    }

    pub(super) fn leave_source(&mut self, number: u64) {
        self.sources.leave(number);
    }
}

impl Line {
    fn new(hasher: RandomState) -> Self {
        Self {
            places: VecDeque::new(),
            standing: HashSet::with_hasher(hasher),
        }
    }

    /// Puts one at the end, unless it stands there already.
    fn join(&mut self, number: u64) {
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
    fn leave(&mut self, number: u64) {
        self.standing.remove(&number);
    }

    fn take(&mut self) -> Option<u64> {
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
            self.line.sources.join(number);
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

    fn line() -> Line {
        Line::new(RandomState::with_seeds(1, 2, 3, 4))
    }

    #[test]
    fn who_leaves_is_passed_over_and_who_comes_back_stands_once() {
        let mut line = line();
        for number in [1, 2, 3, 2] {
            line.join(number);
        }
        line.leave(1);
        assert_eq!(line.take(), Some(2));
        line.join(2);
        let rest: Vec<u64> = std::iter::from_fn(|| line.take()).collect();
        assert_eq!(rest, [3, 2]);
    }

    #[test]
    fn places_of_those_who_left_do_not_pile_up() {
        let mut line = line();
        line.join(0);
        for number in 1..10_000 {
            line.join(number);
            line.leave(number);
        }
        assert!(line.places.len() <= SLACK + 3, "{}", line.places.len());
        assert_eq!((line.take(), line.take()), (Some(0), None));
    }

    #[test]
    fn the_two_lines_have_a_turn_by_turns_and_one_is_taken_at_a_time() {
        use Stander::{Relayed, Source};
        let mut lines = Lines::new(RandomState::with_seeds(1, 2, 3, 4));
        assert!(lines.is_empty() && !lines.wants_turn());
        for number in 1..=4 {
            lines.sources.join(number);
        }
        for number in [11, 12] {
            lines.join_relayed(number);
        }
        assert!(lines.wants_turn());
        lines.has_turn = true;
        assert!(!lines.wants_turn());
        let mut taken: Vec<Stander> = (0..5).filter_map(|_| lines.take()).collect();
        assert!(lines.wants_turn());
        taken.extend(lines.take());
        let expected = [
            Relayed(11),
            Source(1),
            Relayed(12),
            Source(2),
            Source(3),
            Source(4),
        ];
        assert_eq!(taken, expected);
        assert_eq!((lines.take(), lines.wants_turn()), (None, false));
    }
}
