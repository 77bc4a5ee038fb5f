//! One version of a plugin, loaded and proven to start.

use crate::account::Account;
use crate::account::counters::HookName;
use crate::account::sources::Standing;
use crate::aside::Aside;
use crate::cache::hex;
use crate::config::{Isolation, PluginConfig};
use crate::contract::PluginPre;
use crate::contract::exports::sip::policy::lifecycle::Hook as Declared;
use crate::dialogs::Dialogs;
use crate::error::{Fault, Reason};
use crate::grants::Capability;
use crate::guest::{Facts, Guest, Web};
use crate::instance::Instance;
use crate::machine::{Compiled, Machine, Pace};
use crate::services::Services;
use bellhop_core::policy::Source;
use bellhop_core::time::Now;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

/// One version of a plugin and the threads it has for itself. They end when it goes.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) made: Arc<Made>,
    pub(crate) about: About,
    /// For hooks that wait, and for a shadow's.
    pub(crate) patient: Option<Aside>,
    /// For on-dialog and on-timer.
    pub(crate) background: Option<Aside>,
    /// For messages of sources that have made it fail: started when there is the first.
    suspects: OnceLock<Option<Aside>>,
}

/// How a plugin is asked about a message.
#[derive(Debug)]
pub(crate) enum Way<'p> {
    /// At once, by whoever asks.
    Here,
    /// By a thread of its own, if there is room in its line. The message waits so long.
    Aside(Option<&'p Aside>, Duration),
    /// Not at all: its source has made the plugin fail too often.
    LeftAlone,
}

/// What instances are made of.
pub(crate) struct Made {
    pub(crate) facts: Arc<Facts>,
    pub(crate) pre: PluginPre<Guest>,
    /// Instances that were started beforehand, for workers to take.
    ready: Mutex<Vec<Instance>>,
}

/// What a plugin says about itself, and its file's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The name it gives itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The hooks it has.
    pub hooks: Vec<HookName>,
    /// JSON schema of its configuration.
    pub config_schema: Option<String>,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
}

/// What the host has for all plugins.
pub(crate) struct Shared<'h> {
    pub(crate) machine: &'h Machine,
    pub(crate) services: &'h Arc<dyn Services>,
    pub(crate) dialogs: &'h Arc<Dialogs>,
}

impl Plugin {
    /// Compiles, checks what it imports, has it check its configuration, and starts an instance to see
    /// that it does.
    ///
    /// # Errors
    /// See [`Reason`].
    pub(crate) fn load(
        shared: &Shared<'_>,
        config: PluginConfig,
        bytes: &[u8],
        account: Arc<Account>,
        pace: Pace,
    ) -> Result<Self, Reason> {
        let compiled = shared.machine.compile(bytes, pace)?;
        let made = Self::made(shared, config, account, &compiled)?;
        let about = made.prove(&compiled.sha256)?;
        Self::with_threads(Arc::new(made), about).map_err(|error| Reason::Start(error.to_string()))
    }

    /// What is compiled, with what it imports checked against what it is granted.
    ///
    /// # Errors
    /// See [`Reason`].
    pub(crate) fn made(
        shared: &Shared<'_>,
        config: PluginConfig,
        account: Arc<Account>,
        compiled: &Compiled,
    ) -> Result<Made, Reason> {
        check_limits(&config)?;
        if config.sha256.is_some_and(|pin| pin != compiled.sha256) {
            return Err(Reason::Hash(hex(&compiled.sha256)));
        }
        check_imports(&compiled.component, shared.machine, &config)?;
        let web = match config.grants.has(Capability::Http) {
            true => Some(Web::new(&config.http).map_err(Reason::Limits)?),
            false => None,
        };
        let facts = Arc::new(Facts {
            config,
            account,
            services: shared.services.clone(),
            dialogs: shared.dialogs.clone(),
            web,
            ticker: shared.machine.ticker().clone(),
        });
        let not_a_plugin = |error: wasmtime::Error| Reason::NotAPlugin(format!("{error:#}"));
        let pre = shared.machine.linker().instantiate_pre(&compiled.component);
        Ok(Made {
            facts,
            pre: PluginPre::new(pre.map_err(not_a_plugin)?).map_err(not_a_plugin)?,
            ready: Mutex::default(),
        })
    }

