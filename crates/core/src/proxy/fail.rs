//! Branches that end without a final response (RFC 3261 16.7, 16.8, 16.9).

use super::context::{Branch, BranchId, BranchState, Cancel, Context};
use crate::b2bua::FULL;
use crate::config::Config;
use crate::engine::Engine;
use crate::event::{Decision, Level};
use crate::outbox::Outbox;
use crate::routing::{Hop, Kind};
use crate::time::Now;
use crate::upstream::Place;

impl Engine {
    /// Ends a branch whose next hop asked for credentials once too often, or for some that we do not
    /// have: the caller, who cannot have them either, is not asked for them.
    pub(super) fn refuse_branch(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        why: &str,
        out: &mut Outbox,
    ) {
        let Some(branch) = context.branches.get_mut(id.index) else {
            return;
        };
        branch.end(now.instant, 502);
        self.clear_deadline(id, branch);
        context.finals.add(502, None, true);
        if let Some(incoming) = &context.incoming {
            let request = incoming.request.message();
            out.tell(request, incoming.flow, Level::Warn, 502, || {
                Decision::BranchFailed(format!("{}: {why}", next_hop(&self.config, branch)))
            });
        }
    }

    /// A target of the PBX is down. The INVITEs that it has and has not answered are given up as if 408 had come (16.8), and
    /// tried elsewhere if there is another; if it lives after all, a CANCEL has it ring no longer (16.10).
    pub(crate) fn branches_lost(&mut self, now: Now, place: Place, out: &mut Outbox) {
        for id in self.contexts.ringing_at(place) {
            let Some(mut context) = self.contexts.take(id.context) else {
                continue;
            };
            self.cancel_branch(now, id, &mut context, out);
            self.fail_branch(now, id, &mut context, 408, out);
            self.advance(now, id.context, context, out);
        }
    }

    /// Ends a branch that gave no final response, as if this status had come, and tells the log of it.
    pub(crate) fn fail_branch(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        status: u16,
        out: &mut Outbox,
    ) {
        let Some(branch) = context.branches.get_mut(id.index) else {
            return;
        };
        if branch.state == BranchState::Done {
            return;
        }
        let was = branch.state;
        branch.end(now.instant, status);
        self.clear_deadline(id, branch);
        if let Some(client) = branch.client.take() {
            self.table.abandon(client);
        }
        context.finals.add(status, None, true);
        if let Some(incoming) = &context.incoming {
            // Nobody waits for a branch that was given up.
            let level = if branch.cancel == Cancel::No {
                Level::Warn
            } else {
                Level::Debug
            };
            let why = match status {
                408 => "no answer in time",
                FULL => "it has as many calls as it may have",
                _ if was == BranchState::Resolving => "its name has no usable address",
                _ if was == BranchState::Waking => "it was woken and did not register",
                _ => "unreachable",
            };
            let request = incoming.request.message();
            out.tell(request, incoming.flow, level, status, || {
                Decision::BranchFailed(format!("{}: {why}", next_hop(&self.config, branch)))
            });
        }
    }
}

/// A branch's next hop for the log: `upstream pbx 192.0.2.1:5060 udp`.
fn next_hop(config: &Config, branch: &Branch) -> String {
    let to = match (&branch.to, &branch.target.hop) {
        (Some(to), _) | (None, Hop::To(to)) => to,
        (None, Hop::Name { host, .. }) => return format!("next hop {host}"),
    };
    let (remote, transport) = (to.remote(), to.transport());
    let upstream = config.upstreams.iter().find(|upstream| {
        let mut targets = upstream.targets.iter();
        targets.any(|target| target.remote == remote)
    });
    let transport = transport.uri_token();
    match (upstream, branch.target.kind) {
        (Some(upstream), _) => format!("upstream {} {remote} {transport}", upstream.name),
        (None, Kind::Binding) => format!("phone {remote} {transport}"),
        (None, Kind::Upstream | Kind::Dialog | Kind::Named) => {
            format!("next hop {remote} {transport}")
        }
    }
}
