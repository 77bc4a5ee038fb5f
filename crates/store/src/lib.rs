//! What outlives the program: one file of redb tables, written in groups by a thread of its own.
//!
//! The file is keyed by what changes, and the thread is told only *that* a key has changed. What stands
//! behind it is read when the group is written ([`Source`]), so two shards that change one
//! address-of-record can never be written in the wrong order, and many changes of it are one write.

mod begin;
mod bindings;
mod calls;
mod codec;
mod fields;
mod file;
mod held;
mod keeper;
mod meters;
mod relayed;
mod shares;
mod table;
mod writer;

pub use begin::{Begun, begin, open_again};
pub use bindings::{Kept, Loaded, Names};
pub use calls::{BegunCalls, KeptCalls, Live, begin_calls};
pub use file::{Cannot, File};
pub use held::held_name;
pub use keeper::{Item, Keeper, Manner, Source, Tell};
pub use meters::Status;
pub use table::{Key, Table};

#[cfg(test)]
mod tests;
