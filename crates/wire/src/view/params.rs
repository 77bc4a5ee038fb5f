//! Parameters behind semicolons: `;name`, `;name=value`, `;name="quoted"`.

use super::scan::{
    between_quotes, find_outside, is_token, is_token_byte, quoted, split_once, take_while, trim,
    unescape_pairs,
};
use crate::lanes::{Hits, Lanes};
use crate::{seek, text};
use std::borrow::Cow;

/// A parameter list as it stands, from its first semicolon (may be empty). Names compare without case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params<'a> {
    /// The raw text.
    pub raw: &'a [u8],
}

/// One parameter; `value` is raw (quotes included), `None` for a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name as it stands.
    pub name: &'a [u8],
    /// Its value as it stands, quotes included.
    pub value: Option<&'a [u8]>,
}

impl<'a> Params<'a> {
    /// All parameters in order; semicolons inside quotes and angle brackets do not separate. Empty
    /// ones (`;;`) are skipped.
    pub fn iter(self) -> impl Iterator<Item = Param<'a>> {
        self.each()
            .map(|(param, _)| param)
            .filter(|param| !param.name.is_empty() || param.value.is_some())
    }

    /// Whether the parameter stands there, with or without a value.
    pub fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The first such parameter's raw value; `None` if absent or without a value.
    pub fn value(self, name: &str) -> Option<&'a [u8]> {
        self.find(name)?.value
    }

    /// As [`Params::value`] with quotes taken off and quoted pairs resolved.
    pub fn unquoted(self, name: &str) -> Option<Cow<'a, [u8]>> {
        let value = self.value(name)?;
        Some(match between_quotes(value) {
            Some(inside) => unescape_pairs(inside),
            None => Cow::Borrowed(value),
        })
    }

    /// The first parameter of this name.
    fn find(self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|param| param.is(name))
    }

    /// Whether this is a list of header parameters (RFC 3261 25.1 `generic-param`; values may hold
    /// any visible byte, as deployed branches and addresses do) in which `once` stands once at most, and
    /// with a value (`tag-param`, `via-branch`): beside a bare `tag` there would be room for a second.
    /// `None` if it is not one, else the value of `once`.
    pub(crate) fn well_formed(self, once: &str) -> Option<Option<&'a [u8]>> {
        self.well_formed_with(once, |_| {})
    }

    /// As [`Params::well_formed`], showing each of the others.
    #[inline(always)]
    pub(crate) fn well_formed_with(
        self,
        once: &str,
        mut other: impl FnMut(Param<'a>),
    ) -> Option<Option<&'a [u8]>> {
        let mut seen = None;
        let mut rest = self.raw;
        while !rest.is_empty() {
            let bytes = rest.strip_prefix(b";")?;
            // What nearly all write, known without reading its name octet by octet.
            if seen.is_none()
                && let Some((value, behind)) = Param::valued(bytes, once)
            {
                (seen, rest) = (Some(value), behind);
                continue;
            }
            let param;
            (param, rest) = Param::plain(bytes).or_else(|| Param::sound(bytes))?;
            if param.is(once) {
                if seen.is_some() {
                    return None;
                }
                seen = Some(param.value?);
            } else {
                other(param);
            }
        }
        Some(seen)
    }

    /// What stands between the semicolons, empty ones too, and whether it was read by [`Param::plain`].
    pub(crate) fn each(self) -> impl Iterator<Item = (Param<'a>, bool)> {
        let mut rest = self.raw.strip_prefix(b";");
        std::iter::from_fn(move || {
            let bytes = rest?;
            if let Some((param, behind)) = Param::plain(bytes) {
                rest = behind.strip_prefix(b";");
                return Some((param, true));
            }
            let (param, behind) = Param::split(bytes);
            rest = behind.strip_prefix(b";");
            Some((param, false))
        })
    }
}

impl<'a> Param<'a> {
    /// Reads the parameter at the front in one pass, and gives what follows. `None` if it is not a token,
    /// alone or with a value of visible octets that separate nothing: it may still be sound.
    #[inline]
    pub(crate) fn plain(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (name, rest) = take_while(bytes, is_token_byte);
        let (value, rest) = match rest {
            [b'=', value @ ..] => {
                let end = seek::find_by(value, separates).unwrap_or(value.len());
                let (value, rest) = value.split_at_checked(end)?;
                (Some(value), rest)
            }
            _ => (None, rest),
        };
        let ends = matches!(rest, [] | [b';', ..]);
        (ends && !name.is_empty()).then_some((Self { name, value }, rest))
    }

    /// Reads the value of the parameter at the front as [`Param::plain`] does, if its name is written just so, and
    /// gives what follows.
    #[inline(always)]
    fn valued(bytes: &'a [u8], name: &str) -> Option<(&'a [u8], &'a [u8])> {
        let value = bytes.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        let end = seek::find_by(value, separates).unwrap_or(value.len());
        let (value, rest) = value.split_at_checked(end)?;
        matches!(rest, [] | [b';', ..]).then_some((value, rest))
    }

    /// Reads the parameter at the front if it is a `generic-param`, and gives what follows.
    #[cold]
    fn sound(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (param, rest) = Self::split(bytes);
        let shaped = is_token(param.name) && param.value.is_none_or(is_value);
        shaped.then_some((param, rest))
    }

