//! What the tests' output adds up to.

use std::fmt;

/// Counts over all test programs. Displays as the command's closing line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    /// The names of the failed tests.
    pub(super) failures: Vec<String>,
}

impl Tally {
    /// Takes a line of a test program's output.
    pub(super) fn take(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed = self.passed.saturating_add(number_before(counts, " passed"));
            self.failed = self.failed.saturating_add(number_before(counts, " failed"));
            self.skipped = self
                .skipped
                .saturating_add(number_before(counts, " ignored"));
        } else if let Some(test) = line.strip_prefix("test ")
            && let Some(name) = test.strip_suffix(" ... FAILED")
        {
            self.failures.push(name.to_owned());
        }
    }

    /// Takes the lines of those tests that skipped themselves: their programs
    /// counted them as passed. A test counts once, whatever it missed.
    pub(super) fn take_skips(&mut self, lines: &str) {
        let mut names: Vec<&str> = lines
            .lines()
            .filter_map(|line| line.strip_prefix("SKIPPED "))
            .map(|line| line.split_once(": ").map_or(line, |(name, _)| name))
            .collect();
        names.sort_unstable();
        names.dedup();
        self.passed = self.passed.saturating_sub(names.len());
        self.skipped = self.skipped.saturating_add(names.len());
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

fn number_before(text: &str, word: &str) -> usize {
    let before = text.split_once(word).map_or("", |(before, _)| before);
    before
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test a::b ... ok
test a::c ... FAILED
test result: FAILED. 11 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn the_closing_line_adds_up_all_programs() {
        let mut tally = Tally::default();
        OUTPUT.lines().for_each(|line| tally.take(line));
        assert_eq!(tally.to_string(), "15 passed, 1 failed, 2 skipped");
        assert_eq!(tally.failures, ["a::c"]);
    }

    #[test]
    fn a_test_that_skipped_itself_did_not_pass_and_counts_once() {
        let mut tally = Tally {
            passed: 5,
            ..Tally::default()
        };
        tally.take_skips("SKIPPED a: no lab\nSKIPPED b: no lab\nSKIPPED a: no sipp\n");
        assert_eq!(tally.to_string(), "3 passed, 0 failed, 2 skipped");
    }
}
