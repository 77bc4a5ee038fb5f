//! Borrowed, typed views of header values, computed when asked for. Tolerant of blanks and folds
//! (RFC 3261 25, 7.3.1); what they do not understand they keep verbatim.

pub mod auth;
pub(crate) mod cseq;
pub mod host;
pub mod list;
pub mod nameaddr;
pub mod params;
pub(crate) mod scan;
pub mod uri;
pub mod via;

#[cfg(test)]
mod tests;
