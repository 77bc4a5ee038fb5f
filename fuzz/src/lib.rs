//! What the fuzz targets do with their bytes. Each public module is one target (`settings` is `config`):
//! `run` takes whatever libFuzzer came up with and panics where something that must hold does not.

pub mod digest;
pub mod edits;
pub mod engine;
mod feed;
pub mod framer;
pub mod hammer;
pub mod index;
pub mod settings;
mod stopwatch;

#[allow(dead_code, unused_imports)]
#[path = "../../crates/server/src/config/mod.rs"]
mod config;
#[path = "../../crates/server/src/config/tests/hold.rs"]
mod hold;
#[allow(dead_code)]
#[path = "../../crates/server/src/users/mod.rs"]
mod users;

// What the configuration takes from the host of plugins; the rest of it would bring wasmtime along.
extern crate self as bellhop_policy;
#[allow(dead_code, missing_docs, rustdoc::broken_intra_doc_links)]
#[path = "../../crates/policy/src/grants.rs"]
mod grants;
#[allow(dead_code, missing_docs, rustdoc::broken_intra_doc_links)]
#[path = "../../crates/policy/src/config.rs"]
mod plugin;
pub use grants::{Capability, Grants};
pub use plugin::{HttpLimits, Isolation, OnError, PluginConfig, Quarantine, StoreLimits};

/// What the configuration says of WebSockets.
#[path = "../../crates/server/src/transport/websocket/rules.rs"]
mod rules;

/// The one name that the configuration takes from the server's transports.
mod transport {
    pub(crate) use crate::rules::Rules;
}

/// The one name that the configuration takes from the server's resolver.
mod resolve {
    pub(crate) type Place = (bellhop_core::flow::Transport, std::net::SocketAddr);
}
