//! The registrar and location service (RFC 3261 10): which contacts an address-of-record has, for how
//! long, and over which flow each is reached (RFC 5626), through which Path (RFC 3327).
//!
//! **Invariant**: a REGISTER changes all that it asks for or nothing.

mod answer;
mod aor;
mod apply;
mod binding;
mod closing;
mod contact;
mod device;
mod index;
mod location;
mod overtaken;
mod passed;
mod phones;
mod record;
mod watched;

#[cfg(test)]
mod tests;

pub use answer::{Change, ChangeKind, Refusal, Registered};
pub use aor::Aor;
pub use apply::apply;
pub(crate) use apply::plan;
pub use binding::{Binding, Bindings};
pub use device::Device;
pub use location::Location;
pub(crate) use overtaken::overtakes;
pub(crate) use passed::{Asked, apply_granted, asked};
pub(crate) use phones::can_be_woken;
pub use record::Record;

use crate::lease::LeaseConfig;
use crate::push::Push;
use std::{sync::Arc, time::Duration};

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
    /// What of the time that was asked for is granted, in thousandths, where that is not less than the least: what
    /// makes phones that came together come apart.
    pub share: u16,
    /// A phone behind a NAT that registers by UDP gets no more: its REGISTERs keep the NAT's mapping open.
    pub udp_nat_expires: Option<Duration>,
    /// Seconds for which a binding is kept, and rung, when its time is up and its phone has not come.
    pub grace: u16,
    /// How often phones behind a NAT that registered by UDP are sent an empty line, which keeps the NAT's mapping open.
    pub nat_keepalive: Option<Duration>,
    /// What the PBX hears of registrations.
    pub leases: LeaseConfig,
    /// How sleeping phones are woken; `None`: they are not.
    pub push: Option<Arc<Push>>,
}

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self {
            min_expires: Duration::from_secs(60),
            max_expires: Duration::from_secs(3600),
            default_expires: Duration::from_secs(3600),
            max_contacts: 10,
            share: WHOLE,
            udp_nat_expires: None,
            grace: 0,
            nat_keepalive: None,
            leases: LeaseConfig::default(),
            push: None,
        }
    }
}

impl RegistrarConfig {
    /// What is granted of this time.
    fn shared(&self, time: Duration) -> Duration {
        if self.share >= WHOLE || time <= self.min_expires {
            return time;
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let part = micros.saturating_mul(u64::from(self.share));
        Duration::from_secs(part / 1_000_000_000).max(self.min_expires)
    }

    /// These settings, with no registration longer than so many seconds.
    #[must_use]
    pub fn at_most(&self, seconds: u32) -> Self {
        let longest = Duration::from_secs(seconds.max(1).into());
        Self {
            min_expires: self.min_expires.min(longest),
            max_expires: self.max_expires.min(longest),
            default_expires: self.default_expires.min(longest),
            ..self.clone()
        }
    }
}

/// All of it, in thousandths.
const WHOLE: u16 = 1_000;
