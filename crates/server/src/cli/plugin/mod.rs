//! `bellhop plugin`: write one, look at one, try one.

mod new;
mod sdk;

use super::say;
use clap::Subcommand;
use std::path::Path;

/// What to do with a plugin.
#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Write a plugin's crate: a routing plugin with tests that builds as it stands
    New {
        /// The plugin's name, and the folder's
        name: String,
        /// Depend on the SDK at this path or git address; else it is written beside the plugin
        #[arg(long, value_name = "PATH|URL")]
        sdk: Option<String>,
    },
}

/// Does it.
///
/// # Errors
/// What kept it from that.
pub(super) fn plugin(command: Plugin) -> Result<(), String> {
    match command {
        Plugin::New { name, sdk } => say(&new::new(&name, Path::new(""), sdk.as_deref())?),
    }
    Ok(())
}
