//! Whoever calls a plugin: one worker's or one thread's instance of it, replaced when it has failed.

use crate::account::counters::HookName;
use crate::account::health::Sentence;
use crate::config::Isolation;
use crate::contract::sip::policy::types::DialogEvent;
use crate::error::Fault;
use crate::guest::Stage;
use crate::instance::Instance;
use crate::plugin::Made;
use crate::question::Question;
use bellhop_core::policy::{Ask, Changes, Verdict};
use bellhop_core::time::{Instant, Now};
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// At most one instance, and when there may be another.
pub(crate) struct Runner {
    made: Arc<Made>,
    instance: Option<Instance>,
    not_before: Instant,
    has_failed: bool,
}

/// Where the question comes from, and where notes and edits go back to.
pub(crate) enum Subject<'s, 'a> {
    /// The core's.
    Ask(&'s mut Ask<'a>),
    /// Our own copy.
    Copy(&'s mut Question),
}

impl Runner {
    pub(crate) fn new(made: Arc<Made>) -> Self {
        Self {
            made,
            instance: None,
            not_before: Instant::default(),
            has_failed: false,
        }
    }

    /// Asks about a message. After a failure notes and edits are as they were.
    pub(crate) fn ask(
        &mut self,
        now: Now,
        stage: Stage,
        hook: HookName,
        mut subject: Subject<'_, '_>,
    ) -> Result<Verdict, Fault> {
        let mut edits = 0;
        let asked = self.guarded(now, hook, |instance| {
            subject.move_to(instance.question());
            let question = instance.question();
            let (mark, notes) = (question.changes.mark(), question.notes.clone());
            let before = count(&question.changes);
            let said = instance.ask(now, stage);
            let question = instance.question();
            if said.is_err() {
                question.changes.roll_back(mark);
                question.notes = notes;
            }
            edits = count(&question.changes).saturating_sub(before);
            subject.move_back(question);
            said
        });
        let counters = &self.made.facts.account.counters;
        if let Ok(verdict) = &asked {
            counters.decided(hook, verdict, edits);
        }
        asked
    }

    /// Tells of a dialog.
    pub(crate) fn tell(&mut self, now: Now, event: &DialogEvent) {
        let told = self.guarded(now, HookName::Dialog, |instance| instance.tell(now, event));
        self.count(HookName::Dialog, &told);
    }

    /// Calls on-timer.
    pub(crate) fn turn(&mut self, now: Now) {
        let told = self.guarded(now, HookName::Timer, |instance| instance.turn(now));
        self.count(HookName::Timer, &told);
    }

    fn count(&self, hook: HookName, told: &Result<(), Fault>) {
        if told.is_ok() {
            let counters = &self.made.facts.account.counters;
            counters.decided(hook, &Verdict::Continue, 0);
        }
    }

    fn guarded<R>(
        &mut self,
        now: Now,
        hook: HookName,
        call: impl FnOnce(&mut Instance) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let done = match self.take(now) {
            Ok(mut instance) => {
                let began = std::time::Instant::now();
                let done = call(&mut instance);
                let account = &self.made.facts.account;
                account.counters.took(hook, began.elapsed());
                let survives = !done.as_ref().is_err_and(Fault::kills);
                if survives && self.made.facts.config.isolation == Isolation::Kept {
                    self.instance = Some(instance);
                }
                done
            }
            Err(fault) => Err(fault),
        };
        match &done {
            Ok(_) => self.made.facts.account.health.did_well(),
            Err(fault) => self.failed(now, hook, fault),
        }
        done
    }

    /// The instance, or a new one if there may be one.
    fn take(&mut self, now: Now) -> Result<Instance, Fault> {
        let account = &self.made.facts.account;
        if !account.health.is_open(now.instant) {
            return Err(Fault::Quarantined);
        }
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        if now.instant < self.not_before {
            return Err(Fault::NoInstance(PAUSING.into()));
        }
        let instance = self.made.instance()?;
        if mem::take(&mut self.has_failed) {
            account.replaced.fetch_add(1, Relaxed);
        }
        Ok(instance)
    }

    fn failed(&mut self, now: Now, hook: HookName, fault: &Fault) {
        let (account, config) = (&self.made.facts.account, &self.made.facts.config);
        account.counters.failed(hook, fault);
        match fault {
            Fault::Quarantined | Fault::Busy => return,
            // The pause that this failure brought is already running.
            Fault::NoInstance(why) if why == PAUSING => return,
            _ => {}
        }
        self.has_failed |= fault.kills();
        let plugin = account.name.as_str();
        match account.health.failed(now.instant, &config.quarantine) {
            Sentence::Pause(pause) => {
                self.not_before = now.instant.after(pause);
                if account.lines.may_write(now.instant, config.log_lines) {
                    tracing::warn!(plugin, hook = hook.name(), "{fault}");
                }
            }
            Sentence::Quarantine { pause, is_new } => {
                if is_new {
                    let seconds = pause.as_secs_f32();
                    tracing::error!(
                        plugin,
                        hook = hook.name(),
                        seconds,
                        "left alone after repeated failures, the last: {fault}"
                    );
                }
            }
        }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("plugin", &self.made.facts.config.name)
            .field("is_there", &self.instance.is_some())
            .finish_non_exhaustive()
    }
}

impl Subject<'_, '_> {
    fn move_to(&mut self, question: &mut Question) {
        match self {
            Self::Ask(ask) => question.take(ask),
            Self::Copy(copy) => mem::swap(question, copy),
        }
    }

    fn move_back(&mut self, question: &mut Question) {
        match self {
            Self::Ask(ask) => question.give_back(ask),
            Self::Copy(copy) => mem::swap(question, copy),
        }
    }
}

fn count(changes: &Changes) -> usize {
    let body = usize::from(changes.body().is_some());
    changes.steps().count().saturating_add(body)
}

const PAUSING: &str = "a pause after a failure";
