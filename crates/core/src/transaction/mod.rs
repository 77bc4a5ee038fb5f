//! Transactions (RFC 3261 17, with RFC 6026's Accepted state and RFC 4320's rules for non-INVITE):
//! four pure machines, one for each role and kind, and the [`Table`] that keeps the live ones, matches
//! messages to them and turns their timers into deadlines that the caller polls.
//!
//! **Invariant**: nothing here knows what a request is for; that is the transaction user's business,
//! which it sees only as an opaque [`Owner`].

mod ack;
mod deadlines;
mod due;
mod id;
pub mod invite_client;
pub mod invite_server;
mod key;
pub mod machine;
pub mod non_invite_client;
pub mod non_invite_server;
mod pool;
mod table;
#[cfg(test)]
mod tests;
pub mod timer;

pub use id::{Owner, TransactionId};
pub use table::{Event, Request, Response, Table};
pub use timer::{TimerConfig, Timers};
