//! Chance. Capability "random".

use crate::host::random;

/// So many random bytes, at most 1024.
pub fn bytes(length: u32) -> Vec<u8> {
    random::bytes(length)
}

/// A random number below `end`; 0 for an `end` of 0. Even enough for shares of traffic: one in
/// 2^64 / `end` is off.
pub fn below(end: u64) -> u64 {
    let bytes = bytes(8);
    let number = bytes
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    number.checked_rem(end).unwrap_or(0)
}
