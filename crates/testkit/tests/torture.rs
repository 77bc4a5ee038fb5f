//! RFC 4475 and RFC 5118 section by section, in messages of our own, each with what it is answered or
//! where it goes: from the inside, where a sound request is served at once, and from a stranger, who is
//! challenged for a sound one and told the same as anybody for a bad one.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;
#[path = "torture/message.rs"]
mod message;
#[path = "torture/responses.rs"]
mod responses;
#[path = "torture/rfc4475_invalid.rs"]
mod rfc4475_invalid;
#[path = "torture/rfc4475_later.rs"]
mod rfc4475_later;
#[path = "torture/rfc4475_valid.rs"]
mod rfc4475_valid;
#[path = "torture/rfc5118.rs"]
mod rfc5118;
#[path = "torture/scene.rs"]
mod scene;
