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
    let (known, from) = match usual(list.get(at..)?) {
        Some((known, length)) => (known, at.wrapping_add(length)),
        None => {
            let end = equals.near(at);
            // What is known is a token.
            (known(list.get(at..end)?)?, end.wrapping_add(1))
        }
    };
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

/// Which parameter stands at the front in lower case with its equals sign, as nearly all write it, and how
/// long both are.
#[inline(always)]
fn usual(rest: &[u8]) -> Option<(usize, usize)> {
    let is = |known: usize, text: &[u8]| rest.starts_with(text).then_some((known, text.len()));
    match rest.first()? {
        b'u' => is(0, b"username=").or_else(|| is(3, b"uri=")),
        b'r' => is(1, b"realm=").or_else(|| is(4, b"response=")),
        b'n' => is(2, b"nonce=").or_else(|| is(9, b"nc=")),
        b'a' => is(5, b"algorithm="),
        b'c' => is(6, b"cnonce="),
        b'o' => is(7, b"opaque="),
        b'q' => is(8, b"qop="),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::auth::KNOWN;

    #[test]
    fn each_known_name_is_told_at_the_front_and_nothing_that_only_begins_so() {
        for (at, name) in KNOWN.iter().enumerate() {
            let text = format!("{name}=\"x\"");
            assert_eq!(usual(text.as_bytes()), Some((at, name.len() + 1)));
            assert_eq!(usual(format!("{name} =x").as_bytes()), None);
            assert_eq!(usual(format!("{name}x=x").as_bytes()), None);
            assert_eq!(usual(name.as_bytes()), None);
        }
        assert_eq!(usual(b""), None);
    }
}
