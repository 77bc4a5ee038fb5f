//! Where messages come from and go to: transports, listeners, flows (RFC 5626 3).

use std::net::SocketAddr;

/// A SIP transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// TLS over TCP
    Tls,
    /// WebSocket (RFC 7118)
    Ws,
    /// WebSocket over TLS
    Wss,
}

/// The place of a listener in [`crate::config::Config::listeners`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// One connection of a stream transport; never used again for another one while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// The pair of ends that a message came over, to which an answer goes back: for UDP the listener and
/// the remote address, for streams the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The listener it came in on (for a connection we opened: the one of its transport that we name in Via).
    pub listener: ListenerId,
    /// Its transport.
    pub transport: Transport,
    /// The other end.
    pub remote: SocketAddr,
    /// The connection; `None` for UDP.
    pub connection: Option<ConnectionId>,
}

/// Where a message is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// Over this flow. If its connection is gone, `else_connect` says whether the shell may open a new
    /// one (RFC 3261 18.2.2) or must report failure.
    Flow {
        /// The flow.
        flow: Flow,
        /// The port of the flow's remote address to open a new connection to if this one is gone.
        else_connect: Option<u16>,
    },
    /// To this address, from this listener (UDP) or in its name (streams: an open connection to the
    /// address is used, else one is opened).
    Address {
        /// The listener that Via names.
        listener: ListenerId,
        /// The transport.
        transport: Transport,
        /// The next hop.
        remote: SocketAddr,
    },
}

impl Transport {
    /// Whether retransmission is the transport's own business (RFC 3261 17).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// Whether we may open a connection of it. A WebSocket is opened by its client alone (RFC 6455 1.3, RFC 7118 4):
    /// who is behind one is reached over that one, or not at all.
    pub const fn is_opened_here(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// Whether it is a WebSocket.
    pub const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// Whether nobody on the way can listen: what a sips URI asks for (RFC 3261 19.1).
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// As Via writes it (RFC 3261 20.42, RFC 7118 5.2).
    pub const fn via_token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// As a URI's `transport` parameter writes it.
    pub const fn uri_token(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The transport of a Via or URI token in any case.
    pub fn of(token: &[u8]) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|t| token.eq_ignore_ascii_case(t.via_token().as_bytes()))
    }

    /// The port that stands for none (RFC 3261 19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

impl Destination {
    /// The transport it goes by.
    pub const fn transport(&self) -> Transport {
        match self {
            Self::Flow { flow, .. } => flow.transport,
            Self::Address { transport, .. } => *transport,
        }
    }

    /// The address it goes to.
    pub const fn remote(&self) -> SocketAddr {
        match self {
            Self::Flow { flow, .. } => flow.remote,
            Self::Address { remote, .. } => *remote,
        }
    }

    /// The listener whose name stands in Via.
    pub const fn listener(&self) -> ListenerId {
        match self {
            Self::Flow { flow, .. } => flow.listener,
            Self::Address { listener, .. } => *listener,
        }
    }
}
