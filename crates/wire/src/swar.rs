//! Finding an octet near by, eight at a time: header lines are so short that calling a vector search
//! for each costs more than it saves.

/// Where the first octet below `LIMIT` (at most 128) is.
pub(crate) fn find_below<const LIMIT: u8>(bytes: &[u8]) -> Option<usize> {
    // A borrow reaches only bits above a true hit, so the lowest hit is right.
    let limits = ONES.wrapping_mul(u64::from(LIMIT));
    find_by(
        bytes,
        |eight| eight.wrapping_sub(limits) & !eight,
        |b| b < LIMIT,
    )
}

/// Where the first `wanted` is.
#[inline]
pub(crate) fn find(wanted: u8, bytes: &[u8]) -> Option<usize> {
    find_by(bytes, |eight| zeros(eight, wanted), |b| b == wanted)
}

/// Where the first of three octets is.
#[inline]
pub(crate) fn find3(a: u8, b: u8, c: u8, bytes: &[u8]) -> Option<usize> {
    find_by(
        bytes,
        |eight| zeros(eight, a) | zeros(eight, b) | zeros(eight, c),
        |octet| octet == a || octet == b || octet == c,
    )
}

/// Sets the highest bit of the first octet that is `wanted`, and of none before it.
fn zeros(eight: u64, wanted: u8) -> u64 {
    let other = eight ^ ONES.wrapping_mul(u64::from(wanted));
    other.wrapping_sub(ONES) & !other
}

/// `hits` sets the highest bit of the first hit's octet and of none before it.
#[inline(always)]
fn find_by(bytes: &[u8], hits: impl Fn(u64) -> u64, is_hit: impl Fn(u8) -> bool) -> Option<usize> {
    let mut rest = bytes;
    while let Some((eight, tail)) = rest.split_first_chunk::<8>() {
        let found = hits(u64::from_le_bytes(*eight)) & (ONES << 7);
        if found != 0 {
            let before = bytes.len().wrapping_sub(rest.len());
            return Some(before.wrapping_add((found.trailing_zeros() >> 3) as usize));
        }
        rest = tail;
    }
    let before = bytes.len().wrapping_sub(rest.len());
    let at = rest.iter().position(|b| is_hit(*b))?;
    Some(before.wrapping_add(at))
}

const ONES: u64 = u64::MAX / 255;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_hit_is_found_wherever_it_is(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 8..18_u8, 56..60_u8], 0..40)
        ) {
            prop_assert_eq!(find_below::<14>(&bytes), bytes.iter().position(|b| *b < 14));
            prop_assert_eq!(find(b':', &bytes), bytes.iter().position(|b| *b == b':'));
            let any = |b: &u8| [b':', 9, 200].contains(b);
            prop_assert_eq!(find3(b':', 9, 200, &bytes), bytes.iter().position(any));
        }
    }
}
