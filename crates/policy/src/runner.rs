//! Whoever calls a plugin: one worker's or one thread's instance of it, replaced when it has failed.

use crate::account::counters::HookName;
use crate::account::health::Sentence;
use crate::account::sources::{Key, Sources, Standing};
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
    /// Boxed: it is taken out for each call, and put back.
    instance: Option<Box<Instance>>,
    not_before: Instant,
    has_failed: bool,
    for_whom: For,
}

/// Whose calls a runner makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Anybody's.
    All,
    /// Those of sources that have made the plugin fail: what happens here is held against them alone.
    Suspects,
}

/// Where the question comes from, and where notes and edits go back to.
pub(crate) enum Subject<'s, 'a> {
    /// The core's.
    Ask(&'s mut Ask<'a>),
    /// Our own copy.
    Copy(&'s mut Question),
}

impl Runner {
    pub(crate) fn new(made: Arc<Made>, for_whom: For) -> Self {
        Self {
            made,
            for_whom,
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
        let asked = self.timed(now, hook, |instance, began| {
            subject.move_to(instance.question());
            let question = instance.question();
            let (mark, notes) = (question.changes.mark(), question.notes.clone());
            let before = count(&question.changes);
            let said = instance.ask(now, began, stage);
            let question = instance.question();
            if said.is_err() {
                question.changes.roll_back(mark);
                question.notes = notes;
            }
            edits = count(&question.changes).saturating_sub(before);
            subject.move_back(question);
            said
        });
        let account = &self.made.facts.account;
        match &asked {
            Ok(verdict) => {
                account.counters.decided(hook, verdict, edits);
                self.did_well();
                if self.for_whom == For::Suspects {
                    account.sources.did_well(subject.key(&account.sources));
                }
            }
            Err(fault) => {
                let key = subject.key(&account.sources);
                self.failed(now, hook, fault, Some(key));
            }
        }
        asked
    }

    /// Tells of a dialog.
    pub(crate) fn tell(&mut self, now: Now, event: &DialogEvent) {
        let told = self.timed(now, HookName::Dialog, |instance, began| {
            instance.tell(now, began, event)
        });
        self.told(now, HookName::Dialog, &told);
    }

    /// Calls on-timer.
    pub(crate) fn turn(&mut self, now: Now) {
        let told = self.timed(now, HookName::Timer, |instance, began| {
            instance.turn(now, began)
        });
        self.told(now, HookName::Timer, &told);
    }

    fn told(&mut self, now: Now, hook: HookName, told: &Result<(), Fault>) {
        match told {
            Ok(()) => {
                let counters = &self.made.facts.account.counters;
                counters.decided(hook, &Verdict::Continue, 0);
                self.did_well();
            }
            Err(fault) => self.failed(now, hook, fault, None),
        }
    }

    fn did_well(&self) {
        self.made.facts.account.health.did_well();
    }

    fn timed<R>(
        &mut self,
        now: Now,
        hook: HookName,
        call: impl FnOnce(&mut Instance, std::time::Instant) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let mut instance = self.take(now)?;
        let began = std::time::Instant::now();
        let done = call(&mut instance, began);
        let account = &self.made.facts.account;
        account.counters.took(hook, began.elapsed());
        let survives = !done.as_ref().is_err_and(Fault::kills);
        if survives && self.made.facts.config.isolation == Isolation::Kept {
            self.instance = Some(instance);
        }
        done
    }

    /// The instance, or a new one if there may be one.
    fn take(&mut self, now: Now) -> Result<Box<Instance>, Fault> {
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
        let instance = Box::new(self.made.instance()?);
        if mem::take(&mut self.has_failed) {
            account.replaced.fetch_add(1, Relaxed);
        }
        Ok(instance)
    }

    fn failed(&mut self, now: Now, hook: HookName, fault: &Fault, source: Option<Key>) {
        let account = &self.made.facts.account;
        account.counters.failed(hook, fault);
        let is_source_s = match fault {
            Fault::Quarantined | Fault::Busy => return,
            // The pause that this failure brought is already running.
            Fault::NoInstance(why) if why == PAUSING => return,
            Fault::NoInstance(_) => false,
            _ => true,
        };
        account.failed(fault);
        self.has_failed |= fault.kills();
        if let Some(key) = source.filter(|_| is_source_s) {
            self.blame(now, hook, fault, key);
        }
        if self.for_whom == For::All || !is_source_s {
            self.judge(now, hook, fault);
        }
    }

    /// Holds a failure against the one whose message it was.
    fn blame(&self, now: Now, hook: HookName, fault: &Fault, key: Key) {
        let (account, rule) = (&self.made.facts.account, &self.made.facts.config.quarantine);
        let (plugin, hook) = (account.name.as_str(), hook.name());
        match account.sources.failed(now.instant, key, rule) {
            None | Some(Standing::Good) => {}
            Some(Standing::Suspect) => {
                tracing::warn!(
                    plugin,
                    hook,
                    "asked beside the workers about the messages of one source, for its failures, the last: {fault}"
                );
            }
            Some(Standing::LeftAlone) => {
                let seconds = rule.pause.as_secs_f32();
                tracing::error!(
                    plugin,
                    hook,
                    seconds,
                    "not asked about the messages of one source after repeated failures, the last: {fault}"
                );
            }
        }
    }

    /// Holds a failure against the plugin.
    fn judge(&mut self, now: Now, hook: HookName, fault: &Fault) {
        let (account, config) = (&self.made.facts.account, &self.made.facts.config);
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
    /// Whose message it is about.
    fn key(&self, sources: &Sources) -> Key {
        match self {
            Self::Ask(ask) => sources.key(ask.source.user, ask.source.flow.remote.ip()),
            Self::Copy(copy) => {
                let origin = &copy.origin;
                sources.key(origin.user.as_deref(), origin.flow.remote.ip())
            }
        }
    }

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
