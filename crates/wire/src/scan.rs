//! Lines of a message head as they stand: their ends, folds and stray control octets.

use crate::{
    HeaderId,
    lanes::{Hits, Lanes},
    seek, text,
    window::{Finder, Wanted},
};

/// One line with its folds (RFC 3261 7.3.1), as offsets into the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawLine {
    /// Just behind the last octet of the line, its line end not included.
    pub(crate) end: usize,
    /// Where the next line starts.
    pub(crate) next: usize,
    /// It has a CR without LF inside, or a NUL that is no quoted pair of a quoted string.
    pub(crate) stray: bool,
    /// It ends with LF alone.
    pub(crate) bare: bool,
}

/// A header line as nearly all are: a name of fifteen octets at most, its colon right behind it, one blank
/// and a value without blanks around it; CRLF, and no fold. As offsets into the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual {
    pub(crate) id: HeaderId,
    /// Length of the name.
    pub(crate) name: usize,
    /// Where the value starts.
    pub(crate) value: usize,
    /// Just behind the value.
    pub(crate) end: usize,
}

/// The header line that starts at `start` if it is a usual one; else [`line`] and [`name`] tell.
#[inline(always)]
pub(crate) fn usual(start: usize, controls: &mut Controls<'_>) -> Option<Usual> {
    let bytes = controls.bytes();
    let first = bytes.get(start..)?.first_chunk::<16>()?;
    let lanes = Lanes::of(first);
    let name = lanes.is(b':').bits().trailing_zeros() as usize;
    let id = match HeaderId::at_front(first, lanes, name) {
        Some(id) => id,
        None if first.get(..name).is_some_and(text::is_token) => HeaderId::Other,
        None => return None,
    };
    // A name holds no control octet.
    let end = controls.next(start);
    let blank = start.wrapping_add(name).wrapping_add(1);
    match bytes.get(blank..end.checked_add(3)?)? {
        [b' ', first, .., last, b'\r', b'\n', after]
            if *first > b' ' && *last > b' ' && !matches!(after, b' ' | b'\t') => {}
        [b' ', only, b'\r', b'\n', after] if *only > b' ' && !matches!(after, b' ' | b'\t') => {}
        _ => return None,
    }
    Some(Usual {
        id,
        name,
        value: blank.wrapping_add(1),
        end,
    })
}

/// The line at the front; `None` if it does not end.
#[inline(always)]
pub(crate) fn first_line(bytes: &[u8], controls: &mut Controls<'_>) -> Option<RawLine> {
    let end = controls.near(0);
    if !bytes.get(end..)?.starts_with(b"\r\n") {
        return line(bytes, 0, false);
    }
    Some(RawLine {
        end,
        next: end.wrapping_add(2),
        stray: false,
        bare: false,
    })
}

/// The line that starts at `start`; `None` if no line end follows. An empty line and a line that ends
/// with LF alone are never folded on.
#[inline(always)]
pub(crate) fn line(bytes: &[u8], start: usize, folds: bool) -> Option<RawLine> {
    let text = bytes.get(start..)?;
    let length = seek::find_below::<CONTROL>(text)?;
    match text.get(length..)? {
        [b'\r', b'\n', after @ ..] if !(folds && length > 0 && starts_blank(after)) => {
            let end = start.wrapping_add(length);
            Some(RawLine {
                end,
                next: end.wrapping_add(2),
                stray: false,
                bare: false,
            })
        }
        _ => odd_line(bytes, start, folds),
    }
}

/// As [`line`], for one with folds, stray octets or a bare LF. Apart from the common case, which it
/// would make slower.
#[cold]
#[inline(never)]
#[allow(
    clippy::arithmetic_side_effects,
    reason = "offsets into one slice, at most two past its end"
)]
fn odd_line(bytes: &[u8], start: usize, folds: bool) -> Option<RawLine> {
    let mut at = start;
    let mut stray = false;
    let mut quotes = Quotes::default();
    loop {
        let hit = at + seek::find_below::<CONTROL>(bytes.get(at..)?)?;
        match bytes.get(hit..)? {
            [b'\r', b'\n', after @ ..] => {
                let next = hit + 2;
                if folds && hit > start && starts_blank(after) {
                    at = next;
                    continue;
                }
                return Some(RawLine {
                    end: hit,
                    next,
                    stray,
                    bare: false,
                });
            }
            [b'\n', ..] => {
                return Some(RawLine {
                    end: hit,
                    next: hit + 1,
                    stray,
                    bare: true,
                });
            }
            [0, ..] => {
                let line = bytes.get(start..hit).unwrap_or_default();
                stray |= !quotes.escape_next(line);
            }
            [b'\r', ..] => stray = true,
            _ => {}
        }
        at = hit + 1;
    }
}

