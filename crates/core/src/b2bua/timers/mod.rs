//! Session timers of each leg (RFC 4028), and keep-alive: the values (`care`), what is agreed on (`session`), the questions
//! of our own (`refresh`), and what their answers say that the other end must be told (`tell`, `media`).

pub(super) mod care;
mod media;
mod refresh;
pub(super) mod session;
mod tell;
