//! REGISTERs of ours on their way to the PBX: to which of its targets, with which Contact and credentials.

use super::leases::{around, is_up};
use super::{Engine, Shared};
use crate::auth::upstream::{Asking, At};
use crate::config::{Config, UpstreamTarget};
use crate::lease::{Gift, Lease, Register, Settled, Slot, call_id};
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::BranchId;
use crate::time::{Instant, Now};
use bellhop_wire::Method;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// Sends the REGISTER of this number. Where that cannot be, it is as if nobody had answered.
    pub(super) fn fly(&mut self, now: Now, id: u64, out: &mut Outbox) {
        if self.try_fly(now, id, out).is_none() {
            let around = around(now.instant, &self.shared, &self.config);
            let settled = Settled::Silent(None);
            self.leases.settle(around, id, settled, &mut out.outcomes);
        }
    }

    fn try_fly(&mut self, now: Now, id: u64, out: &mut Outbox) -> Option<()> {
        let shards = (self.shard, self.config.registrar.leases.shards);
        let number = self.config.default_upstream?;
        let upstream = self.config.upstreams.get(number)?;
        let aor = self.leases.flying(id)?.0.aor.clone();
        let login = self.lease_login(&aor);
        let (lease, expires) = self.leases.flying(id)?;
        let is_up = |target: &UpstreamTarget| is_up(now.instant, &self.shared, target);
        let any_is_up = upstream.targets.iter().any(is_up);
        let places: SmallVec<[_; 2]> = upstream
            .targets
            .iter()
            .filter(|target| !any_is_up || is_up(target))
            .filter_map(|target| {
                let to = self.names.destination(target.transport, target.remote)?;
                Some((to, target))
            })
            .collect();
        // The next target after each failure.
        let turn = usize::from(lease.failures()).checked_rem(places.len())?;
        let (to, target) = *places.get(turn)?;
        let call_id = call_id(&self.shared.location, lease.slot, shards);
        // Rises over restarts, too: nothing of it need be kept.
        let clock = now.unix.saturating_sub(EPOCH).as_millis() / QUARTER;
        let clock = u32::try_from(clock).unwrap_or(u32::MAX);
        lease.cseq = lease.cseq.saturating_add(1).max(clock) & MOST_CSEQ;
        let branch = loops::branch(self.entropy.next_u64(), 0);
        let at = self.names.call_back(&to)?;
        let wanted = shown_of(now.instant, &self.shared, &self.config, lease);
        let shown = lease.gift.shown(expires, wanted);
        let mut more = Vec::new();
        lease.gift.lines(shown.as_ref(), lease.slot, at, &mut more);
        lease.giving = Gift {
            own: shown.is_none(),
            phone: shown.clone(),
        };
        if let Some((login, upstream)) = &login {
            let uri = [b"sip:", target.host.as_bytes()].concat();
            let asking = Asking {
                method: "REGISTER",
                uri: &uri,
                body: b"",
            };
            let asked_at = At { login, upstream };
            let auth = &self.shared.upstream_auth;
            auth.put(asked_at, asking, self.entropy.as_mut(), &mut more);
        }
        let register = Register {
            aor: &lease.aor,
            slot: lease.slot,
            registrar: &target.host,
            via: (to.transport(), self.names.sent_by(to.listener())?, &branch),
            at,
            shown: shown.as_deref(),
            call_id: &call_id,
            cseq: lease.cseq,
            expires,
            more: &more,
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        register.write(&mut bytes);
        self.table.count_besides(self.contexts.held());
        let owner = BranchId {
            context: id,
            index: BranchId::LEASE,
        }
        .owner();
        let (at, method) = (now.instant, Method::Register);
        let sent = self
            .table
            .create_client(at, method, &branch, &bytes, to, owner, out);
        self.scratch = bytes;
        sent.map(drop)
    }
}

/// The phone's Contact that the PBX is to be shown for a lease; `None`: ours.
fn shown_of(now: Instant, shared: &Shared, config: &Config, lease: &Lease) -> Option<Arc<[u8]>> {
    if !config.registrar.leases.with_path || shared.leases.takes_no_path() {
        return None;
    }
    match lease.slot {
        Slot::Whole(_) => Some(["sip:", lease.aor.as_str()].concat().into_bytes().into()),
        Slot::Phone(device) => {
            let bound = || shared.location.of_device(now, device);
            let binding = lease.expected.clone().or_else(bound)?;
            Some(binding.shown()?.into())
        }
    }
}

/// CSeq numbers count quarters of seconds from here, so that they stay below 2^31 until 2040.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);
const QUARTER: u128 = 250;
/// RFC 3261 8.1.1.5.
const MOST_CSEQ: u32 = (1 << 31) - 1;
