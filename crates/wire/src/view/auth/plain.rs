//! Parameters of credentials as nearly all are written, read without a look at each octet.

use super::known::known;
use crate::{
    lanes::{Hits, Lanes},
    seek,
    view::params::ends_value,
    window::{Finder, Wanted},
};

/// As [`super::parameter`], at one place of a list, for a parameter that is known and whose value stands right behind
/// its equals sign, in quotes without a quoted pair or in none; `None` for any other. Gives which one it is,
/// its value, and the place behind it.
#[inline(always)]
pub(super) fn plain<'a>(
    list: &'a [u8],
    at: usize,
    equals: &mut Finder<'a, Equals>,
    quotes: &mut Finder<'a, Quotes>,
) -> Option<(usize, &'a [u8], usize)> {
    let end = equals.near(at);
    // What is known is a token.
    let known = known(list.get(at..end)?)?;
    let from = end.wrapping_add(1);
    let (value, behind) = if list.get(from) == Some(&b'"') {
        let from = from.wrapping_add(1);
        let close = quotes.near(from);
        if list.get(close) != Some(&b'"') {
            return None;
        }
        (list.get(from..close)?, close.wrapping_add(1))
    } else {
        let value = list.get(from..)?;
        let length = seek::find_by(value, ends_value).unwrap_or(value.len());
        if length == 0 {
            return None;
        }
        (value.get(..length)?, from.wrapping_add(length))
    };
    matches!(list.get(behind), None | Some(b',')).then_some((known, value, behind))
}

/// The equals sign.
pub(super) struct Equals;

impl Wanted for Equals {
    #[inline(always)]
    fn among(lanes: Lanes) -> Hits {
        lanes.is(b'=')
    }
}

/// What ends a quoted string or a part of it.
pub(super) struct Quotes;

impl Wanted for Quotes {
    #[inline(always)]
    fn among(lanes: Lanes) -> Hits {
        lanes.is(b'"') | lanes.is(b'\\')
    }
}
