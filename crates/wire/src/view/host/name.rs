//! Domain names and IPv4 addresses, sixteen octets at once (RFC 3261 25.1 `hostname`, `IPv4address`).

use super::Host;
use crate::lanes::Lanes;
use std::net::Ipv4Addr;

/// The domain name or IPv4 address at the front, and what follows it. What ends with a label of digits
/// only cannot be a name and must be an address (RFC 3261 25.1 `toplabel`). `_` is let through: it is no
/// host name but in use as one.
#[inline(always)]
pub(super) fn name_or_ipv4(bytes: &[u8]) -> Option<(Host<'_>, &[u8])> {
    let front = Labels::of(match bytes.first_chunk::<16>() {
        Some(sixteen) => Lanes::of(sixteen),
        None => Lanes::few(bytes),
    });
    let length = front.length();
    if length == 0 {
        return None;
    }
    if length == 16 {
        return long(bytes);
    }
    let ends = 1_u32.wrapping_shl(length).wrapping_sub(1);
    let (dots, dashes) = (front.dots & ends, front.dashes & ends);
    // No label is empty, starts with a hyphen or ends with one; the last may have a dot behind it.
    let starts = dots << 1 | 1;
    let is_edge =
        (dots | dashes) & starts != 0 || (dashes << 1) & (dots | ends.wrapping_add(1)) != 0;
    if is_edge {
        return None;
    }
    let (text, rest) = bytes.split_at_checked(length as usize)?;
    let is_whole = dots > ends >> 1;
    let name = if is_whole { ends >> 1 } else { ends };
    let before = 32_u32.wrapping_sub((dots & name).leading_zeros());
    let last = name & !1_u32.wrapping_shl(before).wrapping_sub(1);
    let host = if front.digits & last == last {
        Host::Ip(address(text, dots, front.digits & ends)?.into())
    } else {
        Host::Name(text)
    };
    Some((host, rest))
}

/// As [`name_or_ipv4`], for what has more than fifteen octets and is no address therefore.
#[inline(never)]
fn long(bytes: &[u8]) -> Option<(Host<'_>, &[u8])> {
    let (text, rest) = bytes.split_at_checked(labels(bytes)?)?;
    let name = text.strip_suffix(b".").unwrap_or(text);
    match name.iter().rev().find(|b| !b.is_ascii_digit()) {
        None | Some(b'.') => None,
        Some(_) if name.ends_with(b"-") => None,
        Some(_) => Some((Host::Name(text), rest)),
    }
}

/// What sixteen octets are to labels: a bit for each octet, the first octet's lowest.
struct Labels {
    dots: u32,
    dashes: u32,
    digits: u32,
    letters: u32,
}

impl Labels {
    #[inline(always)]
    fn of(lanes: Lanes) -> Self {
        Self {
            dots: lanes.is(b'.').bits(),
            dashes: lanes.is(b'-').bits(),
            digits: lanes.within(b'0', b'9').bits(),
            letters: ((lanes | 0x20).within(b'a', b'z') | lanes.is(b'_')).bits(),
        }
    }

    /// How many at the front stand in labels or between them.
    #[inline(always)]
    fn length(&self) -> u32 {
        (self.dots | self.dashes | self.digits | self.letters).trailing_ones()
    }
}

/// How many octets at the front may stand in labels and between them (RFC 3261 25.1 `domainlabel`). `None` if
/// a label is empty, starts with a hyphen or has one before its dot.
fn labels(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut length = 0_usize;
    // Whether a label starts here, and whether a hyphen stands before.
    let (mut starts, mut dashed) = (1, 0);
    loop {
        let (lanes, behind) = match rest.split_first_chunk::<16>() {
            Some((sixteen, tail)) => (Lanes::of(sixteen), tail),
            None => (Lanes::few(rest), &[][..]),
        };
        let front = Labels::of(lanes);
        let few = front.length();
        let all = 1_u32.wrapping_shl(few).wrapping_sub(1);
        let (dots, dashes) = (front.dots & all, front.dashes & all);
        let first = dots << 1 | starts;
        if first & (dots | dashes) != 0 || (dashes << 1 | dashed) & dots != 0 {
            return None;
        }
        length = length.wrapping_add(few as usize);
        // The zeros behind the last octets are none of a label.
        if few < 16 {
            return Some(length);
        }
        (starts, dashed, rest) = (dots >> 15, dashes >> 15, behind);
    }
}

/// Four numbers up to 255 without zeros before them, where it is known which octets are dots and digits.
#[inline(always)]
fn address(text: &[u8], dots: u32, digits: u32) -> Option<Ipv4Addr> {
    let second = dots & dots.wrapping_sub(1);
    let third = second & second.wrapping_sub(1);
    let is_whole = third != 0 && third & third.wrapping_sub(1) == 0;
    let all = 1_u32.wrapping_shl(text.len() as u32).wrapping_sub(1);
    if !is_whole || dots | digits != all {
        return None;
    }
    let ends = [dots, second, third].map(|dots| dots.trailing_zeros() as usize);
    let [a, b, c] = ends;
    let parts = [
        text.get(..a)?,
        text.get(a.wrapping_add(1)..b)?,
        text.get(b.wrapping_add(1)..c)?,
        text.get(c.wrapping_add(1)..)?,
    ];
    let mut address = 0_u32;
    for part in parts {
        address = address << 8 | number(part)?;
    }
    Some(Ipv4Addr::from_bits(address))
}

/// The number up to 255 of these digits.
#[inline(always)]
fn number(digits: &[u8]) -> Option<u32> {
    let digit = |octet: u8| u32::from(octet & 0xf);
    match *digits {
        [a] => Some(digit(a)),
        [a, b] if a > b'0' => Some(digit(a).wrapping_mul(10).wrapping_add(digit(b))),
        [a, b, c] if a > b'0' => {
            let tens = digit(a).wrapping_mul(10).wrapping_add(digit(b));
            Some(tens.wrapping_mul(10).wrapping_add(digit(c))).filter(|number| *number < 256)
        }
        _ => None,
    }
}
