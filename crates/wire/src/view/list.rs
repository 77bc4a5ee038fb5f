//! Splitting comma-separated header values.

use super::scan::{find_outside, trim, trim_start};
use crate::seek;

/// Splits at commas outside quotes and angle brackets; yields (offset, element without the blanks
/// around it), empty elements skipped. A quote or bracket that does not end takes the rest with it.
pub fn split(value: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let rest = value.get(at..)?;
            // Most values are one, and hold no comma at all.
            let end = if seek::has(b',', rest) {
                find_outside(rest, b',').unwrap_or(rest.len())
            } else {
                rest.len()
            };
            let element = trim_start(rest.get(..end)?);
            at = at.saturating_add(end);
            let offset = at.saturating_sub(element.len());
            at = at.saturating_add(1);
            let element = trim(element);
            if !element.is_empty() {
                return Some((offset, element));
            }
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn elements(value: &str) -> Vec<&str> {
        split(value.as_bytes())
            .map(|(_, element)| std::str::from_utf8(element).unwrap())
            .collect()
    }

    #[test]
    fn commas_separate_and_blanks_and_folds_are_taken_off() {
        assert_eq!(elements("a,b ,\r\n\tc"), ["a", "b", "c"]);
        assert_eq!(elements("  alone "), ["alone"]);
    }

    #[test]
    fn commas_in_quotes_and_brackets_do_not_separate() {
        assert_eq!(
            elements("\"Bell, \\\"A\\\", <\" <sip:a,b@h>;x=\"1,2\", <sip:c@h>"),
            ["\"Bell, \\\"A\\\", <\" <sip:a,b@h>;x=\"1,2\"", "<sip:c@h>"]
        );
        assert_eq!(elements("<sip:a\"b,c@h>, d"), ["<sip:a\"b,c@h>", "d"]);
    }

    #[test]
    fn empty_elements_are_skipped() {
        assert_eq!(elements(""), Vec::<&str>::new());
        assert_eq!(elements(" ,, a, ,"), ["a"]);
    }

    #[test]
    fn an_open_quote_takes_the_rest() {
        assert_eq!(elements("a, \"b, c"), ["a", "\"b, c"]);
        assert_eq!(elements("a, <b, c"), ["a", "<b, c"]);
    }

    proptest! {
        #[test]
        fn every_element_stands_at_its_offset(value in "[ab,\"<>\\\\ \r\n]{0,40}") {
            for (offset, element) in split(value.as_bytes()) {
                prop_assert_eq!(&value.as_bytes()[offset..offset + element.len()], element);
            }
        }
    }
}