    /// Whether it was loaded from these bytes.
    pub(crate) fn is_made_of(&self, bytes: &[u8]) -> bool {
        hex(&Sha256::digest(bytes)) == self.about.sha256
    }

    /// Its name in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.config().name
    }

    pub(crate) fn config(&self) -> &PluginConfig {
        &self.made.facts.config
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.made.facts.account
    }

    pub(crate) fn has(&self, hook: HookName) -> bool {
        self.about.hooks.contains(&hook)
    }

    /// How it is asked about a message from this source. A response does not wait.
    pub(crate) fn way(&self, now: Now, hook: HookName, source: &Source<'_>) -> Way<'_> {
        let config = self.config();
        let waits = self.config().grants.has(Capability::Http);
        match self.standing(now, source) {
            Standing::Good if waits && hook != HookName::Response => {
                Way::Aside(self.patient.as_ref(), config.http.deadline)
            }
            Standing::Good => Way::Here,
            Standing::Suspect if hook != HookName::Response => {
                let start = || Aside::for_suspects(&self.made).ok();
                let aside = self.suspects.get_or_init(start).as_ref();
                let patience = if waits {
                    config.http.deadline
                } else {
                    PATIENCE
                };
                Way::Aside(aside, patience)
            }
            Standing::Suspect | Standing::LeftAlone => Way::LeftAlone,
        }
    }

    /// It was not asked, or nobody waited for what it said: counted.
    pub(crate) fn refused(&self, hook: HookName, fault: Fault) -> Fault {
        self.account().counters.failed(hook, &fault);
        fault
    }

    fn standing(&self, now: Now, source: &Source<'_>) -> Standing {
        let sources = &self.account().sources;
        if sources.is_empty() {
            return Standing::Good;
        }
        let key = sources.key(source.user, source.flow.remote.ip());
        sources.standing(now.instant, key, &self.config().quarantine)
    }

    fn with_threads(made: Arc<Made>, about: About) -> std::io::Result<Self> {
        let config = &made.facts.config;
        let waits = config.grants.has(Capability::Http);
        let threads = if waits {
            config.http.concurrency.max(1)
        } else {
            1
        };
        let patient = (waits || config.shadow)
            .then(|| Aside::start(&made, threads, config.http.queue, None))
            .transpose()?;
        let timer = config
            .timer
            .filter(|_| about.hooks.contains(&HookName::Timer));
        let background = (timer.is_some() || about.hooks.contains(&HookName::Dialog))
            .then(|| Aside::start(&made, 1, EVENTS, timer))
            .transpose()?;
        Ok(Self {
            made,
            about,
            patient,
            background,
            suspects: OnceLock::new(),
        })
    }
}

impl Made {
    /// An instance that is started: one of those that wait, or a new one.
    pub(crate) fn instance(&self) -> Result<Instance, Fault> {
        let waiting = self
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        waiting.map_or_else(|| Instance::started(self), Ok)
    }

    /// Starts instances beforehand, so that no message waits for one.
    pub(crate) fn prepare(&self, workers: usize) -> Result<(), Fault> {
        let config = &self.facts.config;
        if config.isolation == Isolation::Request || config.shadow {
            return Ok(());
        }
        let there = self
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        for _ in there..workers {
            let instance = Instance::started(self)?;
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            ready.push(instance);
        }
        Ok(())
    }

    /// What it says about itself and about its configuration, and the memory that it has then, bytes.
    pub(crate) fn check(
        &self,
        sha256: &[u8; 32],
    ) -> Result<(About, Result<(), Reason>, usize), Reason> {
        let (mut instance, about) = self.described(sha256)?;
        let config = &self.facts.config.config;
        let said = instance
            .validate(config)
            .and_then(|()| instance.start(config));
        Ok((about, said, instance.memory()))
    }

