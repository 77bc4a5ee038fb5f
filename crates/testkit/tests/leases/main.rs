//! Registrations that the PBX believes in: modes `mirror`, `contact` and `aor`, before a PBX that is scripted, on
//! simulated time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod avalanche;
#[path = "../common/mod.rs"]
mod common;
mod down;
mod hidden;
mod late;
mod line;
mod model;
mod modes;
mod passthrough;
mod path;
mod races;
mod samples;
mod site;
mod survival;
