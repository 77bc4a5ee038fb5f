//! Which hosts mean us: the configured domains, every address we listen on, what we advertise.

mod alone;

use self::alone::Alone;
use crate::config::{Config, Zone};
use crate::flow::{Destination, Flow, ListenerId, Transport};
use bellhop_wire::view::host::host_port;
use bellhop_wire::{Host, Scheme, UriRef};
use std::net::{IpAddr, SocketAddr};

/// Answers "is this us?", "is this a PBX of ours?" and "which listener reaches that?" for one
/// configuration.
#[derive(Debug)]
pub(crate) struct Names {
    domains: Vec<(String, Advertised)>,
    alone: Alone,
    listeners: Vec<Own>,
    upstreams: Vec<Peer>,
}

/// One name or address of one listener.
#[derive(Debug)]
struct Own {
    id: ListenerId,
    transport: Transport,
    addresses: Vec<SocketAddr>,
    advertised: (Advertised, u16),
    /// As it is shown.
    sent_by: Vec<u8>,
    inside: bool,
}

/// What a listener is shown as, read once.
#[derive(Debug)]
enum Advertised {
    Name(String),
    Ip(IpAddr),
    /// Neither: nothing that a message can name.
    Unreadable,
}

/// One address of one upstream.
#[derive(Debug)]
struct Peer {
    upstream: usize,
    trusted: bool,
    transport: Transport,
    remote: SocketAddr,
    host: String,
}

impl Names {
    pub(crate) fn new(config: &Config) -> Self {
        let listeners = (0u16..)
            .zip(&config.listeners)
            .map(|(id, l)| Own {
                id: ListenerId(id),
                transport: l.transport,
                addresses: std::iter::once(l.local)
                    .chain(
                        l.aliases
                            .iter()
                            .map(|ip| SocketAddr::new(*ip, l.local.port())),
                    )
                    .collect(),
                advertised: (Advertised::read(&l.host), l.port),
                sent_by: format!("{}:{}", l.host, l.port).into_bytes(),
                inside: l.zone == Zone::Inside,
            })
            .collect();
        let upstreams = config
            .upstreams
            .iter()
            .enumerate()
            .flat_map(|(upstream, u)| {
                u.targets.iter().map(move |t| Peer {
                    upstream,
                    trusted: u.trusted,
                    transport: t.transport,
                    remote: t.remote,
                    host: t.host.to_ascii_lowercase(),
                })
            })
            .collect();
        Self {
            alone: Alone::new(&config.domains),
            domains: config
                .domains
                .iter()
                .map(|domain| (domain.clone(), Advertised::read(domain)))
                .collect(),
            listeners,
            upstreams,
        }
    }

