//! Which Contacts a PBX has been given for a lease: ours, or with a Path of ours (RFC 3327) the phone's own.

use super::Slot;
use crate::flow::Transport;
use crate::text::Text;
use std::sync::Arc;

/// What the PBX has been given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gift {
    /// Our Contact.
    pub(crate) own: bool,
    /// The phone's.
    pub(crate) phone: Option<Arc<[u8]>>,
}

impl Gift {
    /// What the next REGISTER shows: the phone's Contact, or `None`: ours. One that takes the lease down shows what was
    /// given.
    pub(crate) fn shown(&self, expires: u32, wanted: Option<Arc<[u8]>>) -> Option<Arc<[u8]>> {
        match expires {
            0 => self.phone.clone(),
            _ => wanted,
        }
    }

    /// The lines that a REGISTER has besides if it shows this: its Path, and what was given before and is no more.
    pub(crate) fn lines(
        &self,
        shown: Option<&Arc<[u8]>>,
        slot: Slot,
        at: (Transport, &[u8]),
        out: &mut Vec<u8>,
    ) {
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        if let Some(old) = self.phone.as_ref().filter(|old| Some(*old) != shown) {
            put(&[b"Contact: <", old, b">;expires=0\r\n"]);
        }
        if shown.is_none() {
            return;
        }
        if self.own {
            put(&[b"Contact: ", &contact(slot, at, b""), b";expires=0\r\n"]);
        }
        put(&[b"Path: ", &contact(slot, at, b";lr"), b"\r\n"]);
        put(&[b"Supported: path\r\n"]);
    }
}

/// Our Contact: short and opaque, always sip, never over WebSocket, where the PBX could not call back; with
/// further parameters.
pub(crate) fn contact(slot: Slot, (transport, host): (Transport, &[u8]), more: &[u8]) -> Text<128> {
    let mut contact = Text::new();
    contact.put(b"<sip:");
    contact.put(&slot.token());
    contact.put(b"@");
    contact.put(host);
    if transport.is_reliable() {
        contact.put(b";transport=");
        contact.put(transport.uri_token().as_bytes());
    }
    contact.put(more);
    contact.put(b">");
    contact
}
