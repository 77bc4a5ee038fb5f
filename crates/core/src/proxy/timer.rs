//! Deadlines of branches: timer C, the resolver, the end of a cancelled branch (RFC 3261 16.8, 9.1).

use super::context::{Branch, BranchId, BranchState, Cancel, Context};
use crate::engine::{Engine, PBX_PATIENCE};
use crate::lease::Fate;
use crate::outbox::Outbox;
use crate::time::{Instant, Now};
use bellhop_wire::Reply;

impl Engine {
    /// Sets a branch's one deadline; an earlier one that is still queued is ignored when it comes.
    pub(super) fn set_deadline(&mut self, id: BranchId, context: &mut Context, at: Instant) {
        if let Some(branch) = context.branch(id.index) {
            branch.deadline = Some(at);
            self.deadlines.set(id, at);
        }
    }

    /// Takes a branch's deadline away.
    pub(super) fn clear_deadline(&mut self, id: BranchId, branch: &mut Branch) {
        if branch.deadline.take().is_some() {
            self.deadlines.cancel(&id);
        }
    }

    /// Serves the branches whose deadline has come.
    pub(crate) fn branch_deadlines(&mut self, now: Now, out: &mut Outbox) {
        while let Some(id) = self.deadlines.pop_due(now.instant) {
            if id.index == BranchId::PARKED {
                let fate = Fate::Later(PBX_PATIENCE);
                self.unpark(now, id.context, fate, out);
                continue;
            }
            let Some(mut context) = self.contexts.take(id.context) else {
                continue;
            };
            if id.index == BranchId::POLICY {
                let is_due = context
                    .waits
                    .as_ref()
                    .is_some_and(|w| w.until <= now.instant);
                self.contexts.put(id.context, context);
                if is_due {
                    self.answered(now, id, out);
                }
                continue;
            }
            if id.index == BranchId::TRYING {
                self.trying(now, &context, out);
                self.contexts.put(id.context, context);
                continue;
            }
            let is_due = context
                .branch(id.index)
                .is_some_and(|b| b.deadline.is_some_and(|d| d <= now.instant));
            if is_due {
                self.branch_deadline(now, id, &mut context, out);
                self.advance(now, id.context, context, out);
            } else {
                self.contexts.put(id.context, context);
            }
        }
    }

    fn branch_deadline(&mut self, now: Now, id: BranchId, context: &mut Context, out: &mut Outbox) {
        let is_invite = context.is_invite;
        let Some(branch) = context.branch(id.index) else {
            return;
        };
        branch.deadline = None;
        match branch.state {
            BranchState::Done => {}
            BranchState::Resolving => self.fail_branch(now, id, context, 503, out),
            BranchState::Waking => self.look_for(now, id, context, out),
            // 16.8: nothing but silence: as if 408 had come.
            BranchState::Calling => self.fail_branch(now, id, context, 408, out),
            // 9.1: no final in 64 T1 after the CANCEL.
            BranchState::Proceeding if branch.cancel == Cancel::Sent => {
                self.fail_branch(now, id, context, 408, out)
            }
            // A policy has no more time for it.
            BranchState::Proceeding if !is_invite => self.fail_branch(now, id, context, 408, out),
            // 16.8: it rings for too long.
            BranchState::Proceeding => self.cancel_branch(now, id, context, out),
        }
    }

    /// Tells the caller that his request is being worked on (16.2, RFC 4320 4.1).
    pub(crate) fn trying(&mut self, now: Now, context: &Context, out: &mut Outbox) {
        let (Some(server), Some((request, mark))) = (context.server, context.asked()) else {
            return;
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        Reply::new(&mut bytes, request, mark, 100, "Trying", b"").end();
        self.table.respond(now.instant, server, 100, &bytes, out);
        self.scratch = bytes;
    }
}
