//! The names of the parameters of credentials, told apart by one multiplication.

use crate::text;

/// The first eight octets of a token in lower case, blanks behind it: no octet of a token becomes a letter
/// that was none before.
#[inline(always)]
const fn key(name: &[u8]) -> u64 {
    const BLANKS: u64 = u64::from_le_bytes([b' '; 8]);
    if let Some(first) = name.first_chunk::<8>() {
        return u64::from_le_bytes(*first) | BLANKS;
    }
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        let behind = (name.len() as u32).wrapping_sub(4).wrapping_mul(8);
        let last = (u32::from_le_bytes(*last) as u64).wrapping_shl(behind);
        return u32::from_le_bytes(*first) as u64 | last | BLANKS;
    }
    match *name {
        [a, b, c] => u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]) | BLANKS,
        [a, b] => u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0]) | BLANKS,
        _ => 0,
    }
}

/// Which of the parameters of credentials this is, in any case.
#[inline(always)]
pub(super) fn known(name: &[u8]) -> Option<usize> {
    let key = key(name);
    let at = usize::from(*SLOTS.get(slot(key))?);
    let (known, length) = KEYS.get(at)?;
    let same = key == *known && name.len() == *length;
    // Of a long one the end is still to be compared.
    (same
        && (*length <= 8
            || KNOWN
                .get(at)
                .is_some_and(|known| text::same_without_case(name, known.as_bytes()))))
    .then_some(at)
}

/// The parameters of credentials, in the order of [`Credentials`].
pub(super) const KNOWN: [&str; 10] = [
    "username",
    "realm",
    "nonce",
    "uri",
    "response",
    "algorithm",
    "cnonce",
    "opaque",
    "qop",
    "nc",
];

/// Key and length of each.
#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const KEYS: [(u64, usize); KNOWN.len()] = {
    let mut keys = [(0, 0); KNOWN.len()];
    let mut at = 0;
    while at < KNOWN.len() {
        let name = KNOWN[at].as_bytes();
        keys[at] = (key(name), name.len());
        at += 1;
    }
    keys
};

/// Where a key is looked for. The factor was searched for: with it no two known ones share a slot.
const fn slot(key: u64) -> usize {
    (key.wrapping_mul(FACTOR) >> 60) as usize
}

const FACTOR: u64 = 0x1600_a35a_0999_50d9;

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const SLOTS: [u8; 16] = {
    let mut slots = [u8::MAX; 16];
    let mut at = 0;
    while at < KEYS.len() {
        let slot = slot(KEYS[at].0);
        assert!(slots[slot] == u8::MAX, "two names share a slot");
        slots[slot] = at as u8;
        at += 1;
    }
    slots
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_known_in_any_case_and_no_other() {
        for (at, name) in KNOWN.iter().enumerate() {
            assert_eq!(known(name.as_bytes()), Some(at));
            assert_eq!(known(name.to_ascii_uppercase().as_bytes()), Some(at));
            for place in 0..name.len() {
                for octet in (0..=255_u8)
                    .filter(|octet| !octet.eq_ignore_ascii_case(&name.as_bytes()[place]))
                {
                    let mut other = name.as_bytes().to_vec();
                    other[place] = octet;
                    assert_eq!(known(&other), None, "{other:?}");
                }
            }
            let longer = format!("{name} ");
            assert_eq!(known(longer.as_bytes()), None);
            let shorter = &name[..name.len() - 1];
            assert_eq!(known(shorter.as_bytes()), None, "{shorter}");
        }
        assert_eq!(known(b""), None);
    }
}
