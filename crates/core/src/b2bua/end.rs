//! The end of a call: a BYE from either side reaches the other, and what was lost releases both.

use super::begin::hider;
use super::call::{Ack, Call, End, State};
use super::launch::Launch;
use super::record::{Cause, Ender};
use super::table::{Alarm, Found};
use super::write::{self, Ask};
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::proxy::BranchId;
use crate::time::Now;
use crate::transaction::Owner;
use bellhop_wire::Message;

impl Engine {
    /// One end has hung up; its BYE has been answered.
    pub(super) fn hung_up(
        &mut self,
        now: Now,
        found: Found,
        mut call: Box<Call>,
        bye: Message<'_>,
        out: &mut Outbox,
    ) {
        let (from, to) = (found.from, found.from.other());
        if call.state == State::Early {
            // 15: a caller may end an early dialog so; all of them end with the INVITE.
            let owner = BranchId {
                context: call.context,
                index: 0,
            };
            self.calls.put(found.call, call);
            if from == End::A {
                self.cancel_context(now, owner.owner(), bye, out);
            }
            return;
        }
        let half = call.half(from);
        half.is_open = false;
        half.unacked = None;
        self.calls.stop_alarm(found.call, Alarm::Answer(from));
        let ender = match from {
            End::A => Ender::Caller,
            End::B => Ender::Called,
        };
        self.tell_over(now, &mut call, (ender, Cause::Bye), Some(bye), out);
        self.hang_up(
            now,
            (found.call, to),
            &mut call,
            (Some((bye, from)), b""),
            out,
        );
        self.keep_or_forget(found.call, call, out);
    }

    /// The tag that the answers to an INVITE have had, for that of its CANCEL (9.2).
    pub(crate) fn tag_of_invite(&mut self, owner: Owner) -> Option<[u8; 16]> {
        let context = self.contexts.find(BranchId::unpack(owner.0).context)?;
        let call = context.bridge.as_ref()?.call;
        Some(self.calls.get(call)?.pairs.last()?.a.tag())
    }

    /// Ends both dialogs of a call, for this cause.
    pub(super) fn release(&mut self, now: Now, id: u64, cause: Cause, out: &mut Outbox) {
        let Some(mut call) = self.calls.take(id) else {
            return;
        };
        if call.state == State::Early {
            self.calls.put(id, call);
            return;
        }
        self.tell_over(now, &mut call, (Ender::Bellhop, cause), None, out);
        for end in [End::A, End::B] {
            self.hang_up(now, (id, end), &mut call, (None, cause.lines()), out);
        }
        self.keep_or_forget(id, call, out);
    }

    /// Sends an end its BYE: at once, or once it has acknowledged what it was answered (15). The BYE has what goes over of
    /// the other end's, or these lines.
    fn hang_up(
        &mut self,
        now: Now,
        (id, end): (u64, End),
        call: &mut Call,
        (source, lines): (Option<(Message<'_>, End)>, &[u8]),
        out: &mut Outbox,
    ) {
        call.state = State::Ending;
        self.calls.stop_alarm(id, Alarm::Longest);
        self.refuse_held(now, id, call, out);
        let user = call.half(end.other()).user.clone();
        let half = call.half(end);
        if !half.is_open || half.unacked.is_some() {
            return;
        }
        half.is_open = false;
        let flow = half.flow;
        let ack = match half.ack {
            // The answer that its 2xx waited for will not come.
            Ack::Waits(seq) => Some(seq),
            Ack::None | Ack::Sent(_) => None,
        };
        let Some(pair) = call.pairs.first_mut() else {
            return;
        };
        let source = source.map(|(message, from)| {
            let hidden = pair.leg(from).clone();
            (message, hidden)
        });
        let bye = pair.leg_mut(end).next_seq();
        for (method, seq) in [(b"ACK", ack), (b"BYE", Some(bye))] {
            let Some(seq) = seq else { continue };
            let leg = pair.leg(end);
            let ask = Ask {
                method,
                leg,
                seq,
                rack: None,
            };
            let request = match &source {
                Some((message, hidden)) if method == b"BYE" => {
                    let hider = hider(&self.config, self.calls.inside(), hidden);
                    write::request(&ask, Some((*message, &hider)))
                }
                None if method == b"BYE" => write::own_request(&ask, lines, b""),
                _ => write::request(&ask, None),
            };
            if let Some(request) = request {
                let launch = Launch::new(request, leg, flow, user.clone());
                self.launch(now, launch, out);
            }
        }
    }

    /// Brings a call back that was taken out, unless neither end is owed anything more.
    fn keep_or_forget(&mut self, id: u64, call: Box<Call>, out: &mut Outbox) {
        self.call_changed(&call, out);
        if call.a.is_open || call.b.is_open {
            self.calls.put(id, call);
        } else {
            self.calls.forget(id, &call);
        }
    }
}

impl Cause {
    /// What our BYEs say of it (RFC 3326).
    fn lines(self) -> &'static [u8] {
        match self {
            Self::SessionTimer => b"Reason: SIP;cause=408;text=\"Session expired\"\r\n",
            Self::LostEnd => b"Reason: SIP;cause=408;text=\"No answer inside the call\"\r\n",
            _ => b"",
        }
    }
}
