//! The hash algorithms of digest (RFC 7616 3.3, RFC 8760 2.1) and their hexadecimal text.

use crate::hex;
use sha2::{Digest, Sha256, Sha512_256};
use subtle::ConstantTimeEq;

/// A hash algorithm of digest. The `-sess` variants are not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// MD5, what credentials without an algorithm mean (RFC 7616 3.4).
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256.
    Sha512_256,
}

/// A hash of 16 or 32 bytes.
#[derive(Clone, Copy)]
pub(super) struct Hash {
    bytes: [u8; 32],
    len: usize,
}

/// A hash as lower case hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hex {
    text: [u8; 64],
    len: usize,
}

impl Algorithm {
    /// All of them, the strongest first.
    pub const ALL: [Self; 3] = [Self::Sha512_256, Self::Sha256, Self::Md5];

    /// As the `algorithm` parameter writes it.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// The algorithm of a token in any case; `None` for one that we do not have.
    pub fn parse(token: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|a| token.eq_ignore_ascii_case(a.token().as_bytes()))
    }

    /// The hash of the parts with a colon between each two.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Hash {
        match self {
            Self::Md5 => {
                let mut context = md5::Context::new();
                joined(parts, |bytes| context.consume(bytes));
                Hash::from(<[u8; 16]>::from(context.finalize()))
            }
            Self::Sha256 => {
                let mut context = Sha256::new();
                joined(parts, |bytes| context.update(bytes));
                Hash::from(<[u8; 32]>::from(context.finalize()))
            }
            Self::Sha512_256 => {
                let mut context = Sha512_256::new();
                joined(parts, |bytes| context.update(bytes));
                Hash::from(<[u8; 32]>::from(context.finalize()))
            }
        }
    }
}

impl Hash {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn hex(&self) -> Hex {
        let mut text = [0; 64];
        let (digits, _) = text.as_chunks_mut::<8>();
        let (fours, _) = self.as_bytes().as_chunks::<4>();
        for (eight, four) in digits.iter_mut().zip(fours) {
            *eight = hex::of_u32(u32::from_be_bytes(*four));
        }
        Hex {
            text,
            len: self.len.saturating_mul(2),
        }
    }

    /// Reads hexadecimal digits in either case; `None` unless there are exactly two for each of
    /// `size` bytes.
    pub(super) fn of_hex(text: &[u8], size: usize) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::read(text, bytes.get_mut(..size)?)?;
        Some(Self { bytes, len: size })
    }

    /// Whether a text is the digits of this hash, in either case; it takes a time that does not tell how much
    /// of them is right. `None`: such a text has no hash of this length.
    pub(super) fn is_written(&self, text: &[u8]) -> Option<bool> {
        // Nearly all write them in lower case (RFC 7616 3.4), so that theirs need not be read.
        if same(self.hex().as_bytes(), text) {
            return Some(true);
        }
        let read = Self::of_hex(text, self.len)?;
        Some(same(self.as_bytes(), read.as_bytes()))
    }
}

impl Hex {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }
}

impl From<[u8; 16]> for Hash {
    fn from(short: [u8; 16]) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(short) {
            *to = from;
        }
        Self { bytes, len: 16 }
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self { bytes, len: 32 }
    }
}

/// Whether two texts are the same, in a time that tells their length alone.
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    let (ours, rest) = ours.as_chunks::<8>();
    let (theirs, others) = theirs.as_chunks::<8>();
    let number = |eight: &[u8; 8]| u64::from_ne_bytes(*eight);
    let each = ours.iter().zip(theirs);
    let differs = each.fold(0, |differs, (ours, theirs)| {
        differs | (number(ours) ^ number(theirs))
    });
    bool::from(differs.ct_eq(&0) & rest.ct_eq(others)) && ours.len() == theirs.len()
}

/// Gives the parts with colons between them to a hash in one piece: each piece has its price, and all
/// but a body are short.
fn joined(parts: &[&[u8]], mut update: impl FnMut(&[u8])) {
    let mut text = [0; 256];
    let mut len = 0_usize;
    for (n, part) in parts.iter().enumerate() {
        let colon = usize::from(n > 0);
        let (from, to) = (
            len.saturating_add(colon),
            len.saturating_add(colon).saturating_add(part.len()),
        );
        if let Some(slot) = text.get_mut(from..to) {
            slot.copy_from_slice(part);
            if let Some(before) = text.get_mut(len..from).and_then(<[u8]>::first_mut) {
                *before = b':';
            }
            len = to;
        } else {
            update(text.get(..len).unwrap_or_default());
            update(if n > 0 { b":" } else { b"" });
            update(part);
            len = 0;
        }
    }
    update(text.get(..len).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_any_case_and_comes_back_as_registered() {
        for algorithm in Algorithm::ALL {
            let lower = algorithm.token().to_ascii_lowercase();
            assert_eq!(Algorithm::parse(lower.as_bytes()), Some(algorithm));
        }
        for unknown in ["", "SHA256", "MD5-sess", "AKAv1-MD5"] {
            assert_eq!(Algorithm::parse(unknown.as_bytes()), None, "{unknown}");
        }
    }

    #[test]
    fn the_parts_are_hashed_with_colons_between_them() {
        for algorithm in Algorithm::ALL {
            let parts = algorithm.hash(&[b"a", b"", b"b"]);
            assert_eq!(parts.as_bytes(), algorithm.hash(&[b"a::b"]).as_bytes());
            assert_eq!(parts.as_bytes().len(), algorithm.hash(&[]).as_bytes().len());
            let long = [b'x'; 255];
            for len in [250, 253, 254, 255] {
                let text = [&long[..len], b":b:", &long].concat();
                let parts = algorithm.hash(&[&long[..len], b"b", &long]);
                assert_eq!(parts.as_bytes(), algorithm.hash(&[&text]).as_bytes());
            }
        }
    }

    #[test]
    fn a_hash_is_written_in_either_case_and_every_digit_counts() {
        for algorithm in Algorithm::ALL {
            let hash = algorithm.hash(&[b"a"]);
            let text = hash.hex().as_bytes().to_vec();
            assert_eq!(hash.is_written(&text), Some(true));
            assert_eq!(hash.is_written(&text.to_ascii_uppercase()), Some(true));
            for at in 0..text.len() {
                let with = |digit| {
                    let mut other = text.clone();
                    other[at] = digit;
                    hash.is_written(&other)
                };
                let wrong = if text[at] == b'0' { b'1' } else { b'0' };
                assert_eq!(with(wrong), Some(false), "digit {at}");
                // Without the bit of lower case a number is a control octet.
                assert_eq!(with(wrong & !0x20), None, "digit {at}");
            }
            for bad in [&text[1..], &[&text[..], b"00"].concat(), b""] {
                assert_eq!(hash.is_written(bad), None);
            }
        }
    }

    #[test]
    fn hex_is_written_in_lower_case_and_read_in_both() {
        let hash = Algorithm::Md5.hash(&[b""]);
        assert_eq!(hash.hex().as_bytes(), b"d41d8cd98f00b204e9800998ecf8427e");
        let read = Hash::of_hex(b"D41D8CD98F00B204E9800998ECF8427E", 16).unwrap();
        assert_eq!(read.as_bytes(), hash.as_bytes());
    }

    #[test]
    fn hex_of_another_length_or_with_another_character_is_none() {
        for bad in [
            "",
            "d4",
            "d41d8cd98f00b204e9800998ecf8427g",
            "d41d8cd98f00b204e9800998ecf8427e0",
        ] {
            assert!(Hash::of_hex(bad.as_bytes(), 16).is_none(), "{bad}");
        }
    }
}
