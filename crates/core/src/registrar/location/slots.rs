//! What leases at the PBX ask of the location service.

use super::{Location, lock};
use crate::{
    flow::Flow,
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

    /// How many parts [`Location::behind_nat`] looks at.
    pub(crate) fn parts(&self) -> usize {
        self.stripes.len()
    }

    /// The flows of the live bindings in one part of all that are behind a NAT, over UDP.
    pub(crate) fn behind_nat(&self, now: Instant, part: usize) -> Vec<Flow> {
        let Some(stripe) = self.stripes.get(part) else {
            return Vec::new();
        };
        let stripe = lock(stripe);
        let bindings = stripe.bindings.values().flatten();
        let own = bindings.filter(|binding| binding.is_live(now) && binding.is_behind_nat());
        own.map(|binding| binding.flow).collect()
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
