//! CANCEL: the caller's, and ours to branches (RFC 3261 9, 16.10).

use super::context::{BranchId, BranchState, Cancel, Context};
use crate::b2bua;
use crate::engine::Engine;
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::time::Now;
use crate::transaction::{Owner, TransactionId};
use bellhop_wire::{HeaderId, Limits, Message, Method, Owned};

impl Engine {
    /// Whether a CANCEL comes from where its INVITE came from.
    pub(crate) fn may_cancel(&mut self, owner: Owner, flow: &Flow) -> bool {
        let context = self.contexts.find(BranchId::unpack(owner.0).context);
        context
            .and_then(|context| context.incoming.as_ref())
            .is_none_or(|incoming| incoming.flow.remote.ip() == flow.remote.ip())
    }

    /// The caller gives up (16.10). After the final response it changes nothing.
    pub(crate) fn cancel_context(
        &mut self,
        now: Now,
        owner: Owner,
        cancel: Message<'_>,
        out: &mut Outbox,
    ) {
        let id = BranchId::unpack(owner.0).context;
        let Some(mut context) = self.contexts.take(id) else {
            return;
        };
        if !context.is_final {
            context.is_over = true;
            if let Some(bridge) = &mut context.bridge {
                bridge.is_cancelled = true;
            }
            context.groups.clear();
            context.finals.add(487, None, true);
            context.reason.clear();
            for field in cancel.fields(HeaderId::Reason) {
                if context.back.is_bridged {
                    let told = b2bua::reason(field.value);
                    if !told.is_empty() {
                        reason_line(&told, &mut context.reason);
                    }
                } else {
                    reason_line(field.value, &mut context.reason);
                }
            }
            if context.waits.is_some() {
                self.tell_given_up(now, &context, out);
            }
            self.cancel_branches(now, id, &mut context, out);
        }
        self.advance(now, id, context, out);
    }

    /// Cancels all branches that have no final response (16.7 step 10).
    pub(crate) fn cancel_branches(
        &mut self,
        now: Now,
        id: u64,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        for index in 0..context.branches.len() {
            self.cancel_branch(now, BranchId { context: id, index }, context, out);
        }
    }

    /// Cancels one branch: at once if it has sent a provisional response, else when it does (9.1).
    pub(super) fn cancel_branch(
        &mut self,
        now: Now,
        id: BranchId,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        let is_invite = context.is_invite;
        let Some(branch) = context.branch(id.index) else {
            return;
        };
        match branch.state {
            BranchState::Done => {}
            BranchState::Resolving | BranchState::Waking => branch.state = BranchState::Done,
            // 9.1: a CANCEL for anything but INVITE would come too late anyway.
            BranchState::Calling | BranchState::Proceeding if !is_invite => {}
            BranchState::Calling => branch.cancel = Cancel::Wanted,
            BranchState::Proceeding if branch.cancel == Cancel::Sent => {}
            BranchState::Proceeding => {
                branch.cancel = Cancel::Sent;
                let client = branch.client;
                if let Some(client) = client {
                    self.send_cancel(now, id, client, &context.reason, out);
                }
                let wait = self.config.timers.t1.saturating_mul(64);
                self.set_deadline(id, context, now.instant.after(wait));
            }
        }
    }

    /// Makes a branch's CANCEL from the INVITE that was sent: same Request-URI, topmost Via, Route,
    /// From, To, Call-ID and CSeq number (9.1).
    fn send_cancel(
        &mut self,
        now: Now,
        id: BranchId,
        client: TransactionId,
        reason: &[u8],
        out: &mut Outbox,
    ) {
        let Some((bytes, to)) = self.table.client_request(client) else {
            return;
        };
        // It is ours, so it is not measured by what peers may send.
        let Ok(invite) = Owned::parse(bytes, &UNBOUNDED) else {
            return;
        };
        let invite = invite.message();
        let Some(branch) = invite
            .top_via()
            .ok()
            .and_then(|via| via.branch().map(<[u8]>::to_vec))
        else {
            return;
        };
        let mut cancel = std::mem::take(&mut self.scratch);
        cancel.clear();
        write_cancel(invite, reason, &mut cancel);
        let owner = BranchId {
            context: id.context,
            index: BranchId::CANCEL,
        }
        .owner();
        let (at, method) = (now.instant, Method::Cancel);
        let client = self
            .table
            .create_client(at, method, &branch, &cancel, to, owner, out);
        if client.is_none() {
            // The table is full: once is better than never, for it is what makes room.
            out.transmit(to, None, &cancel);
        }
        self.scratch = cancel;
    }
}

/// Adds a Reason line for the CANCELs to come.
pub(super) fn reason_line(value: &[u8], lines: &mut Vec<u8>) {
    lines.extend_from_slice(b"Reason: ");
    lines.extend_from_slice(value);
    lines.extend_from_slice(b"\r\n");
}

fn write_cancel(invite: Message<'_>, reason: &[u8], out: &mut Vec<u8>) {
    let mut line = |parts: &[&[u8]]| {
        for part in parts {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\r\n");
    };
    line(&[b"CANCEL ", invite.uri(), b" SIP/2.0"]);
    if let Some(via) = invite.values(HeaderId::Via).next() {
        line(&[b"Via: ", via.raw]);
    }
    for route in invite.fields(HeaderId::Route) {
        line(&[b"Route: ", route.value]);
    }
    for id in [HeaderId::From, HeaderId::To, HeaderId::CallId] {
        if let Some(field) = invite.first(id) {
            line(&[id.name().as_bytes(), b": ", field.value]);
        }
    }
    let number = invite.cseq().map_or(0, |(number, _)| number);
    line(&[b"CSeq: ", number.to_string().as_bytes(), b" CANCEL"]);
    line(&[b"Max-Forwards: 70"]);
    out.extend_from_slice(reason);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

const UNBOUNDED: Limits = Limits {
    message: usize::MAX,
    headers: usize::MAX,
    line: usize::MAX,
};