    /// The AoR domain that a SIP URI's host stands for, if it is ours: a configured domain stands for
    /// itself, an address or advertised name of ours for the first domain.
    pub(crate) fn domain_of(&self, uri: &UriRef<'_>) -> Option<&str> {
        if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
            return None;
        }
        let host = uri.host?;
        if let Host::Name(name) = host {
            // A dot at the end says only that the name is whole (RFC 3261 25.1, `hostname`).
            let name = name.strip_suffix(b".").unwrap_or(name);
            let domain = self
                .domains
                .iter()
                .map(|(domain, _)| domain.as_str())
                .find(|d| name == d.as_bytes() || name.eq_ignore_ascii_case(d.as_bytes()));
            if domain.is_some() {
                return domain.filter(|_| self.is_our_port(uri.port));
            }
        } else if let Some((domain, _)) = self.domains.iter().find(|(_, own)| own.is(host)) {
            // A domain that is written as an address is also an address of a host.
            if uri.port.is_none() || self.is_own_address(host, uri.port) {
                return Some(domain);
            }
        }
        if self.is_own_address(host, uri.port) {
            self.domains.first().map(|(name, _)| name.as_str())
        } else {
            None
        }
    }

    /// Whether a host and port are one of our listeners: how our own Route, Record-Route and Via
    /// entries are known again (RFC 3261 16.4, 16.7 step 3).
    pub(crate) fn is_own_address(&self, host: Host<'_>, port: Option<u16>) -> bool {
        match host {
            Host::Ip(ip) => match port {
                Some(port) => {
                    let address = SocketAddr::new(ip, port);
                    let is_it = |own: &Own| {
                        own.addresses.contains(&address) || own.is_advertised(host, Some(port))
                    };
                    self.listeners.iter().any(is_it)
                }
                // Without a port it is 5060 (RFC 3261 19.1.2), unless a PBX stands there.
                None => {
                    self.is_own_address(host, Some(5060))
                        || ((self.has_ip(ip) || self.is_advertised(host, None))
                            && !self
                                .upstreams
                                .iter()
                                .any(|u| u.remote == SocketAddr::new(ip, 5060)))
                }
            },
            Host::Name(_) => self.is_advertised(host, port),
        }
    }

    /// Whether this listener is reached by this transport, host (or domain) and port.
    pub(crate) fn is_listener(
        &self,
        id: ListenerId,
        transport: Transport,
        host: Host<'_>,
        port: u16,
    ) -> bool {
        let Some(own) = self.listeners.iter().find(|l| l.id == id) else {
            return false;
        };
        let is_port = |address: &SocketAddr| address.port() == port;
        let is_address = |address: &SocketAddr| host == Host::Ip(address.ip()) && is_port(address);
        own.transport == transport
            && (own.addresses.iter().any(is_address)
                || own.is_advertised(host, Some(port))
                || (own.addresses.iter().any(is_port)
                    && self.domains.iter().any(|(_, own)| own.is(host))))
    }

    /// The upstream whose address or name this URI has (a request for the PBX by its own name).
    pub(crate) fn upstream_of(&self, uri: &UriRef<'_>) -> Option<usize> {
        let host = uri.host?;
        let mut text = Vec::with_capacity(64);
        host.write(&mut text);
        self.upstreams
            .iter()
            .find(|u| {
                let port = uri.port.unwrap_or(u.transport.default_port());
                match host {
                    Host::Ip(ip) => u.remote == SocketAddr::new(ip, port),
                    Host::Name(_) => {
                        let (name, own) = u.host.rsplit_once(':').unwrap_or((&u.host, ""));
                        // Without a port it is the name that SRV records were asked for.
                        let is_bare = own.is_empty() && uri.port.is_none();
                        name.as_bytes() == text
                            && (is_bare || own.parse().unwrap_or(u.remote.port()) == port)
                    }
                }
            })
            .map(|u| u.upstream)
    }

    /// The upstream a message comes from. For UDP its source is the upstream's address and port; for
    /// streams it is a connection to that address, or from its address in the name of its port
    /// (`sent_by` of the topmost Via), so that no phone or page on the PBX's own host is taken for it.
    pub(crate) fn upstream_at(
        &self,
        flow: &Flow,
        sent_by_port: Option<u16>,
    ) -> Option<(usize, bool)> {
        self.upstreams
            .iter()
            .find(|u| {
                u.remote == flow.remote
                    || (flow.transport.is_reliable()
                        && u.remote.ip() == flow.remote.ip()
                        && sent_by_port.unwrap_or(flow.transport.default_port()) == u.remote.port())
            })
            .filter(|_| !flow.transport.is_websocket())
            .map(|u| (u.upstream, u.trusted))
    }

    /// The upstream that has this very address, reached as it is configured, or by TCP for the size of a
    /// request that is configured to go by UDP (RFC 3261 18.1.1).
    pub(crate) fn upstream_to(&self, transport: Transport, remote: SocketAddr) -> Option<usize> {
        let is_there = |u: &&Peer| {
            let is_large = (u.transport, transport) == (Transport::Udp, Transport::Tcp);
            u.remote == remote && (u.transport == transport || is_large)
        };
        self.upstreams.iter().find(is_there).map(|u| u.upstream)
    }

    /// As it is configured, the target that has this very address (see [`Names::upstream_to`]).
    pub(crate) fn target_at(
        &self,
        transport: Transport,
        remote: SocketAddr,
    ) -> Option<(Transport, SocketAddr)> {
        let at = |u: &&Peer| u.remote == remote;
        let mut all = self.upstreams.iter().filter(at);
        let exact = self
            .upstreams
            .iter()
            .filter(at)
            .find(|u| u.transport == transport);
        let large = |u: &&Peer| (u.transport, transport) == (Transport::Udp, Transport::Tcp);
        let found = exact.or_else(|| all.find(large))?;
        Some((found.transport, found.remote))
    }

    /// The listener that best reaches an address: of its family, of its transport if there is one, rather no WebSocket (the
    /// next hop would open one), then the one whose address shares most leading bits, then inside before outside.
    pub(crate) fn listener_for(&self, transport: Transport, remote: IpAddr) -> Option<ListenerId> {
        self.listeners
            .iter()
            .filter_map(|l| {
                let local = l.addresses.first()?.ip();
                (local.is_ipv4() == remote.is_ipv4()).then(|| {
                    let near = l
                        .addresses
                        .iter()
                        .map(|a| common_prefix(a.ip(), remote))
                        .max();
                    let is_plain = !l.transport.is_websocket();
                    ((l.transport == transport, is_plain, near, l.inside), l.id)
                })
            })
            .max_by_key(|(rank, id)| (*rank, std::cmp::Reverse(*id)))
            .map(|(_, id)| id)
    }

    /// Host and port that a listener is shown as, in Via and Record-Route.
    pub(crate) fn sent_by(&self, id: ListenerId) -> Option<&[u8]> {
        Some(&self.listeners.get(usize::from(id.0))?.sent_by)
    }

    /// Whether a Contact leads back to us.
    pub(crate) fn is_own_contact(&self, contact: &UriRef<'_>) -> bool {
        let host = contact.host;
        host.is_some_and(|host| self.is_own_address(host, contact.port))
    }

    /// Where who is sent to there can call us back: transport and `host:port` of the listener whose name we send
    /// in, or, if that speaks WebSocket, of one that does not.
    pub(crate) fn call_back(&self, to: &Destination) -> Option<(Transport, &[u8])> {
        let is_plain = |own: &&Own| !own.transport.is_websocket();
        let own = self.listeners.get(usize::from(to.listener().0))?;
        let other = || self.listeners.iter().find(is_plain);
        let own = Some(own).filter(is_plain).or_else(other)?;
        Some((own.transport, &own.sent_by))
    }

    /// Whether some listener has this transport.
    pub(crate) fn has_transport(&self, transport: Transport) -> bool {
        self.listeners.iter().any(|l| l.transport == transport)
    }

    /// The destination at an address, from the best listener.
    pub(crate) fn destination(
        &self,
        transport: Transport,
        remote: SocketAddr,
    ) -> Option<Destination> {
        let listener = self.listener_for(transport, remote.ip())?;
        Some(Destination::Address {
            listener,
            transport,
            remote,
        })
    }

    /// Whether an address is one of our own listeners, or is shown as one (a NAT would send it back to
    /// us): nothing is ever sent there.
    pub(crate) fn is_self(&self, remote: SocketAddr) -> bool {
        self.listeners.iter().any(|l| l.addresses.contains(&remote))
            || self.is_advertised(Host::Ip(remote.ip()), Some(remote.port()))
    }

    /// Whether what is sent there leaves the trust domain (RFC 3325): it goes by an outside listener and
    /// not to a trusted upstream.
    pub(crate) fn is_outside(&self, to: &Destination) -> bool {
        let is_inside = |l: &Own| l.id == to.listener() && l.inside;
        let is_trusted = |u: &Peer| u.trusted && u.remote == to.remote();
        !self.listeners.iter().any(is_inside) && !self.upstreams.iter().any(is_trusted)
    }

    /// Whether an upstream has this very address.
    pub(crate) fn is_upstream(&self, remote: SocketAddr) -> bool {
        self.upstreams.iter().any(|u| u.remote == remote)
    }

    /// A flow that was remembered, with the listener that it uses today: the configuration may have
    /// been changed since. `None`: no listener has its transport and address family any more.
    pub(crate) fn flow_today(&self, flow: Flow) -> Option<Flow> {
        let fits = |l: &Own| {
            let same_family = |a: &SocketAddr| a.is_ipv4() == flow.remote.is_ipv4();
            l.transport == flow.transport && l.addresses.first().is_some_and(same_family)
        };
        if self
            .listeners
            .iter()
            .any(|l| l.id == flow.listener && fits(l))
        {
            return Some(flow);
        }
        let listener = self.listener_for(flow.transport, flow.remote.ip())?;
        let is_fit = self.listeners.iter().any(|l| l.id == listener && fits(l));
        is_fit.then_some(Flow { listener, ..flow })
    }

    fn is_our_port(&self, port: Option<u16>) -> bool {
        port.is_none_or(|port| {
            self.listeners
                .iter()
                .any(|l| l.advertised.1 == port || l.addresses.iter().any(|a| a.port() == port))
        })
    }

    fn has_ip(&self, ip: IpAddr) -> bool {
        self.listeners
            .iter()
            .any(|l| l.addresses.iter().any(|a| a.ip() == ip))
    }

    fn is_advertised(&self, host: Host<'_>, port: Option<u16>) -> bool {
        self.listeners.iter().any(|l| l.is_advertised(host, port))
    }
}

impl Advertised {
    fn read(host: &str) -> Self {
        match host_port(host.as_bytes()) {
            Some((Host::Name(_), _)) => Self::Name(host.to_ascii_lowercase()),
            Some((Host::Ip(ip), _)) => Self::Ip(ip),
            None => Self::Unreadable,
        }
    }

    fn is(&self, host: Host<'_>) -> bool {
        match self {
            Self::Name(name) => Host::Name(name.as_bytes()).same(host),
            Self::Ip(ip) => Host::Ip(*ip).same(host),
            Self::Unreadable => false,
        }
    }
}

impl Own {
    fn is_advertised(&self, host: Host<'_>, port: Option<u16>) -> bool {
        port.is_none_or(|p| p == self.advertised.1) && self.advertised.0.is(host)
    }
}

/// How many leading bits two addresses share.
fn common_prefix(a: IpAddr, b: IpAddr) -> u32 {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => 0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
