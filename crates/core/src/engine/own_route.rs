//! What a watcher's dialog is known by.

use super::Engine;
use super::local::Received;
use crate::record_route::{self, Side};
use crate::registrar::Device;
use crate::routing::listener_of;
use crate::text::Text;

impl Engine {
    /// The Record-Route entry by which the requests of a watcher's dialog prove themselves.
    pub(super) fn own_record_route(
        &self,
        received: &Received<'_>,
        device: Option<Device>,
    ) -> Option<Box<[u8]>> {
        let mut token = Text::new();
        let sides = (Side::Flow(received.flow, device), Side::Direct);
        record_route::write(
            &self.shared.secret,
            received.message,
            sides,
            None,
            &mut token,
        );
        let listener = received.flow.listener;
        let mut entry = Vec::with_capacity(token.len().saturating_add(64));
        entry.extend_from_slice(b"<sip:");
        entry.extend_from_slice(&token);
        entry.extend_from_slice(b"@");
        entry.extend_from_slice(self.names.sent_by(listener)?);
        let transport = listener_of(&self.config, listener)?.transport;
        if transport.is_reliable() {
            entry.extend_from_slice(b";transport=");
            entry.extend_from_slice(transport.uri_token().as_bytes());
        }
        entry.extend_from_slice(b";lr>");
        Some(entry.into())
    }
}
