//! The key that vouches for what we gave away and get back: nonces, Record-Route tokens.

use crate::entropy::Entropy;
use hmac::{Hmac, KeyInit, Mac, digest::Key};
use sha2::Sha256;
use std::fmt;

/// A key for message authentication codes. It must be a new one at each start of the program: what
/// the [`super::ReplayGuard`] remembers of nonces dies with the process, and so must the nonces.
#[derive(Clone)]
pub struct Secret {
    keyed: Hmac<Sha256>,
}

impl Secret {
    /// The secret of a key.
    pub fn new(key: [u8; 32]) -> Self {
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to = from;
        }
        Self {
            keyed: Hmac::new(&Key::<Hmac<Sha256>>::from(block)),
        }
    }

    /// A secret drawn from `entropy`.
    pub fn draw(entropy: &mut dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Self::new(key)
    }

    /// HMAC-SHA-256 of the parts, cut to 16 bytes (RFC 2104 5). `label` says what the code is for, so
    /// that one purpose's code is none for another; each part goes in with its length, so that two
    /// lists of parts never run together.
    pub fn mac(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 16] {
        let mut mac = self.keyed.clone();
        for part in std::iter::once(&label).chain(parts) {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        let full = <[u8; 32]>::from(mac.finalize().into_bytes());
        let mut cut = [0; 16];
        for (to, from) in cut.iter_mut().zip(full) {
            *to = from;
        }
        cut
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_hmac_sha_256_over_lengths_and_parts() {
        let mut reference = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        reference.update(b"\0\0\0\0\0\0\0\x05label\0\0\0\0\0\0\0\x02ab\0\0\0\0\0\0\0\0");
        let full = reference.finalize().into_bytes();
        assert_eq!(
            Secret::new([7; 32]).mac(b"label", &[b"ab", b""]),
            full[..16]
        );
    }

    #[test]
    fn parts_do_not_run_together_and_labels_separate() {
        let secret = Secret::new([7; 32]);
        let code = secret.mac(b"a", &[b"bc", b"d"]);
        assert_ne!(code, secret.mac(b"a", &[b"b", b"cd"]));
        assert_ne!(code, secret.mac(b"ab", &[b"c", b"d"]));
        assert_ne!(code, Secret::new([8; 32]).mac(b"a", &[b"bc", b"d"]));
    }

    #[test]
    fn debug_does_not_show_the_key() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret(..)");
    }
}
