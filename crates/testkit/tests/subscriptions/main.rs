//! Subscriptions through Bellhop, on simulated time (RFC 6665).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test's harness may fail loudly"
)]

mod chaos_pbx;
mod chaos_phone;
#[path = "../common/mod.rs"]
mod common;
mod dark;
mod held;
mod hidden;
mod hidden_chaos;
mod hidden_forgotten;
mod hidden_kinds;
mod hidden_lasting;
mod hidden_numbers;
mod hostile;
mod lifetime;
mod lists;
mod party;
mod published;
mod reg;
mod reg_shards;
mod relayed;
mod relayed_books;
mod relayed_books_pbx;
mod relayed_books_phone;
mod relayed_dark;
mod relayed_ends;
mod relayed_kept;
mod relayed_model;
mod relayed_moves;
mod rlmi;
mod samples;
mod sharded;
mod shared;
mod shared_asks;
mod shared_chaos;
mod shared_names;
mod shared_trouble;
mod shared_watchers;
mod site;
mod targets;
mod targets_shared;
mod two;
mod unasked;
mod undecided;
mod unsaid;
