//! Branches to phones that sleep: the phone is woken by a push notification, and the request waits until it has
//! registered again (RFC 8599 5.6).

use super::context::{BranchId, BranchState, Context};
use crate::engine::Engine;
use crate::flow::Destination;
use crate::outbox::Outbox;
use crate::push::{Push, Reason, Wake};
use crate::registrar::{Binding, can_be_woken};
use crate::routing::{Hop, Kind};
use crate::time::{Instant, Now};
use bellhop_wire::{Message, Method};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// Wakes the phone that a branch leads to and has the branch wait for it, if it may sleep.
    pub(super) fn wake(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        out: &mut Outbox,
    ) -> bool {
        let Some(push) = self.config.registrar.push.clone() else {
            return false;
        };
        let Some(incoming) = context.incoming.as_deref() else {
            return false;
        };
        let request = incoming.request.message();
        let Some(method) = request.method().filter(|method| wakes(request, *method)) else {
            return false;
        };
        let (method, call_id) = (method.as_bytes(), request.call_id());
        let reason = Reason::Request {
            method: String::from_utf8_lossy(method).into_owned(),
            call_id: String::from_utf8_lossy(call_id).into_owned(),
        };
        let Some(branch) = context.branches.get_mut(id.index) else {
            return false;
        };
        let Some(device) = branch
            .target
            .device
            .filter(|_| branch.target.kind == Kind::Binding)
        else {
            return false;
        };
        let Some((aor, binding)) = self.shared.location.phone(now.instant, device) else {
            return false;
        };
        if !sleeps(&push, &binding, now.instant) {
            return false;
        }
        branch.state = BranchState::Waking;
        out.wakes.push(Wake {
            aor,
            contact: binding.contact().into(),
            reason,
        });
        self.set_deadline(id, context, now.instant.after(LOOK));
        true
    }

    /// Looks whether the phone that a branch waits for has registered since, and goes on if it has.
    pub(super) fn look_for(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        let patience = self
            .config
            .registrar
            .push
            .as_ref()
            .map(|push| push.patience);
        let Some(branch) = context.branches.get_mut(id.index) else {
            return;
        };
        let device = branch.target.device;
        let phone = device.and_then(|device| self.shared.location.phone(now.instant, device));
        let Some((_, binding)) = phone else {
            // It has taken its binding down, or that has ended.
            return self.fail_branch(now, id, context, 480, out);
        };
        if binding.updated <= branch.began {
            let end = branch.began.after(patience.unwrap_or_default());
            // A policy may have less patience.
            let end = branch.limit().map_or(end, |limit| limit.min(end));
            if end <= now.instant {
                return self.fail_branch(now, id, context, 480, out);
            }
            return self.set_deadline(id, context, now.instant.after(LOOK).min(end));
        }
        let Some(flow) = self.names.flow_today(binding.flow) else {
            return self.fail_branch(now, id, context, 480, out);
        };
        let to = Destination::Flow {
            flow,
            else_connect: None,
        };
        branch.target.uri = Some(binding.target().into());
        branch.target.path = binding.path().into();
        branch.target.hop = Hop::To(to);
        self.send_branch(now, id, context, to, out);
    }
}

/// Whether a phone is woken for a request: for one that begins something, and not for one that only asks whether it
/// is there.
fn wakes(request: Message<'_>, method: Method<'_>) -> bool {
    let begins = request.to_tag().is_none_or(<[u8]>::is_empty);
    begins && !matches!(method, Method::Ack | Method::Cancel | Method::Options)
}

/// Whether a phone may sleep, and can be woken.
fn sleeps(push: &Push, binding: &Arc<Binding>, now: Instant) -> bool {
    let is_cut = binding.flow.transport.is_reliable() && binding.flow.connection.is_none();
    (is_cut || now.since(binding.updated) >= push.awake) && can_be_woken(push, binding)
}

/// How often a waiting branch looks for its phone. The REGISTER may be another shard's, so nobody tells it.
const LOOK: Duration = Duration::from_millis(100);
