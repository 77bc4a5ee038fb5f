//! The plugins of one configuration, in the order of the chain.

use crate::account::counters::HookName;
use crate::grants::Capability;
use crate::plugin::Plugin;
use bellhop_core::policy::{Hook, Hooks};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Never changed: a swap makes another one.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) places: Vec<Place>,
    /// Shadows that stand before all real plugins.
    pub(crate) leading: Vec<Arc<Plugin>>,
    /// Whether dialogs are to be counted.
    pub(crate) counts_dialogs: bool,
}

/// A real plugin and its shadows.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) shadows: Vec<Arc<Plugin>>,
}

/// The set that counts now, for all shards.
#[derive(Debug, Default)]
pub(crate) struct Current {
    set: Mutex<Arc<Set>>,
    /// Which set it is, above the hooks that it has: both change at once.
    stamp: AtomicU64,
}

impl Set {
    pub(crate) fn of(plugins: Vec<Arc<Plugin>>) -> Self {
        let mut set = Self::default();
        for plugin in plugins {
            let grants = plugin.config().grants;
            let counts = grants.has(Capability::Dialogs) || grants.has(Capability::Upstreams);
            set.counts_dialogs |= counts || plugin.has(HookName::Dialog);
            match (plugin.config().shadow, set.places.last_mut()) {
                (true, Some(place)) => place.shadows.push(plugin),
                (true, None) => set.leading.push(plugin),
                (false, _) => set.places.push(Place {
                    plugin,
                    shadows: Vec::new(),
                }),
            }
        }
        set
    }

    /// All plugins, in the order of the configuration.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        let places = self.places.iter();
        let real = places.flat_map(|place| std::iter::once(&place.plugin).chain(&place.shadows));
        self.leading.iter().chain(real)
    }

    fn hook_bits(&self) -> u64 {
        let mut bits = 0;
        for hook in HOOKS {
            let name = crate::question::name(hook);
            let wanted = self.all().any(|plugin| plugin.has(name));
            if wanted || hook == Hook::Dialog && self.counts_dialogs {
                bits |= 1 << hook as u64;
            }
        }
        bits
    }
}

impl Current {
    /// The hooks of the set that counts now.
    pub(crate) fn hooks(&self) -> Hooks {
        let stamp = self.stamp.load(Ordering::Relaxed);
        if stamp & HOOK_BITS == 0 {
            return Hooks::NONE;
        }
        HOOKS.into_iter().fold(Hooks::NONE, |hooks, hook| {
            if stamp & 1 << hook as u64 == 0 {
                hooks
            } else {
                hooks.with(hook)
            }
        })
    }

    /// Changes with each swap.
    pub(crate) fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self) -> Arc<Set> {
        self.set
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn swap(&self, set: Set) -> Arc<Set> {
        let bits = set.hook_bits();
        let mut held = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let generation =
            (self.stamp.load(Ordering::Relaxed) & !HOOK_BITS).wrapping_add(HOOK_BITS + 1);
        let old = std::mem::replace(&mut *held, Arc::new(set));
        self.stamp.store(generation | bits, Ordering::Release);
        old
    }
}

const HOOKS: [Hook; 6] = [
    Hook::Register,
    Hook::Request,
    Hook::Route,
    Hook::Failure,
    Hook::Response,
    Hook::Dialog,
];
const HOOK_BITS: u64 = 0xff;
