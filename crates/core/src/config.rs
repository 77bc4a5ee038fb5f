//! What the core is told once: typed, checked by whoever made it, immutable, swapped whole.

use crate::{
    auth::upstream::Login, b2bua::B2buaConfig, flow::Transport, registrar, subscription,
    transaction,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// The core's configuration. Authentication has its own ([`crate::auth::AuthConfig`]).
#[derive(Clone, Debug)]
pub struct Config {
    /// AoR domains we answer for, lower case; the first is the one that our own addresses stand for.
    /// Never empty: without one it is the first listener's advertised host.
    pub domains: Vec<String>,
    /// Where we listen; [`crate::flow::ListenerId`] counts from 0 in this order.
    pub listeners: Vec<Listener>,
    /// The PBXs.
    pub upstreams: Vec<Upstream>,
    /// Index into `upstreams`: where a request goes that is not for a binding; `None`: 404.
    pub default_upstream: Option<usize>,
    /// The registrar's part.
    pub registrar: registrar::RegistrarConfig,
    /// Transaction timers.
    pub timers: transaction::TimerConfig,
    /// Header names stripped from outside besides the identity headers.
    pub strip: Vec<String>,
    /// UDP requests larger than this go by TCP where the next hop allows (RFC 3261 18.1.1): path MTU
    /// less 200, 1300 if unknown.
    pub udp_limit: usize,
    /// Bounds on one message.
    pub limits: bellhop_wire::Limits,
    /// Requests a second from one outside address; `None`: unlimited.
    pub rate: Option<Rate>,
    /// Live transactions of each kind in one shard; more are refused with 503.
    pub max_transactions: usize,
    /// Bytes that the live transactions of one shard may hold, with all that is kept for them; more are
    /// refused with 503.
    pub max_held: usize,
    /// What is done with calls of two legs; `None`: calls are relayed.
    pub b2bua: Option<B2buaConfig>,
    /// What is kept of subscriptions.
    pub subscriptions: subscription::SubscriptionConfig,
}

/// A token bucket for each outside source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back in a second.
    pub per_source: u32,
    /// Tokens a full bucket holds.
    pub burst: u32,
}

/// A listener as the core sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name in the configuration.
    pub name: String,
    /// Its transport.
    pub transport: Transport,
    /// The bound address (port filled in).
    pub local: SocketAddr,
    /// Other addresses this listener is reached at (a wildcard bind: the machine's own addresses).
    pub aliases: Vec<std::net::IpAddr>,
    /// Host as Via, Record-Route and Contact show it (IPv6 in brackets).
    pub host: String,
    /// Port as Via, Record-Route and Contact show it.
    pub port: u16,
    /// Which side it faces.
    pub zone: Zone,
}

/// Which side a listener faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Requests are challenged, identity headers stripped.
    Outside,
    /// A trusted network: nothing is challenged.
    Inside,
}

/// A group of PBX targets, tried in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in the configuration.
    pub name: String,
    /// Its targets.
    pub targets: Vec<UpstreamTarget>,
    /// Requests from its addresses are not challenged.
    pub trusted: bool,
    /// What its challenges are answered with for whoever has no login of his own there.
    pub login: Option<Arc<Login>>,
    /// How often each target is asked whether it is there; `None`: never.
    pub probe: Option<Duration>,
}

impl Config {
    /// Whether leases are to be had at a place that was not asked before, or with another login.
    pub(crate) fn registers_elsewhere_than(&self, before: &Self) -> bool {
        let of = |config: &Self| config.upstreams.get(config.default_upstream?).cloned();
        let (now, before) = match (of(self), of(before)) {
            (Some(now), Some(before)) => (now, before),
            (now, before) => return before.is_none() && now.is_some(),
        };
        let is_new = |target: &UpstreamTarget| {
            let place = (target.transport, target.remote);
            let mut known = before.targets.iter();
            !known.any(|known| (known.transport, known.remote) == place)
        };
        before.login != now.login || now.targets.iter().any(is_new)
    }
}

/// One address of a PBX (a name has been resolved by the shell, which swaps the configuration when
/// the answer changes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTarget {
    /// The transport.
    pub transport: Transport,
    /// The address.
    pub remote: SocketAddr,
    /// `host[:port]` as the configuration wrote it, for the Request-URI.
    pub host: String,
}
