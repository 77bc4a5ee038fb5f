//! Finding octets from place to place, sixty-four looked at in one go: a text that is walked in short steps
//! has most of what is looked for within what was looked at before.

use crate::{
    lanes::{Hits, Lanes},
    seek,
};
use std::marker::PhantomData;

/// What is looked for.
pub(crate) trait Wanted {
    /// Which of sixteen octets it is.
    fn among(lanes: Lanes) -> Hits;
}

/// Finds what is wanted, always further on.
pub(crate) struct Finder<'b, W> {
    bytes: &'b [u8],
    wanted: PhantomData<W>,
    /// Where the octets begin that were looked at.
    base: usize,
    /// A bit for each of them that is a hit.
    hits: u64,
}

impl<'b, W: Wanted> Finder<'b, W> {
    /// Those of a text.
    #[inline(always)]
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            wanted: PhantomData,
            // None was looked at yet.
            base: 0_usize.wrapping_sub(WINDOW),
            hits: 0,
        }
    }

    /// The text.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Where the first is that does not stand before `from`; the end of the text if there is none.
    #[inline(always)]
    pub(crate) fn next(&mut self, from: usize) -> usize {
        let mut at = from;
        loop {
            let behind = at.wrapping_sub(self.base);
            if behind < WINDOW {
                let hits = self.hits >> behind;
                if hits != 0 {
                    return at.wrapping_add(hits.trailing_zeros() as usize);
                }
                at = self.base.wrapping_add(WINDOW);
            }
            if at >= self.bytes.len() {
                return self.bytes.len();
            }
            self.base = at;
            self.hits = window(self.bytes, at, W::among);
        }
    }

    /// As [`Finder::next`], for where most of what is looked for is near.
    #[inline(always)]
    pub(crate) fn near(&mut self, from: usize) -> usize {
        let behind = from.wrapping_sub(self.base);
        if behind < WINDOW {
            let hits = self.hits >> behind;
            if hits != 0 {
                return from.wrapping_add(hits.trailing_zeros() as usize);
            }
        }
        self.further(from)
    }

    #[inline(never)]
    fn further(&mut self, from: usize) -> usize {
        self.next(from)
    }
}

/// A bit for each hit among the sixty-four octets from `base` on, or as many as there are.
#[inline(always)]
fn window(bytes: &[u8], base: usize, is_hit: impl Fn(Lanes) -> Hits) -> u64 {
    let octets = bytes.get(base..).unwrap_or_default();
    if let Some(whole) = octets.first_chunk::<WINDOW>() {
        return seek::bits(whole, is_hit);
    }
    last(bytes, octets.len(), is_hit)
}

/// As [`window`], where there are fewer than sixty-four.
#[inline(never)]
fn last(bytes: &[u8], few: usize, is_hit: impl Fn(Lanes) -> Hits) -> u64 {
    match bytes.last_chunk::<WINDOW>() {
        // Together with some before them, which are shifted out.
        Some(last) if few > 0 => seek::bits(last, is_hit) >> WINDOW.wrapping_sub(few),
        _ => seek::bits(bytes, is_hit) >> (bytes.len().wrapping_sub(few) & 63),
    }
}

const WINDOW: usize = 64;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Low;

    impl Wanted for Low {
        fn among(lanes: Lanes) -> Hits {
            lanes.at_most(b'\r')
        }
    }

    proptest! {
        #[test]
        fn each_hit_is_found_wherever_one_looks_from(
            bytes in proptest::collection::vec(prop_oneof![4 => 14..=255_u8, 1 => 0..16_u8], 0..300),
            first in 0..80_usize,
            steps in proptest::collection::vec(0..120_usize, 0..12),
        ) {
            let mut finder = Finder::<Low>::new(&bytes);
            let mut from = first;
            for step in steps {
                if from <= bytes.len() {
                    let mut rest = bytes[from..].iter();
                    let expected = rest.position(|b| *b <= b'\r').map_or(bytes.len(), |at| from + at);
                    let found = if step % 2 == 0 { finder.next(from) } else { finder.near(from) };
                    prop_assert_eq!(found, expected);
                }
                from += step;
            }
        }
    }
}
