//! The machines by their whole transition tables and by the RFC's sentences in simulated time, the
//! table by scenarios.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that meets these fails, as it should"
)]

mod id;
mod invite_client;
mod invite_server;
mod leaks;
mod messages;
mod non_invite_client;
mod non_invite_server;
mod pool;
mod sim;
mod table_client;
mod table_server;
mod timer;
mod transitions;
