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

/// The one name that the configuration takes from the server's resolver.
mod resolve {
    pub(crate) type Place = (bellhop_core::flow::Transport, std::net::SocketAddr);
}
