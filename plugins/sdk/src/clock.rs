//! The time. Always granted.

use crate::host::clock;

/// Milliseconds since 1970-01-01 UTC.
pub fn unix_ms() -> u64 {
    clock::unix_ms()
}

/// Microseconds since an arbitrary start, never backwards.
pub fn monotonic_us() -> u64 {
    clock::monotonic_us()
}
