//! What an end has answered to an offer of ours is told the other one, if it moves media: in an UPDATE or re-INVITE with
//! that description as the offer (RFC 4028 7.4, RFC 3264 8, RFC 3311 5.1). Its answer may move media in turn; that goes
//! on for a few rounds at most.

use super::super::begin::hider;
use super::super::call::{Bridge, End, Own, State};
use super::super::hide::body;
use super::super::table::Alarm;
use super::care::{Owed, is_sdp};
use super::media::is_moved;
use super::refresh::{AGAIN, RETRY, is_negotiating};
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::proxy::Context;
use crate::time::Now;
use bellhop_wire::Message;
use std::time::Duration;

impl Engine {
    /// An end has accepted a refresh of ours, or what it was told.
    pub(super) fn answer_heard(
        &mut self,
        now: Now,
        (context, bridge): (&Context, &Bridge),
        response: Message<'_>,
        out: &mut Outbox,
    ) {
        let (id, other) = (bridge.call, bridge.from);
        let end = other.other();
        let mut round = 0;
        if bridge.own == Some(Own::Tell) {
            round = bridge.tries.saturating_add(1);
            self.has_taken(id, end, context);
        }
        let Some(sdp) = self.as_told(id, end, response) else {
            return;
        };
        let call = self.calls.get(id);
        let Some(care) = call.and_then(|call| call.care.as_deref_mut()) else {
            return;
        };
        let session = care.session(other);
        let is_known = !session.last_sdp.is_empty();
        if is_known && round < MOST_ROUNDS && is_moved(&session.last_sdp, &sdp) {
            session.owed = Some(Owed {
                sdp,
                tries: 0,
                round,
            });
            self.tell_due(now, id, other, out);
        }
    }

    /// Tells an end what it has not heard yet, unless an offer is on its way there.
    pub(in crate::b2bua) fn tell_due(&mut self, now: Now, id: u64, end: End, out: &mut Outbox) {
        let Some(call) = self
            .calls
            .get(id)
            .filter(|call| call.state == State::Confirmed)
        else {
            return;
        };
        let must_wait = is_negotiating(call, end);
        let Some(session) = call.care.as_deref_mut().map(|care| care.session(end)) else {
            return;
        };
        let method: &[u8] = if session.updates {
            b"UPDATE"
        } else {
            b"INVITE"
        };
        let Some(owed) = &mut session.owed else {
            return;
        };
        if must_wait {
            let at = now.instant.after(RETRY);
            return self.calls.set_alarm(id, Alarm::Tell(end), at);
        }
        if owed.tries >= MOST_TRIES {
            session.owed = None;
            return;
        }
        owed.tries = owed.tries.saturating_add(1);
        self.ask_end(now, (id, end), method, Own::Tell, out);
    }

    /// An end refuses what it was told: it is tried again if that may help. If not, both go on with what they have, for a
    /// refusal leaves the session as it was (RFC 3261 14.1).
    pub(super) fn told_in_vain(&mut self, now: Now, bridge: &Bridge, response: Message<'_>) {
        let (id, end) = (bridge.call, bridge.from.other());
        let status = response.status().unwrap_or(0);
        let glare = self.after_glare(end);
        let call = self.calls.get(id);
        let Some(session) = call.and_then(|call| Some(call.care.as_deref_mut()?.session(end)))
        else {
            return;
        };
        let after = match status {
            405 | 501 if std::mem::take(&mut session.updates) => Duration::ZERO,
            422 => {
                session.lengthen(response);
                RETRY
            }
            491 => glare,
            500 | 502..=599 => AGAIN,
            _ => {
                session.owed = None;
                return;
            }
        };
        self.again(now, bridge, after);
    }

    /// An end has taken what it was told, unless there is something newer meanwhile.
    fn has_taken(&mut self, id: u64, end: End, context: &Context) {
        let call = self.calls.get(id);
        let care = call.and_then(|call| call.care.as_deref_mut());
        if let (Some(care), Some(incoming)) = (care, &context.incoming) {
            let said = incoming.request.message();
            let newer = care.session(end).owed.take();
            care.told(end, said);
            care.session(end).owed = newer.filter(|owed| *owed.sdp != *said.body());
        }
    }

    /// The description in an end's answer, as the other one would be told it.
    fn as_told(&self, id: u64, end: End, response: Message<'_>) -> Option<Box<[u8]>> {
        if !is_sdp(response) {
            return None;
        }
        let pair = self.calls.peek(id)?.pairs.first()?;
        let hider = hider(&self.config, self.calls.inside(), pair.leg(end));
        let mut sdp = Vec::with_capacity(response.body().len());
        body::put(response, &hider, &mut sdp);
        Some(sdp.into())
    }
}

/// How often an end is told one thing.
const MOST_TRIES: u8 = 5;
/// Answers that each move the media of the one before; further ones are not told.
const MOST_ROUNDS: u8 = 3;
