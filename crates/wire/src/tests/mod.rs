//! Tests of the room as a whole, and the messages that several tests share.

#[allow(clippy::arithmetic_side_effects, reason = "offsets of small samples")]
mod mutations;
pub(crate) mod samples;
mod torture;
