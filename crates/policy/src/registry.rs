//! The plugins that run now, and how others come in their place while messages go on.

use crate::account::Account;
use crate::account::counters::HookName;
use crate::config::PluginConfig;
use crate::dialogs::Dialogs;
use crate::error::{LoadError, Reason};
use crate::machine::{Machine, Pace};
use crate::plugin::{Plugin, Shared};
use crate::services::{Services, Wake};
use crate::set::{Current, Set};
use crate::shard::ShardPolicy;
use crate::status::{self, PluginStatus};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All plugins of the program. Made once; [`Registry::swap`] and [`Registry::reload`] change what runs.
///
/// These two compile, and take from milliseconds to half a minute: call them on a thread of their own.
/// Everything else is quick.
#[derive(Debug)]
pub struct Registry {
    machine: Machine,
    services: Arc<dyn Services>,
    dialogs: Arc<Dialogs>,
    current: Arc<Current>,
    shards: AtomicUsize,
    swaps: AtomicU64,
    /// By name. Also held while a swap is made, for one to come after the other.
    accounts: Mutex<HashMap<String, Arc<Account>>>,
}

/// What a swap did, by the plugins' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swapped {
    /// New or in a new version.
    pub loaded: Vec<String>,
    /// As they were, with their instances.
    pub kept: Vec<String>,
    /// No longer there.
    pub removed: Vec<String>,
}

