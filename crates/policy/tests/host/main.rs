//! The host with a real guest (`plugins/guests/probe`), through the seam: what a plugin sees, may do, and what
//! becomes of it when it does what it may not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    missing_docs,
    reason = "tests"
)]

mod abuse;
mod call;
mod chain;
mod edits;
mod first;
mod kit;
mod load;
mod publish;
mod reads;
mod services;
mod shadow;
mod swap;
mod wait;
