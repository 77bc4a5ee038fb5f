//! State from outside for whoever watches it: a lamp, a presence sign, a mailbox. Capability "publish".

use std::time::Duration;

use crate::host::publish;

pub use crate::bindings::sip::policy::publish::Error;

/// Publishes the full state of a resource, in the place of what was published before and before what a PBX says; an
/// empty body takes it back, and so does the end of `ttl`. Whether anything has changed by it.
///
/// # Errors
/// [`Error::Full`], [`Error::TooLarge`], [`Error::Malformed`]; [`Error::Unavailable`] while the plugin is checked.
pub fn set(
    resource: &str,
    package: &str,
    content_type: &str,
    body: &[u8],
    ttl: Option<Duration>,
) -> Result<bool, Error> {
    let ttl = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    publish::set(resource, package, content_type, body, ttl)
}

/// Publishes a lamp that is on or off: one dialog, confirmed or terminated (RFC 4235), for who watches the resource by the
/// event package `dialog`.
///
/// # Errors
/// As [`set`].
pub fn lamp(resource: &str, is_on: bool, ttl: Option<Duration>) -> Result<bool, Error> {
    let state = if is_on { "confirmed" } else { "terminated" };
    let body = format!(
        "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" \
         state=\"full\" entity=\"sip:lamp\"><dialog id=\"lamp\"><state>{state}</state></dialog></dialog-info>\r\n"
    );
    let kind = "application/dialog-info+xml";
    set(resource, "dialog", kind, body.as_bytes(), ttl)
}
