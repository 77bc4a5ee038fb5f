//! Subscriptions that are relayed, after a restart of the PBX: it is asked whether it knows each of them, and whoever
//! watches by one that it has forgotten is told to subscribe anew (RFC 6665 4.1.3, `deactivated`), for the PBX never will. So
//! is who watches by one that belongs at another target (`health/places.rs`).
//!
//! It is asked in the subscriber's name and with the subscriber's last CSeq number ([`Engine::ask_in_dialog`]).

mod kept;

use super::Engine;
use crate::outbox::Outbox;
use crate::registrar::Aor;
use crate::share::{Dialog, End, Keep, Key, Question, Watcher};
use crate::subscription::{Seat, Thread};
use crate::time::Now;
use crate::upstream::Place;
use bellhop_wire::NameAddr;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// The PBX may have forgotten those of this shard, or those at this target: it is asked about each in its turn.
    pub(super) fn relayed_back(&mut self, now: Now, place: Option<Place>) {
        self.line_up_relayed(now, |engine, seat| {
            place.is_none_or(|place| engine.place_today(seat.place) == Some(place))
        });
    }

    /// This target is known to be well: those of its upstream that do not belong where they are look for their turn.
    pub(super) fn relayed_move(&mut self, now: Now, place: Place) {
        self.line_up_relayed(now, |engine, seat| {
            let at = engine.place_today(seat.place);
            at.is_some_and(|at| engine.is_beside(place, at)) && engine.leaves(seat)
        });
    }

    /// A target does not answer. If there is another that does, whoever watches by those that are there is told to subscribe
    /// anew, each in its turn: in the dialog that it has nobody will ever hear of a change.
    pub(super) fn subscriptions_down(&mut self, now: Now, place: Place, out: &mut Outbox) {
        if self.belongs_elsewhere(place) {
            self.sources_down(now, place, out);
            self.relayed_back(now, Some(place));
        }
    }

    fn line_up_relayed(&mut self, now: Now, is_it: impl Fn(&Self, Seat) -> bool) {
        let board = Arc::clone(&self.shared.subscriptions);
        for shown in board.relayed(self.shard, |seat| is_it(self, seat)) {
            self.shares.line.join_relayed(shown);
        }
        self.reserve_turn(now);
    }

    /// Whether one does not belong where it is. Where a policy has sent it it stays while anybody is there.
    fn leaves(&self, seat: Seat) -> bool {
        let place = self.place_today(seat.place);
        place.is_some_and(|place| {
            let may_leave = !seat.is_chosen || self.shared.health.is_down(place);
            may_leave && self.belongs_elsewhere(place)
        })
    }

    /// The turn of one of them has come: the PBX is asked about it, or need not be. Whether the turn was of use.
    pub(super) fn look_at_relayed(&mut self, now: Now, shown: u64, out: &mut Outbox) -> bool {
        let Some(thread) = self.shared.subscriptions.thread(self.shard, shown) else {
            return false;
        };
        // Where nobody knows the PBX's side of one that was two dialogs any more, neither can go on.
        let is_lost = self.is_bond_lost(&thread.dialog);
        match is_lost || self.leaves(thread.seat) {
            true => self.deactivate_relayed(now, shown, out).is_some(),
            false => self.ask_relayed(now, shown, out).is_some(),
        }
    }

    /// Asks the PBX about one of them; the question's number, or `None`: it is over, or cannot be asked about.
    pub(super) fn ask_relayed(&mut self, now: Now, shown: u64, out: &mut Outbox) -> Option<u64> {
        let thread = self.shared.subscriptions.thread(self.shard, shown)?;
        let target = self.target_of(thread.seat.place)?;
        let (phone, resource) = (
            NameAddr::parse(&thread.dialog.remote).ok()?.uri,
            NameAddr::parse(&thread.dialog.local).ok()?.uri,
        );
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let at_pbx = match resource.user {
            Some(user) => format!("sip:{}@{}", text(user), target.host),
            None => format!("sip:{}", target.host),
        };
        let remote = [b"<", resource.raw, b">;tag=", &thread.dialog.local_tag].concat();
        let of_phone = Dialog {
            call_id: thread.dialog.call_id.clone(),
            local: [b"<", phone.raw, b">"].concat().into(),
            local_tag: thread.dialog.remote_tag.clone(),
            remote: remote.into(),
            remote_tag: thread.dialog.local_tag.clone(),
            target: at_pbx.into_bytes().into(),
            routes: Vec::new(),
            cseq: thread.asked,
            remote_cseq: None,
        };
        let dialog = match self.far_dialog(&thread.dialog) {
            None if self.is_bond_lost(&thread.dialog) => return None,
            far => far.unwrap_or(of_phone),
        };
        self.ask_in_dialog(now, &dialog, &target, Question::Relayed(shown), out)
    }

    /// The PBX's answer about one of them.
    pub(super) fn relayed_checked(&mut self, now: Now, shown: u64, status: u16, out: &mut Outbox) {
        if status == 481 {
            let _ = self.deactivate_relayed(now, shown, out);
        }
    }

    fn deactivate_relayed(&mut self, now: Now, shown: u64, out: &mut Outbox) -> Option<()> {
        let mut thread = self.shared.subscriptions.thread(self.shard, shown)?;
        if let Some(last) = self.forget_far_dialog(&thread.dialog, out) {
            thread.dialog.cseq = thread.dialog.cseq.max(last);
        }
        let last = thread.dialog.cseq;
        self.shared
            .subscriptions
            .cut_thread(self.shard, shown, last);
        self.end_in_place_of_pbx(now, thread, Some(shown), out)
    }

    /// A phone that is registered has not answered a NOTIFY: the PBX ends the subscription (4.2.2), and the phone is told when
    /// it is there again.
    pub(super) fn end_unheard(&mut self, now: Now, shown: u64, out: &mut Outbox) -> Option<()> {
        let thread = self.shared.subscriptions.thread(self.shard, shown)?;
        self.end_over(now, thread, Some(shown), out)
    }

    /// One whose NOTIFY nobody has answered is ended with its phone, too.
    pub(super) fn end_over(
        &mut self,
        now: Now,
        mut thread: Thread,
        shown: Option<u64>,
        out: &mut Outbox,
    ) -> Option<()> {
        if let Some(last) = self.pass_over_numbers(&thread.dialog) {
            thread.dialog.cseq = thread.dialog.cseq.max(last);
        }
        if let Some(shown) = shown {
            let last = thread.dialog.cseq;
            self.shared
                .subscriptions
                .cut_thread(self.shard, shown, last);
        }
        self.end_in_place_of_pbx(now, thread, shown, out)
    }

    fn end_in_place_of_pbx(
        &mut self,
        now: Now,
        thread: Thread,
        shown: Option<u64>,
        out: &mut Outbox,
    ) -> Option<()> {
        let by = self.who_watches(&thread.dialog.remote);
        let location = &self.shared.location;
        let at_flow = || location.device_at(now.instant, by.as_ref()?, &thread.flow);
        let device = at_flow().or(thread.device);
        let resource = NameAddr::parse(&thread.dialog.local).ok()?.uri;
        let key = Key {
            // Nobody looks for it by this.
            resource: by
                .clone()
                .or_else(|| Aor::parse_text("sip:nobody@invalid"))?,
            package: "".into(),
            accept: "".into(),
        };
        let resource = resource.raw.into();
        let watcher = Watcher {
            key: Arc::new(key),
            flow: thread.flow,
            device,
            by,
            event: thread.event,
            record: Box::default(),
            resource,
            version: 0,
            until: now.instant.after(AWAIT),
            is_flying: false,
            is_behind: false,
            misses: 0,
            end: Some(End(";reason=deactivated".into())),
            shown,
            keep: Keep {
                ceiling: u32::MAX,
                insists: device.is_some(),
                ..Keep::default()
            },
            dialog: thread.dialog,
        };
        let (number, _) = self.shares.add(watcher);
        self.tell_watcher(now, number, out);
        Some(())
    }
}

/// How long a phone is looked for that is not there.
const AWAIT: Duration = Duration::from_secs(600);
