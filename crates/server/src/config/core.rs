//! The settings as the core is told them.

use super::{Settings, address::Target, listen::Listener, upstream::Upstream};
use crate::{resolve::Place, transport::Rules};
use bellhop_core::{
    auth::AuthConfig,
    b2bua::B2buaConfig,
    config::{self, Config, Rate, UpstreamTarget},
    lease::LeaseConfig,
    registrar::RegistrarConfig,
    transaction::TimerConfig,
};
use std::{net::SocketAddr, sync::Arc};

impl Settings {
    /// The targets of all upstreams, in the order in which [`Self::core_config`] takes their addresses.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.upstreams.iter().flat_map(|upstream| &upstream.targets)
    }

    /// The core's configuration. `bound` has the address of each listener, in order, its port filled
    /// in; `resolved` what the name of each of [`Self::targets`] stands for, in order: a target whose
    /// name stands for nothing is left out for now.
    pub(crate) fn core_config(&self, bound: &[SocketAddr], resolved: &[Vec<Place>]) -> Config {
        let listeners = self.listeners.iter().zip(bound);
        let mut resolved = resolved.iter();
        let upstream = |upstream: &Upstream| config::Upstream {
            name: upstream.name.clone(),
            targets: upstream
                .targets
                .iter()
                .flat_map(|target| core_targets(target, resolved.next()))
                .collect(),
            trusted: upstream.trusted,
            login: upstream.login.clone(),
            probe: upstream.probe,
        };
        Config {
            domains: self.server.domains.clone(),
            upstreams: self.upstreams.iter().map(upstream).collect(),
            listeners: listeners
                .map(|(l, at)| self.core_listener(l, *at))
                .collect(),
            default_upstream: self.default_upstream,
            registrar: RegistrarConfig {
                min_expires: self.registrar.min_expires,
                max_expires: self.registrar.max_expires,
                default_expires: self.registrar.default_expires(),
                max_contacts: self.registrar.max_contacts,
                push: self.push.as_ref().map(|push| Arc::clone(&push.core)),
                leases: LeaseConfig {
                    mode: self.registrar.mode,
                    domains: self.registrar.domains.clone(),
                    expires: self.registrar.upstream_expires,
                    rate: self.registrar.resync_rate,
                    shards: u16::try_from(self.server.workers()).unwrap_or(u16::MAX),
                    with_path: self
                        .default_upstream
                        .and_then(|at| self.upstreams.get(at))
                        .is_some_and(|upstream| upstream.with_path),
                },
                udp_nat_expires: self.registrar.udp_nat_expires,
                grace: u16::try_from(self.registrar.grace.as_secs()).unwrap_or(u16::MAX),
                nat_keepalive: self.registrar.nat_keepalive,
                ..RegistrarConfig::default()
            },
            timers: TimerConfig::default(),
            strip: self.auth.strip_headers.clone(),
            udp_limit: UDP_LIMIT,
            limits: self.wire_limits(),
            rate: self.limits.rate.map(|rate| Rate {
                per_source: rate.per_source,
                burst: rate.burst,
            }),
            max_transactions: usize::MAX,
            max_held: self.max_held(),
            b2bua: self.b2bua.clone().map(|b2bua| B2buaConfig {
                most: self.of_worker(b2bua.most),
                ..b2bua
            }),
            subscriptions: self.subscriptions.clone(),
        }
    }

    /// What each listener asks of WebSockets.
    pub(crate) fn web_rules(&self) -> Vec<Option<Arc<Rules>>> {
        self.listeners.iter().map(|l| l.web.clone()).collect()
    }

    /// Bounds on one message, for framing.
    pub(crate) fn wire_limits(&self) -> bellhop_wire::Limits {
        bellhop_wire::Limits {
            message: self.limits.message,
            ..bellhop_wire::Limits::default()
        }
    }

    /// Each shard has its part of what transactions may take.
    fn max_held(&self) -> usize {
        self.of_worker(self.limits.transactions)
    }

    /// The part of one worker, of its shard.
    fn of_worker(&self, all: usize) -> usize {
        all.checked_div(self.server.workers()).unwrap_or(all).max(1)
    }

    /// What is asked of phones, and the users.
    pub(crate) fn auth_config(&self) -> AuthConfig {
        AuthConfig {
            realm: self.auth.realm.clone(),
            algorithms: self.auth.algorithms.clone(),
            nonce_lifetime: self.auth.nonce_lifetime,
            users: self.auth.users.clone(),
        }
    }

    fn core_listener(&self, listener: &Listener, local: SocketAddr) -> config::Listener {
        let (host, port) = listener.shown(local, &self.machine);
        config::Listener {
            name: listener.name.clone(),
            transport: listener.bind.transport,
            local,
            aliases: listener.aliases(&self.machine),
            host: host.to_string(),
            port,
            zone: listener.zone,
        }
    }
}

fn core_targets(target: &Target, resolved: Option<&Vec<Place>>) -> Vec<UpstreamTarget> {
    let places = match (target.transport(), target.address()) {
        (Some(transport), Some(address)) => vec![(transport, address)],
        _ => resolved.cloned().unwrap_or_default(),
    };
    let of = |(transport, remote)| UpstreamTarget {
        transport,
        remote,
        host: target.authority(),
    };
    places.into_iter().map(of).collect()
}

/// RFC 3261 18.1.1: the path's MTU is not known.
const UDP_LIMIT: usize = 1_300;
