//! What shards say to each other of what is shared, and what the PBX's NOTIFYs say.

use super::Engine;
use super::local::Received;
use crate::outbox::Outbox;
use crate::share::{Content, Due, Key, Note, Source, State, Taken, View, Word};
use crate::subscription::{Told, event_of, told};
use crate::time::Now;
use bellhop_wire::{Message, UriRef};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// What another shard, or this one, has to say ([`Outbox::notes`]).
    pub fn note(&mut self, now: Now, note: Note, out: &mut Outbox) {
        let first = out.transmits.len();
        match note.word {
            Word::Wanted { key, from, at, .. } if key.is_registration() => {
                self.registration_wanted(now, &key, (from, at), out);
            }
            Word::Wanted { key, from, by, at } => {
                self.source_wanted(now, &key, (from, at), by, out);
            }
            Word::Unwanted { key, from, at } if key.is_registration() => {
                self.registration_unwanted(&key, (from, at));
            }
            Word::Unwanted { key, from, at } => self.source_unwanted(now, &key, (from, at), out),
            Word::Bound { aor, gone } => self.bound(now, &aor, gone, out),
            Word::Told { key, view, at } => self.key_told(now, key, (view, at), out),
            Word::Look { key } => self.look_at_kept(now, &key, out),
            Word::Refused { key, to, at } => self.names_refused(now, &key, (&to, at), out),
            Word::Dialog(word) => self.dialog_word(now, *word, out),
            Word::Back => {
                self.sources_back(now, None);
                self.relayed_back(now, None);
            }
            Word::BackAt(place) => {
                self.sources_back(now, Some(place));
                self.relayed_back(now, Some(place));
            }
            Word::Well(place) => {
                self.sources_move(now, place);
                self.relayed_move(now, place);
            }
            Word::Sample(place) => self.take_samples(now, place, out),
            Word::Down(place) => {
                self.branches_lost(now, place, out);
                self.subscriptions_down(now, place, out);
            }
        }
        self.share_deadlines(now, out);
        self.finish(now, first, out);
    }

    /// How it is that is watched here.
    pub(super) fn key_told(
        &mut self,
        now: Now,
        key: Arc<Key>,
        (view, at): (Arc<View>, u64),
        out: &mut Outbox,
    ) {
        let before = self.shares.view(&key);
        if !self.shares.see(&key, &view, at) {
            return self.not_wanted(key, out);
        }
        let is_news = !before.is_some_and(|before| before.says_as_much_as(&view));
        for number in self.shares.watchers_of(&key) {
            self.show_watcher(now, number);
            self.news_for(now, number, (&view, is_news), out);
        }
    }

    /// Serves what is due of what is shared.
    pub(super) fn share_deadlines(&mut self, now: Now, out: &mut Outbox) {
        for (key, by) in std::mem::take(&mut self.shares.wanted) {
            let (from, at) = (self.shard, self.shares.stamp());
            self.to_home(Word::Wanted { key, from, by, at }, out);
        }
        while let Some(due) = self.shares.timers.pop_due(now.instant) {
            match due {
                Due::Expired(number) => self.watcher_expired(now, number, out),
                Due::Again(number) => {
                    if self.is_to_be_told(now, number) {
                        self.tell_watcher(now, number, out);
                    }
                }
                Due::Source(number) => self.source_due(now, number, out),
                Due::Turn => self.turn_came(now, out),
                Due::Uncovered(number) => self.source_looks(now, number, out),
            }
        }
        self.registrations_due(now, out);
    }

    /// A NOTIFY. Whether it is of a subscription of ours; then it is answered and taken in.
    pub(super) fn source_notified(
        &mut self,
        now: Now,
        received: &Received<'_>,
        out: &mut Outbox,
    ) -> bool {
        let message = received.message;
        let Some(tag) = message.to_tag() else {
            return false;
        };
        let known = self.shares.of_dialog(message.call_id(), tag);
        let Some(number) = known.filter(|n| self.shares.sources.contains_key(n)) else {
            let uri = UriRef::parse(message.uri()).ok();
            let is_ours = uri.is_some_and(|uri| {
                uri.user == Some(crate::share::SOURCE) && self.names.is_own_contact(&uri)
            });
            if is_ours {
                self.refuse(received, 481, "Subscription does not exist", out);
            }
            return is_ours;
        };
        if received.peer.is_none() && !received.is_trusted() {
            self.refuse(received, 403, "Not from the PBX", out);
            return true;
        }
        let (status, why, news) = match self.shares.sources.get_mut(&number) {
            Some(source) => judge(source, received),
            None => return false,
        };
        if status == 489 {
            self.refuse_event(received, out);
            return true;
        }
        if status >= 300 {
            self.refuse(received, status, why, out);
            return true;
        }
        self.reply(received, status, why, out, |_, _| {});
        match (news, told(message)) {
            (News::New, Some(told)) => self.source_told(now, number, message, &told, out),
            (News::Old, _) => self.source_doubted(now, number),
            _ => {}
        }
        true
    }

    /// A NOTIFY has an old number: one has overtaken another, or the PBX was restarted and counts anew. It says how all is
    /// when it is asked.
    fn source_doubted(&mut self, now: Now, number: u64) {
        let source = self.shares.sources.get_mut(&number);
        let Some(source) = source.filter(|source| !source.shards.is_empty()) else {
            return;
        };
        source.forget_numbers();
        if source.has_told {
            self.source_has_gap(now, number);
        }
    }

    fn source_told(
        &mut self,
        now: Now,
        number: u64,
        message: Message<'_>,
        told: &Told<'_>,
        out: &mut Outbox,
    ) {
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        let had_told = std::mem::replace(&mut source.has_told, true);
        if !told.is_end() {
            source.failures = 0;
            source.trouble.tells();
        }
        let mut wake = (!had_told && source.state == State::Held).then_some(source.refresh_at);
        if let (Some(seconds), State::Held) = (told.expires, source.state) {
            // The PBX may shorten it (4.1.3).
            let half = Duration::from_secs(u64::from(seconds) / 2);
            let at = now.instant.after(half.max(Duration::from_secs(1)));
            if at < source.refresh_at {
                source.refresh_at = at;
                wake = Some(at);
            }
        }
        if let Some(at) = wake.filter(|_| !source.shards.is_empty()) {
            self.shares.wake_source(number, at);
        }
        let (view, is_gap) = self.source_view(number, message, told);
        if let Some(view) = view {
            self.source_tells(now, number, Arc::new(view), out);
        }
        if told.is_end() {
            self.source_ended(now, number, (told, had_told), out);
        } else if is_gap {
            self.source_has_gap(now, number);
        }
    }

    /// How a NOTIFY says that it is; `None`: as before. And whether all must be asked for.
    fn source_view(
        &mut self,
        number: u64,
        message: Message<'_>,
        told: &Told<'_>,
    ) -> (Option<View>, bool) {
        if told.is_pending() {
            return (self.source_undecided(number), false);
        }
        let (kind, body) = self.shown_body(message);
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return (None, false);
        };
        let taken = match &*body {
            // There is nothing to say of it any more (RFC 6665 4.2.1.2): what a presence server tells when the last that was
            // published is gone.
            [] if told.is_active() => {
                source.content = None;
                let is_known = matches!(**source.told_by_pbx(), View::Active(None));
                return ((!is_known).then_some(View::Active(None)), false);
            }
            [] => Taken::Old,
            body => Content::take(source.content.as_ref(), &kind, body),
        };
        match taken {
            Taken::Full(content) => {
                source.trouble.is_whole();
                source.content = Some(content.clone());
                let is_known = match &**source.told_by_pbx() {
                    View::Active(Some(before)) => before.says_the_same_as(&content),
                    _ => false,
                };
                ((!is_known).then_some(View::Active(Some(content))), false)
            }
            Taken::Gap => (None, true),
            Taken::Old | Taken::Bad => {
                let is_first = told.is_active()
                    && matches!(**source.told_by_pbx(), View::Pending | View::Undecided);
                (is_first.then_some(View::Active(None)), false)
            }
        }
    }

    /// The PBX may not tell, or not any more: what it has told before is forgotten, for whoever comes now may not have it.
    pub(super) fn source_undecided(&mut self, number: u64) -> Option<View> {
        let source = self.shares.sources.get_mut(&number)?;
        source.content = None;
        let is_known = matches!(**source.told_by_pbx(), View::Undecided);
        (!is_known).then_some(View::Undecided)
    }
}

