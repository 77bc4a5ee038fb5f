//! What all views share: blanks, tokens, quoted strings, percent escapes (RFC 3261 25.1).

use crate::seek;
pub(crate) use crate::text::{is_lws as is_blank, is_token, is_token_byte, trim};
use std::borrow::Cow;

/// Without the blanks at the front.
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_blank(*first) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// Splits `bytes` before the first byte that is not one of `kind`.
pub(crate) fn take_while(bytes: &[u8], kind: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&b| !kind(b)).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, b""))
}

/// Splits before the first `stop`.
#[inline]
pub(crate) fn split_before(bytes: &[u8], stop: u8) -> (&[u8], &[u8]) {
    let at = seek::find(stop, bytes).unwrap_or(bytes.len());
    bytes.split_at_checked(at).unwrap_or((bytes, b""))
}

/// Splits at the first `separator`, which is in neither part.
#[inline]
pub(crate) fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = seek::find(separator, bytes)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

/// The quoted string at the front, quotes included, and what follows it. `None` if there is none or
/// it does not end.
pub(crate) fn quoted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (b'"', inside) = bytes.split_first()? else {
        return None;
    };
    let mut rest = inside;
    loop {
        let hit = seek::find2(b'"', b'\\', rest)?;
        match rest.get(hit..)? {
            [b'"', behind @ ..] => {
                return bytes.split_at_checked(bytes.len().wrapping_sub(behind.len()));
            }
            [_, _, behind @ ..] => rest = behind,
            _ => return None,
        }
    }
}

/// The text between the quotes of a quoted string; `None` if it is not one as a whole.
pub(crate) fn between_quotes(bytes: &[u8]) -> Option<&[u8]> {
    let (all, rest) = quoted(bytes)?;
    let inside = all.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    rest.is_empty().then_some(inside)
}

/// Where the first `separator` outside quotes and angle brackets is; a quote or bracket that does not
/// end hides all that follows.
pub(crate) fn find_outside(bytes: &[u8], separator: u8) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        let hit = at.checked_add(seek::find3(separator, b'"', b'<', bytes.get(at..)?)?)?;
        let rest = bytes.get(hit..)?;
        let skip = match rest.first()? {
            b'"' => quoted(rest)?.0.len(),
            b'<' => seek::find(b'>', rest)?,
            _ => return Some(hit),
        };
        at = hit.checked_add(skip)?;
    }
}

/// Resolves quoted pairs (RFC 3261 25.1 `quoted-pair`); a backslash at the very end stays.
pub(crate) fn unescape_pairs(text: &[u8]) -> Cow<'_, [u8]> {
    if !seek::has(b'\\', text) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.push(bytes.next().unwrap_or(b'\\')),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// A byte of a percent-escaped text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// It stands as it is.
    Plain(u8),
    /// It stands as `%XX`.
    Escaped(u8),
}

/// Reads a text byte by byte, `%XX` as one. An incomplete escape is read as it stands.
pub(crate) fn units(text: &[u8]) -> impl Iterator<Item = Unit> + '_ {
    let mut rest = text;
    std::iter::from_fn(move || {
        if let [b'%', high, low, tail @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            rest = tail;
            return Some(Unit::Escaped(high << 4 | low));
        }
        let (first, tail) = rest.split_first()?;
        rest = tail;
        Some(Unit::Plain(*first))
    })
}

/// Whether every `%` starts an escape of two hex digits.
pub(crate) fn escapes_are_whole(text: &[u8]) -> bool {
    !seek::has(b'%', text) || units(text).all(|unit| unit != Unit::Plain(b'%'))
}

/// The value of a hex digit.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a').and_then(|v| v.checked_add(10)),
        b'A'..=b'F' => digit.checked_sub(b'A').and_then(|v| v.checked_add(10)),
        _ => None,
    }
}
