//! When a lease is refreshed, tried again, and looked at.

use super::{Around, LONGEST_REST, Lease, Leases, SILENT_REST};
use crate::lease::{Event, Mode, Slot};
use crate::registrar::Device;
use crate::time::Instant;
use std::time::Duration;

impl Leases {
    /// Sets when a lease is refreshed or tried again, with chance, so that what began together does not go
    /// on together.
    pub(super) fn set_due(&mut self, around: Around<'_>, device: Device, event: Event) {
        let chance = self.chance();
        let Some(lease) = self.live.get_mut(&device) else {
            return;
        };
        let now = around.now;
        let failures = u32::from(lease.failures.saturating_sub(1).min(6));
        let rest = |first: Duration, most: Duration| {
            let rest = first.saturating_mul(1 << failures).min(most);
            part(rest, 750, 500, chance)
        };
        let wait = match event {
            Event::Granted(until) => {
                let whole = until.since(now);
                match around.config.mode_of(lease.aor.domain()) {
                    // The phone's next REGISTER is a refresh, if it comes.
                    Mode::Mirror => part(whole, 900, 50, chance),
                    _ => part(whole, 500, 250, chance),
                }
            }
            Event::Refused => rest(REFUSED_REST, LONGEST_REST),
            _ => rest(SILENT_REST, LONGEST_SILENCE),
        };
        lease.due = Some(now.after(wait));
    }

    /// Sets a lease's one timer.
    pub(super) fn arm(&mut self, device: Device) {
        if let Some(lease) = self.live.get(&device) {
            let at = lease.due.map_or(lease.check, |due| due.min(lease.check));
            self.timers.set(device, at);
        }
    }

    /// SplitMix64: chance that only spreads.
    fn chance(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ self.chance >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 27
    }
}

/// When the last binding of a lease's slot ends; `None`: it has none, or there are no such leases in its domain.
pub(super) fn ends(around: Around<'_>, lease: &Lease) -> Option<Instant> {
    let fits = match around.config.mode_of(lease.aor.domain()) {
        Mode::Aor => matches!(lease.slot, Slot::Whole(_)),
        Mode::Contact | Mode::Mirror => matches!(lease.slot, Slot::Phone(_)),
        Mode::Terminate | Mode::Passthrough => false,
    };
    let location = around.location;
    fits.then(|| location.slot_ends(around.now, &lease.aor, lease.slot))
        .flatten()
}

/// A part of a time: so many thousandths, and up to so many more by chance.
fn part(whole: Duration, least: u64, more: u64, chance: u64) -> Duration {
    let thousandths = least.saturating_add(chance.checked_rem(more).unwrap_or(0));
    let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros((micros / 1_000).saturating_mul(thousandths))
}

pub(super) fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// The first rest after a refusal.
const REFUSED_REST: Duration = Duration::from_secs(30);
/// The longest rest of one lease while the PBX is silent.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
