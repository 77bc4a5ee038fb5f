//! The leases that wait for a turn.
//!
//! One that is over, or has become urgent, leaves its old place behind: what stands there is passed over when its
//! turn comes, and swept out when there is more of it than of leases, so that phones that come and go while the PBX
//! is silent fill nothing.

use crate::registrar::Device;
use std::collections::VecDeque;

/// Two queues: nobody of the second has a turn while somebody waits in the first.
#[derive(Debug, Default)]
pub(super) struct Queues {
    urgent: VecDeque<(Device, Place)>,
    idle: VecDeque<(Device, Place)>,
    last: u64,
}

/// A place in a queue; no other is equal to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) is_urgent: bool,
    number: u64,
}

impl Queues {
    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.idle.is_empty()
    }

    /// How many places there are, left ones included.
    pub(super) fn len(&self) -> usize {
        self.urgent.len().saturating_add(self.idle.len())
    }

    /// How many there are in the urgent one.
    pub(super) fn urgent(&self) -> usize {
        self.urgent.len()
    }

    pub(super) fn push(&mut self, device: Device, is_urgent: bool) -> Place {
        self.last = self.last.wrapping_add(1);
        let place = Place {
            is_urgent,
            number: self.last,
        };
        if is_urgent {
            self.urgent.push_back((device, place));
        } else {
            self.idle.push_back((device, place));
        }
        place
    }

    pub(super) fn pop(&mut self) -> Option<(Device, Place)> {
        self.urgent.pop_front().or_else(|| self.idle.pop_front())
    }

    /// Sweeps out what nobody stands at any more, if there is too much of it beside so many leases.
    pub(super) fn tidy(&mut self, leases: usize, is_taken: impl Fn(Device, Place) -> bool) {
        if self.len() <= leases.saturating_mul(2).saturating_add(SPARE) {
            return;
        }
        for queue in [&mut self.urgent, &mut self.idle] {
            queue.retain(|(device, place)| is_taken(*device, *place));
            queue.shrink_to(leases.saturating_add(SPARE));
        }
    }
}

/// Left places that are worth no sweep.
const SPARE: usize = 64;
