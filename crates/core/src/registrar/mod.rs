//! The registrar and location service (RFC 3261 10): which contacts an address-of-record has, for how
//! long, and over which flow each is reached (RFC 5626), through which Path (RFC 3327).
//!
//! **Invariant**: a REGISTER changes all that it asks for or nothing.

mod answer;
mod aor;
mod apply;
mod binding;
mod contact;
mod device;
mod index;
mod location;
mod record;

#[cfg(test)]
mod tests;

pub use answer::{Change, ChangeKind, Refusal, Registered};
pub use aor::Aor;
pub use apply::apply;
pub use binding::{Binding, Bindings};
pub use device::Device;
pub use location::Location;
pub use record::Record;

use std::time::Duration;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrarConfig {
    /// A shorter registration is refused with 423.
    pub min_expires: Duration,
    /// A longer registration is cut to this.
    pub max_expires: Duration,
    /// What a registration gets that asks for nothing.
    pub default_expires: Duration,
    /// Bindings that one AoR may have.
    pub max_contacts: usize,
}

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self {
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(3600),
            default_expires: Duration::from_secs(3600),
            max_contacts: 10,
        }
    }
}

impl RegistrarConfig {
    /// These settings, with no registration longer than so many seconds.
    #[must_use]
    pub fn at_most(&self, seconds: u32) -> Self {
        let longest = Duration::from_secs(seconds.max(1).into());
        Self {
            min_expires: self.min_expires.min(longest),
            max_expires: self.max_expires.min(longest),
            default_expires: self.default_expires.min(longest),
            max_contacts: self.max_contacts,
        }
    }
}