    fn prove(&self, sha256: &[u8; 32]) -> Result<About, Reason> {
        let (mut instance, about) = self.described(sha256)?;
        let config = &self.facts.config.config;
        instance.validate(config)?;
        instance.start(config)?;
        if self.facts.config.isolation == Isolation::Kept {
            self.ready
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(instance);
        }
        Ok(about)
    }

    fn described(&self, sha256: &[u8; 32]) -> Result<(Instance, About), Reason> {
        let instance = Instance::new(self);
        let mut instance = instance.map_err(|fault| Reason::Start(fault.to_string()))?;
        let info = instance.describe()?;
        let about = About {
            name: info.name,
            version: info.version,
            hooks: info.hooks.into_iter().map(declared).collect(),
            config_schema: info.config_schema,
            sha256: hex(sha256),
        };
        Ok((instance, about))
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// The capabilities whose interfaces a component imports.
///
/// # Errors
/// It imports what the contract does not have.
pub(crate) fn needs(component: &Component, machine: &Machine) -> Result<Vec<Capability>, Reason> {
    let mut needs = Vec::new();
    for (name, _) in component.component_type().imports(machine.engine()) {
        let unknown = || Reason::UnknownImport(name.to_owned());
        let path = name.strip_prefix("sip:policy/").ok_or_else(unknown)?;
        let (interface, version) = path.split_once('@').ok_or_else(unknown)?;
        if !version.starts_with("0.1.") {
            return Err(unknown());
        }
        needs.extend(Capability::of_interface(interface).ok_or_else(unknown)?);
    }
    Ok(needs)
}

/// Whether it imports functions that edit messages.
pub(crate) fn edits(component: &Component, machine: &Machine) -> Vec<&'static str> {
    let engine = machine.engine();
    let ty = component.component_type();
    let mut found = Vec::new();
    for (name, item) in ty.imports(engine) {
        if let ComponentItem::ComponentInstance(instance) = item.ty
            && name.starts_with("sip:policy/messages@")
        {
            let functions = instance.exports(engine).map(|(name, _)| name.to_owned());
            let functions: Vec<String> = functions.collect();
            let known = EDITS
                .iter()
                .filter(|edit| functions.iter().any(|f| f == **edit));
            found.extend(known.copied());
        }
    }
    found
}

fn check_imports(
    component: &Component,
    machine: &Machine,
    config: &PluginConfig,
) -> Result<(), Reason> {
    for capability in needs(component, machine)? {
        if !config.grants.has(capability) {
            return Err(Reason::NotGranted(capability));
        }
    }
    Ok(())
}

fn check_limits(config: &PluginConfig) -> Result<(), Reason> {
    if config.memory > PluginConfig::MOST_MEMORY {
        return Err(Reason::Limits("memory: at most 256 MiB"));
    }
    if config.deadline.is_zero() {
        return Err(Reason::Limits("deadline: more than nothing"));
    }
    if config.timer.is_some_and(|timer| timer.as_millis() < 10) {
        return Err(Reason::Limits("timer: at least 10 ms"));
    }
    Ok(())
}

const fn declared(hook: Declared) -> HookName {
    match hook {
        Declared::OnRegister => HookName::Register,
        Declared::OnRequest => HookName::Request,
        Declared::OnRoute => HookName::Route,
        Declared::OnFailure => HookName::Failure,
        Declared::OnResponse => HookName::Response,
        Declared::OnDialog => HookName::Dialog,
        Declared::OnTimer => HookName::Timer,
    }
}

/// Dialog events that may stand in line.
const EVENTS: usize = 4_096;
/// How long a suspect's message waits, for a plugin that does not wait itself.
const PATIENCE: Duration = Duration::from_secs(1);
const EDITS: [&str; 5] = [
    "[method]message.set-ruri",
    "[method]message.set-header",
    "[method]message.add-header",
    "[method]message.remove-header",
    "[method]message.set-body",
];
