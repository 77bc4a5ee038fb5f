//! Asking a stranger who he is, with no more bytes than he may draw out of us.

use super::Engine;
use super::local::Received;
use crate::auth::{Ask, Role};
use crate::budget;
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::time::Now;
use bellhop_wire::Reply;
use std::sync::Arc;

impl Engine {
    /// Asks for credentials (RFC 3261 22.1). A challenge that is too large for its request offers only
    /// the algorithm that the oldest clients know, if that makes it small enough; if not, the whole
    /// challenge waits until it is paid for.
    pub(super) fn challenge(
        &mut self,
        now: Now,
        received: &Received<'_>,
        role: Role,
        stale: bool,
        out: &mut Outbox,
    ) {
        let message = received.message;
        let ask = Ask {
            role,
            stale,
            has_body: !message.body().is_empty(),
            is_short: false,
        };
        let is_sent = self.ask_fitting(now, received, ask, out)
            || (self.auth.can_ask_shortly()
                && self.ask_fitting(
                    now,
                    received,
                    Ask {
                        is_short: true,
                        ..ask
                    },
                    out,
                ))
            || self.ask(now, received, ask, out);
        if !is_sent {
            return;
        }
        out.challenged = out.challenged.saturating_add(1);
        let had_none = message.first(role.credentials()).is_none();
        let (level, why) = match (stale, had_none) {
            (true, _) => (Level::Debug, "stale nonce"),
            (false, true) => (Level::Debug, "no credentials"),
            (false, false) => (Level::Warn, "wrong credentials"),
        };
        out.tell(message, received.flow, level, role.status(), || {
            Decision::Challenged(why)
        });
    }

    /// Sends a challenge if it is small enough as it is.
    fn ask_fitting(
        &mut self,
        now: Now,
        received: &Received<'_>,
        ask: Ask,
        out: &mut Outbox,
    ) -> bool {
        let start = out.bytes.len();
        let (status, reason) = line(ask);
        self.write(
            received,
            status,
            reason,
            out,
            challenges(now, received.flow, ask),
        );
        let fits = received.has_proven_source()
            || budget::fits(
                received.message.bytes().len(),
                out.bytes.len().saturating_sub(start),
            );
        if fits {
            self.send_back(received, start, out);
        } else {
            out.bytes.truncate(start);
        }
        fits
    }

    /// Sends a challenge if it is paid for.
    fn ask(&mut self, now: Now, received: &Received<'_>, ask: Ask, out: &mut Outbox) -> bool {
        let (status, reason) = line(ask);
        self.reply(
            received,
            status,
            reason,
            out,
            challenges(now, received.flow, ask),
        )
    }

    /// Whether an answer of this size amplifies nothing.
    pub(super) fn is_paid(&mut self, received: &Received<'_>, answer: usize) -> bool {
        let (source, request) = (received.flow.remote.ip(), received.message.bytes().len());
        received.has_proven_source() || self.budget.admit(received.at, source, request, answer)
    }
}

fn line(ask: Ask) -> (u16, &'static str) {
    let reason = match ask.role {
        Role::Registrar => "Unauthorized",
        Role::Proxy if ask.is_short => "Authenticate",
        Role::Proxy => "Proxy Authentication Required",
    };
    (ask.role.status(), reason)
}

/// Adds the challenges to an answer.
fn challenges(now: Now, flow: Flow, ask: Ask) -> impl FnOnce(&mut Engine, &mut Reply<'_>) {
    move |engine, reply| {
        let auth = Arc::clone(&engine.auth);
        let source = flow.remote.ip();
        auth.challenge(now, source, ask, engine.entropy.as_mut(), reply);
        if flow.transport.is_reliable() {
            auth.offer_bearer(ask.role, reply);
        }
    }
}
