//! One instance of a plugin: called, timed, and thrown away when it fails.

use crate::account::Account;
use crate::account::counters::HookName;
use crate::contract;
use crate::contract::exports::sip::policy::lifecycle::Info;
use crate::contract::sip::policy::types::{self, DialogEvent};
use crate::error::{Fault, Reason, Short};
use crate::guest::{AtHand, Guest, Stage};
use crate::plugin::Made;
use crate::question::Question;
use crate::ticker::{Running, TICK};
use crate::verdict::Rules;
use bellhop_core::policy::{Failure, Verdict};
use bellhop_core::time::Now;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use wasmtime::component::Resource;
use wasmtime::{Store, Trap, UpdateDeadline};

/// One instance with its memory. Not to be entered again once a call has trapped.
pub(crate) struct Instance {
    store: Store<Guest>,
    exports: contract::Plugin,
    /// Counts it while it lives.
    _alive: Alive,
}

struct Alive(Arc<Account>);

impl Instance {
    /// Instantiates, and no more.
    pub(crate) fn new(made: &Made) -> Result<Self, Fault> {
        let guest = Guest::new(made.facts.clone());
        let mut store = Store::new(made.pre.engine(), guest);
        store.limiter(|guest| guest);
        store.epoch_deadline_callback(|mut context| {
            Ok(if context.data_mut().has_time() {
                UpdateDeadline::Continue(1)
            } else {
                UpdateDeadline::Interrupt
            })
        });
        let _running = made.facts.ticker.begin();
        store.set_epoch_deadline(ticks(STARTING));
        let exports = made.pre.instantiate(&mut store);
        let exports = exports.map_err(|error| {
            let short = short(&store).map(|short| short.to_string());
            Fault::NoInstance(short.unwrap_or_else(|| format!("{error:#}")))
        })?;
        made.facts.account.instances.fetch_add(1, Relaxed);
        Ok(Self {
            store,
            exports,
            _alive: Alive(made.facts.account.clone()),
        })
    }

    /// Instantiates and starts.
    pub(crate) fn started(made: &Made) -> Result<Self, Fault> {
        let mut instance = Self::new(made)?;
        match instance.start(&made.facts.config.config) {
            Ok(()) => Ok(instance),
            Err(reason) => Err(Fault::NoInstance(reason.to_string())),
        }
    }

    pub(crate) fn describe(&mut self) -> Result<Info, Reason> {
        let _running = self.begin(Stage::Pure);
        let said = self
            .exports
            .sip_policy_lifecycle()
            .call_describe(&mut self.store);
        said.map_err(|error| Reason::NotAPlugin(self.why("describe", &error)))
    }

    pub(crate) fn validate(&mut self, config: &str) -> Result<(), Reason> {
        let _running = self.begin(Stage::Pure);
        let lifecycle = self.exports.sip_policy_lifecycle();
        let said = lifecycle.call_validate(&mut self.store, config);
        said.map_err(|error| Reason::Config(self.why("validate", &error)))?
            .map_err(Reason::Config)
    }

    pub(crate) fn start(&mut self, config: &str) -> Result<(), Reason> {
        let _running = self.begin(Stage::Starting);
        let lifecycle = self.exports.sip_policy_lifecycle();
        let said = lifecycle.call_start(&mut self.store, config);
        said.map_err(|error| Reason::Start(self.why("start", &error)))?
            .map_err(Reason::Start)
    }

    fn why(&self, function: &str, error: &wasmtime::Error) -> String {
        match short(&self.store) {
            Some(short) => format!("{function}: it {short}"),
            None => format!("{function}: {error:#}"),
        }
    }

