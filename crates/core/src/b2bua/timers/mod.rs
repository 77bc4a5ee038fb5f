//! Session timers of each leg (RFC 4028), and keep-alive: the values (`care`), what is agreed on (`session`), and the
//! questions of our own, refreshes among them (`refresh`).

pub(super) mod care;
mod refresh;
pub(super) mod session;
