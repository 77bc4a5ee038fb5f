//! The wasmtime host of policy plugins: loads them, limits them, and swaps them while messages go on. The
//! contract is `wit/sip-policy.wit`; the seam is [`bellhop_core::policy`].
//!
//! A program makes one [`Registry`], gives it a list of [`PluginConfig`] with [`Registry::swap`], and each
//! engine a [`ShardPolicy`] from [`Registry::shard`]. [`Registry::status`] tells what they do.
//!
//! **Invariant**: a plugin reaches nothing but what it was granted, takes no longer than its deadline of a
//! worker's time, and leaves no trace of a call that failed. Nothing here needs a runtime: what waits, waits
//! on threads of its plugin's own.

mod account;
mod aside;
mod cache;
mod config;
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "made by a macro"
)]
mod contract;
mod dialogs;
mod error;
mod grants;
mod guest;
mod inspect;
mod instance;
mod machine;
mod plugin;
mod question;
mod read;
mod registry;
mod runner;
mod services;
mod set;
mod shadow;
mod shard;
mod status;
mod ticker;
mod verdict;

pub use account::Difference;
pub use account::counters::{Histogram, HookName, HookStatus};
pub use account::meters::{MeterStatus, MeterValue};
pub use config::{HttpLimits, Isolation, OnError, PluginConfig, Quarantine, StoreLimits};
pub use error::{Fault, LoadError, Reason, Short};
pub use grants::{Capability, Grants, NoSuchCapability};
pub use inspect::{Inspection, inspect};
pub use plugin::About;
pub use registry::{Registry, Swapped};
pub use services::{Alone, Binding, Member, Services, Wake};
pub use shard::ShardPolicy;
pub use status::PluginStatus;
