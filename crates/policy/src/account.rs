//! What belongs to a plugin's name and outlives its versions: what it stored, counted and did wrong.

pub(crate) mod counters;
pub(crate) mod health;
pub(crate) mod kv;
pub(crate) mod lines;
pub(crate) mod meters;
pub(crate) mod sources;

use crate::error::Fault;
use counters::Counters;
use health::Health;
use kv::Kv;
use lines::Lines;
use meters::Meters;
use sources::Sources;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One for each name, shared by all workers.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) kv: Kv,
    pub(crate) meters: Meters,
    pub(crate) counters: Counters,
    pub(crate) health: Health,
    pub(crate) sources: Sources,
    pub(crate) lines: Lines,
    /// Instances that live now, of all versions.
    pub(crate) instances: AtomicUsize,
    /// Instances that were made because one had failed.
    pub(crate) replaced: AtomicU64,
    events_lost: AtomicU64,
    pub(crate) compared: AtomicU64,
    pub(crate) differed: AtomicU64,
    differences: Mutex<VecDeque<Difference>>,
    /// What the last failure was, in words.
    last_fault: Mutex<Option<String>>,
}

/// Where a shadow plugin and the real one came to different ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// When, since the Unix epoch.
    pub at: Duration,
    /// The message's Call-ID; peer's bytes, made printable.
    pub call_id: String,
    /// The hook's name.
    pub hook: &'static str,
    /// What the real plugin decided, and its edits.
    pub real: String,
    /// What the shadow did.
    pub shadow: String,
}

impl Account {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kv: Kv::default(),
            meters: Meters::default(),
            counters: Counters::default(),
            health: Health::default(),
            sources: Sources::default(),
            lines: Lines::default(),
            instances: AtomicUsize::new(0),
            replaced: AtomicU64::new(0),
            events_lost: AtomicU64::new(0),
            compared: AtomicU64::new(0),
            differed: AtomicU64::new(0),
            differences: Mutex::default(),
            last_fault: Mutex::default(),
        }
    }

    /// There was no room in the line for one more event.
    pub(crate) fn lost(&self) {
        self.events_lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many events were lost so.
    pub(crate) fn events_lost(&self) -> u64 {
        self.events_lost.load(Ordering::Relaxed)
    }

    /// Remembers what a failure was.
    pub(crate) fn failed(&self, fault: &Fault) {
        let mut last = self
            .last_fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(fault.to_string());
    }

    /// What the last failure was.
    pub(crate) fn last_fault(&self) -> Option<String> {
        let last = self.last_fault.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers one difference, the oldest forgotten for it.
    pub(crate) fn differs(&self, difference: Difference) {
        self.differed.fetch_add(1, Ordering::Relaxed);
        let mut kept = self
            .differences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= DIFFERENCES {
            kept.pop_front();
        }
        kept.push_back(difference);
    }

    /// The latest differences, oldest first.
    pub(crate) fn differences(&self) -> Vec<Difference> {
        let kept = self
            .differences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

const DIFFERENCES: usize = 64;
