//! Calls of two legs on simulated time: neither side sees anything of the other's dialog (RFC 7092 3.1).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test's harness may fail loudly"
)]

mod calls;
mod challenged;
#[path = "../challenger/mod.rs"]
mod challenger;
mod choice;
#[path = "../common/mod.rs"]
mod common;
mod forks;
mod inside;
mod lasting;
mod lasting_care;
mod lasting_outside;
mod limits;
mod lost;
mod model;
mod moved;
mod outside;
mod parties;
mod races;
mod records;
mod records_asked;
mod reliable;
mod replaces;
mod sessions;
mod site;
mod timed;
mod transfer;
mod ua;
