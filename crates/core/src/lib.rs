//! Everything SIP that Bellhop decides, without a socket, a clock or a source of chance: transactions,
//! digest authentication, the registrar, the proxy, and the engine that joins them.
//!
//! **Invariant**: `now` and entropy are arguments; nothing here waits, blocks or does I/O.

pub mod auth;
pub mod b2bua;
mod budget;
pub mod config;
mod date;
mod digits;
pub mod engine;
pub mod entropy;
pub mod event;
pub mod flow;
mod fnv;
mod hex;
mod identity;
pub mod lease;
mod limit;
mod loops;
pub mod outbox;
pub mod policy;
mod proxy;
pub mod push;
mod record_route;
pub mod registrar;
mod routing;
pub mod share;
pub mod subscription;
mod text;
pub mod time;
pub mod transaction;
pub mod upstream;
