//! Subscriptions that are relayed, after a restart of the PBX: it is asked whether it knows each of them, and whoever
//! watches by one that it has forgotten is told to subscribe anew (RFC 6665 4.1.3, `deactivated`), for the PBX never will.
//!
//! It is asked in the subscriber's name and with the subscriber's last CSeq number ([`Engine::ask_in_dialog`]).

mod kept;

use super::Engine;
use crate::outbox::Outbox;
use crate::registrar::Aor;
use crate::share::{Dialog, End, Keep, Key, Question, Watcher};
use crate::subscription::Thread;
use crate::time::Now;
use bellhop_wire::NameAddr;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// The PBX may have forgotten those of this shard: it is asked about each in its turn.
    pub(super) fn relayed_back(&mut self, now: Now) {
        for shown in self.shared.subscriptions.relayed(self.shard) {
            self.shares.line.join_relayed(shown);
        }
        self.reserve_turn(now);
    }

    /// The turn of one of them has come: the PBX is asked about it, or need not be. Whether the turn was of use.
    pub(super) fn look_at_relayed(&mut self, now: Now, shown: u64, out: &mut Outbox) -> bool {
        match self.is_of_lost_bond(shown) {
            true => self.deactivate_relayed(now, shown, out).is_some(),
            false => self.ask_relayed(now, shown, out).is_some(),
        }
    }

    /// Whether nobody knows the PBX's side of one that was two dialogs any more: neither can go on.
    fn is_of_lost_bond(&self, shown: u64) -> bool {
        let thread = self.shared.subscriptions.thread(self.shard, shown);
        thread.is_some_and(|thread| self.is_bond_lost(&thread.dialog))
    }

    /// Asks the PBX about one of them; the question's number, or `None`: it is over, or cannot be asked about.
    pub(super) fn ask_relayed(&mut self, now: Now, shown: u64, out: &mut Outbox) -> Option<u64> {
        let thread = self.shared.subscriptions.thread(self.shard, shown)?;
        let target = self.only_target()?;
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
        self.ask_in_dialog(now, &dialog, Question::Relayed(shown), out)
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
