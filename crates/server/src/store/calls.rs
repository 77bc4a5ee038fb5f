//! Calls of two legs and subscriptions of two dialogs that outlive the program: their file, the thread that writes it, and
//! the shards that it asks.

use super::names_of;
use crate::{
    config::Settings,
    driver::{Clock, Core, Shard, Shards},
};
use bellhop_core::{
    b2bua::{CallKey, SavedBond, SavedCall},
    engine::Engine,
};
use bellhop_store::{BegunCalls, Item, Keeper, KeptCalls, Live, Manner, Status, begin_calls};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// The store of calls.
#[derive(Clone, Debug)]
pub(super) struct CallStore {
    keeper: Arc<Keeper>,
    path: PathBuf,
    asked: Arc<Asked>,
    restored: Arc<Mutex<Restored>>,
}

/// What was in the file, less what a shard has taken.
#[derive(Debug, Default)]
struct Restored {
    calls: Vec<SavedCall>,
    bonds: Vec<SavedBond>,
    /// How many calls and subscriptions shards have taken.
    taken: (usize, usize),
}

/// The shards, which know what lives.
struct Asked {
    shards: OnceLock<Arc<Shards>>,
    clock: Clock,
}

impl CallStore {
    /// Opens the file, and starts the thread that writes.
    ///
    /// # Errors
    /// For the operator: what keeps it from being used.
    pub(super) fn start(settings: &Settings, dir: &Path, clock: Clock) -> Result<Self, String> {
        let path = dir.join(FILE);
        let names = names_of(settings);
        let BegunCalls { file, calls, bonds } = begin_calls(&path, &names, clock.now().unix)
            .map_err(|error| format!("server.data_dir: {}: {error}", path.display()))?;
        let asked = Arc::new(Asked {
            shards: OnceLock::new(),
            clock,
        });
        let kept = Arc::new(KeptCalls::new(Arc::clone(&asked) as Arc<dyn Live>, names));
        let (again, all) = (path.clone(), Arc::clone(&kept));
        let keeper = Keeper::start(
            file,
            move || all.open_again(&again, clock.now().unix),
            kept,
            // Nobody waits.
            Box::new(|_, _| {}),
            Manner::BEHIND,
        )
        .map_err(|error| format!("the store of calls cannot start: {error}"))?;
        Ok(Self {
            keeper: Arc::new(keeper),
            path,
            asked,
            restored: Arc::new(Mutex::new(Restored {
                calls,
                bonds,
                taken: (0, 0),
            })),
        })
    }

    /// Has an engine take back what is its own.
    pub(super) fn join(&self, engine: &mut Engine, clock: Clock) {
        let now = clock.now();
        let mut restored = self.restored();
        let Restored {
            calls,
            bonds,
            taken,
        } = &mut *restored;
        let before = (calls.len(), bonds.len());
        calls.retain(|call| !engine.restore_call(now, call));
        bonds.retain(|bond| !engine.restore_bond(now, bond));
        taken.0 = taken.0.saturating_add(before.0.saturating_sub(calls.len()));
        taken.1 = taken.1.saturating_add(before.1.saturating_sub(bonds.len()));
    }

    /// From now on these are asked. What none of them has taken leaves the file when that is looked through.
    pub(super) fn attach(&self, shards: &Arc<Shards>) {
        let _ = self.asked.shards.set(Arc::clone(shards));
        let Restored {
            taken: (calls, bonds),
            bonds: over,
            ..
        } = std::mem::take(&mut *self.restored());
        if calls > 0 {
            tracing::info!("{calls} calls of two legs put back");
        }
        if bonds > 0 || !over.is_empty() {
            tracing::info!(
                "{bonds} relayed subscriptions of two dialogs put back, {} had run out or found no room",
                over.len()
            );
        }
    }

    fn restored(&self) -> MutexGuard<'_, Restored> {
        self.restored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down what has changed.
    pub(super) fn submit(&self, items: Vec<Item>) {
        // None of them has a ticket.
        let _ = self.keeper.submit(items.into_iter());
    }

    /// What it is at.
    pub(super) fn status(&self) -> Status {
        self.keeper.status()
    }

    /// How large the file is.
    pub(super) fn size(&self) -> Option<u64> {
        Some(std::fs::metadata(&self.path).ok()?.len())
    }

    /// Writes what has been taken down, and ends.
    pub(super) fn stop(&self) {
        self.keeper.stop();
    }
}

impl Asked {
    /// The shard that has what is called so.
    fn shard_of(&self, key: CallKey) -> Option<MutexGuard<'_, Shard>> {
        let shards = self.shards.get()?;
        shards.lock(key.shard(shards.len()))
    }

    /// Whether a shard says so of what it has; before there are shards nothing has ended.
    fn lives(&self, key: CallKey, is_there: impl Fn(&dyn Core) -> bool) -> bool {
        if self.shards.get().is_none() {
            return true;
        }
        self.shard_of(key)
            .is_some_and(|shard| is_there(&*shard.core))
    }

    /// What all shards have of something.
    fn all(&self, of: impl Fn(&dyn Core) -> Vec<CallKey>) -> Vec<CallKey> {
        let Some(shards) = self.shards.get() else {
            return Vec::new();
        };
        let each = (0..shards.len()).filter_map(|index| shards.lock(index));
        each.flat_map(|shard| of(&*shard.core)).collect()
    }
}

impl Live for Asked {
    fn save(&self, key: CallKey) -> Option<SavedCall> {
        self.shard_of(key)?.core.save_call(self.clock.now(), key)
    }

    fn has(&self, key: CallKey) -> bool {
        self.lives(key, |core| core.has_call(key))
    }

    fn keys(&self) -> Vec<CallKey> {
        self.all(|core| core.kept_calls())
    }

    fn save_bond(&self, key: CallKey) -> Option<SavedBond> {
        self.shard_of(key)?.core.save_bond(self.clock.now(), key)
    }

    fn has_bond(&self, key: CallKey) -> bool {
        self.lives(key, |core| core.has_bond(key))
    }

    fn bond_keys(&self) -> Vec<CallKey> {
        self.all(|core| core.kept_bonds())
    }
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// In the data directory.
const FILE: &str = "calls.redb";
