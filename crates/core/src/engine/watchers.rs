//! Watchers whose subscription ends here: their SUBSCRIBEs, answered (RFC 6665 4.2.1).

mod refusals;

use super::Engine;
use super::kept::Step;
use super::lists::{EVENTLIST, list_accept};
use super::local::Received;
use crate::digits::decimal;
use crate::event::{Decision, Level};
use crate::identity;
use crate::outbox::Outbox;
use crate::policy::Story;
use crate::registrar::Aor;
use crate::routing::{Proof, Routes, listener_of};
use crate::share::{Dialog, End, Keep, Key, Note, WATCHED, Watcher, Word};
use crate::share::{accept_for, contact, contact_of};
use crate::subscription::{Cause, REG, event_of};
use crate::time::Now;
use bellhop_wire::{HeaderId, Reply, UriRef};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// A SUBSCRIBE that has its proof. Whether it ends here.
    pub(super) fn watch(
        &mut self,
        now: Now,
        received: &Received<'_>,
        (uri, routes, story): (&UriRef<'_>, &Routes, Option<&Story>),
        proof: &Proof,
        out: &mut Outbox,
    ) -> bool {
        // Whom the PBX alone can tell it serves alone.
        if matches!(proof, Proof::Unproven) {
            return false;
        }
        // What a policy says is asked for is what is watched.
        let changed = story.and_then(|story| story.changes.uri());
        let changed = changed.and_then(|uri| UriRef::parse(uri).ok());
        let uri = changed.as_ref().unwrap_or(uri);
        let message = received.message;
        let Some(tag) = message.to_tag().filter(|tag| !tag.is_empty()) else {
            return self
                .watch_begins(now, received, (uri, routes), proof, out)
                .is_some();
        };
        let known = self.shares.of_dialog(message.call_id(), tag);
        if let Some(number) = known.filter(|number| self.shares.watchers.contains_key(number)) {
            self.watch_goes_on(now, number, received, proof, out);
            return true;
        }
        // After a restart: the phone subscribes anew at once (4.1.2.2).
        let is_ours = uri.user == Some(WATCHED) && self.names.is_own_contact(uri);
        if is_ours {
            self.refuse(received, 481, "Subscription does not exist", out);
        }
        is_ours
    }

    /// Whether any SUBSCRIBE may end here.
    pub(super) fn has_watchers(&self) -> bool {
        self.config.subscriptions.has_watchers()
            || self.shared.held.has_published()
            || !self.shares.watchers.is_empty()
    }

    /// A SUBSCRIBE outside of a dialog. `None`: it is not shared, and goes to the PBX.
    fn watch_begins(
        &mut self,
        now: Now,
        received: &Received<'_>,
        (uri, routes): (&UriRef<'_>, &Routes),
        proof: &Proof,
        out: &mut Outbox,
    ) -> Option<()> {
        let message = received.message;
        let event = event_of(message)?;
        let settings = &self.config.subscriptions;
        let has_pbx = self.config.default_upstream.is_some();
        let is_shared = settings.ends_here(event.package).is_some();
        let package = String::from_utf8_lossy(event.package).to_ascii_lowercase();
        // Of our own bindings nobody else knows: what would be relayed otherwise is served, or refused.
        let is_own = is_shared && package == REG;
        let by = match proof {
            Proof::Authenticated(user) => identity::asserted(user, received.ends, &self.names),
            Proof::Trusted { upstream } if upstream.is_none() || is_own => None,
            Proof::Trusted { .. } | Proof::Dialog | Proof::Unproven => return None,
        };
        let asked = message.number(HeaderId::Expires).ok()?;
        // A tag that is there and empty is nobody's (RFC 3261 25.1), and must not stand before ours.
        if message.to_tag().is_some() {
            return None;
        }
        uri.user?;
        let resource = Aor::new(uri, self.names.domain_of(uri)?)?;
        if routes.has_next {
            return None;
        }
        let list = self.config.subscriptions.lists.get(&resource);
        let list = list.filter(|_| !is_own).cloned();
        // To be told once is no subscription; extensions, filters and parts of a resource are the PBX's to judge.
        let is_odd = asked == Some(0)
            || message.first(HeaderId::Require).is_some()
            || event.has_more
            || !message.body().is_empty();
        let is_full = self.shared.subscriptions.len() >= settings.most;
        if is_own {
            if self.refuses_watch(received, (uri, &resource), proof, out) {
                return Some(());
            }
        } else if list.is_some() {
            if self.list_refused(received, event.package, out) {
                return Some(());
            }
        } else if is_odd || is_full {
            return None;
        }
        let accepts = message.values(HeaderId::Accept).map(|value| value.raw);
        let (accept, of_members) = match list {
            Some(_) => list_accept(&package, message),
            None => (accept_for(&package, accepts), Box::default()),
        };
        let key = Arc::new(Key {
            resource,
            accept,
            package: package.into(),
        });
        // What is published needs no PBX.
        let is_kept = || self.shared.held.published(now.instant, &key).is_some();
        if !(is_own || (is_shared && has_pbx) || is_kept()) {
            return None;
        }
        let tag = self.new_tag();
        let dialog = Dialog::of_request(message, &tag)?;
        let event = message.first(HeaderId::Event)?.value;
        let weight = dialog.weight().saturating_add(event.len());
        let of_one = by.as_ref().map_or(0, |by| self.shares.count_of(by));
        if weight > HEAVIEST || of_one >= MOST_OF_ONE {
            let is_ours = is_own || list.is_some();
            return is_ours.then(|| self.refuse(received, 503, "Too much to be kept", out));
        }
        if self.is_disk_behind() {
            self.refuse_behind(received, out);
            return Some(());
        }
        let Some(seconds) = self.granted(received, asked, out) else {
            return Some(());
        };
        // Who wants to be told once is gone when he has been (4.4.3).
        let lasts = if seconds == 0 { ONCE } else { seconds };
        let location = &self.shared.location;
        let device = by
            .as_ref()
            .and_then(|by| location.device_at(now.instant, by, &received.flow));
        let watcher = Watcher {
            resource: message.to().ok()?.uri.raw.into(),
            event: event.into(),
            key: Arc::clone(&key),
            dialog,
            flow: received.flow,
            device,
            by,
            record: self.own_record_route(received, device)?,
            version: 0,
            until: now.instant.after(Duration::from_secs(lasts.into())),
            is_flying: false,
            is_behind: false,
            misses: 0,
            end: (seconds == 0).then(|| End(";reason=timeout".into())),
            shown: None,
            keep: Keep {
                is_held: true,
                ..Keep::default()
            },
        };
        let by = self.name_for(&watcher);
        let record = watcher.record.clone();
        // Those that the PBX refused are still being told; who comes now is to have an answer of its own.
        let is_over = self.shares.forget_end(&watcher.key);
        let (number, is_first) = self.shares.add(watcher);
        let wanted = match list {
            Some(list) => self.put_list(number, list, &of_members),
            None => (is_first || is_over).then_some(key).into_iter().collect(),
        };
        self.show_watcher(now, number);
        let step = (number, Step::Begins);
        self.accept_watch(now, received, (&tag, &record), seconds, step, out);
        // How it is comes back at once, and is told then.
        self.want_all(wanted, &by, out);
        Some(())
    }

    /// A SUBSCRIBE inside a watcher's dialog: a refresh, or the end (4.2.1.4).
    fn watch_goes_on(
        &mut self,
        now: Now,
        number: u64,
        received: &Received<'_>,
        proof: &Proof,
        out: &mut Outbox,
    ) {
        let message = received.message;
        let Some(watcher) = self.shares.watchers.get(&number) else {
            return;
        };
        // RFC 3261 12.2.2: a dialog has two tags.
        if message.from_tag() != Some(&*watcher.dialog.remote_tag) {
            return self.refuse(received, 481, "Subscription does not exist", out);
        }
        if let Proof::Authenticated(user) = proof
            && identity::asserted(user, received.ends, &self.names) != watcher.by
        {
            return self.refuse(received, 403, "Subscription of somebody else", out);
        }
        if self.is_another_event(received, number, out) {
            return;
        }
        let Some(watcher) = self.shares.watchers.get(&number) else {
            return;
        };
        let cseq = message.cseq().map_or(0, |(number, _)| number);
        let last = watcher.dialog.remote_cseq.unwrap_or(0);
        if cseq < last || watcher.end.is_some() {
            let (status, why) = match cseq < last {
                true => (500, "CSeq out of order"),
                false => (481, "Subscription is over"),
            };
            return self.refuse(received, status, why, out);
        }
        if self.is_disk_behind() {
            return self.refuse_behind(received, out);
        }
        let (by, record) = (watcher.by.clone(), watcher.record.clone());
        let asked = message.number(HeaderId::Expires).ok().flatten();
        let is_end = asked == Some(0);
        if matches!(proof, Proof::Dialog) && !is_end && !self.is_still_one(now, received, &by, out)
        {
            return;
        }
        let Some(seconds) = self.granted(received, asked, out) else {
            return;
        };
        let location = &self.shared.location;
        let device = by.and_then(|by| location.device_at(now.instant, &by, &received.flow));
        let Some(watcher) = self.shares.watchers.get_mut(&number) else {
            return;
        };
        watcher.dialog.remote_cseq = Some(cseq);
        watcher.flow = received.flow;
        watcher.device = device.or(watcher.device);
        watcher.misses = 0;
        watcher.keep.lost = None;
        watcher.keep.is_resting = false;
        if let Some(target) = contact_of(message) {
            watcher.dialog.target = target;
        }
        let step = match seconds {
            0 => Step::Ends,
            _ => Step::Lasts,
        };
        if seconds > 0 {
            watcher.until = now.instant.after(Duration::from_secs(seconds.into()));
            self.shares.wait_for(number);
            self.show_watcher(now, number);
        }
        let step = (number, step);
        self.accept_watch(now, received, (b"", &record), seconds, step, out);
    }

    /// What a SUBSCRIBE is granted, in seconds. `None`: too little was asked for, and it has been told so (4.2.1.1).
    fn granted(
        &mut self,
        received: &Received<'_>,
        asked: Option<u32>,
        out: &mut Outbox,
    ) -> Option<u32> {
        let settings = &self.config.subscriptions;
        let (least, most) = (settings.min_expires, settings.max_expires);
        let asked = asked.unwrap_or(most);
        if asked != 0 && asked < least.min(HOUR) {
            let why = "Interval Too Brief";
            self.refuse_with(received, 423, why, out, |_, reply| {
                reply.header("Min-Expires", &decimal(least.into()));
            });
            return None;
        }
        Some(asked.min(most))
    }

    /// The 200 to a SUBSCRIBE (4.2.1.1), and what follows from it; both wait for the disk if there is one.
    fn accept_watch(
        &mut self,
        now: Now,
        received: &Received<'_>,
        (tag, record): (&[u8], &[u8]),
        seconds: u32,
        (number, step): (u64, Step),
        out: &mut Outbox,
    ) {
        // Copies of it get the same answer, and make no second watcher.
        let received = Received {
            is_spent: true,
            ..*received
        };
        let (start, told) = (out.bytes.len(), out.events.len());
        let mut common = 0;
        let (message, mark) = (received.message, received.mark);
        let at = listener_of(&self.config, received.flow.listener).map(|l| l.transport);
        let own = self
            .names
            .sent_by(received.flow.listener)
            .unwrap_or_default();
        let at = (at.unwrap_or(received.flow.transport), own);
        let mut reply = Reply::new(&mut out.bytes, message, mark, 200, "OK", tag);
        reply.lines_with(|out| common = out.len());
        reply.header("Record-Route", record);
        reply.record_routes(message);
        reply.header_with("Contact", |out| contact(out, WATCHED, at));
        reply.header("Expires", &decimal(seconds.into()));
        if self.shares.lists.contains_key(&number) {
            // RFC 4662 4.1.
            reply.header("Require", EVENTLIST.as_bytes());
        }
        reply.end();
        if step == Step::Begins {
            out.tell(message, received.flow, Level::Info, 200, || {
                Decision::Answered("subscription that is shared")
            });
        }
        if self.is_durable() {
            let server = self.transaction_of(&received);
            let answer = self.take_answer(&received, (start, common, told), server, out);
            self.keep_watcher(now, (number, step), Some(answer), out);
        } else {
            self.deliver(&received, 200, start, out);
            self.step_taken(now, number, step, out);
        }
    }

    /// Lets go of those that a new watcher has left behind. Of several at one place two stay: a phone may have two
    /// keys for one resource.
    pub(super) fn forget_former(&mut self, new: u64, out: &mut Outbox) {
        let Some(watcher) = self.shares.watchers.get(&new) else {
            return;
        };
        let mut beside = 0_usize;
        let mut former: SmallVec<[u64; 4]> = SmallVec::new();
        for number in self.shares.watchers_of(&watcher.key).into_iter().rev() {
            let Some(old) = self.shares.watchers.get(&number).filter(|_| number != new) else {
                continue;
            };
            let is_beside = old.is_beside(watcher);
            beside = beside.saturating_add(usize::from(is_beside));
            if old.is_replaced_by(watcher) || (is_beside && beside > 1) {
                former.push(number);
            }
        }
        for number in former {
            self.forget_watcher(number, Cause::Unwanted, out);
        }
    }

    /// Nobody here watches this.
    pub(super) fn not_wanted(&mut self, key: Arc<Key>, out: &mut Outbox) {
        let word = Word::Unwanted {
            key,
            from: self.shard,
            at: self.shares.stamp(),
        };
        self.to_home(word, out);
    }

    /// Says something to the home shard of a key.
    pub(super) fn to_home(&self, word: Word, out: &mut Outbox) {
        let (Word::Wanted { key, .. } | Word::Unwanted { key, .. } | Word::Told { key, .. }) =
            &word
        else {
            return;
        };
        let shard = self.config.registrar.leases.home_of(&key.resource);
        out.notes.push(Note { shard, word });
    }
}

/// Bytes that a phone may have kept for a watcher of its: its dialog's names and routes. One that has more is relayed, or
/// refused where nobody else could answer it.
const HEAVIEST: usize = 4_096;
/// Watchers of one user in a shard: many phones with many keys each. More are relayed.
const MOST_OF_ONE: usize = 1_000;
/// A subscriber that asks for an hour or more is never told that it is too little (RFC 6665 4.2.1.1).
const HOUR: u32 = 3_600;
/// Seconds within which who wants to be told once is told.
const ONCE: u32 = 32;
