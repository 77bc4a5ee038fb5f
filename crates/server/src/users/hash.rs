//! HA1s as hex, and fresh passwords: what `bellhop user` and the embedded default store.

use bellhop_core::auth::Algorithm;
use std::fmt::Write as _;

/// Reads the HA1 of `algorithm`.
///
/// # Errors
/// What is allowed.
pub(crate) fn from_hex<const N: usize>(algorithm: Algorithm, hex: &str) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    let digits = hex.as_bytes().chunks_exact(2);
    let whole = N.checked_mul(2) == Some(hex.len());
    let ascii = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (to, pair) in bytes.iter_mut().zip(digits) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *to = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    if whole && ascii {
        return Ok(bytes);
    }
    let (token, digits) = (algorithm.token(), N.saturating_mul(2));
    Err(format!(
        "is no HA1 for {token}; allowed: {digits} hex digits"
    ))
}

/// Bytes as lower-case hex.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A fresh password: 20 letters and digits that are not taken for one another, 100 bits.
///
/// # Errors
/// The operating system has no randomness to give.
pub(crate) fn fresh_password() -> Result<String, String> {
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
    // Five bits choose one of 32 without bias.
    let letter = |byte: &u8| LETTERS.get(usize::from(byte & 31)).copied().map(char::from);
    Ok(bytes.iter().filter_map(letter).collect())
}

/// Without 0, O, 1, l and the like.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
