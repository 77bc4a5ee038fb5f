//! Files of users: read, refused with their lines, added to.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod adding;
mod reading;
