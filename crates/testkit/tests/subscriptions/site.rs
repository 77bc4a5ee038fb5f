//! Watchers before a PBX that notifies.

pub(crate) use crate::common::*;
use bellhop_core::subscription::{Cause, Shown};
pub(crate) use bellhop_testkit::{Peer, World, header_of, status_of};
pub(crate) use std::time::Duration;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// Timer N of RFC 6665 4.1.2.4, and timer F.
pub(crate) const TIMER_N: Duration = Duration::from_secs(32);
const RESOURCE: &str = "sip:6002@example.org";

/// A phone, the SUBSCRIBE as it reached the PBX, and the PBX's CSeq.
pub(crate) struct Watch {
    pub(crate) phone: Peer,
    pub(crate) at_pbx: String,
    pub(crate) cseq: u32,
    /// The PBX's tag.
    pub(crate) tag: &'static str,
}

/// Sends a SUBSCRIBE of a phone, with its credentials; gives it as the PBX has it.
pub(crate) fn subscribes(world: &mut World, phone: &mut Peer, id: &str, more: &str) -> String {
    let request = phone.request("SUBSCRIBE", RESOURCE, id, more);
    let request = authorized(world, phone, &request);
    say(world, phone, &request);
    world.expect(addr(PBX)).expect("a SUBSCRIBE at the PBX")
}

pub(crate) const DIALOG: &str = "Event: dialog\r\nExpires: 600\r\n";

impl Watch {
    /// One that the PBX has not answered yet.
    pub(crate) fn begun(world: &mut World, id: &str, more: &str) -> Self {
        let last = id.bytes().fold(1, u8::wrapping_add);
        Self::begun_at(world, last, id, more)
    }

    /// As [`Watch::begun`], of the phone with this last octet in its address.
    pub(crate) fn begun_at(world: &mut World, last: u8, id: &str, more: &str) -> Self {
        let mut phone = phone("6001", &format!("203.0.113.{last}:5060"));
        let at_pbx = subscribes(world, &mut phone, id, more);
        Self::of(phone, at_pbx)
    }

    /// One of this phone, whose SUBSCRIBE the PBX has so.
    pub(crate) fn of(phone: Peer, at_pbx: String) -> Self {
        Self {
            phone,
            at_pbx,
            cseq: 0,
            tag: "tpbx",
        }
    }

    /// One that stands, with its first NOTIFY.
    pub(crate) fn standing(world: &mut World) -> Self {
        let mut watch = Self::begun(world, "watch", DIALOG);
        watch.answered(world, 200, "Expires: 600\r\n");
        watch.notified(world, "active;expires=600", 200);
        assert_eq!(states(world), ["active"]);
        watch
    }

    /// The PBX answers the SUBSCRIBE; what the phone hears.
    pub(crate) fn answered(&mut self, world: &mut World, status: u16, more: &str) -> String {
        let pbx = pbx();
        say(world, &pbx, &pbx.answer(&self.at_pbx, status, "So", more));
        world.expect(self.phone.address).expect("an answer")
    }

    /// A NOTIFY of the PBX.
    pub(crate) fn notify(&mut self, state: &str, more: &str) -> String {
        self.cseq += 1;
        let mut pbx = pbx();
        // Its branches begin with it.
        let (id, at) = (header_of(&self.at_pbx, "Call-ID"), self.phone.address.ip());
        pbx.user = format!("{id}{at}{}{}", self.tag, self.cseq);
        let contact = header_of(&self.at_pbx, "Contact");
        let uri = contact.trim_matches(['<', '>']).to_owned();
        let routes = route_lines(&self.at_pbx, false);
        let event = header_of(&self.at_pbx, "Event");
        let lines = format!("{routes}Event: {event}\r\nSubscription-State: {state}\r\n{more}");
        let to = header_of(&self.at_pbx, "From").to_owned();
        let id = header_of(&self.at_pbx, "Call-ID").to_owned();
        let text = pbx.in_dialog("NOTIFY", &uri, &to, &id, self.cseq, &lines);
        let from = header_of(&text, "From").to_owned();
        let own = header_of(&self.at_pbx, "To").to_owned();
        text.replacen(&from, &format!("{own};tag={}", self.tag), 1)
    }

    /// A NOTIFY of the PBX that the phone answers so; 0: not at all. What the PBX is told.
    pub(crate) fn notified(&mut self, world: &mut World, state: &str, status: u16) -> u16 {
        let notify = self.notify(state, "");
        say(world, &pbx(), &notify);
        let at_phone = world.expect(self.phone.address).expect("a NOTIFY");
        assert!(at_phone.starts_with("NOTIFY "), "{at_phone}");
        if status == 0 {
            return 0;
        }
        let answer = self.phone.answer(&at_phone, status, "So", "");
        say(world, &self.phone, &answer);
        status_of(&world.expect(addr(PBX)).expect("an answer at the PBX"))
    }

    /// A SUBSCRIBE inside the dialog; gives it as the PBX has it.
    pub(crate) fn refresh(&mut self, world: &mut World, expires: u32) -> String {
        let mut ok = pbx().answer(&self.at_pbx, 200, "OK", "");
        ok = ok.replace("tag=tpbx", &format!("tag={}", self.tag));
        let cseq = 100 + self.cseq;
        let request = from_caller(&mut self.phone, "SUBSCRIBE", &ok, cseq);
        let lines = format!("Event: dialog\r\nExpires: {expires}\r\nContent-Length: 0");
        let request = request.replacen("Content-Length: 0", &lines, 1);
        say(world, &self.phone, &request);
        let at_pbx = world.expect(addr(PBX)).expect("a refresh at the PBX");
        assert!(at_pbx.starts_with("SUBSCRIBE "), "{at_pbx}");
        at_pbx
    }

    /// A refresh that the PBX answers so.
    pub(crate) fn refreshed(&mut self, world: &mut World, expires: u32, status: u16, more: &str) {
        let at_pbx = self.refresh(world, expires);
        let pbx = pbx();
        say(world, &pbx, &pbx.answer(&at_pbx, status, "So", more));
        let answer = world.expect(self.phone.address).expect("an answer");
        assert_eq!(status_of(&answer), status, "{answer}");
    }
}

/// What is known, by resource, package and watcher.
pub(crate) fn known(world: &World) -> Vec<Shown> {
    let (mut all, _) = world.nodes[0].shared.subscriptions.list(1_000, |_| true);
    all.sort_by(|a, b| a.call_id.cmp(&b.call_id));
    all
}

/// Where each stands.
pub(crate) fn states(world: &World) -> Vec<&'static str> {
    known(world).iter().map(|one| one.standing.word()).collect()
}

/// How many are gone for this reason.
pub(crate) fn gone(world: &World, cause: Cause) -> u64 {
    world.nodes[0].shared.subscriptions.tally().gone[cause as usize]
}
