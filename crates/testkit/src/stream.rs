//! Streams between peers and Bellhops, as far as a test needs them: named, cut, refused.

use bellhop_core::flow::{ConnectionId, Destination, Flow, ListenerId, Transport};
use std::collections::HashSet;
use std::net::SocketAddr;

/// Where a message really goes, and whether nobody takes it there: its peer's connection is gone, or none
/// can be opened.
pub(crate) fn place_of(
    to: &Destination,
    gone: &HashSet<SocketAddr>,
    refusing: &HashSet<SocketAddr>,
) -> (SocketAddr, bool) {
    let remote = to.remote();
    let place = match to {
        Destination::Flow { flow, else_connect }
            if gone.contains(&remote)
                || flow.transport.is_reliable() && flow.connection.is_none() =>
        {
            let Some(port) = else_connect else {
                return (remote, true);
            };
            SocketAddr::new(remote.ip(), *port)
        }
        Destination::Flow { .. } => return (remote, false),
        Destination::Address { .. } => remote,
    };
    (
        place,
        to.transport().is_reliable() && refusing.contains(&place),
    )
}

/// A stream's name: one for each remote address.
pub(crate) fn connection(remote: SocketAddr) -> ConnectionId {
    let host = match remote.ip() {
        std::net::IpAddr::V4(ip) => u64::from(ip.to_bits()),
        std::net::IpAddr::V6(ip) => (ip.to_bits() & u128::from(u32::MAX)) as u64,
    };
    ConnectionId(host << 16 | u64::from(remote.port()))
}

/// The flow that a stream from this address to the first listener of a node is.
pub fn flow_tcp(remote: SocketAddr, listener: u16) -> Flow {
    Flow {
        listener: ListenerId(listener),
        transport: Transport::Tcp,
        remote,
        connection: Some(connection(remote)),
    }
}
