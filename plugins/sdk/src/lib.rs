//! What a policy plugin for Bellhop is written with.
//!
//! A plugin is a struct, the trait [`Plugin`] and the macro [`export!`]:
//!
//! ```
//! use bellhop_plugin::prelude::*;
//!
//! struct NoScanners {
//!     agent: String,
//! }
//!
//! impl Plugin for NoScanners {
//!     const HOOKS: &'static [Hook] = &[Hook::OnRequest];
//!
//!     fn new(config: &Config) -> Result<Self, ConfigError> {
//!         Ok(Self { agent: config.need("agent")? })
//!     }
//!
//!     fn on_request(&mut self, msg: &Message) -> Verdict {
//!         match msg.summary().user_agent.contains(&self.agent) {
//!             true => Reply::new(403).into(),
//!             false => Verdict::Continue,
//!         }
//!     }
//! }
//!
//! bellhop_plugin::export!(NoScanners);
//!
//! // Tests need no WebAssembly:
//! use bellhop_plugin::testing::{Harness, invite};
//! let mut plugin = Harness::<NoScanners>::new(r#"{"agent": "friendly-scanner"}"#).unwrap();
//! let call = invite().replacing("User-Agent", "friendly-scanner 1.8");
//! assert_eq!(plugin.on_request(&call).status(), Some(403));
//! ```
//!
//! Built for `wasm32-unknown-unknown` it speaks the contract `sip:policy@0.1.0`
//! (`wit/sip-policy.wit`); anywhere else its host is the one in [`testing`]. It has no
//! dependency, and only the interfaces that a plugin calls are imported by it.

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "generated"
)]
#[doc(hidden)]
pub mod bindings;
pub mod call;
pub mod clock;
pub mod config;
pub mod dialogs;
#[doc(hidden)]
pub mod guest;
mod helpers;
mod host;
pub mod http;
pub mod json;
pub mod locations;
pub mod log;
pub mod metrics;
pub mod pattern;
mod plugin;
pub mod prelude;
pub mod publish;
pub mod random;
#[allow(unsafe_code, reason = "the canonical ABI hands memory over by address")]
mod rt;
pub mod store;
pub mod template;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod upstreams;
pub mod uri;

pub use bindings::{
    exports::sip::policy::{
        hooks::{FailureVerdict, RegisterVerdict, Verdict},
        lifecycle::Hook,
    },
    sip::policy::types::{
        Attempt, Body, Challenge, DialogEvent, DialogPhase, EditError, Failure, ForkMode,
        HeaderField, Note, Reply, Route, Source, Summary, Target, Transport,
    },
};
pub use config::{Config, ConfigError};
pub use host::Message;
pub use plugin::Plugin;
