//! What leases at the PBX ask of the location service.

use super::{Location, lock};
use crate::{
    lease::Slot,
    registrar::{Aor, Binding, Bindings, Device},
    time::Instant,
};
use std::sync::Arc;

impl Location {
    /// What a lease at the PBX for all phones of an AoR is called.
    pub(crate) fn whole(&self, aor: &Aor) -> Device {
        self.names.of_all(aor)
    }

    /// A number that belongs to a device, one for each `n`, that nobody else can tell.
    pub(crate) fn number_of(&self, device: Device, n: u32) -> u64 {
        self.names.number_of(device, n)
    }

    /// When the last live binding of a slot of an AoR ends; `None`: it has none.
    pub(crate) fn slot_ends(&self, now: Instant, aor: &Aor, slot: Slot) -> Option<Instant> {
        let stripe = lock(self.stripe(aor)?);
        let own = |binding: &&Arc<Binding>| match slot {
            Slot::Whole(_) => true,
            Slot::Phone(device) => binding.device() == device,
        };
        let bindings = stripe.bindings.get(aor)?.iter().filter(own);
        let ends = bindings.map(|binding| binding.expires).max();
        ends.filter(|ends| *ends > now)
    }

    /// As [`Location::change`], but the change is not made.
    pub(in crate::registrar) fn imagine<T, E>(
        &self,
        now: Instant,
        aor: &Aor,
        plan: impl FnOnce(&mut Bindings) -> Result<T, E>,
    ) -> Result<(Bindings, T), E> {
        let mut bindings = Bindings::new();
        self.lookup(now, aor, &mut bindings);
        let planned = plan(&mut bindings)?;
        Ok((bindings, planned))
    }
}
