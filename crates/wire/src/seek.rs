//! Finding an octet near by, sixteen at a time: header lines are so short that calling a vector search
//! for each costs more than it saves.

use crate::lanes::{Hits, Lanes};

/// Where the first octet below `LIMIT` is.
#[inline]
pub(crate) fn find_below<const LIMIT: u8>(bytes: &[u8]) -> Option<usize> {
    find_by(bytes, |lanes| {
        lanes.at_most(const { LIMIT.saturating_sub(1) })
    })
}

/// Where the first `wanted` is.
#[inline]
pub(crate) fn find(wanted: u8, bytes: &[u8]) -> Option<usize> {
    find_by(bytes, |lanes| lanes.is(wanted))
}

/// Where the first of two octets is.
#[inline]
pub(crate) fn find2(a: u8, b: u8, bytes: &[u8]) -> Option<usize> {
    find_by(bytes, |lanes| lanes.is(a) | lanes.is(b))
}

/// Where the first of three octets is.
#[inline]
pub(crate) fn find3(a: u8, b: u8, c: u8, bytes: &[u8]) -> Option<usize> {
    find_by(bytes, |lanes| lanes.is(a) | lanes.is(b) | lanes.is(c))
}

/// Where the first hit is. The last octets are looked at together with some before them, which are known
/// to be no hits.
#[inline(always)]
pub(crate) fn find_by(bytes: &[u8], hits: impl Fn(Lanes) -> Hits) -> Option<usize> {
    let mut rest = bytes;
    while let Some((sixteen, tail)) = rest.split_first_chunk::<16>() {
        let bits = hits(Lanes::of(sixteen)).bits();
        if bits != 0 {
            let before = bytes.len().wrapping_sub(rest.len());
            return Some(before.wrapping_add(bits.trailing_zeros() as usize));
        }
        rest = tail;
    }
    let (bits, before) = match bytes.last_chunk::<16>() {
        Some(last) => (hits(Lanes::of(last)).bits(), bytes.len().wrapping_sub(16)),
        None => (few(bytes, hits), 0),
    };
    (bits != 0).then_some(before.wrapping_add(bits.trailing_zeros() as usize))
}

/// A bit for each hit among the first sixty-four octets, the first octet's lowest.
#[inline(always)]
pub(crate) fn bits(octets: &[u8], hits: impl Fn(Lanes) -> Hits) -> u64 {
    let (chunks, rest) = octets.as_chunks::<16>();
    let mut all = 0_u64;
    let mut place = 0_u32;
    for sixteen in chunks.iter().take(4) {
        let bits = hits(Lanes::of(sixteen)).bits();
        all |= u64::from(bits) << (place & 63);
        place = place.wrapping_add(16);
    }
    if !rest.is_empty() && place < 64 {
        all |= u64::from(few(rest, hits)) << (place & 63);
    }
    all
}

/// Whether any octet is a hit.
#[inline(always)]
pub(crate) fn any_by(bytes: &[u8], hits: impl Fn(Lanes) -> Hits) -> bool {
    let Some(last) = bytes.last_chunk::<16>() else {
        return few(bytes, hits) != 0;
    };
    let (chunks, _) = bytes.as_chunks::<16>();
    let hit = |sixteen: &[u8; 16]| hits(Lanes::of(sixteen)).bits() != 0;
    chunks.iter().any(hit) || hit(last)
}

/// Whether any octet is `wanted`.
#[inline]
pub(crate) fn has(wanted: u8, bytes: &[u8]) -> bool {
    any_by(bytes, |lanes| lanes.is(wanted))
}

/// Whether any octet is no visible ASCII character.
#[inline]
pub(crate) fn any_invisible(bytes: &[u8]) -> bool {
    any_by(bytes, invisible)
}

/// Those that are no visible ASCII character.
#[inline(always)]
pub(crate) fn invisible(lanes: Lanes) -> Hits {
    lanes.at_most(b' ') | lanes.at_least(0x7f)
}

/// Those that are `<` or `>`.
#[inline(always)]
pub(crate) fn bracket(lanes: Lanes) -> Hits {
    lanes.is(b'<') | lanes.is(b'>')
}

/// Those that can stand in no URI: no visible ASCII characters, and `<`, `>` and `"`. RFC 3261 25.1 lets
/// fewer through unescaped: `#`, `|` and the like are dialled.
#[inline(always)]
pub(crate) fn no_uri(lanes: Lanes) -> Hits {
    invisible(lanes) | bracket(lanes) | lanes.is(b'"')
}

/// The hits among fewer than sixteen octets.
#[inline(always)]
fn few(bytes: &[u8], hits: impl Fn(Lanes) -> Hits) -> u32 {
    // The octets behind the end are zeros and may be hits of their own.
    let all = 1_u32.wrapping_shl(bytes.len() as u32).wrapping_sub(1);
    hits(Lanes::few(bytes)).bits() & all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_hit_is_found_wherever_it_is(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 8..18_u8, 31..36_u8, 56..64_u8, 125..129_u8], 0..90)
        ) {
            prop_assert_eq!(find_below::<14>(&bytes), bytes.iter().position(|b| *b < 14));
            prop_assert_eq!(find(b':', &bytes), bytes.iter().position(|b| *b == b':'));
            let either = |b: &u8| [b':', 200].contains(b);
            prop_assert_eq!(find2(b':', 200, &bytes), bytes.iter().position(either));
            prop_assert_eq!(any_by(&bytes, bracket), bytes.iter().any(|b| b"<>".contains(b)));
            prop_assert_eq!(any_invisible(&bytes), !bytes.iter().all(u8::is_ascii_graphic));
            prop_assert_eq!(has(b':', &bytes), bytes.contains(&b':'));
            let head = bytes.iter().take(64).rev();
            let expected = head.fold(0, |all: u64, b| all << 1 | u64::from(*b == b':'));
            prop_assert_eq!(bits(&bytes, |lanes| lanes.is(b':')), expected);
            let any = |b: &u8| [b':', 9, 200].contains(b);
            prop_assert_eq!(find3(b':', 9, 200, &bytes), bytes.iter().position(any));
        }
    }
}