impl Registry {
    /// Starts the engine that plugins run in, without a plugin. `cache` is the folder for compiled code: made
    /// if it is not there, and refused if others can write to it; `None`: each start compiles.
    ///
    /// # Errors
    /// The folder, or what wasmtime wants of the system.
    pub fn new(cache: Option<&Path>, services: Arc<dyn Services>) -> Result<Self, String> {
        let machine = Machine::start(cache).map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            machine,
            services,
            dialogs: Arc::default(),
            current: Arc::default(),
            shards: AtomicUsize::new(0),
            swaps: AtomicU64::new(0),
            accounts: Mutex::default(),
        })
    }

    /// An engine's way to the plugins, for [`bellhop_core::engine::Engine::set_policy`]. `wake` is told when
    /// an answer that was to come later is there.
    pub fn shard(&self, wake: Arc<dyn Wake>) -> ShardPolicy {
        self.shards.fetch_add(1, Ordering::Relaxed);
        ShardPolicy::new(self.current.clone(), self.dialogs.clone(), wake)
    }

    /// Has these plugins run and no others, in this order: all of them, or on an error everything stays as
    /// it is. What has not changed, neither configuration nor file, is kept with its instances. Messages that
    /// a plugin has now finish on it.
    ///
    /// # Errors
    /// The first plugin that cannot be used, and why.
    pub fn swap(&self, configs: Vec<PluginConfig>) -> Result<Swapped, LoadError> {
        self.replace(configs, |_| true)
    }

    /// Reads the file of one plugin, or of all, again and has it run if it has changed.
    ///
    /// # Errors
    /// As [`Registry::swap`]; and no plugin has this name.
    pub fn reload(&self, name: Option<&str>) -> Result<Swapped, LoadError> {
        let set = self.current.set();
        let configs: Vec<_> = set.all().map(|plugin| plugin.config().clone()).collect();
        let unknown = |name: &&str| configs.iter().all(|config| config.name != **name);
        if let Some(name) = name.filter(unknown) {
            return Err(LoadError {
                plugin: name.to_owned(),
                reason: Reason::Limits("there is no plugin of this name"),
            });
        }
        self.replace(configs, |config| {
            name.is_none_or(|name| config.name == name)
        })
    }

    /// What is to be told of each plugin, in the order of the configuration.
    pub fn status(&self) -> Vec<PluginStatus> {
        let now = self.services.now();
        let set = self.current.set();
        set.all().map(|plugin| status::of(plugin, now)).collect()
    }

    /// How often the set of plugins was changed.
    pub fn swaps(&self) -> u64 {
        self.swaps.load(Ordering::Relaxed)
    }

    /// How many calls are being counted for the capability `dialogs`.
    pub fn dialogs(&self) -> usize {
        self.dialogs.len()
    }

    fn replace(
        &self,
        configs: Vec<PluginConfig>,
        reads: impl Fn(&PluginConfig) -> bool,
    ) -> Result<Swapped, LoadError> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.current.set();
        let mut swapped = Swapped::default();
        let mut plugins: Vec<Arc<Plugin>> = Vec::with_capacity(configs.len());
        for config in configs {
            let name = config.name.clone();
            let named = |reason| LoadError {
                plugin: name.clone(),
                reason,
            };
            if plugins.iter().any(|plugin| plugin.name() == name) {
                return Err(named(Reason::Limits("two plugins have this name")));
            }
            let running = old.all().find(|plugin| *plugin.config() == config);
            if let Some(plugin) = running.filter(|_| !reads(&config)) {
                plugins.push(plugin.clone());
                continue;
            }
            let bytes = fs::read(&config.file);
            let bytes = bytes.map_err(|error| named(Reason::Read(config.file.clone(), error)))?;
            if let Some(plugin) = running.filter(|plugin| plugin.is_made_of(&bytes)) {
                swapped.kept.push(name);
                plugins.push(plugin.clone());
                continue;
            }
            let plugin = self.load(config, &bytes, &accounts, &old).map_err(named)?;
            swapped.loaded.push(name);
            plugins.push(Arc::new(plugin));
        }
        self.put(plugins, &old, &mut accounts, &mut swapped);
        Ok(swapped)
    }

    fn load(
        &self,
        config: PluginConfig,
        bytes: &[u8],
        accounts: &HashMap<String, Arc<Account>>,
        old: &Set,
    ) -> Result<Plugin, Reason> {
        let known = accounts.get(&config.name).cloned();
        let account = known.unwrap_or_else(|| Arc::new(Account::new(&config.name)));
        let pace = match old.all().next() {
            Some(_) => Pace::Beside,
            None if self.shards.load(Ordering::Relaxed) == 0 => Pace::Alone,
            None => Pace::Beside,
        };
        let shared = Shared {
            machine: &self.machine,
            services: &self.services,
            dialogs: &self.dialogs,
        };
        let plugin = Plugin::load(&shared, config, bytes, account, pace)?;
        let workers = self.shards.load(Ordering::Relaxed);
        let prepared = plugin.made.prepare(workers);
        prepared.map_err(|fault| Reason::Start(fault.to_string()))?;
        Ok(plugin)
    }

    fn put(
        &self,
        plugins: Vec<Arc<Plugin>>,
        old: &Set,
        accounts: &mut MutexGuard<'_, HashMap<String, Arc<Account>>>,
        swapped: &mut Swapped,
    ) {
        let is_gone = |name: &str| plugins.iter().all(|plugin| plugin.name() != name);
        let gone = old
            .all()
            .map(|plugin| plugin.name())
            .filter(|name| is_gone(name));
        swapped.removed.extend(gone.map(str::to_owned));
        accounts.clear();
        for plugin in &plugins {
            accounts.insert(plugin.name().to_owned(), plugin.account().clone());
            if swapped.loaded.iter().any(|name| name == plugin.name()) {
                plugin.account().health.pardon();
                plugin.account().sources.pardon();
                tracing::info!(
                    plugin = plugin.name(),
                    version = plugin.about.version,
                    sha256 = plugin.about.sha256,
                    hooks = ?plugin.about.hooks.iter().map(|hook| HookName::name(*hook)).collect::<Vec<_>>(),
                    "plugin loaded"
                );
            }
        }
        self.current.swap(Set::of(plugins));
        self.swaps.fetch_add(1, Ordering::Relaxed);
    }
}
