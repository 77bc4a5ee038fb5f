//! Session timers as they are agreed on, on each leg for itself (RFC 4028): we are the UAS of who asks and the UAC of
//! who is asked, and neither hears of the other's.

use super::super::call::{Bridge, Call, End, State};
use super::super::hide::Skips;
use super::super::table::{Alarm, Found};
use super::super::write;
use super::care::{self, Care, SessionConfig};
use crate::digits::decimal;
use crate::engine::{Engine, Received};
use crate::flow::Destination;
use crate::outbox::Outbox;
use crate::proxy::Context;
use crate::time::Now;
use bellhop_wire::{Message, Method};

impl Engine {
    /// What a new call has that is looked after, as the configuration has it now.
    pub(in crate::b2bua) fn care_of(&self, invite: Message<'_>) -> Option<Box<Care>> {
        let config = self.config.b2bua.as_ref()?;
        if config.session.is_none() && config.keepalive.is_none() {
            return None;
        }
        let mut care = Care {
            timers: config.session,
            keepalive: config.keepalive,
            ..Care::default()
        };
        care.a.learn(invite);
        Some(Box::new(care))
    }

    /// An INVITE or UPDATE has been accepted: the session begins anew on both legs. Gives the lines that the 2xx to
    /// who asked gets.
    pub(in crate::b2bua) fn sessions_agreed(
        &mut self,
        now: Now,
        bridge: &Bridge,
        context: &Context,
        response: Message<'_>,
    ) -> Vec<u8> {
        let (from, to) = (bridge.from, bridge.from.other());
        let is_first = bridge.pair.is_none();
        let Some(call) = self.calls.get(bridge.call) else {
            return Vec::new();
        };
        // In early dialogs an UPDATE is about the media alone.
        let is_begun = is_first || call.state == State::Confirmed;
        let Some(care) = call.care.as_deref_mut().filter(|_| is_begun) else {
            return Vec::new();
        };
        if is_first && let Some(keepalive) = care.keepalive {
            let at = now.instant.after(keepalive);
            self.calls.set_alarm(bridge.call, Alarm::Alive, at);
        }
        let Some(call) = self.calls.get(bridge.call) else {
            return Vec::new();
        };
        let (Some(care), Some(asked)) = (call.care.as_deref_mut(), &bridge.request) else {
            return Vec::new();
        };
        let Some(timers) = care.timers else {
            return Vec::new();
        };
        care.session(to).agreed(response, timers);
        care.session(from).grant(asked.message(), timers);
        care.forget_sdp();
        if let Some(incoming) = &context.incoming
            && (!is_first || care.of(to).last_sdp.is_empty())
        {
            care.told(to, incoming.request.message());
        }
        let lines = care.of(from).granted();
        self.arm(now, bridge.call, End::A);
        self.arm(now, bridge.call, End::B);
        lines
    }

    /// Refuses a request whose session would be too short (RFC 4028 9).
    pub(in crate::b2bua) fn refuse_short(
        &mut self,
        received: &Received<'_>,
        timers: Option<SessionConfig>,
        out: &mut Outbox,
    ) {
        let least = timers.map_or(care::LEAST, |timers| timers.least);
        let why = "Session Interval Too Small";
        self.refuse_with(received, 422, why, out, |_, reply| {
            reply.header(care::MIN_SE, &decimal(least.into()));
        });
    }

    /// Remembers a description that an end is sent.
    pub(in crate::b2bua) fn end_told(&mut self, id: u64, end: End, message: Message<'_>) {
        let call = self.calls.get(id);
        if let Some(care) = call.and_then(|call| call.care.as_deref_mut())
            && care.timers.is_some()
        {
            care.told(end, message);
        }
    }

    /// The session of a leg begins anew.
    pub(super) fn arm(&mut self, now: Now, id: u64, end: End) {
        let call = self.calls.get(id);
        let Some(care) = call.and_then(|call| call.care.as_deref_mut()) else {
            return;
        };
        let session = care.session(end);
        if session.interval == 0 {
            return;
        }
        let whole = std::time::Duration::from_secs(session.interval.into());
        session.ends = Some(now.instant.after(whole));
        let at = now.instant.after(session.turn());
        self.calls.set_alarm(id, Alarm::Session(end), at);
    }

    /// An UPDATE that says nothing but that its sender is still there is answered here.
    pub(in crate::b2bua) fn refreshed(
        &mut self,
        now: Now,
        received: &Received<'_>,
        found: Found,
        mut call: Box<Call>,
        out: &mut Outbox,
    ) {
        let (message, from) = (received.message, found.from);
        let timers = call.care.as_deref().and_then(|care| care.timers);
        let mut lines = Vec::new();
        if let (Some(care), Some(timers)) = (call.care.as_deref_mut(), timers) {
            let session = care.session(from);
            session.grant(message, timers);
            lines = session.granted();
            care.forget_sdp();
        }
        let back = Destination::Flow {
            flow: received.flow,
            else_connect: None,
        };
        let tag = call.pair(found.pair).map(|pair| pair.leg(from).tag());
        let contact = tag.zip(self.names.call_back(&back));
        let contact = contact.map(|(tag, (transport, host))| {
            let token = transport.is_reliable().then(|| transport.uri_token());
            write::uri(&tag, host, token)
        });
        self.calls.put(found.call, call);
        self.arm(now, found.call, from);
        // A copy of it gets the same answer.
        let received = Received {
            is_spent: true,
            ..*received
        };
        self.reply(&received, 200, "OK", out, |_, reply| {
            if let Some(contact) = contact {
                reply.header("Contact", &contact);
            }
            reply.lines_with(|out| out.extend_from_slice(&lines));
        });
    }
}

/// What does not go over of a request or its answer, and what stands in its place in the request: the timer of the leg
/// that it goes to.
pub(in crate::b2bua) fn own_timer(call: &Call, to: End, method: Method<'_>) -> (Skips, Vec<u8>) {
    let care = call.care.as_deref();
    let Some((care, timers)) = care.and_then(|care| Some((care, care.timers?))) else {
        return (Skips::default(), Vec::new());
    };
    let skips = Skips {
        timer: true,
        ..Skips::default()
    };
    let is_asked =
        call.state == State::Confirmed && matches!(method, Method::Invite | Method::Update);
    let lines = match is_asked {
        true => care.of(to).ask(timers),
        false => Vec::new(),
    };
    (skips, lines)
}

/// Whether a request asks for a session that is shorter than ours may be, by one who can ask for a longer (RFC 4028 9).
pub(in crate::b2bua) fn is_too_short(timers: Option<SessionConfig>, request: Message<'_>) -> bool {
    let Some(timers) = timers else {
        return false;
    };
    let wanted = care::expires(request).map(|(seconds, _)| seconds);
    wanted.is_some_and(|seconds| seconds < timers.least) && care::knows(request)
}

/// Whether a request refreshes the session of its leg and says nothing else. A re-INVITE always says more: what it
/// answers with is the other end's.
pub(in crate::b2bua) fn is_refresh(call: &Call, request: Message<'_>) -> bool {
    let has_timers = call.care.as_ref().is_some_and(|care| care.timers.is_some());
    has_timers
        && call.state == State::Confirmed
        && request.method() == Some(Method::Update)
        && request.body().is_empty()
        && care::expires(request).is_some()
        && !SAYS_WHO
            .iter()
            .any(|name| request.named(name).next().is_some())
}

/// Who is on the line now (RFC 4916, RFC 3325): the other end is to know.
const SAYS_WHO: [&str; 5] = [
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Identity",
    "Privacy",
];
