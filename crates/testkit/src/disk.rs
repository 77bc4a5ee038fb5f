//! A pretend disk: it takes what an engine wants kept, says so at once, late, never, or that it cannot, and
//! has it for the next engine.

use crate::{Chance, World};
use bellhop_core::auth::{AuthConfig, Authenticator, ReplayGuard};
use bellhop_core::b2bua::{CallKey, SavedBond, SavedCall};
use bellhop_core::config::Config;
use bellhop_core::engine::{Engine, Shared, shard_of};
use bellhop_core::outbox::{Changed, Outbox, Persist, Unstored};
use bellhop_core::registrar::{Aor, Bindings, Location, Record};
use bellhop_core::share::{Key, SavedHeld, SavedSource, SavedWatcher, Tag};
use bellhop_core::subscription::SavedRelayed;
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
    watchers: HashMap<Tag, Arc<SavedWatcher>>,
    sources: HashMap<Tag, Arc<SavedSource>>,
    calls: HashMap<CallKey, SavedCall>,
    bonds: HashMap<CallKey, SavedBond>,
    held: HashMap<Arc<Key>, SavedHeld>,
    relayed: HashMap<Tag, SavedRelayed>,
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

    /// The watchers that it has.
    pub fn watchers(&self) -> Vec<&SavedWatcher> {
        self.watchers.values().map(Arc::as_ref).collect()
    }

    /// The calls that it has.
    pub fn calls(&self) -> Vec<&SavedCall> {
        self.calls.values().collect()
    }

    /// The relayed subscriptions of two dialogs that it has.
    pub fn bonds(&self) -> Vec<&SavedBond> {
        self.bonds.values().collect()
    }

    /// The subscriptions at the PBX that it has.
    pub fn sources(&self) -> Vec<&SavedSource> {
        self.sources.values().map(Arc::as_ref).collect()
    }

    /// Has it have no relayed subscription of two dialogs any more.
    #[must_use]
    pub fn without_bonds(mut self) -> Self {
        self.bonds.clear();
        self
    }

    /// The subscriptions that are relayed that it has.
    pub fn relayed(&self) -> Vec<&SavedRelayed> {
        self.relayed.values().collect()
    }

    /// Has it have one of them as somebody else may have written it.
    pub fn meddle(&mut self, change: impl Fn(&mut SavedRelayed)) {
        self.relayed.values_mut().for_each(change);
    }

    /// What of it a start puts back.
    fn put_back(&self, now: Now, shared: &Shared) {
        for (aor, (then, bindings)) in &self.kept {
            let records: Vec<Record<'_>> = bindings.iter().map(|b| b.record(*then)).collect();
            shared.location.restore(now, aor, &records);
        }
        let saves = &shared.subscriptions.saves;
        for watcher in self.watchers.values() {
            saves.put_watcher((**watcher).clone());
        }
        for source in self.sources.values() {
            saves.put_source((**source).clone());
        }
        for saved in self.relayed.values() {
            shared.subscriptions.put_back(saved.clone());
        }
        for (key, saved) in &self.held {
            shared.held.put_back(now, (**key).clone(), saved.clone());
        }
    }

    /// Takes over the calls, and what is relayed, of another one.
    pub(crate) fn take_calls(&mut self, other: Self) {
        self.manner = self.manner.or(other.manner);
        self.calls.extend(other.calls);
        self.bonds.extend(other.bonds);
        self.relayed.extend(other.relayed);
    }

    /// Has what is relayed of the shards' Call-IDs that are one's own.
    fn share_relayed(&mut self, all: &Self, (shard, shards): (usize, usize)) {
        let is_own = |saved: &SavedRelayed| {
            let line = [b"x\r\nCall-ID: ", &*saved.dialog.call_id, b"\r\n\r\n"];
            shard_of(&line.concat(), shards) == shard
        };
        let own = all.relayed.iter().filter(|(_, saved)| is_own(saved));
        self.relayed = own.map(|(tag, saved)| (*tag, saved.clone())).collect();
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

    fn write(
        &mut self,
        now: Now,
        (engine, shared): (&Engine, &Shared),
        what: &Changed,
    ) -> Result<(), Unstored> {
        if let Some(Manner::Fails { retry_after }) = self.manner {
            return Err(Unstored { retry_after });
        }
        let saves = &shared.subscriptions.saves;
        match what {
            Changed::Bindings(aor) => {
                let mut bindings = Bindings::new();
                let location = &shared.location;
                location.lookup(now.instant, aor, &mut bindings);
                let there = (!bindings.is_empty()).then_some((now, bindings));
                keep(&mut self.kept, aor.clone(), there);
            }
            Changed::Watcher(tag) => keep(&mut self.watchers, *tag, saves.watcher(*tag)),
            Changed::Source(tag) => keep(&mut self.sources, *tag, saves.source(*tag)),
            Changed::Call(key) => keep(&mut self.calls, *key, engine.save_call(now, *key)),
            Changed::Bond(key) => keep(&mut self.bonds, *key, engine.save_bond(now, *key)),
            Changed::Relayed(tag) => {
                let there = shared.subscriptions.saved(now, *tag);
                keep(&mut self.relayed, *tag, there);
            }
            Changed::Held(key) => {
                let there = shared.held.saved(now, key);
                keep(&mut self.held, Arc::clone(key), there);
            }
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
        self.restart_shard(node, 0, config, auth);
    }

    /// As [`World::restart`], with an engine that is one shard of several.
    pub fn restart_shard(&mut self, node: usize, shard: u16, config: Config, auth: AuthConfig) {
        let entropy = Box::new(Chance::new(self.chance.number()));
        let now = self.now;
        let Some(node) = self.nodes.get_mut(node) else {
            return;
        };
        node.disk.asked.clear();
        node.out = Outbox::default();
        node.shared = Shared {
            location: Arc::new(Location::new(10_000, node.seeds)),
            replay: Arc::new(ReplayGuard::new(4_096)),
            secret: Arc::clone(&node.shared.secret),
            leases: Arc::default(),
            subscriptions: Arc::default(),
            held: Arc::default(),
            tally: Arc::default(),
            health: Arc::default(),
            upstream_auth: Arc::clone(&node.shared.upstream_auth),
        };
        node.disk.put_back(now, &node.shared);
        let (secret, replay) = (&node.shared.secret, &node.shared.replay);
        let auth = Authenticator::new(auth, Arc::clone(secret), Arc::clone(replay));
        let shared = node.shared.clone();
        node.engine = Engine::new(shard, Arc::new(config), Arc::new(auth), shared, entropy);
        if node.disk.manner.is_some() {
            node.engine.set_durable();
            node.engine.restore(now);
            for call in node.disk.calls.values() {
                node.engine.restore_call(now, call);
            }
            // The others leave the file when it is looked through.
            let engine = &mut node.engine;
            node.disk
                .bonds
                .retain(|_, bond| engine.restore_bond(now, bond));
        }
    }

    /// Kills a Bellhop of several shards, the only one there is, and starts one of so many with the calls and the relayed
    /// subscriptions that its disks have.
    pub fn restart_as(&mut self, shards: u16, config: Config, auth: &AuthConfig) {
        let mut all = Disk::default();
        for node in std::mem::take(&mut self.nodes) {
            all.take_calls(node.disk);
        }
        self.start_shards(shards, config, auth);
        for saved in all.relayed.values() {
            if let Some(node) = self.nodes.first() {
                node.shared.subscriptions.put_back(saved.clone());
            }
        }
        for (shard, node) in self.nodes.iter_mut().enumerate() {
            node.disk.manner = all.manner;
            node.disk.share_relayed(&all, (shard, shards.into()));
            node.engine.set_durable();
            node.engine.restore(self.now);
            for (key, call) in &all.calls {
                if node.engine.restore_call(self.now, call) {
                    node.disk.calls.insert(*key, call.clone());
                }
            }
            for (key, bond) in &all.bonds {
                if node.engine.restore_bond(self.now, bond) {
                    node.disk.bonds.insert(*key, bond.clone());
                }
            }
        }
    }

    /// Tells a node what its disk has to say by now.
    pub(crate) fn serve_disk(&mut self, index: usize) {
        while let Some(node) = self.nodes.get_mut(index)
            && node.disk.next().is_some_and(|at| at <= self.now.instant)
            && let Some((_, persist)) = node.disk.asked.pop_front()
        {
            let site = (&node.engine, &node.shared);
            let stored = node.disk.write(self.now, site, &persist.what);
            if let Some(ticket) = persist.ticket {
                node.engine
                    .persisted(self.now, ticket, stored, &mut node.out);
            }
            self.drain_node(index);
        }
    }
}

/// Has a key stand for this, or for nothing.
fn keep<K: std::hash::Hash + Eq, V>(kept: &mut HashMap<K, V>, key: K, there: Option<V>) {
    match there {
        Some(there) => drop(kept.insert(key, there)),
        None => drop(kept.remove(&key)),
    }
}
