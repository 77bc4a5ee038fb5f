//! What must hold whatever comes in.
//!
//! - Nothing is sent but to a peer that spoke, to a PBX, or, for those who may choose (a trusted peer,
//!   a request with our signed Route entry of its dialog), where their request says.
//! - A request without a proof makes us send no request, resolve no name and keep no binding.
//! - What is sent is a message, in one piece, without what only we may say.

use super::grammar::Scribe;
use super::{Peer, site};
use bellhop_core::config::Config;
use bellhop_core::flow::Destination;
use bellhop_wire::{
    HeaderId, Host, Index, Limits, Message, Method, NameAddr, UriRef, view::host::host_port,
};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

/// What an output is the answer to.
pub(super) enum Cause {
    /// A timer, a failure, a resolved name: something that was begun with a proof.
    Shell,
    /// A message that proves nothing, but for which a request may go out: a response, an ACK, a CANCEL.
    Follows,
    /// A request that has a proof: a digest that is right somewhere, our Route entry, a trusted sender.
    Proven {
        /// Whether it came from outside the trust domain.
        is_outside: bool,
    },
    /// A request without any.
    Unproven,
}

#[derive(Default)]
pub(super) struct Rules {
    allowed: HashSet<SocketAddr>,
}

impl Rules {
    /// Takes note of a message that comes in.
    pub(super) fn heard(&mut self, peer: &Peer, bytes: &[u8], scribe: &Scribe) -> Cause {
        let flow = peer.flow();
        self.allowed.insert(flow.remote);
        let mut index = Index::new();
        let read = index.parse(strip_crlf(bytes), &Limits::default());
        let (message, is_whole) = match &read {
            Ok(message) => (Some(*message), true),
            Err(rejected) => (rejected.partial, false),
        };
        // Answers may be asked for at another port of a peer on the inside (RFC 3261 18.2.2).
        if peer.trusted
            && let Some(via) = message.and_then(|message| message.top_via().ok())
        {
            let port = via.port.unwrap_or(peer.transport.default_port());
            self.allowed.insert(SocketAddr::new(flow.remote.ip(), port));
        }
        let Some(message) = message.filter(|_| is_whole) else {
            return Cause::Unproven;
        };
        let Some(method) = message.method() else {
            return Cause::Follows;
        };
        let is_dialogs = scribe.knows_token(bytes);
        if peer.trusted || is_dialogs || is_from_upstream(peer, message) {
            self.may_send_to(named(message));
            let is_outside = !peer.trusted && !is_from_upstream(peer, message);
            return Cause::Proven { is_outside };
        }
        match method {
            Method::Ack | Method::Cancel => Cause::Follows,
            _ if scribe.knows_digest(bytes) => Cause::Proven { is_outside: true },
            _ => Cause::Unproven,
        }
    }

    /// Somebody who may choose has named these.
    pub(super) fn may_send_to(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.allowed.extend(addresses);
    }

    /// A message that goes out.
    pub(super) fn sends(&self, cause: &Cause, config: &Config, to: &Destination, bytes: &[u8]) {
        let remote = to.remote();
        let is_upstream = site::UPSTREAMS.iter().any(|u| site::address(u) == remote);
        assert!(
            is_upstream || self.allowed.contains(&remote),
            "sent to a stranger, {remote}:\n{}",
            String::from_utf8_lossy(bytes)
        );
        let is_own = config.listeners.iter().any(|l| l.local == remote);
        assert!(!is_own, "sent to ourselves");
        let mut index = Index::new();
        let limits = Limits {
            message: 1 << 20,
            headers: 1_000,
            line: 1 << 20,
        };
        let message = match index.parse(bytes, &limits) {
            Ok(message) => message,
            Err(rejected) => panic!(
                "sent what is no message, {}:\n{}",
                rejected.error,
                String::from_utf8_lossy(bytes)
            ),
        };
        assert_eq!(
            message.bytes().len(),
            bytes.len(),
            "sent more than a message"
        );
        if to.transport().is_reliable() {
            let length = message.first(HeaderId::ContentLength);
            assert!(length.is_some(), "no length on a stream");
        }
        if message.method().is_some() {
            assert!(!matches!(cause, Cause::Unproven), "relayed without a proof");
            assert!(message.top_via().is_ok(), "a request without our Via");
            if matches!(cause, Cause::Proven { is_outside: true }) {
                let claims = message
                    .named("X-Secret")
                    .chain(message.named("Remote-Party-ID"));
                assert_eq!(claims.count(), 0, "a claim of the outside went on");
            }
        }
    }

    /// A name that is to be resolved.
    pub(super) fn resolves(&self, cause: &Cause) {
        assert!(
            matches!(cause, Cause::Proven { .. } | Cause::Shell),
            "resolves for a stranger"
        );
    }

    /// How many bindings there were and are.
    pub(super) fn bindings(&self, cause: &Cause, before: usize, after: usize) {
        let proven = matches!(cause, Cause::Proven { .. });
        assert!(
            proven || after == before,
            "bindings changed without a proof"
        );
    }
}

/// A stream from a PBX's host may speak in the PBX's name: by the port in its Via.
fn is_from_upstream(peer: &Peer, message: Message<'_>) -> bool {
    let remote = peer.flow().remote;
    let port = message
        .top_via()
        .ok()
        .and_then(|via| via.port)
        .unwrap_or(5060);
    let as_said = SocketAddr::new(remote.ip(), port);
    peer.transport.is_reliable()
        && [site::UPSTREAMS[0], site::UPSTREAMS[2]]
            .iter()
            .any(|u| site::address(u) == as_said)
}

/// Every address that a request names where it may choose its next hop.
fn named(message: Message<'_>) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    let mut add = |uri: &UriRef<'_>| {
        let maddr = uri
            .params
            .value("maddr")
            .and_then(host_port)
            .map(|(h, _)| h);
        for host in maddr.into_iter().chain(uri.host) {
            if let Host::Ip(ip) = host {
                let ports = [uri.port.unwrap_or(5060), 5060, 5061, 80, 443];
                found.extend(ports.map(|port| SocketAddr::new(ip, port)));
            }
        }
    };
    if let Ok(uri) = UriRef::parse(message.uri()) {
        add(&uri);
    }
    for id in [HeaderId::Route, HeaderId::Contact] {
        for value in message.values(id) {
            if let Ok(name) = NameAddr::parse(value.raw) {
                add(&name.uri);
            }
        }
    }
    found.retain(|address| is_anywhere(address.ip()));
    found
}

fn is_anywhere(ip: IpAddr) -> bool {
    !ip.is_unspecified()
}

fn strip_crlf(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    bytes
}
