//! A pretend disk: it takes what an engine wants kept, says so at once, late, never, or that it cannot, and
//! has it for the next engine.

use crate::{Chance, World};
use bellhop_core::auth::{AuthConfig, Authenticator, ReplayGuard};
use bellhop_core::config::Config;
use bellhop_core::engine::{Engine, Shared};
use bellhop_core::outbox::{Persist, Unstored};
use bellhop_core::registrar::{Aor, Bindings, Location, Record};
use bellhop_core::time::{Instant, Now};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The disk of a Bellhop.
#[derive(Debug, Default)]
pub struct Disk {
    /// How it answers; `None`: this Bellhop keeps nothing.
    manner: Option<Manner>,
    asked: VecDeque<(Instant, Persist)>,
    kept: HashMap<Aor, (Now, Bindings)>,
    /// How often something was written.
    writes: usize,
}

/// How a disk answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Writes { late: Duration },
    Silent,
    Fails { retry_after: u32 },
}

impl Disk {
    /// It writes, and says so after this time.
    #[must_use]
    pub fn late(mut self, late: Duration) -> Self {
        self.manner = Some(Manner::Writes { late });
        self
    }

    /// It never says anything.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.manner = Some(Manner::Silent);
        self
    }

    /// It cannot write.
    #[must_use]
    pub fn failing(mut self, retry_after: u32) -> Self {
        self.manner = Some(Manner::Fails { retry_after });
        self
    }

    /// How often something was written.
    pub fn writes(&self) -> usize {
        self.writes
    }

    /// The contacts that it has of an AoR.
    pub fn contacts(&self, aor: &Aor) -> Vec<String> {
        let kept = self.kept.get(aor).map(|(_, bindings)| bindings.iter());
        let contact = |b: &Arc<bellhop_core::registrar::Binding>| {
            String::from_utf8_lossy(b.contact()).into_owned()
        };
        kept.into_iter().flatten().map(contact).collect()
    }

    /// When it next has something to say.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.asked.front().map(|(at, _)| *at)
    }

    pub(crate) fn take(&mut self, now: Now, persists: impl Iterator<Item = Persist>) {
        let late = match self.manner {
            None | Some(Manner::Silent) => return,
            Some(Manner::Writes { late }) => late,
            Some(Manner::Fails { .. }) => Duration::ZERO,
        };
        let at = now.instant.after(late);
        self.asked.extend(persists.map(|persist| (at, persist)));
    }

    fn write(&mut self, now: Now, location: &Location, aor: &Aor) -> Result<(), Unstored> {
        if let Some(Manner::Fails { retry_after }) = self.manner {
            return Err(Unstored { retry_after });
        }
        let mut bindings = Bindings::new();
        location.lookup(now.instant, aor, &mut bindings);
        if bindings.is_empty() {
            self.kept.remove(aor);
        } else {
            self.kept.insert(aor.clone(), (now, bindings));
        }
        self.writes = self.writes.saturating_add(1);
        Ok(())
    }
}

impl World {
    /// Gives a node a disk; it keeps what the one before had.
    pub fn set_disk(&mut self, node: usize, disk: impl FnOnce(Disk) -> Disk) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.disk = disk(std::mem::take(&mut node.disk));
            node.engine.set_durable();
        }
    }

    /// What a node's disk has.
    pub fn disk(&self, node: usize) -> Option<&Disk> {
        self.nodes.get(node).map(|node| &node.disk)
    }

    /// Kills a node, and starts another in its place with what its disk has.
    pub fn restart(&mut self, node: usize, config: Config, auth: AuthConfig) {
        let entropy = Box::new(Chance::new(self.chance.number()));
        let now = self.now;
        let Some(node) = self.nodes.get_mut(node) else {
            return;
        };
        node.disk.asked.clear();
        node.shared = Shared {
            location: Arc::new(Location::new(10_000, node.seeds)),
            replay: Arc::new(ReplayGuard::new(4_096)),
            secret: Arc::clone(&node.shared.secret),
            leases: Arc::default(),
            subscriptions: Arc::default(),
            health: Arc::default(),
            upstream_auth: Arc::clone(&node.shared.upstream_auth),
        };
        for (aor, (then, bindings)) in &node.disk.kept {
            let records: Vec<Record<'_>> = bindings.iter().map(|b| b.record(*then)).collect();
            node.shared.location.restore(now, aor, &records);
        }
        let (secret, replay) = (&node.shared.secret, &node.shared.replay);
        let auth = Authenticator::new(auth, Arc::clone(secret), Arc::clone(replay));
        let shared = node.shared.clone();
        node.engine = Engine::new(0, Arc::new(config), Arc::new(auth), shared, entropy);
        if node.disk.manner.is_some() {
            node.engine.set_durable();
        }
    }

    /// Tells a node what its disk has to say by now.
    pub(crate) fn serve_disk(&mut self, index: usize) {
        while let Some(node) = self.nodes.get_mut(index)
            && node.disk.next().is_some_and(|at| at <= self.now.instant)
            && let Some((_, persist)) = node.disk.asked.pop_front()
        {
            let location = &node.shared.location;
            let stored = node.disk.write(self.now, location, &persist.aor);
            if let Some(ticket) = persist.ticket {
                node.engine
                    .persisted(self.now, ticket, stored, &mut node.out);
            }
            self.drain_node(index);
        }
    }
}
