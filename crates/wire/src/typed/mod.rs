//! The bridge to `rsip`: our views become its owned vocabulary, guarded against what its parsers
//! lose. Slow path: tools, tests, messages we make ourselves.
//!
//! **Invariant**: `rsip`'s parsers see no bytes of the wire except through [`guarded`], and its
//! printers none at all: [`WriteSip`] writes.

mod build;
mod convert;
mod guard;
mod message;
mod write;

pub use build::Build;
pub use convert::ToRsip;
pub use guard::{NoUri, guarded, unfold};
pub use message::{header, rsip_message};
pub use rsip;
pub use write::{NamedField, WriteSip};

use std::fmt;

/// Why something could not cross the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypedError {
    /// Our own view cannot read it.
    Bad(crate::Error),
    /// `rsip` has no place for it: URI headers, extension methods, unknown Via transports.
    Unrepresentable,
    /// `rsip`'s own reader refuses it.
    Refused,
    /// Printed again it is not what was read: use our view of it.
    Lossy,
    /// Not UTF-8.
    Text,
    /// It would end its line or its part of the message early, or start another: CR, LF, NUL, and
    /// per part its separators.
    Unsafe,
}

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(error) => error.fmt(f),
            Self::Unrepresentable => f.write_str("rsip has no place for it"),
            Self::Refused => f.write_str("rsip cannot read it"),
            Self::Lossy => f.write_str("rsip would lose a part of it"),
            Self::Text => f.write_str("not UTF-8"),
            Self::Unsafe => f.write_str("a part holds what would end it"),
        }
    }
}

impl std::error::Error for TypedError {}

impl From<crate::Error> for TypedError {
    fn from(error: crate::Error) -> Self {
        Self::Bad(error)
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