fn starts_blank(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(b' ' | b'\t'))
}

/// Below this are NUL, LF, CR and octets that hardly ever stand in a line.
const CONTROL: u8 = b'\r' + 1;

/// The octets below [`CONTROL`].
pub(crate) struct Control;

pub(crate) type Controls<'b> = Finder<'b, Control>;

impl Wanted for Control {
    #[inline(always)]
    fn among(lanes: Lanes) -> Hits {
        lanes.at_most(CONTROL - 1)
    }
}

/// What the name of the header line at the front means, its length, and that of everything up to and with
/// its colon (RFC 3261 25.1 `HCOLON`: only SP and HTAB may stand between). `None` if the name is not a
/// token.
#[inline]
pub(crate) fn name(line: &[u8]) -> Option<(HeaderId, usize, usize)> {
    let colon = seek::find(b':', line)?;
    let mut name = line.get(..colon)?;
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    let id = HeaderId::of(name);
    // A name that is known is a token.
    (id != HeaderId::Other || text::is_token(name)).then_some((
        id,
        name.len(),
        colon.wrapping_add(1),
    ))
}

/// Walks a line for quoted strings, every octet once. A quoted pair (RFC 3261 25.1 `quoted-pair`) is
/// the one place where a NUL may stand (RFC 4475 3.1.1.2).
#[derive(Default)]
struct Quotes {
    walked: usize,
    quoted: bool,
    escaped: bool,
}

impl Quotes {
    /// Whether the octet behind `line`, which is longer than at the last call, is a pair's second.
    fn escape_next(&mut self, line: &[u8]) -> bool {
        for octet in line.get(self.walked..).unwrap_or_default() {
            match octet {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.quoted,
                b'"' => self.quoted = !self.quoted,
                _ => {}
            }
        }
        self.walked = line.len();
        self.escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blanks_may_stand_between_name_and_colon() {
        for octet in 0..=u8::MAX {
            let text = [b'T', b'o', octet, b':', b'x'];
            let expected = match octet {
                b' ' | b'\t' => Some((2, 4)),
                b':' => Some((2, 3)),
                token if text::is_token_byte(token) => Some((3, 4)),
                _ => None,
            };
            assert_eq!(
                name(&text).map(|(_, name, colon)| (name, colon)),
                expected,
                "octet {octet:#04x}"
            );
        }
    }

    #[test]
    fn a_line_without_name_or_colon_has_no_name() {
        for bad in [&b""[..], b":", b" To: x", b"To", b"To ", b"To\r\n : x"] {
            assert!(name(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn folds_belong_to_the_line_but_not_behind_the_empty_line() {
        let bytes = b"A: b\r\n c\r\n\td\r\n\r\n body\r\n";
        let first = line(bytes, 0, true).unwrap();
        assert_eq!((first.end, first.next), (12, 14));
        let empty = line(bytes, 14, true).unwrap();
        assert_eq!((empty.end, empty.next), (14, 16));
    }

    #[test]
    fn stray_octets_and_bare_line_feeds_are_told() {
        assert!(line(b"a\rb\r\n", 0, true).unwrap().stray);
        assert!(line(b"a\0b\r\n", 0, true).unwrap().stray);
        let bare = line(b"a\n b\r\n", 0, true).unwrap();
        assert!(bare.bare && bare.next == 2);
        assert!(line(b"a\r", 0, true).is_none());
    }

    #[test]
    fn a_nul_may_stand_in_a_quoted_pair_only() {
        for (text, stray) in [
            (&b"\"\\\0\"\r\n"[..], false),
            (b"\"\\\\\\\0\"\r\n", false),
            (b"\"\\\\\0\"\r\n", true),
            (b"\"\0\"\r\n", true),
            (b"\\\0\r\n", true),
            (b"\"\\\0\" \0\r\n", true),
            (b"\"\\\rx\"\r\n", true),
        ] {
            assert_eq!(line(text, 0, true).unwrap().stray, stray, "{text:?}");
        }
    }
}
