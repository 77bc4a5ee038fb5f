//! Octets and small texts: tokens, numbers, blanks, and appending to a buffer.

use crate::seek;
use smallvec::{Array, SmallVec};
use std::{fmt, net::IpAddr};

/// A buffer that text is appended to.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl<A: Array<Item = u8>> Sink for SmallVec<A> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Whether this octet may stand in a token (RFC 3261 25.1 `token`).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Whether this is a token.
#[inline(never)]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    // Most have only letters, digits and hyphens; what looking at them costs pays for the longer ones.
    let is_usual = || {
        !seek::any_by(bytes, |lanes| {
            !(lanes.within(b'0', b'9') | (lanes | 0x20).within(b'a', b'z') | lanes.is(b'-'))
        })
    };
    !bytes.is_empty() && (bytes.len() > 5 && is_usual() || bytes.iter().all(|b| is_token_byte(*b)))
}

/// Whether two short texts are the same but for the case of ASCII letters. Most are the same in case too,
/// so that is compared first, eight octets at a time and without a call.
#[inline]
pub(crate) fn same_without_case(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (same(a, b) || a.eq_ignore_ascii_case(b))
}

/// Whether two texts of one length are the same. The last octets are compared together with some before
/// them again.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if let (Some(a_last), Some(b_last)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        let (a_chunks, _) = a.as_chunks::<8>();
        let (b_chunks, _) = b.as_chunks::<8>();
        a_last == b_last && a_chunks.iter().zip(b_chunks).all(|(a, b)| a == b)
    } else if let (Some(a_last), Some(b_last)) = (a.last_chunk::<4>(), b.last_chunk::<4>()) {
        a_last == b_last && a.first_chunk::<4>() == b.first_chunk::<4>()
    } else {
        a.iter().zip(b).all(|(a, b)| a == b)
    }
}

/// The number of one or more digits and nothing else; larger than `u64::MAX` gives `u64::MAX`.
pub(crate) fn decimal(bytes: &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let digit = |byte: &u8| Some(u64::from(byte.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    let mut sum = digit(first)?;
    // Nineteen digits fit in any case.
    if bytes.len() < 20 {
        for byte in rest {
            sum = sum.wrapping_mul(10).wrapping_add(digit(byte)?);
        }
        return Some(sum);
    }
    rest.iter().try_fold(sum, |sum, byte| {
        Some(sum.saturating_mul(10).saturating_add(digit(byte)?))
    })
}

/// Whether this octet is a blank or part of a fold (RFC 3261 25.1 `LWS`).
pub(crate) const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The text without the blanks and folds before it.
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_lws(*first)
    {
        bytes = rest;
    }
    bytes
}

/// The text without the blanks and folds around it.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while let [rest @ .., last] = bytes
        && is_lws(*last)
    {
        bytes = rest;
    }
    bytes
}

/// What follows the quote that ends the quoted string (RFC 3261 25.1 `quoted-string`).
pub(crate) fn behind_quote(mut inside: &[u8]) -> &[u8] {
    loop {
        match inside {
            [] => return inside,
            [b'\\', _, tail @ ..] => inside = tail,
            [b'"', tail @ ..] => return tail,
            [_, tail @ ..] => inside = tail,
        }
    }
}

/// Whether the text can stand in a header line without ending it.
pub(crate) fn is_clean(bytes: &[u8]) -> bool {
    !seek::any_by(bytes, |lanes| {
        lanes.is(b'\r') | lanes.is(b'\n') | lanes.is(0)
    })
}

/// Appends a number in decimal digits.
pub(crate) fn put_decimal(sink: &mut impl Sink, number: u64) {
    let digit = |number: u64| b'0'.wrapping_add((number % 10) as u8);
    // A port, as most are.
    if (1_000..10_000).contains(&number) {
        let digits = [number / 1_000, number / 100, number / 10, number].map(digit);
        return sink.put(&digits);
    }
    let mut digits = [0_u8; 20];
    let mut from = digits.len();
    let mut number = number;
    for slot in digits.iter_mut().rev() {
        *slot = digit(number);
        number /= 10;
        from = from.wrapping_sub(1);
        if number == 0 {
            break;
        }
    }
    sink.put(digits.get(from..).unwrap_or_default());
}

