//! Registrations of our own at the PBX, on behalf of the phones that are bound here: a *lease* for each slot,
//! which is one phone of an AoR or the AoR as a whole.
//!
//! The phone's lease and the PBX's are two. The phone's is the binding in the location service; the PBX's is
//! kept up by our own refresher, at our own pace, with a Contact of ours. Each lease lives in one shard, its
//! *home* ([`home_of`]), whose REGISTERs carry Call-IDs of that shard.
//!
//! **Invariant**: a lease is wanted as long as the location service has a live binding of its slot, and that is
//! asked, not remembered: nothing that a lease missed leaves it behind for longer than a binding lasts.

mod answer;
mod gift;
mod pace;
mod passing;
mod slots;
mod state;
mod table;
mod want;
mod write;

pub(crate) use answer::{Granted, is_listed, read as read_answer};
pub(crate) use gift::Gift;
pub(crate) use pace::{Pace, interval};
pub(crate) use passing::{Passing, granted};
pub use slots::{Count, Counts, Slot, Slots, View};
use state::{Event, State};
pub(crate) use table::{Around, Flight, Lease, Leases, Sample, Settled};
pub use want::{Demand, Fate, Need, Outcome, Want};
pub(crate) use write::{Query, Register, call_id};

use crate::fnv::fnv;
use crate::registrar::Aor;
use std::time::Duration;

/// What becomes of REGISTERs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They end here; the PBX hears nothing.
    #[default]
    Terminate,
    /// They go to the PBX, which challenges them and decides; the Contact there is ours.
    Passthrough,
    /// Each leads to a REGISTER of ours at the PBX, for that phone.
    Mirror,
    /// A lease for each phone; its refreshes end here while the PBX has the lease.
    Contact,
    /// One lease for each AoR, whatever phones are bound.
    Aor,
}

/// Settings of leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseConfig {
    /// For every domain that `domains` does not name.
    pub mode: Mode,
    /// Domains, in lower case, with a mode of their own.
    pub domains: Vec<(String, Mode)>,
    /// What is asked of the PBX.
    pub expires: Duration,
    /// REGISTERs a second towards the PBX, at most, of all shards together.
    pub rate: u32,
    /// How many shards there are.
    pub shards: u16,
    /// The PBX is shown the phones' own Contacts, and a Path of ours (RFC 3327).
    pub with_path: bool,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Terminate,
            domains: Vec::new(),
            expires: Duration::from_secs(3_600),
            rate: 50,
            shards: 1,
            with_path: false,
        }
    }
}

impl LeaseConfig {
    /// Whether any domain has REGISTERs of ours at the PBX.
    pub fn is_on(&self) -> bool {
        self.mode.has_leases() || self.domains.iter().any(|(_, mode)| mode.has_leases())
    }

    /// Whether the PBX is to challenge the phones of any domain.
    pub fn passes(&self) -> bool {
        let passes = |mode| mode == Mode::Passthrough;
        passes(self.mode) || self.domains.iter().any(|(_, mode)| passes(*mode))
    }

    /// Whether the PBX hears of the REGISTERs of any domain, so that they have transactions.
    pub(crate) fn asks_pbx(&self) -> bool {
        let asks = |mode| mode != Mode::Terminate;
        asks(self.mode) || self.domains.iter().any(|(_, mode)| asks(*mode))
    }

    /// The mode of a domain.
    pub fn mode_of(&self, domain: &str) -> Mode {
        let own = self.domains.iter().find(|(own, _)| own == domain);
        own.map_or(self.mode, |(_, mode)| *mode)
    }

    /// The mode of an AoR's domain.
    pub(crate) fn mode_for(&self, aor: &Aor) -> Mode {
        if self.domains.is_empty() {
            // The domain need not be looked for.
            return self.mode;
        }
        self.mode_of(aor.domain())
    }

    /// The shard that an AoR's leases live in.
    pub fn home_of(&self, aor: &Aor) -> u16 {
        home_of(aor, self.shards)
    }

    /// The time between two REGISTERs.
    pub(crate) fn interval(&self) -> Duration {
        interval(self.rate)
    }
}

impl Mode {
    /// Whether there are leases in this mode.
    pub const fn has_leases(self) -> bool {
        matches!(self, Self::Mirror | Self::Contact | Self::Aor)
    }
}

/// The shard, of so many, that an AoR's leases live in.
pub fn home_of(aor: &Aor, shards: u16) -> u16 {
    let hash = fnv(aor.as_str().bytes());
    let place = (hash >> 32).checked_rem(u64::from(shards)).unwrap_or(0);
    u16::try_from(place).unwrap_or(0)
}
