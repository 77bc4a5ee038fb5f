//! A Bellhop of several shards: engines that share what shards share, messages by their Call-IDs, and what one shard has
//! to say to another on its way, which takes a moment and may overtake what was said before.

use crate::disk::Disk;
use crate::world::listeners_of;
use crate::{Chance, Node, World};
use bellhop_core::auth::{AuthConfig, Authenticator, ReplayGuard, Secret, upstream::UpstreamAuth};
use bellhop_core::config::Config;
use bellhop_core::engine::{Engine, Shared, shard_of};
use bellhop_core::outbox::Outbox;
use bellhop_core::registrar::Location;
use bellhop_core::share::Note;
use bellhop_core::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Notes between shards that have not arrived.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// By when they arrive, and in which order they were written.
    flying: BTreeMap<(Instant, u64), (usize, Note)>,
    written: u64,
}

impl Mail {
    /// When the next one arrives.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.flying.first_key_value().map(|((at, _), _)| *at)
    }

    fn send(&mut self, at: Instant, to: usize, note: Note) {
        self.written = self.written.saturating_add(1);
        self.flying.insert((at, self.written), (to, note));
    }

    fn arrive(&mut self, now: Instant) -> Option<(usize, Note)> {
        let first = self.flying.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

impl World {
    /// As [`World::start`], with an engine that is one shard of several.
    pub fn start_shard(&mut self, shard: u16, config: Config, auth: AuthConfig) -> usize {
        let seeds = std::array::from_fn(|_| self.chance.number());
        let shared = Shared {
            location: Arc::new(Location::new(10_000, seeds)),
            replay: Arc::new(ReplayGuard::new(4_096)),
            secret: Arc::new(Secret::new([7; 32])),
            leases: Arc::default(),
            subscriptions: Arc::default(),
            held: Arc::default(),
            tally: Arc::default(),
            health: Arc::default(),
            upstream_auth: Arc::new(UpstreamAuth::new(1_024)),
        };
        self.start_with(shard, (shared, seeds), config, auth)
    }

    /// Starts an engine that shares this.
    fn start_with(
        &mut self,
        shard: u16,
        (shared, seeds): (Shared, [u64; 4]),
        config: Config,
        auth: AuthConfig,
    ) -> usize {
        let listeners = listeners_of(&config);
        let auth = Authenticator::new(auth, Arc::clone(&shared.secret), Arc::clone(&shared.replay));
        let entropy = Box::new(Chance::new(self.chance.number()));
        let engine = Engine::new(
            shard,
            Arc::new(config),
            Arc::new(auth),
            shared.clone(),
            entropy,
        );
        let number = self.nodes.len();
        self.nodes.push(Node {
            family: (number, 1),
            engine,
            shared,
            listeners,
            disk: Disk::default(),
            seeds,
            log: Vec::new(),
            out: Outbox::default(),
        });
        number
    }

    /// Starts a Bellhop of so many shards. Gives the number of the first; the others follow it.
    pub fn start_shards(&mut self, shards: u16, mut config: Config, auth: &AuthConfig) -> usize {
        config.registrar.leases.shards = shards;
        let first = self.start_shard(0, config.clone(), auth.clone());
        let Some(node) = self.nodes.get(first) else {
            return first;
        };
        let shared = (node.shared.clone(), node.seeds);
        for shard in 1..shards {
            self.start_with(shard, shared.clone(), config.clone(), auth.clone());
        }
        for node in self.nodes.iter_mut().skip(first) {
            node.family = (first, usize::from(shards));
        }
        first
    }

    /// The engine that a message for this one goes to: its Call-ID's shard.
    pub(crate) fn shard_for(&self, index: usize, message: &[u8]) -> usize {
        let (first, shards) = self.family(index);
        match shards {
            0 | 1 => index,
            shards => first.saturating_add(shard_of(message, shards)),
        }
    }

    /// Carries what an engine has to say to its like. Where there is one shard it hears it at once itself.
    pub(crate) fn between_shards(&mut self, index: usize, out: &mut Outbox) {
        let (first, shards) = self.family(index);
        let of = |shard: usize| match shards {
            0 | 1 => index,
            _ => first.saturating_add(shard),
        };
        let mut told = Vec::new();
        for demand in out.demands.drain(..) {
            let to = of(usize::from(demand.home));
            if let Some(node) = self.nodes.get_mut(to) {
                node.engine.demand(self.now, demand, &mut node.out);
            }
            told.push(to);
        }
        for outcome in out.outcomes.drain(..) {
            let to = of(usize::try_from(outcome.ticket.0 >> 48).unwrap_or(0));
            if let Some(node) = self.nodes.get_mut(to) {
                node.engine.outcome(self.now, outcome, &mut node.out);
            }
            told.push(to);
        }
        for note in out.notes.drain(..) {
            let to = of(usize::from(note.shard));
            if shards > 1 {
                let late = Duration::from_micros(self.chance.below(SLOWEST));
                self.mail.send(self.now.instant.after(late), to, note);
            } else if let Some(node) = self.nodes.get_mut(to) {
                node.engine.note(self.now, note, &mut node.out);
            }
        }
        told.retain(|to| *to != index);
        told.dedup();
        for other in told {
            self.drain_node(other);
        }
    }

    /// Hands out the notes whose time has come.
    pub(crate) fn hand_out(&mut self) {
        while let Some((to, note)) = self.mail.arrive(self.now.instant) {
            if let Some(node) = self.nodes.get_mut(to) {
                node.engine.note(self.now, note, &mut node.out);
            }
            self.drain_node(to);
        }
    }

    fn family(&self, index: usize) -> (usize, usize) {
        self.nodes.get(index).map_or((index, 1), |node| node.family)
    }
}

/// Microseconds that a note takes at most.
const SLOWEST: u64 = 6_000;
