//! Calls that outlive the program: what is kept of them (`saved`, with `care` and `record`), when it is written and how
//! they are taken back (`lasting`).

pub(super) mod care;
mod lasting;
pub(super) mod record;
pub(super) mod saved;
