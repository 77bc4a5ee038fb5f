//! Questions to the PBX about what it should know, and when the next ones are asked.

use super::Shares;
use crate::lease::Sample;
use crate::registrar::Device;
use crate::time::Instant;
use std::time::Duration;

/// What was asked about.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// One that is relayed, by its number on the board.
    Relayed(u64),
    /// A dialog of ours.
    Dialog,
    /// A registration of ours.
    Lease {
        of: Sample,
        /// Another one that the PBX does not have any more.
        before: Option<Device>,
        /// The PBX wanted credentials, and was given them.
        is_second_try: bool,
    },
}

/// What a shard asks about beside each probe, but for dialogs, of which each target is asked (`targets.rs`).
#[derive(Debug, Default)]
pub(crate) struct Samples {
    pub(crate) lease: Rhythm,
}

/// When one kind of question is asked.
#[derive(Debug, Default)]
pub(crate) struct Rhythm {
    /// The question under way, and when it was asked.
    asked: Option<(u64, Instant)>,
    /// How often in a row the PBX did not know.
    unknown: u32,
    /// So many probes are let go by.
    rests: u32,
}

impl Rhythm {
    /// Whether one is to be asked now that a probe goes out.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_old = |(_, at): (u64, Instant)| now.since(at) >= FORGOTTEN;
        if !self.asked.is_none_or(is_old) {
            return false;
        }
        let is_due = self.rests == 0;
        self.rests = self.rests.saturating_sub(1);
        is_due
    }

    /// It was asked by this number; `None`: it could not be.
    pub(crate) fn ask(&mut self, now: Instant, number: Option<u64>) {
        self.asked = number.map(|number| (number, now));
    }

    /// The answer to this number has come, or none will. When it was asked, if it is the one.
    pub(crate) fn take(&mut self, number: u64) -> Option<Instant> {
        let asked = self.asked.take_if(|(own, _)| *own == number);
        asked.map(|(_, at)| at)
    }

    /// Whether the PBX knew it. One that never knows is asked more and more seldom: it may not answer as it should.
    pub(crate) fn judge(&mut self, is_known: bool) {
        if is_known {
            (self.unknown, self.rests) = (0, 0);
            return;
        }
        self.unknown = self.unknown.saturating_add(1).min(MOST_RESTS);
        self.rests = (1_u32 << self.unknown).saturating_sub(1);
    }
}

impl Shares {
    /// A question to the PBX; its number.
    pub(crate) fn question(&mut self, of: Question) -> u64 {
        let number = self.number();
        self.questions.insert(number, of);
        number
    }
}

/// A question that is older is not waited for: longer than a transaction lasts (64 T1, RFC 3261 17.1.2.2).
const FORGOTTEN: Duration = Duration::from_secs(60);
/// At the most every 1,024th probe has no question.
const MOST_RESTS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pbx_that_never_knows_is_asked_more_and_more_seldom_until_it_knows() {
        let now = Instant::from_micros(0);
        let mut rhythm = Rhythm::default();
        let mut probes = Vec::new();
        for number in 0..4 {
            let let_by = (0..).take_while(|_| !rhythm.is_due(now)).count();
            probes.push(let_by);
            rhythm.ask(now, Some(number));
            assert_eq!(rhythm.take(number), Some(now));
            rhythm.judge(number == 2);
        }
        assert_eq!(probes, [0, 1, 3, 0]);
    }

    #[test]
    fn one_is_asked_at_a_time_and_a_question_that_was_lost_blocks_nothing_for_good() {
        let mut rhythm = Rhythm::default();
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        assert!(rhythm.is_due(at(0)));
        rhythm.ask(at(0), Some(7));
        assert!(!rhythm.is_due(at(1)));
        assert_eq!(rhythm.take(8), None);
        assert!(rhythm.is_due(at(61)));
        rhythm.ask(at(61), None);
        assert!(rhythm.is_due(at(62)));
    }
}