/// What a NOTIFY of a subscription of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    New,
    Copy,
    Old,
}

/// What a NOTIFY of a subscription of ours is answered, and what it is.
fn judge(source: &mut Source, received: &Received<'_>) -> (u16, &'static str, News) {
    let message = received.message;
    let cseq = message.cseq().map_or(0, |(number, _)| number);
    let package = event_of(message).map(|event| event.package);
    if !package.is_some_and(|p| p.eq_ignore_ascii_case(source.key.package.as_bytes())) {
        return (489, "Bad Event", News::Old);
    }
    let Some(dialog) = &mut source.dialog else {
        return (481, "Subscription does not exist", News::Old);
    };
    // A fork: one PBX is enough (4.1.4).
    let from = message.from_tag().unwrap_or_default();
    if !dialog.remote_tag.is_empty() && *dialog.remote_tag != *from {
        return (481, "Another one is kept", News::Old);
    }
    let branch = received
        .via
        .and_then(|via| via.branch())
        .unwrap_or_default();
    if dialog.remote_cseq == Some(cseq) && *source.branch == *branch {
        return (200, "OK", News::Copy);
    }
    // RFC 3261 12.2.2 wants a 500, and Asterisk ends a subscription for that without a word: a NOTIFY that it repeats
    // because we were away arrives behind the one that answers our refresh.
    if dialog.remote_cseq.is_some_and(|last| cseq <= last) {
        return (200, "OK", News::Old);
    }
    source.branch = branch.into();
    dialog.hear(message);
    dialog.remote_cseq = Some(cseq);
    (200, "OK", News::New)
}
