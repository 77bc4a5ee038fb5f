//! What is told of a plugin: for metrics, for the admin interface, for people.

use crate::account::Difference;
use crate::account::counters::HookStatus;
use crate::account::meters::MeterStatus;
use crate::plugin::{About, Plugin};
use bellhop_core::time::Now;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// One plugin, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginStatus {
    /// Its name in the configuration.
    pub name: String,
    /// What it says about itself.
    pub about: About,
    /// It only watches.
    pub is_shadow: bool,
    /// It is left alone after repeated failures.
    pub is_quarantined: bool,
    /// How often it was.
    pub quarantines: u64,
    /// Sources whose messages made it fail of late, so that it is asked about them beside the workers or not
    /// at all.
    pub suspects: usize,
    /// What the last failure was, in words.
    pub last_fault: Option<String>,
    /// Instances that live now.
    pub instances: usize,
    /// Instances that took the place of one that failed.
    pub replaced: u64,
    /// By hook, those that were ever called.
    pub hooks: Vec<HookStatus>,
    /// What it measures itself.
    pub meters: Vec<MeterStatus>,
    /// Keys in its store.
    pub store_keys: usize,
    /// Bytes in its store.
    pub store_bytes: usize,
    /// Log lines that were too many.
    pub log_dropped: u64,
    /// Dialog events and comparisons that found no room in the line.
    pub events_lost: u64,
    /// A shadow's comparisons.
    pub compared: u64,
    /// How many of them differed.
    pub differed: u64,
    /// The latest differences, oldest first.
    pub differences: Vec<Difference>,
}

pub(crate) fn of(plugin: &Plugin, now: Now) -> PluginStatus {
    let account = plugin.account();
    let (store_keys, store_bytes) = account.kv.size();
    PluginStatus {
        name: plugin.name().to_owned(),
        about: plugin.about.clone(),
        is_shadow: plugin.config().shadow,
        is_quarantined: account.health.is_quarantined(now.instant),
        quarantines: account.health.quarantines(),
        suspects: account
            .sources
            .suspects(now.instant, &plugin.config().quarantine),
        last_fault: account.last_fault(),
        instances: account.instances.load(Relaxed),
        replaced: account.replaced.load(Relaxed),
        hooks: account.counters.status(),
        meters: account.meters.status(),
        store_keys,
        store_bytes,
        log_dropped: account.lines.dropped(),
        events_lost: account.events_lost(),
        compared: account.compared.load(Acquire),
        differed: account.differed.load(Relaxed),
        differences: account.differences(),
    }
}