    /// Bytes of linear memory that it has now.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().memory()
    }

    /// What is asked next, to be filled in.
    pub(crate) fn question(&mut self) -> &mut Question {
        &mut self.store.data_mut().question
    }

    /// Asks the question; its time runs from `began`, here as below.
    pub(crate) fn ask(&mut self, now: Now, began: Instant, stage: Stage) -> Result<Verdict, Fault> {
        let _running = self.enter(now, began, stage);
        let hooks = self.exports.sip_policy_hooks();
        let (hook, store) = (self.store.data().question.hook, &mut self.store);
        let at_hand = Resource::<AtHand>::new_borrow(0);
        let said = match hook {
            HookName::Register => hooks
                .call_on_register(&mut *store, at_hand)
                .map(Said::Register),
            HookName::Request => hooks
                .call_on_request(&mut *store, at_hand)
                .map(Said::Request),
            HookName::Route => hooks.call_on_route(&mut *store, at_hand).map(Said::Route),
            HookName::Failure => {
                let failure = store.data().question.failure.as_ref().map(told);
                let failure = failure.unwrap_or_else(nothing_failed);
                hooks
                    .call_on_failure(&mut *store, at_hand, &failure)
                    .map(Said::Failure)
            }
            HookName::Response => hooks
                .call_on_response(&mut *store, at_hand)
                .map(|()| Said::Nothing),
            HookName::Dialog | HookName::Timer => Ok(Said::Nothing),
        };
        match said {
            Ok(said) => said.checked(self.store.data()),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Tells of a dialog.
    pub(crate) fn tell(
        &mut self,
        now: Now,
        began: Instant,
        event: &DialogEvent,
    ) -> Result<(), Fault> {
        let _running = self.enter(now, began, self.aside());
        let told = self
            .exports
            .sip_policy_hooks()
            .call_on_dialog(&mut self.store, event);
        told.map_err(|error| self.fault(&error))
    }

    /// Calls on-timer.
    pub(crate) fn turn(&mut self, now: Now, began: Instant) -> Result<(), Fault> {
        let _running = self.enter(now, began, self.aside());
        let told = self
            .exports
            .sip_policy_hooks()
            .call_on_timer(&mut self.store);
        told.map_err(|error| self.fault(&error))
    }

    /// Off the message path waiting hurts nobody but this plugin.
    fn aside(&self) -> Stage {
        Stage::Patient(self.store.data().facts.config.http.until())
    }

    /// Its clock runs until what is given is let go of.
    fn begin(&mut self, stage: Stage) -> Running {
        let running = self.store.data().facts.ticker.begin();
        let now = self.store.data().facts.services.now();
        self.store.set_epoch_deadline(ticks(STARTING));
        self.store.data_mut().begin(now, stage, None);
        self.store.data_mut().question = Question::default();
        running
    }

    /// As [`Instance::begin`], for a hook.
    fn enter(&mut self, now: Now, began: Instant, stage: Stage) -> Running {
        let running = self.store.data().facts.ticker.begin();
        // At each step that it sees it is asked how long it has run.
        self.store.set_epoch_deadline(1);
        self.store.data_mut().begin(now, stage, Some(began));
        running
    }

    fn fault(&self, error: &wasmtime::Error) -> Fault {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Fault::Deadline,
            Some(Trap::StackOverflow) => Fault::Stack,
            _ if let Some(short) = short(&self.store) => Fault::Memory(short),
            _ => {
                let mut text = format!("{error:#}");
                text.truncate(text.floor_char_boundary(LONGEST_TEXT));
                Fault::Trap(text)
            }
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.instances.fetch_sub(1, Relaxed);
    }
}

/// What a hook returned.
enum Said {
    Register(contract::exports::sip::policy::hooks::RegisterVerdict),
    Request(contract::exports::sip::policy::hooks::Verdict),
    Route(Option<types::Route>),
    Failure(contract::exports::sip::policy::hooks::FailureVerdict),
    Nothing,
}

impl Said {
    fn checked(self, guest: &Guest) -> Result<Verdict, Fault> {
        let rules = Rules {
            request: guest.question.message(),
            grants: guest.facts.config.grants,
        };
        match self {
            Self::Register(verdict) => rules.register(verdict),
            Self::Request(verdict) => rules.request(verdict),
            Self::Route(route) => rules.route(route),
            Self::Failure(verdict) => rules.failure(verdict),
            Self::Nothing => Ok(Verdict::Continue),
        }
    }
}

/// What it was denied in this call, if it was.
fn short(store: &Store<Guest>) -> Option<Short> {
    let guest = store.data();
    let has = guest.facts.config.memory;
    guest.starved.map(|wants| Short { wants, has })
}

fn told(failure: &Failure) -> types::Failure {
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let attempt = |attempt: &bellhop_core::policy::Attempt| types::Attempt {
        uri: attempt.uri.to_string(),
        tag: attempt.tag.to_string(),
        status: attempt.status,
        elapsed_ms: millis(attempt.elapsed),
    };
    types::Failure {
        status: failure.status,
        reason: failure.reason.to_string(),
        local: failure.is_local,
        attempts: failure.attempts.iter().map(attempt).collect(),
        elapsed_ms: millis(failure.elapsed),
    }
}

fn nothing_failed() -> types::Failure {
    types::Failure {
        status: 0,
        reason: String::new(),
        local: true,
        attempts: Vec::new(),
        elapsed_ms: 0,
    }
}

/// So many steps of the clock take at least this time: the first may come at once.
fn ticks(time: Duration) -> u64 {
    let ticks = time.as_micros().div_ceil(TICK.as_micros());
    u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1)
}

/// What describe, validate and start may take each.
const STARTING: Duration = Duration::from_secs(2);
const LONGEST_TEXT: usize = 512;
