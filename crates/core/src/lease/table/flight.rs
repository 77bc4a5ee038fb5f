//! REGISTERs of ours under way, and what becomes of them.

use super::{Lease, Leases};
use crate::lease::State;
use crate::registrar::Device;
use std::time::Duration;

/// A REGISTER that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    /// Its number, for [`super::Leases::settle`].
    pub(crate) id: u64,
    /// Whose.
    pub(crate) device: Device,
    /// What is asked for; 0 takes it down.
    pub(crate) expires: u32,
}

/// What became of a REGISTER of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// So many seconds.
    Granted(u32),
    /// No.
    Refused(u16, Box<str>),
    /// No answer, or none that says more than "not now"; it may say for how long.
    Silent(Option<Duration>),
}

impl Leases {
    /// The PBX takes nothing shorter than so many seconds. Gives what is asked for at least from now on.
    pub(crate) fn raise_least(&mut self, seconds: u32) -> u32 {
        self.least = self.least.max(seconds).min(LONGEST_LEAST);
        self.least
    }

    /// The lease of a REGISTER under way, and what it asks for.
    pub(crate) fn flying(&mut self, id: u64) -> Option<(&mut Lease, u32)> {
        let device = self.flights.get(&id)?;
        let least = self.least;
        let lease = self.live.get_mut(device)?;
        let expires = match lease.state {
            State::Asking { .. } => lease.expires.max(least),
            _ => 0,
        };
        Some((lease, expires))
    }
}

/// A PBX that wants more than a day is not believed.
const LONGEST_LEAST: u32 = 86_400;
