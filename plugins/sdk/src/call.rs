//! What is made of the call that the INVITE at hand begins, and what its record says. Capability "call".

use crate::host::call;

pub use crate::bindings::sip::policy::call::{Error, Mode};

/// Has the call relayed, or made two dialogs, whatever the host's configuration says; the last word counts.
///
/// # Errors
/// [`Error::NotNow`]: not in `on_request` or `on_route` of an INVITE outside a dialog.
pub fn set_mode(mode: Mode) -> Result<(), Error> {
    call::set_mode(mode)
}

/// Notes something in the call's record, over a former note of the key: an account, a tariff, why it went where it went.
///
/// # Errors
/// [`Error::NotNow`], as for [`set_mode`], but `on_failure` may, too; [`Error::Full`]: more than 16 notes, a key over 64
/// bytes, or a value over 256.
pub fn note(key: &str, value: &str) -> Result<(), Error> {
    call::note(key, value)
}
