//! A host for tests: `cargo test` of a plugin needs no WebAssembly.
//!
//! [`Harness`] holds a plugin and the world it sees: a store with a clock that only moves when told, web
//! services, locations, calls in progress, all answered by the test. Messages are made by [`invite`],
//! [`register`] and [`Message::parse`]. The rules for edits and verdicts are the host's: what it would
//! refuse fails here too.

mod harness;
mod message;
mod rules;
mod script;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod world;

pub use harness::Harness;
pub use message::{Edit, Message};
pub use script::{bye, invite, options, register};