/// Appends an address without brackets; an IPv4-mapped one as the IPv4 address it is.
pub(crate) fn put_ip(sink: &mut impl Sink, ip: IpAddr) {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let mut text = [0; 16];
            let mut end = 0_usize;
            for octet in v4.octets() {
                let number = NUMBERS.get(usize::from(octet)).unwrap_or(&[0; 4]);
                if let Some(slot) = text.get_mut(end..).and_then(<[u8]>::first_chunk_mut) {
                    *slot = *number;
                }
                let length = match octet {
                    0..10 => 2,
                    10..100 => 3,
                    _ => 4,
                };
                end = end.wrapping_add(length);
            }
            sink.put(text.get(..end.wrapping_sub(1)).unwrap_or_default());
        }
        IpAddr::V6(v6) => {
            let _ = fmt::write(&mut Adapter(sink), format_args!("{v6}"));
        }
    }
}

struct Adapter<'s, S>(&'s mut S);

impl<S: Sink> fmt::Write for Adapter<'_, S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put(text.as_bytes());
        Ok(())
    }
}

/// The numbers of an IPv4 address, each with a dot behind it.
const NUMBERS: [[u8; 4]; 256] = numbers();

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const fn numbers() -> [[u8; 4]; 256] {
    let mut table = [[0; 4]; 256];
    let mut number = 0;
    while number < 256 {
        let (hundreds, tens, ones) = (number / 100, number / 10 % 10, number % 10);
        let digits = [hundreds, tens, ones];
        let mut from = if number >= 100 {
            0
        } else if number >= 10 {
            1
        } else {
            2
        };
        let mut to = 0;
        while from < 3 {
            table[number][to] = b'0' + digits[from] as u8;
            from += 1;
            to += 1;
        }
        table[number][to] = b'.';
        number += 1;
    }
    table
}

const TOKEN: [bool; 256] = token();

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const fn token() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
            );
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_compared_to_their_last_octet_without_case() {
        let text = b"Abcdefgh-ijklmnopq,rstuv";
        for length in 0..=text.len() {
            let text = &text[..length];
            assert!(same_without_case(text, text));
            assert!(same_without_case(text, &text.to_ascii_uppercase()));
            for at in 0..length {
                // The other bit of case makes `-` a CR and `,` a form feed.
                for bit in [0x01, 0x40] {
                    let mut other = text.to_vec();
                    other[at] ^= bit;
                    assert!(!same_without_case(text, &other), "{other:?}");
                }
            }
        }
        assert!(!same_without_case(b"Call-ID", b"Call\rID"));
        assert!(!same_without_case(b"a", b"ab"));
    }

    #[test]
    fn numbers_are_digits_and_saturate() {
        assert_eq!(decimal(b"0070"), Some(70));
        assert_eq!(decimal(b"99999999999999999999999"), Some(u64::MAX));
        for bad in [&b""[..], b"-1", b"+1", b"1 ", b"0x1", b"1.0"] {
            assert_eq!(decimal(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for number in [0, 7, 10, 5060, u64::MAX] {
            let mut out = Vec::new();
            put_decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn addresses_have_no_brackets_and_mapped_ones_are_ipv4() {
        for (ip, text) in [
            ("192.0.2.10", "192.0.2.10"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            let mut out = Vec::new();
            put_ip(&mut out, ip.parse().unwrap());
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn blanks_and_folds_around_a_text_are_trimmed() {
        assert_eq!(trim(b" \t\r\n a b\r\n "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }

    #[test]
    fn numbers_are_written_as_they_are_read_and_too_large_ones_are_the_largest() {
        for number in [
            0,
            9,
            10,
            99,
            100,
            999,
            1_000,
            5_060,
            9_999,
            10_000,
            65_535,
            u64::MAX,
        ] {
            let mut text = Vec::new();
            put_decimal(&mut text, number);
            assert_eq!(text, number.to_string().as_bytes());
            assert_eq!(decimal(&text), Some(number));
        }
        for (text, number) in [
            ("9999999999999999999", Some(9_999_999_999_999_999_999)),
            ("18446744073709551616", Some(u64::MAX)),
            ("00000000000000000000000007", Some(7)),
            ("", None),
            ("-1", None),
            ("1x", None),
            ("x1", None),
            ("1234567890123456789x123", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), number, "{text}");
        }
    }
}
