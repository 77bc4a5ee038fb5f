//! The text of challenges, made once for a configuration but for the nonce.

use super::{Algorithm, Ask, Role};

/// The challenges of one realm, in their order (RFC 8760 2.3: the preferred one first).
#[derive(Clone, Debug)]
pub(super) struct Challenges {
    /// One for each thing that can be asked, in the order of [`place`].
    texts: [Text; 16],
}

/// The header lines of one answer.
#[derive(Clone, Debug, Default)]
struct Text {
    lines: Vec<u8>,
    /// Where each nonce goes.
    nonces: Vec<usize>,
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
        let mut texts: [Text; 16] = Default::default();
        for role in [Role::Registrar, Role::Proxy] {
            for bits in 0..8_u8 {
                let ask = Ask {
                    role,
                    stale: bits & 1 != 0,
                    has_body: bits & 2 != 0,
                    is_short: bits & 4 != 0,
                };
                if let Some(text) = texts.get_mut(place(ask)) {
                    *text = Text::new(ask, &opening, algorithms);
                }
            }
        }
        Self { texts }
    }

    /// Appends a header line for each algorithm, or for the last alone.
    pub(super) fn write(&self, ask: Ask, nonce: &[u8; LENGTH], out: &mut Vec<u8>) {
        let Some(text) = self.texts.get(place(ask)) else {
            return;
        };
        let start = out.len();
        out.extend_from_slice(&text.lines);
        let lines = out.get_mut(start..).unwrap_or_default();
        for at in &text.nonces {
            if let Some(slot) = lines.get_mut(*at..).and_then(<[u8]>::first_chunk_mut) {
                *slot = *nonce;
            }
        }
    }
}

impl Text {
    fn new(ask: Ask, opening: &[u8], algorithms: &[Algorithm]) -> Self {
        let mut text = Self::default();
        let from = if ask.is_short {
            algorithms.len().saturating_sub(1)
        } else {
            0
        };
        for algorithm in algorithms.get(from..).unwrap_or_default() {
            let lines = &mut text.lines;
            lines.extend_from_slice(ask.role.challenge().as_bytes());
            lines.extend_from_slice(opening);
            text.nonces.push(lines.len());
            lines.extend_from_slice(&[b'?'; LENGTH]);
            lines.push(b'"');
            // None means MD5 (RFC 7616 3.3).
            if !(ask.is_short && *algorithm == Algorithm::Md5) {
                lines.extend_from_slice(b", algorithm=");
                lines.extend_from_slice(algorithm.token().as_bytes());
            }
            lines.extend_from_slice(if ask.has_body {
                b", qop=\"auth,auth-int\""
            } else {
                b", qop=\"auth\""
            });
            if ask.stale {
                lines.extend_from_slice(b", stale=true");
            }
            lines.extend_from_slice(b"\r\n");
        }
        text
    }
}

fn place(ask: Ask) -> usize {
    usize::from(ask.stale)
        | usize::from(ask.has_body) << 1
        | usize::from(ask.is_short) << 2
        | usize::from(ask.role == Role::Proxy) << 3
}

/// Of a nonce's text.
const LENGTH: usize = super::nonce::TEXT;
