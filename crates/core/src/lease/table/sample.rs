//! Which lease the PBX is asked about, to see whether it has forgotten what it had.

use super::{Around, Lease, Leases};
use crate::lease::want::Outcome;
use crate::lease::{Slot, State};
use crate::registrar::{Aor, Device};
use std::sync::Arc;

/// A lease that the PBX should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) aor: Aor,
    pub(crate) slot: Slot,
    /// The phone's Contact, if the PBX was shown that.
    pub(crate) shown: Option<Arc<[u8]>>,
    /// The CSeq number of the REGISTER that was granted.
    cseq: u32,
}

impl Leases {
    /// One of those that the PBX has, another than `but`: the one that it has known for the shortest time, if it can be, for
    /// what a PBX writes down it may not have written down yet. `None` while there is something to be sent, for then
    /// its answers say more.
    pub(crate) fn sample(&self, but: Option<Device>) -> Option<Sample> {
        if !self.queues.is_empty() || self.silent.is_some() {
            return None;
        }
        let is_held = |lease: &&Lease| {
            matches!(lease.state, State::Held { .. }) && Some(lease.slot.device()) != but
        };
        let newest = self.newest.and_then(|device| self.live.get(&device));
        let newest = newest.map(Box::as_ref);
        let any = || self.live.values().map(Box::as_ref).find(is_held);
        let lease = newest.filter(is_held).or_else(any)?;
        Some(Sample {
            aor: lease.aor.clone(),
            slot: lease.slot,
            shown: lease.gift.phone.clone(),
            cseq: lease.cseq,
        })
    }

    /// The PBX does not have it: it is registered anew. False if that is done already, or it is to go.
    pub(crate) fn is_lost(
        &mut self,
        around: Around<'_>,
        sample: &Sample,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let device = sample.slot.device();
        let lease = self.live.get(&device);
        let is_it = lease.is_some_and(|lease| {
            matches!(lease.state, State::Held { .. }) && lease.cseq == sample.cseq
        });
        if is_it {
            self.renew(around, device, out);
        }
        is_it
    }
}
