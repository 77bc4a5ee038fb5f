//! Calls that outlive the program: what is kept of them (`saved`, with `leg`, `care` and `record`), when it is written and
//! how they are taken back (`lasting`).

pub(super) mod care;
mod lasting;
pub(super) mod leg;
pub(super) mod record;
pub(super) mod saved;
