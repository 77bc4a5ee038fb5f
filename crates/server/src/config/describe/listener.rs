//! A listener, for tools.

use super::seconds;
use crate::config::{Settings, listen::Listener};
use bellhop_core::config::Zone;
use serde::Serialize;
use std::time::Duration;

#[derive(Debug, Serialize)]
pub(super) struct ListenerPart<'a> {
    name: &'a str,
    transport: &'static str,
    address: String,
    /// Port 0: the system picks one.
    port: u16,
    /// As Via, Record-Route and Contact show it.
    shown_host: String,
    shown_port: u16,
    zone: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    websocket: Option<WebSocketPart<'a>>,
}

#[derive(Debug, Serialize)]
struct WebSocketPart<'a> {
    /// Empty: pages of any origin.
    origins: &'a [String],
    #[serde(serialize_with = "seconds")]
    ping: Duration,
}

impl Settings {
    pub(super) fn listener<'a>(&self, listener: &'a Listener) -> ListenerPart<'a> {
        let bind = listener.bind;
        let (host, port) = listener.shown(bind.address, &self.machine);
        ListenerPart {
            name: &listener.name,
            transport: bind.transport.uri_token(),
            address: bind.address.ip().to_string(),
            port: bind.address.port(),
            shown_host: host.to_string(),
            shown_port: port,
            zone: match listener.zone {
                Zone::Outside => "outside",
                Zone::Inside => "inside",
            },
            websocket: listener.web.as_ref().map(|rules| WebSocketPart {
                origins: &rules.origins,
                ping: rules.ping,
            }),
        }
    }
}
