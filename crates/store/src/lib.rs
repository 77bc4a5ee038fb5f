//! What outlives the program: one file of redb tables, written in groups by a thread of its own.
//!
//! The file is keyed by what changes, and the thread is told only *that* a key has changed. What stands
//! behind it is read when the group is written ([`Source`]), so two shards that change one
//! address-of-record can never be written in the wrong order, and many changes of it are one write.

mod begin;
mod bindings;
mod codec;
mod file;
mod keeper;
mod meters;
mod shares;
mod writer;

pub use begin::{Begun, begin, open_again};
pub use bindings::{Kept, Loaded, Names};
pub use file::{Cannot, File, Key, Table};
pub use keeper::{Item, Keeper, Source, Tell};
pub use meters::Status;

#[cfg(test)]
mod tests;
