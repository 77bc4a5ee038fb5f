//! Which line a place in a text is in, found without counting from the top each time: a file of users
//! may have hundreds of thousands of lines, and every value is asked for its own.

use std::ops::Range;

/// Where the lines of a text end.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    /// Those of `text`.
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(end, _)| end).collect())
    }

    /// The line, from 1, in which `span` begins. A line break belongs to the line that it ends.
    pub(super) fn at(&self, span: &Range<usize>) -> usize {
        let before = self.0.partition_point(|end| *end < span.start);
        before.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_the_line_after_as_many_breaks_as_stand_before_it() {
        let text = "a\n\nbc\nd";
        let lines = Lines::of(text);
        for at in 0..=text.len() {
            let breaks = text[..at].matches('\n').count();
            assert_eq!(lines.at(&(at..at)), breaks + 1, "{at}");
        }
    }
}
