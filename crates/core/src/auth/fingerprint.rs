//! A keyed code of a whole request, to be kept and compared and never shown.

use siphasher::sip128::SipHasher13;

/// What tells a whole request from every other one.
pub(crate) type Fingerprint = [u8; 16];

/// The key of fingerprints.
///
/// A request is hashed by NH over words of 64 bits (RFC 4418 5.2.2 has it with 32), its length behind it; of
/// a long one each block is, and their hashes by SipHash-1-3. Of two blocks that somebody chose who does
/// not know the key, the chance that NH gives both the same is about 2^-64: that is proved, not believed.
/// It needs one multiplication for 16 octets.
#[derive(Clone)]
pub(super) struct Fingerprints {
    words: Box<[[u64; 2]; WORDS]>,
    last: SipHasher13,
}

impl Fingerprints {
    /// Those of a key.
    pub(super) fn new(key: &[u8; 16]) -> Self {
        let words = SipHasher13::new_with_key(key);
        let mut number = 0_u64;
        let mut word = || {
            number = number.wrapping_add(1);
            words.hash(&number.to_le_bytes()).as_u128()
        };
        let last = word().to_le_bytes();
        let pair = |both: u128| [both as u64, (both >> 64) as u64];
        Self {
            words: Box::new(std::array::from_fn(|_| pair(word()))),
            last: SipHasher13::new_with_key(&last),
        }
    }

    /// The code of a request.
    pub(super) fn of(&self, request: &[u8]) -> Fingerprint {
        if request.len() <= BLOCK {
            return self.hash(request).to_le_bytes();
        }
        let mut hashes = Vec::with_capacity(request.len().div_ceil(BLOCK).saturating_mul(16));
        for block in request.chunks(BLOCK) {
            hashes.extend_from_slice(&self.hash(block).to_le_bytes());
        }
        self.last.hash(&hashes).as_bytes()
    }

    /// NH of one block, filled up with zeros to a whole number of pairs of words, and of its length.
    fn hash(&self, block: &[u8]) -> u128 {
        let (pairs, rest) = block.as_chunks::<16>();
        let [of_length, keys @ ..] = &*self.words;
        let mut sum = product(block.len() as u64, 0, of_length);
        let (fours, singles) = pairs.as_chunks::<4>();
        let (four_keys, _) = keys.as_chunks::<4>();
        for (pairs, keys) in fours.iter().zip(four_keys) {
            for (pair, key) in pairs.iter().zip(keys) {
                sum = sum.wrapping_add(product_of(pair, key));
            }
        }
        let done = pairs.len().wrapping_sub(singles.len());
        let mut keys = keys.get(done..).unwrap_or_default().iter();
        for (pair, key) in singles.iter().zip(keys.by_ref()) {
            sum = sum.wrapping_add(product_of(pair, key));
        }
        if !rest.is_empty()
            && let Some(key) = keys.next()
        {
            let mut last = [0; 16];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            sum = sum.wrapping_add(product_of(&last, key));
        }
        sum
    }
}

fn product_of(pair: &[u8; 16], key: &[u64; 2]) -> u128 {
    let both = u128::from_le_bytes(*pair);
    product(both as u64, (both >> 64) as u64, key)
}

fn product(low: u64, high: u64, [first, second]: &[u64; 2]) -> u128 {
    let (low, high) = (low.wrapping_add(*first), high.wrapping_add(*second));
    u128::from(low).wrapping_mul(u128::from(high))
}

/// Pairs of words in the key: one for the length, the others for a block. Most requests are one block.
const WORDS: usize = 65;
const BLOCK: usize = (WORDS - 1) * 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprints() -> Fingerprints {
        Fingerprints::new(&[7; 16])
    }

    #[test]
    fn an_octet_changed_anywhere_changes_the_code() {
        let codes = fingerprints();
        for len in [1, 15, 16, 17, 600, BLOCK, BLOCK + 1, 2 * BLOCK + 7] {
            let text = vec![b'x'; len];
            let code = codes.of(&text);
            assert_eq!(code, codes.of(&text));
            for at in 0..len {
                let mut other = text.clone();
                other[at] ^= 1;
                assert_ne!(code, codes.of(&other), "octet {at} of {len}");
            }
        }
    }

    #[test]
    fn a_request_and_the_same_with_zeros_behind_it_have_two_codes() {
        let codes = fingerprints();
        for len in [0, 1, 16, 17, BLOCK, BLOCK + 1] {
            let mut text = vec![b'x'; len];
            let code = codes.of(&text);
            for _ in 0..20 {
                text.push(0);
                assert_ne!(code, codes.of(&text), "{len}");
            }
        }
    }

    #[test]
    fn blocks_that_change_places_change_the_code() {
        let codes = fingerprints();
        let (a, b) = ([b'a'; BLOCK], [b'b'; BLOCK]);
        assert_ne!(codes.of(&[a, b].concat()), codes.of(&[b, a].concat()));
        let (a, b) = ([b'a'; 16], [b'b'; 16]);
        assert_ne!(codes.of(&[a, b].concat()), codes.of(&[b, a].concat()));
        let (a, b) = ([b'a'; 8], [b'b'; 8]);
        assert_ne!(codes.of(&[a, b].concat()), codes.of(&[b, a].concat()));
    }

    #[test]
    fn another_key_gives_another_code() {
        assert_ne!(
            fingerprints().of(b"a"),
            Fingerprints::new(&[8; 16]).of(b"a")
        );
    }

    #[test]
    fn a_block_is_hashed_as_the_sum_of_its_products() {
        let codes = fingerprints();
        let [[l, m], [a, b], [c, d], ..] = &*codes.words;
        let words = |first: u64, second: u64| [first.to_le_bytes(), second.to_le_bytes()].concat();
        let text = [words(1, u64::MAX), words(3, 0)].concat();
        let expected = u128::from(a.wrapping_add(1)) * u128::from(b.wrapping_sub(1));
        let expected =
            expected.wrapping_add(u128::from(c.wrapping_add(3)).wrapping_mul(u128::from(*d)));
        let length = u128::from(l.wrapping_add(32)).wrapping_mul(u128::from(*m));
        let expected = expected.wrapping_add(length);
        assert_eq!(codes.hash(&text), expected);
    }
}