    /// Reads whatever stands at the front up to the next semicolon, and gives what follows.
    #[cold]
    pub(crate) fn split(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let end = find_outside(bytes, b';').unwrap_or(bytes.len());
        let (segment, rest) = bytes.split_at_checked(end).unwrap_or((bytes, b""));
        (Self::of(segment), rest)
    }

    /// Reads what stands between two semicolons.
    pub(crate) fn of(segment: &'a [u8]) -> Self {
        match split_once(segment, b'=') {
            Some((name, value)) => Self {
                name: trim(name),
                value: Some(trim(value)),
            },
            None => Self {
                name: trim(segment),
                value: None,
            },
        }
    }

    /// Whether this is its name, in any case.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name.len() == name.len() && text::same_without_case(self.name, name.as_bytes())
    }
}

/// Those that separate values or can stand in none.
#[inline(always)]
pub(crate) fn ends_value(lanes: Lanes) -> Hits {
    lanes.at_most(b' ') | lanes.is(0x7f) | lanes.is(b'"') | lanes.is(b',') | seek::bracket(lanes)
}

/// Those that separate values or parameters or can stand in no value.
#[inline(always)]
fn separates(lanes: Lanes) -> Hits {
    ends_value(lanes) | lanes.is(b';')
}

/// A quoted string, a bracketed URI, or visible bytes that separate nothing.
pub(crate) fn is_value(value: &[u8]) -> bool {
    match value.first() {
        Some(b'"') => quoted(value).is_some_and(|(_, rest)| rest.is_empty()),
        Some(b'<') => value.iter().position(|&b| b == b'>') == value.len().checked_sub(1),
        _ => !seek::any_by(value, ends_value),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn params(raw: &str) -> Params<'_> {
        Params {
            raw: raw.as_bytes(),
        }
    }

    #[test]
    fn parameters_are_read_in_order_with_blanks_and_folds_around_them() {
        let read: Vec<_> = params(";tag = a ;\r\n lr; q\t=\r\n 0.5")
            .iter()
            .map(|p| (p.name, p.value))
            .collect();
        let want: [(&[u8], Option<&[u8]>); 3] =
            [(b"tag", Some(b"a")), (b"lr", None), (b"q", Some(b"0.5"))];
        assert_eq!(read, want);
    }

    #[test]
    fn semicolons_in_quotes_and_brackets_do_not_separate() {
        let list = params(";a=\"x;b=1\\\";c=2\";d=<sip:u;e=3@h>;f");
        assert_eq!(list.iter().count(), 3);
        assert!(!list.has("b") && !list.has("c") && !list.has("e"));
        assert!(list.has("f"));
    }

    #[test]
    fn names_compare_without_case_and_the_first_counts() {
        let list = params(";Tag=1;TAG=2");
        assert_eq!(list.value("tag"), Some(&b"1"[..]));
    }

    #[test]
    fn a_flag_is_there_but_has_no_value() {
        assert!(params(";lr").has("LR"));
        assert_eq!(params(";lr").value("lr"), None);
        assert_eq!(params(";lr=").value("lr"), Some(&b""[..]));
        assert!(!params("").has("lr"));
    }

    #[test]
    fn quotes_come_off_and_pairs_are_resolved() {
        let list = params(";a=\"x \\\"y\\\\\";b=plain");
        assert_eq!(list.unquoted("a").unwrap().as_ref(), b"x \"y\\");
        assert_eq!(list.unquoted("b").unwrap().as_ref(), b"plain");
        assert_eq!(list.unquoted("c"), None);
    }

    #[test]
    fn a_well_formed_list_has_no_gaps_no_open_quotes_nothing_twice_and_no_bare_tag() {
        for good in [
            "",
            ";a",
            "; a = \"b;,<\" ;c=d:e/f=g",
            ";r=2001:db8::1",
            ";u=<urn:x>",
        ] {
            assert!(params(good).well_formed("tag").is_some(), "{good}");
        }
        for bad in [
            ";",
            ";;a",
            ";a;",
            "a",
            ";a b",
            ";a=b c",
            ";a=\"b",
            ";a=\"b\"c",
            ";a=b\"c\"",
            ";=a",
            ";a=<b",
            ";a=<b>c",
            ";a=b,c",
            ";a\"b",
            ";a=\u{1}",
            ";tag=1;TAG=2",
            ";tag",
            ";a;tag ;b",
        ] {
            assert_eq!(params(bad).well_formed("tag"), None, "{bad}");
        }
    }

    /// The texts between semicolons, as they stand.
    fn segments(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = raw.strip_prefix(b";");
        std::iter::from_fn(move || {
            let bytes = rest?;
            let end = find_outside(bytes, b';').unwrap_or(bytes.len());
            rest = bytes.get(end.saturating_add(1)..);
            bytes.get(..end)
        })
    }

    proptest! {
        #[test]
        fn read_in_one_pass_or_segment_by_segment_they_are_the_same(
            raw in "(;[ab]{0,2}(=[ab=;,\"<>\\\\ \u{1}\u{e9}\u{7f}]{0,3})?){0,4}"
        ) {
            let list = params(&raw);
            let whole = |param: &Param<'_>| is_token(param.name) && param.value.is_none_or(is_value);
            let slowly: Vec<_> = segments(list.raw).map(Param::of).collect();
            let each: Vec<_> = list.each().collect();
            prop_assert!(each.iter().all(|(param, plain)| !plain || whole(param)));
            prop_assert_eq!(each.into_iter().map(|(param, _)| param).collect::<Vec<_>>(), slowly);
        }
    }
}
