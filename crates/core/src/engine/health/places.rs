//! Which target of an upstream has a subscription, and which should have it.
//!
//! What is shared is where it was asked for; what is relayed is where its SUBSCRIBE was answered, or its NOTIFYs come from.
//! Where it belongs is where a new SUBSCRIBE would go: at the first target that is up, for there calls go, and lamps that
//! another PBX lights say nothing of these. So whenever one is looked at that is elsewhere, it moves (RFC 6665 4.1.3:
//! `deactivated` is there for "migration of subscriptions between nodes"): from a target that is down, and from a spare one
//! when an earlier one is back. Only what is known moves anything: a target that is down by three probes or requests without an
//! answer, and another whose last probe was answered. Where all are silent the net is, and nothing moves.

use super::super::Engine;
use crate::config::{Config, Upstream, UpstreamTarget};
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::share::{Note, Word};
use crate::upstream::Place;

impl Engine {
    /// The PBX at this target may have forgotten: all shards look after the subscriptions that are there.
    pub(in super::super) fn tell_back(&self, place: Place, out: &mut Outbox) {
        if self.has_subscriptions() {
            self.tell_shards(&Word::BackAt(place), out);
        }
    }

    /// This target is known to be well, and was not: all shards look after the subscriptions at others of its upstream.
    pub(in super::super) fn tell_well(&self, place: Place, out: &mut Outbox) {
        if self.has_subscriptions() && self.has_spare(place) {
            self.tell_shards(&Word::Well(place), out);
        }
    }

    /// Whether anything is relayed or shared.
    pub(in super::super) fn has_subscriptions(&self) -> bool {
        !self.config.subscriptions.share.is_empty() || !self.shared.subscriptions.is_empty()
    }

    pub(in super::super) fn tell_shards(&self, word: &Word, out: &mut Outbox) {
        for shard in 0..self.config.registrar.leases.shards {
            let word = word.clone();
            out.notes.push(Note { shard, word });
        }
    }

    /// The target that has a subscription which was last known to be there: as it is configured today, or the only one
    /// that there is. `None`: of several nobody knows.
    pub(in super::super) fn target_of(&self, at: Option<Place>) -> Option<UpstreamTarget> {
        let known = at.and_then(|place| {
            let upstream = self.upstream_with(place)?;
            upstream.targets.iter().find(|t| place_of(t) == place)
        });
        known.cloned().or_else(|| self.only_target())
    }

    /// As [`Engine::target_of`], where that is.
    pub(in super::super) fn place_today(&self, at: Option<Place>) -> Option<Place> {
        self.target_of(at).as_ref().map(place_of)
    }

    /// The target that a request came from. Over a stream it is known by its address alone.
    pub(in super::super) fn place_from(&self, flow: &Flow) -> Option<Place> {
        let exact = self.names.target_at(flow.transport, flow.remote);
        if exact.is_some() || !flow.transport.is_reliable() {
            return exact;
        }
        let targets = self.config.upstreams.iter().flat_map(|u| &u.targets);
        let mut there = targets.filter(|target| target.remote.ip() == flow.remote.ip());
        let first = there.next().map(place_of)?;
        there.all(|other| place_of(other) == first).then_some(first)
    }

    /// Whether a subscription at this target belongs at another, which takes it: see above.
    pub(in super::super) fn belongs_elsewhere(&self, place: Place) -> bool {
        let Some(upstream) = self.upstream_with(place) else {
            return false;
        };
        let health = &self.shared.health;
        let is_down = health.is_down(place);
        let targets = upstream.targets.iter().map(place_of);
        let mut better = targets.take_while(|other| is_down || *other != place);
        better.any(|other| health.is_well(other))
    }

    /// Whether two targets are of one upstream.
    pub(in super::super) fn is_beside(&self, one: Place, other: Place) -> bool {
        let with = |place| self.upstream_with(place).map(|upstream| &upstream.name);
        with(one).is_some() && with(one) == with(other)
    }

    /// Whether the upstream that has this target has another one.
    fn has_spare(&self, place: Place) -> bool {
        let upstream = self.upstream_with(place);
        upstream.is_some_and(|upstream| upstream.targets.len() > 1)
    }

    /// The targets of an upstream that has this one, but for it, that do not answer.
    pub(in super::super) fn down_beside(&self, place: Place) -> Vec<Place> {
        let health = &self.shared.health;
        let targets = self.upstream_with(place).map(|upstream| &upstream.targets);
        let others = targets.into_iter().flatten().map(place_of);
        others
            .filter(|other| *other != place && health.is_down(*other))
            .collect()
    }

    /// The upstream that has a target: the one that our own subscriptions go to, if it has it.
    fn upstream_with(&self, place: Place) -> Option<&Upstream> {
        let has = |upstream: &&Upstream| upstream.targets.iter().any(|t| place_of(t) == place);
        let other = || self.config.upstreams.iter().find(has);
        self.registrar().filter(has).or_else(other)
    }

    /// The upstream that our own registrations and subscriptions go to.
    pub(in super::super) fn registrar(&self) -> Option<&Upstream> {
        registrar(&self.config)
    }
}

/// The target of the default upstream that a subscription of ours is at which was last asked for there. One that an earlier
/// program made was asked for at the first. `None`: its target is not there any more, or none is.
pub(in super::super) fn own_place(config: &Config, at: Option<Place>) -> Option<Place> {
    let targets = &registrar(config)?.targets;
    let mut places = targets.iter().map(place_of);
    match (at, targets.len()) {
        (_, 1) | (None, _) => places.next(),
        (Some(place), _) => places.find(|own| *own == place),
    }
}

fn registrar(config: &Config) -> Option<&Upstream> {
    config.upstreams.get(config.default_upstream?)
}

pub(in super::super) fn place_of(target: &UpstreamTarget) -> Place {
    (target.transport, target.remote)
}
