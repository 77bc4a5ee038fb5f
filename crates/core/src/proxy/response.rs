//! Responses of branches on their way back (RFC 3261 16.7).

use super::branch::TIMER_C;
use super::context::{BranchId, BranchState, Cancel, Context, MAX_BRANCHES};
use crate::engine::{Engine, has_second_via};
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::routing::Kind;
use crate::subscription::Seat;
use crate::time::Now;
use crate::transaction::{Owner, TransactionId};
use bellhop_wire::{Message, reply::reason};

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
        match id.index {
            BranchId::CANCEL => return,
            BranchId::LEASE => return self.lease_response(now, id.context, response, flow, out),
            BranchId::PROBE => return self.probe_answered(now, id.context, response, out),
            BranchId::WATCHER => {
                let status = response.status().unwrap_or(0);
                return self.watcher_answered(now, id.context, status, Some(response), out);
            }
            BranchId::SOURCE => return self.source_answered(now, id.context, response, flow, out),
            _ => {}
        }
        let Some(mut context) = self.contexts.take(id.context) else {
            return;
        };
        let is_trusted = self.is_trusted_source(&flow);
        if is_trusted {
            self.known.learn(response);
        }
        if let Some(status) = response.status()
            && (context.back.is_bridged || self.calls.is_unused() || has_second_via(response))
        {
            self.take_response(
                now,
                id,
                &mut context,
                status,
                response,
                (flow, is_trusted),
                out,
            );
        }
        self.advance(now, id.context, context, out);
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
        (flow, is_trusted): (Flow, bool),
        out: &mut Outbox,
    ) {
        let (is_invite, is_over) = (context.is_invite, context.is_over);
        let to = context.branch(id.index).and_then(|branch| branch.to);
        self.heard_of(now, to, response, out);
        if self.shared.health.measures_requests()
            && let Some(branch) = context.branch(id.index)
            && branch.state == BranchState::Calling
            && !branch.tries.has_answered()
        {
            self.time_answer(now.instant, to, branch.began);
        }
        if matches!(status, 404 | 480)
            && self.config.registrar.leases.is_on()
            && let Some(incoming) = &context.incoming
        {
            self.doubt_leases(now.instant, to, incoming.request.message(), out);
        }
        let Some(branch) = context.branch(id.index) else {
            return;
        };
        if matches!(status, 401 | 407)
            && branch.state != BranchState::Done
            && self.take_challenge(now, id, context, response, &flow, out)
        {
            return;
        }
        if matches!(status, 420..=422)
            && context.bridge.is_some()
            && self.said_anew(now, id, context, response, out)
        {
            return;
        }
        let Some(branch) = context.branch(id.index) else {
            return;
        };
        if status >= 200 {
            let was_done = branch.state == BranchState::Done;
            branch.end(now.instant, status);
            self.clear_deadline(id, branch);
            if was_done && !(is_invite && status < 300) {
                return;
            }
        }
        let is_signed = branch.signed.is_some();
        // Before an ACK of ours to it, which is to have the credentials that it was given for.
        if (200..300).contains(&status) {
            self.take_next_nonce(now, id, context, response);
        }
        // For a call of two legs what was said is said anew to the other; its own dialog it was said in.
        let heard = response;
        let anew = match context.back.is_bridged {
            true => self.exchanged(now, id, context, (heard, flow), out),
            false => None,
        };
        let response = match &anew {
            Some(Some(anew)) => anew.message(),
            _ => heard,
        };
        let is_told = !matches!(anew, Some(None));
        let status = response.status().unwrap_or(status);
        let Some(branch) = context.branch(id.index) else {
            return;
        };
        match status {
            ..=199 if branch.state == BranchState::Done => {}
            ..=199 => {
                let is_first = branch.state == BranchState::Calling;
                branch.state = BranchState::Proceeding;
                match branch.cancel {
                    // 16.7 step 2: timer C starts anew.
                    Cancel::No if is_invite && status > 100 => {
                        let timer_c = now.instant.after(TIMER_C);
                        let until = branch.limit().map_or(timer_c, |limit| limit.min(timer_c));
                        self.set_deadline(id, context, until);
                    }
                    Cancel::Wanted => self.cancel_branch(now, id, context, out),
                    Cancel::No | Cancel::Sent => {}
                }
                if is_first && is_invite && context.is_unproven_datagram() {
                    // The PBX takes it: from here on it is a call as any other.
                    context.is_taken = true;
                    self.trying(now, context, out);
                }
                // 16.7 step 5: before a final response each goes back, whatever has become of its branch.
                if status > 100 && !context.is_final && is_told {
                    self.pass_back(now, context, (&flow, is_trusted, is_signed), response, out);
                }
            }
            // 16.7 step 5: every 2xx to an INVITE goes back at once, late ones too (RFC 6026).
            200..=299 => {
                if !is_told {
                    return;
                }
                if !context.is_final && context.passing().is_some() {
                    self.registration_granted(now, context, response, out);
                } else if is_invite || !context.is_final {
                    self.pass_back(now, context, (&flow, is_trusted, is_signed), response, out);
                    if !context.is_final {
                        completed(context, response, flow, out);
                        let answer = (status, Some(response), Some(id.index));
                        self.tell_board(now, context, answer, out);
                    }
                }
                if is_invite && !context.is_over && !context.is_settled() {
                    context.say_why(200, "Call completed elsewhere");
                }
                context.is_final = true;
                context.is_over = true;
                context.groups.clear();
                self.cancel_branches(now, id.context, context, out);
            }
            // The end of a branch that a policy had no more time for.
            487 if !is_over && branch.limit().is_some_and(|limit| limit <= now.instant) => {
                branch.end(now.instant, 408);
                context.finals.add(408, None, true);
            }
            _ => {
                // What could not be said anew is not said at all.
                let said = is_told.then_some((response, flow));
                context.finals.add(status, said, is_trusted);
                if status >= 600 {
                    if is_invite && !context.is_over && !context.is_settled() {
                        context.say_why(status, reason(status));
                    }
                    context.is_over = true;
                    context.groups.clear();
                    self.cancel_branches(now, id.context, context, out);
                }
            }
        }
    }

    /// Tells the board of subscriptions how a SUBSCRIBE or NOTIFY was answered, and by which branch.
    pub(super) fn tell_board(
        &mut self,
        now: Now,
        context: &Context,
        (status, response, by): (u16, Option<Message<'_>>, Option<usize>),
        out: &mut Outbox,
    ) {
        if context.is_watched
            && let (Some(request), Some(incoming)) = (context.as_watched(), &context.incoming)
        {
            let branch = by.and_then(|index| context.branches.get(index));
            let seat = branch.map(|branch| Seat {
                place: self.target_at(branch.to),
                is_chosen: branch.target.kind == Kind::Named,
            });
            let answer = (status, response, seat.unwrap_or_default());
            self.watched_answer(now, (request, incoming.flow), answer, out);
        }
    }

    /// After anything happened to a context that was taken out for it: next group, final response, end; or it is
    /// brought back.
    pub(crate) fn advance(
        &mut self,
        now: Now,
        id: u64,
        mut context: Box<Context>,
        out: &mut Outbox,
    ) {
        if context.is_settled() && !context.is_final {
            self.settle(now, id, &mut context, out);
        }
        if !(context.is_final && context.is_settled()) {
            self.contexts.put(id, context);
            return;
        }
        // A 2xx may be repeated by its sender for as long as its client transaction lives (RFC 6026):
        // the way back is kept until then, the request is not.
        context.shrink();
        if context.is_invite {
            if context.branches.iter().any(|b| b.client.is_some()) {
                self.contexts.put(id, context);
            }
        } else if context.server.is_some() {
            // Nobody is owed a 100 any more.
            let index = BranchId::TRYING;
            self.deadlines.cancel(&BranchId { context: id, index });
        }
    }

    /// A client transaction is gone for good.
    pub(crate) fn client_gone(&mut self, gone: TransactionId, owner: Owner) {
        let id = BranchId::unpack(owner.0);
        if id.index >= MAX_BRANCHES {
            return;
        }
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
        match id.index {
            BranchId::CANCEL => return,
            BranchId::LEASE => return self.lease_failed(now, id.context, out),
            BranchId::PROBE => return self.probe_lost(now, id.context, out),
            BranchId::WATCHER => {
                return self.watcher_answered(now, id.context, status, None, out);
            }
            BranchId::SOURCE => return self.source_failed(now, id.context, out),
            _ => {}
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
                .as_deref()
                .copied()
                .filter(|_| status == 503 && branch.state == BranchState::Calling);
            match again {
                Some(to) if branch.cancel == Cancel::No => {
                    self.send_branch(now, id, &mut context, to, out)
                }
                _ => {
                    let is_first = branch.state == BranchState::Calling;
                    let to = branch.to.filter(|_| is_first);
                    if let Some(incoming) = &context.incoming {
                        self.missed(now, to, incoming.request.message(), out);
                    }
                    self.fail_branch(now, id, &mut context, status, out)
                }
            }
        }
        self.advance(now, id.context, context, out);
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
    out.tell(response, flow, level, status, || {
        Decision::Completed("answered by the next hop")
    });
}
