//! Texts of hexadecimal digits that were seen, found again in what comes: digests and signed users.

use std::collections::{BTreeSet, HashSet};

/// A set of texts, made to be looked for in a message.
#[derive(Default)]
pub(super) struct HexTexts {
    all: HashSet<Vec<u8>>,
    lengths: BTreeSet<usize>,
    order: Vec<String>,
}

impl HexTexts {
    pub(super) fn insert(&mut self, text: &str) {
        if self.all.insert(text.to_ascii_lowercase().into_bytes()) {
            self.lengths.insert(text.len());
            self.order.push(text.to_owned());
        }
    }

    /// One of the last 256.
    pub(super) fn recent(&self, nth: u8) -> Option<&str> {
        let last = self.order.len().checked_sub(1)?;
        let at = last - usize::from(nth) % self.order.len().min(256);
        self.order.get(at).map(String::as_str)
    }

    /// Whether one of them stands anywhere in these bytes, in either case.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        let Some(least) = self.lengths.first() else {
            return false;
        };
        let lower = bytes.to_ascii_lowercase();
        lower
            .split(|b| !b.is_ascii_hexdigit())
            .filter(|run| run.len() >= *least)
            .any(|run| {
                self.lengths
                    .iter()
                    .any(|length| run.windows(*length).any(|part| self.all.contains(part)))
            })
    }
}
