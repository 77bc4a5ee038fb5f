//! The text of challenges, made once for a configuration but for what each has of its own.

use super::{Algorithm, Ask};

/// The challenges of one realm, in their order (RFC 8760 2.3: the preferred one first).
#[derive(Clone, Debug)]
pub(super) struct Challenges {
    realm: Vec<u8>,
    offers: Vec<Offer>,
}

/// What the challenge of one algorithm says behind its nonce.
#[derive(Clone, Debug)]
struct Offer {
    algorithm: Algorithm,
    /// Up to the quote that ends qop's value, of which `auth` is the last word.
    text: Vec<u8>,
}

impl Challenges {
    /// Those of a realm.
    pub(super) fn new(realm: &str, algorithms: &[Algorithm]) -> Self {
        let mut opening = b": Digest realm=\"".to_vec();
        for byte in realm.bytes() {
            if matches!(byte, b'"' | b'\\') {
                opening.push(b'\\');
            }
            // It would break the line.
            opening.push(if byte.is_ascii_control() { b' ' } else { byte });
        }
        opening.extend_from_slice(b"\", nonce=\"");
        Self {
            realm: opening,
            offers: algorithms.iter().copied().map(Offer::new).collect(),
        }
    }

    /// Appends a header line for each algorithm, or for the last alone.
    pub(super) fn write(&self, ask: Ask, nonce: &[u8], out: &mut Vec<u8>) {
        let from = if ask.is_short {
            self.offers.len().saturating_sub(1)
        } else {
            0
        };
        for offer in self.offers.get(from..).unwrap_or_default() {
            out.extend_from_slice(ask.role.challenge().as_bytes());
            out.extend_from_slice(&self.realm);
            out.extend_from_slice(nonce);
            // None means MD5 (RFC 7616 3.3).
            out.extend_from_slice(if ask.is_short && offer.algorithm == Algorithm::Md5 {
                UNNAMED
            } else {
                &offer.text
            });
            out.extend_from_slice(match (ask.has_body, ask.stale) {
                (false, false) => b"\"\r\n",
                (true, false) => b",auth-int\"\r\n",
                (false, true) => b"\", stale=true\r\n",
                (true, true) => b",auth-int\", stale=true\r\n",
            });
        }
    }
}

impl Offer {
    fn new(algorithm: Algorithm) -> Self {
        let text = format!("\", algorithm={}, qop=\"auth", algorithm.token());
        Self {
            algorithm,
            text: text.into_bytes(),
        }
    }
}

const UNNAMED: &[u8] = b"\", qop=\"auth";
