//! The keys that vouch for what we gave away and get back: nonces, Record-Route tokens.

use super::fingerprint::{Fingerprint, Fingerprints};
use crate::entropy::Entropy;
use crate::text::Text;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use siphasher::sip128::SipHasher24;
use std::fmt;

/// A secret with a key of its own for each use, so that one use's code is none for another. What is
/// behind nonces must be a new one at each start of the program: what the [`super::ReplayGuard`]
/// remembers of them dies with the process, and so must they.
#[derive(Clone)]
pub struct Secret {
    keyed: [SipHasher24; Use::ALL.len()],
    requests: Fingerprints,
}

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A nonce is ours.
    Nonce,
    /// A Record-Route token is ours.
    Route,
    /// The password of a user who is not there.
    Nobody,
    /// Where hashes of bindings begin.
    Seed,
    /// A name that stands for a dialog of a call is ours.
    Alias,
}

impl Secret {
    /// The secret of a key, from which the key of each use is derived.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            keyed: Use::ALL.map(|of| SipHasher24::new_with_key(&derived(&key, of.label()))),
            requests: Fingerprints::new(&derived(&key, b"request")),
        }
    }

    /// A secret drawn from `entropy`.
    pub fn draw(entropy: &mut dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Self::new(key)
    }

    /// The code of the parts: SipHash-2-4 of 128 bits, a pseudorandom function of short input, so that
    /// nobody without the key can make one. Each part goes in with its length, so that two lists of parts
    /// never run together.
    pub fn mac(&self, of: Use, parts: &[&[u8]]) -> [u8; 16] {
        let mut input = Text::<256>::new();
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            input.put(&length.to_le_bytes());
            input.put(part);
        }
        self.keyed
            .get(of as usize)
            .map_or([0; 16], |keyed| keyed.hash(&input).as_bytes())
    }

    /// Seeds for a [`crate::registrar::Location`], the same ones for the same key: a device that a dialog
    /// names is known again after a restart, once it has registered.
    pub fn seeds(&self) -> [u64; 4] {
        [0_u8, 1, 2, 3].map(|number| {
            let [low @ .., _, _, _, _, _, _, _, _] = self.mac(Use::Seed, &[&[number]]);
            u64::from_le_bytes(low)
        })
    }

    /// What tells a whole request from every other one.
    pub(super) fn fingerprint(&self, request: &[u8]) -> Fingerprint {
        self.requests.of(request)
    }
}

impl Use {
    /// All of them, in the order of their declaration.
    const ALL: [Self; 5] = [
        Self::Nonce,
        Self::Route,
        Self::Nobody,
        Self::Seed,
        Self::Alias,
    ];

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Nonce => b"nonce",
            Self::Route => b"record-route",
            Self::Nobody => b"nobody",
            Self::Seed => b"seed",
            Self::Alias => b"alias",
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// HMAC-SHA-256 of the label, cut to 16 bytes (RFC 2104 5).
fn derived(key: &[u8; 32], label: &[u8]) -> [u8; 16] {
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(label);
    let full = <[u8; 32]>::from(mac.finalize().into_bytes());
    let mut cut = [0; 16];
    for (to, from) in cut.iter_mut().zip(full) {
        *to = from;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_derived_by_hmac_sha_256() {
        let mut reference = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        reference.update(b"nonce");
        let full = reference.finalize().into_bytes();
        assert_eq!(derived(&[7; 32], b"nonce"), full[..16]);
    }

    #[test]
    fn the_code_is_siphash_2_4_over_lengths_and_parts() {
        let key = derived(&[7; 32], b"record-route");
        let text = b"\x02\0\0\0\0\0\0\0ab\0\0\0\0\0\0\0\0";
        let reference = SipHasher24::new_with_key(&key).hash(text).as_bytes();
        let code = Secret::new([7; 32]).mac(Use::Route, &[b"ab", b""]);
        assert_eq!(code, reference);
    }

    #[test]
    fn the_function_is_the_one_of_the_reference_vectors() {
        // The first of vectors_sip128 of the authors' own implementation: key 00..0f, no input.
        let key = std::array::from_fn(|n| u8::try_from(n).unwrap());
        let code = SipHasher24::new_with_key(&key).hash(b"").as_bytes();
        let expected = [
            0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55,
            0x02, 0x93,
        ];
        assert_eq!(code, expected);
    }

    #[test]
    fn parts_do_not_run_together_and_uses_separate() {
        let secret = Secret::new([7; 32]);
        let code = secret.mac(Use::Nonce, &[b"bc", b"d"]);
        assert_ne!(code, secret.mac(Use::Nonce, &[b"b", b"cd"]));
        assert_ne!(code, secret.mac(Use::Route, &[b"bc", b"d"]));
        assert_ne!(code, Secret::new([8; 32]).mac(Use::Nonce, &[b"bc", b"d"]));
    }

    #[test]
    fn seeds_are_four_that_differ_and_stay_the_same_for_one_key() {
        let seeds = Secret::new([7; 32]).seeds();
        assert_eq!(seeds, Secret::new([7; 32]).seeds());
        let others = Secret::new([8; 32]).seeds();
        for (n, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..n].contains(seed) && !others.contains(seed));
        }
    }

    #[test]
    fn debug_does_not_show_the_key() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret(..)");
    }
}
