//! Finding an octet near by, sixteen or eight at a time: header lines are so short that calling a
//! vector search for each costs more than it saves.

/// Where the first octet below `LIMIT` (at most 128) is.
#[inline]
pub(crate) fn find_below<const LIMIT: u8>(bytes: &[u8]) -> Option<usize> {
    // A borrow reaches only bits above a true hit, so the lowest hit is right.
    let limits = ONES.wrapping_mul(u64::from(LIMIT));
    let hits = |eight: u64| eight.wrapping_sub(limits) & !eight;
    let rest = skip(bytes, |sixteen| has(sixteen, |b| b < LIMIT));
    find_in(bytes, rest, hits, |b| b < LIMIT)
}

/// Where the first `wanted` is, which is expected among the first octets.
#[inline]
pub(crate) fn find(wanted: u8, bytes: &[u8]) -> Option<usize> {
    find_in(bytes, bytes, |eight| zeros(eight, wanted), |b| b == wanted)
}

/// Where the first of two octets is.
#[inline]
pub(crate) fn find2(a: u8, b: u8, bytes: &[u8]) -> Option<usize> {
    let hits = |eight| zeros(eight, a) | zeros(eight, b);
    let rest = skip(bytes, |sixteen| {
        has(sixteen, |octet| octet == a) | has(sixteen, |octet| octet == b)
    });
    find_in(bytes, rest, hits, |octet| octet == a || octet == b)
}

/// Where the first of three octets is.
#[inline]
pub(crate) fn find3(a: u8, b: u8, c: u8, bytes: &[u8]) -> Option<usize> {
    let hits = |eight| zeros(eight, a) | zeros(eight, b) | zeros(eight, c);
    let rest = skip(bytes, |sixteen| {
        has(sixteen, |octet| octet == a)
            | has(sixteen, |octet| octet == b)
            | has(sixteen, |octet| octet == c)
    });
    find_in(bytes, rest, hits, |octet| {
        octet == a || octet == b || octet == c
    })
}

/// Whether any octet is a hit. `is_hit` is one comparison; several are several calls.
#[inline(always)]
pub(crate) fn any_is(bytes: &[u8], is_hit: impl Fn(u8) -> bool) -> bool {
    let (chunks, _) = bytes.as_chunks::<16>();
    if chunks.iter().any(|sixteen| has(sixteen, &is_hit)) {
        return true;
    }
    if let Some(last) = bytes.last_chunk::<16>() {
        return has(last, &is_hit);
    }
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => has(first, &is_hit) | has(last, &is_hit),
        _ => bytes.iter().any(|b| is_hit(*b)),
    }
}

/// Whether any octet is `<` or `>`, which one bit tells apart.
#[inline]
pub(crate) fn any_bracket(bytes: &[u8]) -> bool {
    any_is(bytes, |b| b | 2 == b'>')
}

/// Whether any octet is no visible ASCII character.
#[inline]
pub(crate) fn any_invisible(bytes: &[u8]) -> bool {
    // One comparison for both ends of `!` to `~`.
    any_is(bytes, |b| b.wrapping_sub(b'!') > b'~' - b'!')
}

/// Sets the highest bit of the first octet that is `wanted`, and of none before it.
#[inline(always)]
fn zeros(eight: u64, wanted: u8) -> u64 {
    let other = eight ^ ONES.wrapping_mul(u64::from(wanted));
    other.wrapping_sub(ONES) & !other
}

/// Leaves out sixteen octets after sixteen in which there is no hit.
#[inline(always)]
fn skip(bytes: &[u8], has_hit: impl Fn(&[u8; 16]) -> bool) -> &[u8] {
    let mut rest = bytes;
    while let Some((sixteen, tail)) = rest.split_first_chunk::<16>() {
        if has_hit(sixteen) {
            break;
        }
        rest = tail;
    }
    rest
}

/// Where the first hit is, of which `rest` is the end that is still to be looked at. `hits` sets the
/// highest bit of the first hit's octet and of none before it.
///
/// The last octets are looked at together with some before them, which are known to be no hits.
#[inline(always)]
fn find_in(
    bytes: &[u8],
    mut rest: &[u8],
    hits: impl Fn(u64) -> u64,
    is_hit: impl Fn(u8) -> bool,
) -> Option<usize> {
    while let Some((eight, tail)) = rest.split_first_chunk::<8>() {
        if let Some(at) = first_of_8(eight, &hits) {
            return Some(bytes.len().wrapping_sub(rest.len()).wrapping_add(at));
        }
        rest = tail;
    }
    if rest.is_empty() {
        return None;
    }
    match bytes.last_chunk::<8>() {
        Some(eight) => {
            let before = bytes.len().wrapping_sub(8);
            Some(before.wrapping_add(first_of_8(eight, &hits)?))
        }
        None => find_in_few(bytes, hits, is_hit),
    }
}

/// As [`find_in`], in fewer than eight octets.
#[inline(always)]
fn find_in_few(
    bytes: &[u8],
    hits: impl Fn(u64) -> u64,
    is_hit: impl Fn(u8) -> bool,
) -> Option<usize> {
    let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) else {
        return bytes.iter().position(|b| is_hit(*b));
    };
    let shift = bytes.len().wrapping_sub(4).wrapping_mul(8) as u32;
    let last = u64::from(u32::from_le_bytes(*last)).wrapping_shl(shift);
    let eight = u64::from(u32::from_le_bytes(*first)) | last;
    // The octets behind the end are zeros and may be hits of their own.
    first_of_8(&eight.to_le_bytes(), &hits).filter(|at| *at < bytes.len())
}

/// No short cut, and one comparison only: the compiler makes a vector comparison of that, and of more than
/// one something slow.
#[inline(always)]
fn has<const N: usize>(octets: &[u8; N], is_hit: impl Fn(u8) -> bool) -> bool {
    octets.iter().fold(false, |any, b| any | is_hit(*b))
}

#[inline(always)]
fn first_of_8(eight: &[u8; 8], hits: &impl Fn(u64) -> u64) -> Option<usize> {
    let found = hits(u64::from_le_bytes(*eight)) & (ONES << 7);
    (found != 0).then_some((found.trailing_zeros() >> 3) as usize)
}

const ONES: u64 = u64::MAX / 255;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_hit_is_found_wherever_it_is(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 8..18_u8, 31..36_u8, 56..64_u8, 125..129_u8], 0..60)
        ) {
            prop_assert_eq!(find_below::<14>(&bytes), bytes.iter().position(|b| *b < 14));
            prop_assert_eq!(find(b':', &bytes), bytes.iter().position(|b| *b == b':'));
            let either = |b: &u8| [b':', 200].contains(b);
            prop_assert_eq!(find2(b':', 200, &bytes), bytes.iter().position(either));
            prop_assert_eq!(any_bracket(&bytes), bytes.iter().any(|b| b"<>".contains(b)));
            prop_assert_eq!(any_invisible(&bytes), !bytes.iter().all(u8::is_ascii_graphic));
            prop_assert_eq!(any_is(&bytes, |b| b == b':'), bytes.contains(&b':'));
            let any = |b: &u8| [b':', 9, 200].contains(b);
            prop_assert_eq!(find3(b':', 9, 200, &bytes), bytes.iter().position(any));
        }
    }
}
