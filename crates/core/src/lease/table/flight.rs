//! REGISTERs of ours under way, and what becomes of them.

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
