//! Looking at a plugin without running it in a proxy: `bellhop plugin check`.

use crate::account::Account;
use crate::config::PluginConfig;
use crate::dialogs::Dialogs;
use crate::error::{Reason, plenty};
use crate::grants::{Capability, Grants};
use crate::machine::{Machine, Pace};
use crate::plugin::{self, About, Plugin, Shared};
use crate::services::{Alone, Services};
use std::sync::Arc;

/// What a file is and asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What it says about itself.
    pub about: About,
    /// The capabilities without which it is not loaded: it imports their interfaces.
    pub needs: Vec<Capability>,
    /// The functions it imports that are denied without "edit" (on-response: "edit-response"; `set-body`:
    /// "body-write" too).
    pub edits: Vec<&'static str>,
    /// A `memory` for it, MiB, if what it has when it has started leaves too little of the default.
    pub memory: Option<usize>,
    /// What its own check says to the configuration that was given.
    pub config: Result<(), String>,
}

/// Loads a plugin's bytes with all that they ask for, and has it check a configuration (JSON text).
///
/// # Errors
/// It is no plugin, or imports what the contract does not have. A configuration that it refuses is no
/// error but part of the answer.
pub fn inspect(bytes: &[u8], config: &str) -> Result<Inspection, Reason> {
    let machine = Machine::start(None).map_err(|error| Reason::NotAPlugin(format!("{error:#}")))?;
    let compiled = machine.compile(bytes, Pace::Alone)?;
    let needs = plugin::needs(&compiled.component, &machine)?;
    let services: Arc<dyn Services> = Arc::new(Alone::default());
    let shared = Shared {
        machine: &machine,
        services: &services,
        dialogs: &Arc::new(Dialogs::default()),
    };
    let settings = PluginConfig {
        grants: needs.iter().copied().collect::<Grants>(),
        config: config.to_owned(),
        memory: PluginConfig::MOST_MEMORY,
        ..PluginConfig::new("plugin", "")
    };
    let made = Plugin::made(
        &shared,
        settings,
        Arc::new(Account::new("plugin")),
        &compiled,
    )?;
    let (about, said, has) = made.check(&compiled.sha256)?;
    let memory = plenty(has);
    let default = PluginConfig::new("", "").memory >> 20;
    Ok(Inspection {
        about,
        edits: plugin::edits(&compiled.component, &machine),
        needs,
        memory: (memory > default).then_some(memory),
        config: said.map_err(|reason| match reason {
            Reason::Config(why) | Reason::Start(why) => why,
            other => other.to_string(),
        }),
    })
}
