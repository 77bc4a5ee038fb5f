//! The upstreams as they are now: the targets of the configuration in use, and what is known of each.

use bellhop_core::{
    config::Config,
    time::Now,
    upstream::{Health, Look, Place, State},
};
use bellhop_policy::Member;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Shared by whoever tells of upstreams.
#[derive(Debug)]
pub(crate) struct Upstreams {
    health: Arc<Health>,
    config: Mutex<Arc<Config>>,
}

/// Why nothing can be registered anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotThere {
    /// There is no such upstream.
    Unknown,
    /// Nothing of ours is registered there.
    Nothing,
}

/// A target, and how it is.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The upstream's name.
    pub(crate) upstream: String,
    /// As a listener is written: `udp:198.51.100.5:5060`.
    pub(crate) target: String,
    /// The same for the core.
    pub(crate) place: Place,
    /// As the configuration wrote it.
    pub(crate) host: String,
    /// How often it is probed.
    pub(crate) probe: Option<Duration>,
    /// How it is.
    pub(crate) look: Look,
}

impl Upstreams {
    /// Those of a configuration.
    pub(crate) fn new(health: &Arc<Health>, config: &Arc<Config>) -> Self {
        Self {
            health: Arc::clone(health),
            config: Mutex::new(Arc::clone(config)),
        }
    }

    /// Takes over another configuration.
    pub(crate) fn turn_to(&self, config: &Arc<Config>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(config);
    }

    /// All targets, in the order of the configuration.
    pub(crate) fn seen(&self, now: Now) -> Vec<Seen> {
        let config = self.config();
        let targets = config.upstreams.iter().flat_map(|upstream| {
            let seen = |target: &bellhop_core::config::UpstreamTarget| Seen {
                upstream: upstream.name.clone(),
                target: format!("{}:{}", target.transport.uri_token(), target.remote),
                place: (target.transport, target.remote),
                host: target.host.clone(),
                probe: upstream.probe,
                look: self.health.look(now, (target.transport, target.remote)),
            };
            upstream.targets.iter().map(seen).collect::<Vec<_>>()
        });
        targets.collect()
    }

    /// The targets of an upstream, for plugins; `None`: there is no such upstream.
    pub(crate) fn members(
        &self,
        now: Now,
        group: &str,
        calls: &dyn Fn(SocketAddr) -> u32,
    ) -> Option<Vec<Member>> {
        let config = self.config();
        let mut all = config.upstreams.iter();
        let upstream = all.find(|upstream| upstream.name == group)?;
        let member = |target: &bellhop_core::config::UpstreamTarget| {
            let (transport, remote) = (target.transport, target.remote);
            let place: Place = (transport, remote);
            Member {
                name: target.host.clone(),
                uri: format!("sip:{remote};transport={}", transport.uri_token()),
                up: self.health.state(now.instant, place) == State::Up,
                active_calls: calls(remote),
                latency: self.health.latency(place).map_or(0, millis),
                // Targets have none: they are tried in order.
                weight: 1,
            }
        };
        Some(upstream.targets.iter().map(member).collect())
    }

    /// Whether somebody wants to know how long requests take: it costs a little for each.
    pub(crate) fn measure(&self, wanted: bool) {
        self.health.measure_requests(wanted);
    }

    /// Whether registrations or subscriptions are looked after at this upstream, or, where none is named, at any: its name,
    /// and how many of the first and of the second are asked of it a second. `is_relayed`: some are that are relayed.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn registered_at(
        &self,
        name: Option<&str>,
        is_relayed: bool,
    ) -> Result<(String, [u32; 2]), NotThere> {
        let config = self.config();
        let is_it =
            |upstream: &&bellhop_core::config::Upstream| Some(upstream.name.as_str()) == name;
        if name.is_some() && !config.upstreams.iter().any(|upstream| is_it(&upstream)) {
            return Err(NotThere::Unknown);
        }
        let leases = &config.registrar.leases;
        let default = config
            .default_upstream
            .and_then(|at| config.upstreams.get(at));
        let default = default.filter(|upstream| name.is_none() || is_it(upstream));
        let settings = &config.subscriptions;
        let is_any = leases.is_on() || is_relayed || !settings.share.is_empty();
        match default.filter(|_| is_any) {
            Some(upstream) => {
                let rates = [leases.rate, settings.resync_rate];
                Ok((upstream.name.clone(), rates))
            }
            None => Err(NotThere::Nothing),
        }
    }

    fn config(&self) -> Arc<Config> {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&config)
    }
}

/// Rounded up: 0 is for what is not known.
fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_micros().div_ceil(1_000))
        .unwrap_or(u32::MAX)
        .max(1)
}
