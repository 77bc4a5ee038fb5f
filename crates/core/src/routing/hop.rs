//! The next hop that a URI names, and the URI that a next hop wants (RFC 3261 16.6 steps 2 and 7).

use super::Names;
use super::target::{Hop, Routing, refuse};
use crate::config::Config;
use crate::flow::{Destination, ListenerId, Transport};
use bellhop_wire::{Host, Scheme, UriRef};
use std::net::{IpAddr, SocketAddr};

/// The next hop that a URI names (RFC 3263 4, without NAPTR where the URI decides).
pub(super) fn hop(names: &Names, uri: &UriRef<'_>) -> Result<Hop, Routing> {
    let named = match uri.transport() {
        Some(token) => Some(Transport::of(token).ok_or(refuse(400, "Unknown transport"))?),
        None => (uri.scheme == Scheme::Sips).then_some(Transport::Tls),
    };
    if named.is_some_and(Transport::is_websocket) {
        return Err(refuse(480, "A WebSocket is opened by its client alone"));
    }
    let host = uri
        .params
        .value("maddr")
        .and_then(bellhop_wire::view::host::host_port);
    let Some(host) = host.map(|(host, _)| host).or(uri.host) else {
        return Err(refuse(416, "Unsupported URI scheme"));
    };
    match host {
        Host::Name(name) if is_nowhere(name) => Err(refuse(480, "Host stands for no place")),
        Host::Name(name) => Ok(Hop::Name {
            host: String::from_utf8_lossy(name).into_owned(),
            port: uri.port,
            transport: named,
        }),
        Host::Ip(ip) => {
            let transport = named.unwrap_or(if names.has_transport(Transport::Udp) {
                Transport::Udp
            } else {
                Transport::Tcp
            });
            let remote = SocketAddr::new(ip, uri.port.unwrap_or(transport.default_port()));
            if names.is_self(remote) {
                return Err(refuse(482, "Next hop is this server"));
            }
            let to = names.destination(transport, remote);
            to.map(Hop::To)
                .ok_or(refuse(500, "No listener reaches the next hop"))
        }
    }
}

/// Whether a name is one that never stands for anything (RFC 6761 6.4), as browsers call themselves (RFC 7118 5.2): it
/// is asked of no resolver.
fn is_nowhere(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let last = name.rsplit(|byte| *byte == b'.').next();
    last.is_some_and(|last| last.eq_ignore_ascii_case(b"invalid"))
}

/// `sip:user@host` with the upstream's host, for a URI of ours; a tel number becomes a user
/// (RFC 3261 19.1.6).
pub(super) fn rehost(uri: &UriRef<'_>, host: &str) -> Box<[u8]> {
    let mut text = Vec::with_capacity(uri.raw.len().saturating_add(host.len()));
    text.extend_from_slice(if uri.scheme == Scheme::Sips {
        b"sips:"
    } else {
        b"sip:"
    });
    if let Some(user) = uri.user {
        if uri.scheme == Scheme::Tel {
            text.extend(
                user.iter()
                    .filter(|c| !matches!(c, b'-' | b'.' | b'(' | b')')),
            );
        } else {
            text.extend_from_slice(user);
        }
        text.push(b'@');
    }
    text.extend_from_slice(host.as_bytes());
    if uri.scheme == Scheme::Tel {
        text.extend_from_slice(b";user=phone");
    } else {
        for param in uri.params.iter() {
            let is_hop = ["transport", "maddr", "lr", "ttl"]
                .iter()
                .any(|name| param.name.eq_ignore_ascii_case(name.as_bytes()));
            if is_hop {
                continue;
            }
            text.push(b';');
            text.extend_from_slice(param.name);
            if let Some(value) = param.value {
                text.push(b'=');
                text.extend_from_slice(value);
            }
        }
    }
    text.into_boxed_slice()
}

/// Where the answer of the resolver leads, in its order: to no place that is ourselves, nor, for a
/// request from the outside, to one that leads into this machine or its link.
pub(crate) fn resolved(
    names: &Names,
    is_outside: bool,
    places: &[(Transport, SocketAddr)],
) -> Vec<Destination> {
    let is_open = |to: SocketAddr| !is_outside || is_everywhere(to.ip()) || names.is_upstream(to);
    let fit = |(_, to): &&(Transport, SocketAddr)| !names.is_self(*to) && is_open(*to);
    let destination =
        |(transport, to): &(Transport, SocketAddr)| names.destination(*transport, *to);
    places.iter().filter(fit).filter_map(destination).collect()
}

/// Whether an address means the same machine wherever it is sent from, as loopback, link-local,
/// multicast and unspecified ones and those of "this network" (RFC 1122 3.2.1.3) do not. Private ones do:
/// that is where a PBX stands, and nobody outside chooses the names that are looked up.
fn is_everywhere(ip: IpAddr) -> bool {
    let ip = match ip {
        IpAddr::V6(six) => six.to_ipv4().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets().first() == Some(&0))
        }
        IpAddr::V6(ip) => !(ip.is_unicast_link_local() || ip.is_multicast()),
    }
}

/// The listener of a destination, for those who need its name.
pub(crate) fn listener_of(config: &Config, id: ListenerId) -> Option<&crate::config::Listener> {
    config.listeners.get(usize::from(id.0))
}
