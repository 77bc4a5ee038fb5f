//! The ACKs of who asked, and what is sent again until they come (RFC 3261 13.3.1.4).

use super::begin::hider;
use super::call::{Ack, Call, End, State, Unacked};
use super::launch::Launch;
use super::record::Cause;
use super::table::{Alarm, Found};
use super::write::{self, Ask};
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::proxy::Context;
use crate::time::Now;
use crate::transaction::TransactionId;
use bellhop_wire::Message;

impl Engine {
    /// A 2xx to an INVITE has gone out to who asked: it is sent again until his ACK comes.
    #[inline(never)]
    pub(crate) fn sent_accepted(&mut self, now: Now, context: &Context, status: u16, bytes: &[u8]) {
        let (Some(bridge), Some(server)) = (&context.bridge, context.server) else {
            return;
        };
        if !context.is_invite || !(200..300).contains(&status) {
            return;
        }
        self.await_ack(now, (bridge.call, bridge.from), (server, status), bytes);
    }

    /// An end has been sent a 2xx to its last INVITE.
    pub(super) fn await_ack(
        &mut self,
        now: Now,
        (id, end): (u64, End),
        (server, status): (TransactionId, u16),
        bytes: &[u8],
    ) {
        let timers = self.config.timers;
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let half = call.half(end);
        half.unacked = Some(Unacked {
            server,
            seq: half.invite.0,
            status,
            bytes: bytes.into(),
            interval: timers.first_interval(),
            until: now.instant.after(timers.transaction()),
        });
        let at = now.instant.after(timers.first_interval());
        self.calls.set_alarm(id, Alarm::Answer(end), at);
    }

    /// An ACK of a 2xx of ours.
    pub(super) fn acknowledged(
        &mut self,
        now: Now,
        found: Found,
        mut call: Box<Call>,
        ack: Message<'_>,
        out: &mut Outbox,
    ) {
        let to = found.from.other();
        let number = ack.cseq().map_or(0, |(number, _)| number);
        let half = call.half(found.from);
        let is_ours = half.unacked.as_ref().is_some_and(|u| u.seq == number);
        // Its 2xx was an earlier program's: what the other end waits for is known.
        let is_known = half.unacked.is_none() && half.invite.0 == number;
        let user = half.user.clone();
        let is_awaited = is_ours || (is_known && matches!(call.half(to).ack, Ack::Waits(_)));
        if !is_awaited {
            self.calls.put(found.call, call);
            return;
        }
        call.half(found.from).unacked = None;
        self.calls.stop_alarm(found.call, Alarm::Answer(found.from));
        let mut answer = None;
        if let Ack::Waits(seq) = call.half(to).ack {
            let flow = call.half(to).flow;
            let written = call.pair(found.pair).and_then(|pair| {
                let ask = Ask {
                    method: b"ACK",
                    leg: pair.leg(to),
                    seq,
                    rack: None,
                };
                let hider = hider(&self.config, self.calls.inside(), pair.leg(found.from));
                let request = write::request(&ask, Some((ack, &hider)))?;
                Some(Launch::new(request, pair.leg(to), flow, user))
            });
            if let Some(launch) = written {
                call.half(to).ack = Ack::Sent(launch.request.clone());
                self.call_changed(&call, out);
                answer = Some(launch);
            }
        }
        let is_ending = call.state == State::Ending;
        self.calls.put(found.call, call);
        if let Some(launch) = answer {
            self.end_told(found.call, to, launch.request.message());
            self.launch(now, launch, out);
        }
        if is_ending {
            self.release(now, found.call, Cause::Bye, out);
        }
    }

    /// Serves the alarms that are due.
    pub(crate) fn call_deadlines(&mut self, now: Now, out: &mut Outbox) {
        while let Some((id, alarm)) = self.calls.due(now.instant) {
            match alarm {
                Alarm::Answer(end) => self.answer_again(now, id, end, out),
                Alarm::Longest => self.release(now, id, Cause::MaxDuration, out),
                Alarm::Session(end) => self.session_due(now, id, end, out),
                Alarm::Alive => self.alive_due(now, id, out),
                Alarm::Tell(end) => self.tell_due(now, id, end, out),
                Alarm::Reliable => self.reliable_due(now, id, out),
            }
        }
        self.bonds_due(now, out);
    }

    fn answer_again(&mut self, now: Now, id: u64, end: End, out: &mut Outbox) {
        let timers = self.config.timers;
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let Some(unacked) = &mut call.half(end).unacked else {
            return;
        };
        if unacked.until <= now.instant {
            // Nobody acknowledges: both are released.
            call.half(end).unacked = None;
            return self.release(now, id, Cause::NoAck, out);
        }
        let (server, status) = (unacked.server, unacked.status);
        unacked.interval = timers.next_interval(unacked.interval);
        let at = now.instant.after(unacked.interval).min(unacked.until);
        self.table
            .respond(now.instant, server, status, &unacked.bytes, out);
        self.calls.set_alarm(id, Alarm::Answer(end), at);
    }
}
