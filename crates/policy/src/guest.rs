//! What one instance of a plugin sees of us: the state behind its imports, and its limits.

mod call;
mod capabilities;
mod edits;
mod message;
mod report;
mod web;

use crate::account::Account;
use crate::contract::sip::policy::types;
use crate::dialogs::Dialogs;
use crate::grants::{Capability, Grants};
use crate::question::Question;
use crate::services::Services;
use crate::ticker::Ticker;
use crate::{PluginConfig, machine};
use bellhop_core::time::Now;
use nix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::ResourceLimiter;

pub(crate) use edits::owned;
pub(crate) use web::Web;

/// The message at hand: the type behind the contract's `message`. There is one at a time and the guest
/// can keep none, so it needs no number.
#[allow(unreachable_pub, reason = "the contract's generated code names it")]
pub enum AtHand {}

/// What all instances of one version of a plugin have in common.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) config: PluginConfig,
    pub(crate) account: Arc<Account>,
    pub(crate) services: Arc<dyn Services>,
    pub(crate) dialogs: Arc<Dialogs>,
    pub(crate) web: Option<Web>,
    pub(crate) ticker: Ticker,
}

/// One instance's state.
pub(crate) struct Guest {
    pub(crate) facts: Arc<Facts>,
    pub(crate) question: Question,
    pub(crate) now: Now,
    pub(crate) stage: Stage,
    /// Bytes of linear memory in use.
    memory: usize,
    /// It was denied memory in this call: so much it would have had with it.
    pub(crate) starved: Option<usize>,
    /// When this call began, and how long it has waited since.
    began: Option<Instant>,
    waited: Duration,
    /// The thread's own time when the clock first said that this call's time is over.
    overtime: Option<Duration>,
}

/// What the guest is doing, for what it may do then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// `describe` or `validate`: nothing that has an effect.
    Pure,
    /// `start`.
    Starting,
    /// A hook on a worker's thread: it must not wait.
    Prompt,
    /// A hook on a thread of its own: it may wait until then.
    Patient(Instant),
}

impl Guest {
    pub(crate) fn new(facts: Arc<Facts>) -> Self {
        let now = facts.services.now();
        Self {
            facts,
            question: Question::default(),
            now,
            stage: Stage::Pure,
            memory: 0,
            starved: None,
            began: None,
            waited: Duration::ZERO,
            overtime: None,
        }
    }

    /// Before each call, and when that began, where it has a deadline.
    pub(crate) fn begin(&mut self, now: Now, stage: Stage, began: Option<Instant>) {
        self.now = now;
        self.stage = stage;
        self.starved = None;
        self.began = began;
        self.waited = Duration::ZERO;
        self.overtime = None;
    }

    /// Whether it may go on computing, asked at each step of the clock that it sees. What it waited
    /// is not its own time; nor is what others computed on its processor: a plugin that the system did
    /// not let run is not one that loops, so it has a little of its thread's own time more.
    pub(crate) fn has_time(&mut self) -> bool {
        let deadline = self.facts.config.deadline;
        let computed = |began: Instant| began.elapsed().saturating_sub(self.waited);
        if self.began.is_some_and(|began| computed(began) < deadline) {
            return true;
        }
        let Some(now) = thread_time() else {
            return false;
        };
        let since = self.overtime.get_or_insert(now);
        now.saturating_sub(*since) < OVERTIME
    }

    /// Bytes of linear memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    fn grants(&self) -> Grants {
        self.facts.config.grants
    }

    fn has(&self, capability: Capability) -> bool {
        self.grants().has(capability)
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let after = self.memory.saturating_sub(current).saturating_add(desired);
        let may = after <= self.facts.config.memory;
        if may {
            self.memory = after;
        } else {
            self.starved = Some(after);
        }
        Ok(may)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let may = desired <= machine::TABLE;
        if !may {
            self.starved.get_or_insert(0);
        }
        Ok(may)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        16
    }

    fn memories(&self) -> usize {
        4
    }
}

impl types::Host for Guest {}

/// What this thread has computed so far.
fn thread_time() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .ok()
        .map(Duration::from)
}

const OVERTIME: Duration = Duration::from_millis(4);
