//! Responses of branches on their way back (RFC 3261 16.7).

use super::best::Final;
use super::branch::TIMER_C;
use super::context::{BranchId, BranchState, Context};
use crate::engine::Engine;
use crate::event::{Decision, Event, Level};
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::routing::Kind;
use crate::time::Now;
use crate::transaction::{Owner, TransactionId};
use bellhop_wire::{Edit, HeaderId, Message, Reply};

impl Engine {
    /// A response that a client transaction passed up.
    pub(crate) fn branch_response(
        &mut self,
        now: Now,
        response: Message<'_>,
        flow: Flow,
        owner: Owner,
        out: &mut Outbox,
    ) {
        let id = BranchId::unpack(owner.0);
        if id.index == BranchId::CANCEL {
            return;
        }
        let Some(mut context) = self.contexts.take(id.context) else {
            return;
        };
        if let Some(status) = response.status() {
            self.take_response(now, id, &mut context, status, response, flow, out);
        }
        self.contexts.put(id.context, context);
        self.advance(now, id.context, out);
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one message with all that is known of it"
    )]
    fn take_response(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        status: u16,
        response: Message<'_>,
        flow: Flow,
        out: &mut Outbox,
    ) {
        let is_invite = context.is_invite;
        let Some(branch) = context.branch(id.index) else {
            return;
        };
        if status >= 200 {
            let was_done = branch.state == BranchState::Done;
            branch.state = BranchState::Done;
            branch.deadline = None;
            if was_done && !(is_invite && status < 300) {
                return;
            }
        }
        match status {
            ..=199 if branch.state == BranchState::Done => {}
            ..=199 => {
                let was_calling = branch.state == BranchState::Calling;
                branch.state = BranchState::Proceeding;
                if branch.is_cancelled {
                    if was_calling {
                        self.cancel_branch(now, id, context, out);
                    }
                    return;
                }
                if status > 100 {
                    // 16.7 step 2: timer C starts anew.
                    if is_invite {
                        self.set_deadline(id, context, now.instant.after(TIMER_C));
                    }
                    if !context.is_final {
                        self.pass_back(now, context, id, response, out);
                    }
                }
            }
            // 16.7 step 5: every 2xx to an INVITE goes back at once, late ones too (RFC 6026).
            200..=299 => {
                if is_invite || !context.is_final {
                    self.pass_back(now, context, id, response, out);
                    if !context.is_final {
                        completed(context, response, flow, out);
                    }
                }
                context.is_final = true;
                context.is_over = true;
                context.groups.clear();
                self.cancel_branches(now, id.context, context, out);
            }
            _ => {
                context.finals.add(status, Some(response));
                if status >= 600 {
                    context.is_over = true;
                    context.groups.clear();
                    self.cancel_branches(now, id.context, context, out);
                }
            }
        }
    }

    /// After anything happened to a context: next group, final response, end.
    pub(crate) fn advance(&mut self, now: Now, id: u64, out: &mut Outbox) {
        let Some(mut context) = self.contexts.take(id) else {
            return;
        };
        if context.is_settled() && !context.is_final {
            self.start_groups(now, id, &mut context, out);
            if context.is_settled() {
                self.respond_best(now, &mut context, out);
                context.is_final = true;
            }
        }
        if !(context.is_final && context.is_settled()) {
            self.contexts.put(id, context);
            return;
        }
        // A 2xx may be repeated by its sender for as long as its client transaction lives (RFC 6026):
        // the way back is kept until then, the request is not.
        context.incoming = None;
        if context.is_invite && context.branches.iter().any(|b| b.client.is_some()) {
            self.contexts.put(id, context);
        }
    }

    /// A client transaction is gone for good.
    pub(crate) fn client_gone(&mut self, gone: TransactionId, owner: Owner) {
        let id = BranchId::unpack(owner.0);
        let Some(context) = self.contexts.find(id.context) else {
            return;
        };
        if let Some(branch) = context.branch(id.index)
            && branch.client == Some(gone)
        {
            branch.client = None;
        }
        if context.is_final && context.branches.iter().all(|b| b.client.is_none()) {
            self.contexts.remove(id.context);
        }
    }

    /// A client transaction got no answer (408) or could not send (503), 16.9. A request that was
    /// switched to TCP for its size gets its second chance by UDP (18.1.1).
    pub(crate) fn client_failed(
        &mut self,
        now: Now,
        failed: TransactionId,
        owner: Owner,
        status: u16,
        out: &mut Outbox,
    ) {
        let id = BranchId::unpack(owner.0);
        if id.index == BranchId::CANCEL {
            return;
        }
        let Some(mut context) = self.contexts.take(id.context) else {
            return;
        };
        if let Some(branch) = context.branch(id.index)
            && branch.client == Some(failed)
        {
            // The table has already ended this transaction.
            branch.client = None;
            let again = branch
                .by_udp
                .filter(|_| status == 503 && branch.state == BranchState::Calling);
            match again {
                Some(to) if !branch.is_cancelled => {
                    self.send_branch(now, id, &mut context, to, out)
                }
                _ => self.fail_branch(id, &mut context, status),
            }
        }
        self.contexts.put(id.context, context);
        self.advance(now, id.context, out);
    }

    /// Sends a response back as it came, less our Via (16.7 steps 3, 9).
    fn pass_back(
        &mut self,
        now: Now,
        context: &Context,
        id: BranchId,
        response: Message<'_>,
        out: &mut Outbox,
    ) {
        let is_phone = context
            .branches
            .get(id.index)
            .is_some_and(|b| b.target.kind == Kind::Binding);
        let (Some(server), Some(status)) = (context.server, response.status()) else {
            return;
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let mut edit = Edit::new(response);
        let has_via = edit.pop_via().is_ok();
        if is_phone {
            for claim in [HeaderId::PAssertedIdentity, HeaderId::RemotePartyId] {
                for field in response.fields(claim) {
                    edit.remove(field);
                }
            }
        }
        if has_via && edit.write(&mut bytes).is_ok() {
            self.table.respond(now.instant, server, status, &bytes, out);
        }
        self.scratch = bytes;
    }

    /// Sends the best of what came back (16.7 step 6).
    fn respond_best(&mut self, now: Now, context: &mut Context, out: &mut Outbox) {
        let (Some(server), Some(incoming)) = (context.server, context.incoming.as_deref()) else {
            return;
        };
        let request = incoming.request.message();
        let is_phone = context
            .branches
            .iter()
            .all(|b| b.target.kind == Kind::Binding);
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let (status, why) = match context.finals.best() {
            // 16.7 step 6: a 503 speaks of its sender, not of us.
            Some(Final {
                status,
                response: Some(response),
            }) if *status != 503 => {
                let response = response.message();
                let mut edit = Edit::new(response);
                let has_via = edit.pop_via().is_ok();
                context.finals.merge_challenges(response, &mut edit);
                if !has_via || edit.write(&mut bytes).is_err() {
                    bytes.clear();
                }
                (*status, "as the next hop answered")
            }
            Some(Final {
                response: Some(_), ..
            }) => (500, "Next hop overloaded"),
            // RFC 4320 4.2: a 408 to anything but INVITE comes too late for its sender.
            Some(Final { status: 408, .. }) if !context.is_invite => (0, "no answer in time"),
            Some(Final { status: 408, .. }) => (408, "No answer in time"),
            Some(Final { status: 487, .. }) => (487, "Request Terminated"),
            Some(Final { status: 440, .. }) => (440, "Max-Breadth Exceeded"),
            _ if is_phone => (480, "Phone unreachable"),
            _ => (500, "Next hop unreachable"),
        };
        if status != 0 && bytes.is_empty() {
            let tag = self.new_tag();
            Reply::new(&mut bytes, request, incoming.mark, status, why, &tag).end();
        }
        if status == 0 {
            self.table.abandon(server);
        } else {
            self.table.respond(now.instant, server, status, &bytes, out);
        }
        let level = if context.is_invite {
            Level::Info
        } else {
            Level::Debug
        };
        let decision = Decision::Completed(why.to_owned());
        out.events.push(Event::about(
            request,
            incoming.flow,
            level,
            status,
            decision,
        ));
        self.scratch = bytes;
    }
}

/// Tells the log of the answer that ended the search.
fn completed(context: &Context, response: Message<'_>, flow: Flow, out: &mut Outbox) {
    let level = if context.is_invite {
        Level::Info
    } else {
        Level::Debug
    };
    let status = response.status().unwrap_or(0);
    let decision = Decision::Completed("answered by the next hop".to_owned());
    out.events
        .push(Event::about(response, flow, level, status, decision));
}
