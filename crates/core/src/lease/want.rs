//! What a phone's shard wants of the home shard, and what comes back.

use super::Slot;
use crate::outbox::Ticket;
use crate::registrar::{Aor, Binding};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// What is wanted of the leases of one AoR. The shell hands it to [`crate::engine::Engine::demand`] of the
/// AoR's home shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Names the REGISTER that waits, to be told by an [`Outcome`]; `None`: nobody waits.
    pub ticket: Option<Ticket>,
    /// The AoR.
    pub aor: Aor,
    /// The shard that it goes to.
    pub home: u16,
    /// What is wanted.
    pub wants: SmallVec<[Want; 1]>,
}

/// What is wanted of one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Which.
    pub slot: Slot,
    /// What.
    pub need: Need,
    /// The binding that there will be if the PBX agrees: what the PBX has to say to it at once, a mailbox's
    /// NOTIFY, may come before its answer.
    pub expected: Option<Arc<Binding>>,
}

/// What can be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A phone will be bound, if the PBX agrees.
    Bind,
    /// A phone registers, and the PBX is to hear of it: with so many seconds.
    Renew(u32),
    /// The PBX seems to have forgotten it: it is registered anew.
    Again,
    /// Bindings have gone: see whether any is left.
    Check,
}

/// What became of a [`Demand`]. The shell hands it to [`crate::engine::Engine::outcome`] of the shard that the
/// ticket names in its top 16 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The ticket of the demand.
    pub ticket: Ticket,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The PBX has what was wanted, for so many seconds.
    Held(u32),
    /// The PBX refuses.
    Refused {
        /// Its status; never a challenge.
        status: u16,
        /// Its reason phrase, or ours.
        reason: Box<str>,
    },
    /// The PBX is away or has too much to do: it will hear of it, in about so long.
    Later(Duration),
}

impl Fate {
    /// What becomes of a REGISTER that wants several things.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (refused @ Self::Refused { .. }, _) | (_, refused @ Self::Refused { .. }) => refused,
            (Self::Later(one), Self::Later(other)) => Self::Later(one.max(other)),
            (later @ Self::Later(_), _) | (_, later @ Self::Later(_)) => later,
            (Self::Held(one), Self::Held(other)) => Self::Held(one.min(other)),
        }
    }
}
