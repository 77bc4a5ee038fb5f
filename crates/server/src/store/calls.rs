//! Calls of two legs that outlive the program: their file, the thread that writes it, and the shards that it asks.

use super::names_of;
use crate::{
    config::Settings,
    driver::{Clock, Shards},
};
use bellhop_core::{
    b2bua::{CallKey, SavedCall},
    engine::Engine,
};
use bellhop_store::{BegunCalls, Item, Keeper, KeptCalls, Live, Manner, Status, begin_calls};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// The store of calls.
#[derive(Clone, Debug)]
pub(super) struct CallStore {
    keeper: Arc<Keeper>,
    path: PathBuf,
    asked: Arc<Asked>,
    /// Those that no shard has taken yet.
    restored: Arc<Mutex<Vec<SavedCall>>>,
}

/// The shards, which know the calls that live.
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
        let BegunCalls { file, calls } = begin_calls(&path, &names, clock.now().unix)
            .map_err(|error| format!("server.data_dir: {}: {error}", path.display()))?;
        if !calls.is_empty() {
            tracing::info!("{} calls of two legs put back", calls.len());
        }
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
            restored: Arc::new(Mutex::new(calls)),
        })
    }

    /// Has an engine take back those of its calls.
    pub(super) fn join(&self, engine: &mut Engine, clock: Clock) {
        let now = clock.now();
        let restored = self.restored.lock();
        let mut restored = restored.unwrap_or_else(PoisonError::into_inner);
        restored.retain(|call| !engine.restore_call(now, call));
    }

    /// From now on these are asked.
    pub(super) fn attach(&self, shards: &Arc<Shards>) {
        let _ = self.asked.shards.set(Arc::clone(shards));
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

impl Live for Asked {
    fn save(&self, key: CallKey) -> Option<SavedCall> {
        let shards = self.shards.get()?;
        let shard = shards.lock(key.shard(shards.len()))?;
        shard.core.save_call(self.clock.now(), key)
    }

    fn has(&self, key: CallKey) -> bool {
        // Before there are shards nothing has ended.
        let Some(shards) = self.shards.get() else {
            return true;
        };
        let shard = shards.lock(key.shard(shards.len()));
        shard.is_some_and(|shard| shard.core.has_call(key))
    }

    fn keys(&self) -> Vec<CallKey> {
        let Some(shards) = self.shards.get() else {
            return Vec::new();
        };
        let each = (0..shards.len()).filter_map(|index| shards.lock(index));
        each.flat_map(|shard| shard.core.kept_calls()).collect()
    }
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// In the data directory.
const FILE: &str = "calls.redb";
