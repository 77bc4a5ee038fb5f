//! State that is shared by all instances of this plugin and outlives them. Capability "store".

use std::time::Duration;

use crate::host::store;

pub use crate::bindings::sip::policy::store::Error;

/// The value of a key.
pub fn get(key: &str) -> Option<Vec<u8>> {
    store::get(key)
}

/// The value of a key, if it is UTF-8.
pub fn text(key: &str) -> Option<String> {
    String::from_utf8(get(key)?).ok()
}

/// Sets a value, gone after `ttl` if there is one.
///
/// # Errors
/// [`Error::Full`], [`Error::TooLarge`] (a key over 256 bytes, a value over 64 KiB).
pub fn set(key: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), Error> {
    store::set(key, value, milliseconds(ttl))
}

/// Takes a key out; whether it was there.
pub fn delete(key: &str) -> bool {
    store::delete(key)
}

/// Adds to a number that starts at 0 and gives the sum. Atomic. The ttl is set when the key is made.
///
/// # Errors
/// [`Error::Conflict`] if the value is no number; as [`set`].
pub fn increment(key: &str, by: i64, ttl: Option<Duration>) -> Result<i64, Error> {
    store::increment(key, by, milliseconds(ttl))
}

/// Sets a value if the present one is `expected`. Atomic.
///
/// # Errors
/// [`Error::Conflict`] if it is another; as [`set`].
pub fn compare_and_set(
    key: &str,
    expected: Option<&[u8]>,
    value: &[u8],
    ttl: Option<Duration>,
) -> Result<(), Error> {
    store::compare_and_set(key, expected, value, milliseconds(ttl))
}

/// Takes from a token bucket: true if the event is within `rate` a second and `burst` at once.
/// Buckets have keys of their own.
pub fn allow(key: &str, rate: f64, burst: u32) -> bool {
    store::allow(key, rate, burst)
}

fn milliseconds(ttl: Option<Duration>) -> Option<u64> {
    ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
}
