//! Responses on their way to the caller: each as it came, or the best of them (RFC 3261 16.7 steps 3,
//! 6, 7 and 9).

use super::best::{Final, Finals};
use super::context::{Back, Context};
use crate::config::Config;
use crate::engine::Engine;
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::hex;
use crate::identity;
use crate::outbox::Outbox;
use crate::policy::Changes;
use crate::routing::Kind;
use crate::time::Now;
use bellhop_wire::{Edit, HeaderId, Message, Reply, reply::reason};

impl Engine {
    /// Sends a response back at once: from whom, and whether his word is trusted. If the request was signed by us, what the
    /// PBX says to our credentials is for us
    /// (RFC 7615).
    pub(super) fn pass_back(
        &mut self,
        now: Now,
        context: &mut Context,
        (from, is_trusted, is_signed): (&Flow, bool, bool),
        response: Message<'_>,
        out: &mut Outbox,
    ) {
        let (Some(server), Some(status)) = (context.server, response.status()) else {
            return;
        };
        let changes = self.ask_response(now, context.story.as_deref_mut(), from, response);
        self.observe_response(now, context.story.as_deref_mut(), from, response);
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        if rewrite(
            &self.config,
            context.back,
            response,
            is_trusted,
            (None, &changes),
            is_signed,
            &mut bytes,
        ) {
            let is_bridged = context.back.is_bridged;
            let said = (response, status, &bytes[..]);
            if !(is_bridged && self.is_said_reliably(now, context, said, out)) {
                self.table.respond(now.instant, server, status, &bytes, out);
                if is_bridged {
                    self.sent_accepted(now, context, status, &bytes);
                }
            }
        }
        self.scratch = bytes;
    }

    /// Sends the best of what came back (16.7 step 6). Gives its status; 0: nothing was sent.
    pub(super) fn respond_best(
        &mut self,
        now: Now,
        context: &mut Context,
        out: &mut Outbox,
    ) -> u16 {
        let (Some(server), Some(incoming)) = (context.server, context.incoming.as_deref()) else {
            return 0;
        };
        let changes = match context.finals.best() {
            Some(Final {
                response: Some(response),
                from: Some(from),
                ..
            }) => {
                let story = context.story.as_deref_mut();
                self.ask_response(now, story, from, response.message())
            }
            _ => Changes::default(),
        };
        let Some((request, mark)) = context.asked() else {
            return 0;
        };
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
                is_trusted,
                ..
            }) if *status != 503 => {
                let others = Some(&context.finals);
                let (response, back) = (response.message(), context.back);
                rewrite(
                    &self.config,
                    back,
                    response,
                    *is_trusted,
                    (others, &changes),
                    false,
                    &mut bytes,
                );
                (*status, "as the next hop answered")
            }
            Some(Final {
                response: Some(_), ..
            }) => (500, "Next hop overloaded"),
            // RFC 4320 4.2: a 408 to anything but INVITE comes too late for its sender.
            Some(Final { status: 408, .. }) if !context.is_invite => (0, "no answer in time"),
            Some(Final { status: 408, .. }) => (408, "No answer in time"),
            Some(Final { status: 502, .. }) => (502, "Upstream refused our credentials"),
            Some(Final { status: 487, .. }) => (487, "Request Terminated"),
            Some(Final { status: 440, .. }) => (440, "Max-Breadth Exceeded"),
            Some(Final {
                status: status @ (404 | 480),
                ..
            }) => (*status, reason(*status)),
            _ if is_phone => (480, "Phone unreachable"),
            _ => (500, "Next hop unreachable"),
        };
        if status != 0 && bytes.is_empty() {
            let tag = hex::of_u64(self.entropy.next_u64());
            Reply::new(&mut bytes, request, mark, status, why, &tag).end();
        }
        if status == 0 {
            self.table.abandon(server);
        } else if context.is_unproven_datagram() {
            self.answer_stranger(now, (server, incoming), status, &bytes, out);
        } else {
            self.table.respond(now.instant, server, status, &bytes, out);
        }
        let level = if context.is_invite {
            Level::Info
        } else {
            Level::Debug
        };
        out.tell(request, incoming.flow, level, status, || {
            Decision::Completed(why)
        });
        self.scratch = bytes;
        let told = if status == 0 { 408 } else { status };
        self.tell_board(now, context, (told, None, None), out);
        status
    }
}

/// Appends a response less our Via, and less what its sender or its receiver must not say or learn.
/// False, and nothing appended, if that cannot be done.
fn rewrite(
    config: &Config,
    back: Back,
    response: Message<'_>,
    is_trusted: bool,
    (others, changes): (Option<&Finals>, &Changes),
    is_signed: bool,
    bytes: &mut Vec<u8>,
) -> bool {
    let mut edit = Edit::new(response);
    if !back.is_bridged && edit.pop_via().is_err() {
        return false;
    }
    identity::strip(response, config, is_trusted, back.is_outside, &mut edit);
    if is_signed {
        let of_server = response.fields(HeaderId::AuthenticationInfo);
        for field in of_server.chain(response.named("Proxy-Authentication-Info")) {
            edit.remove(field);
        }
    }
    changes.apply(response, &mut edit);
    let has_length = response.first(HeaderId::ContentLength).is_some() || changes.body().is_some();
    if back.is_stream && !has_length {
        // 18.3: what came as a datagram may leave its length to it.
        edit.append(
            "Content-Length",
            response.body().len().to_string().as_bytes(),
        );
    }
    if let Some(others) = others {
        others.merge_challenges(response, &mut edit);
    }
    edit.write(bytes).is_ok()
}
