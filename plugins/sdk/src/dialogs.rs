//! Calls in progress. Capability "dialogs".

use crate::host::dialogs;

/// How many dialogs of INVITE, early ones included, there are whose `key` is `value`. Keys: "user"
/// (authenticated), "source" (address), "zone", "listener", "from" and "to" (user@host of the URI).
pub fn count(key: &str, value: &str) -> u32 {
    dialogs::count(key, value)
}

/// Ends a call.
///
/// # Errors
/// Where the host keeps no dialogs of its own, in words.
pub fn end(call_id: &str, status: u16, reason: &str) -> Result<(), String> {
    dialogs::end(call_id, status, reason)
}
