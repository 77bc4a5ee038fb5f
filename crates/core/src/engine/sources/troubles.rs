//! Subscriptions of ours that the PBX ends, tells in parts, or refuses to the one in whose name they are asked for.

use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::registrar::Aor;
use crate::share::{Key, Note, State, View, Word};
use crate::subscription::Told;
use crate::time::Now;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// The PBX has ended a subscription of ours (RFC 6665 4.1.3); `had_told`: after it had told something in that dialog.
    pub(in crate::engine) fn source_ended(
        &mut self,
        now: Now,
        number: u64,
        (told, had_told): (&Told<'_>, bool),
        out: &mut Outbox,
    ) {
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        if source.state == State::Leaving || source.shards.is_empty() {
            return self.source_gone(number, out);
        }
        let is = |word: &[u8]| told.reason.is_some_and(|r| r.eq_ignore_ascii_case(word));
        // As a 403 it is said to the one in whose name it was asked.
        if is(b"rejected") {
            return self.source_unauthorized(now, number, out);
        }
        if is(b"noresource") || is(b"invariant") {
            let why = told.reason.map(String::from_utf8_lossy).unwrap_or_default();
            return self.source_over(now, number, &format!(";reason={why}"), out);
        }
        let may_at_once = source.trouble.ended(now.instant) && had_told;
        let is_for_now = is(b"deactivated") || is(b"timeout");
        let is_revoked = is(b"probation") || is(b"giveup");
        if let Some(view) = is_revoked.then(|| self.source_undecided(number)).flatten() {
            self.source_tells(now, number, Arc::new(view), out);
        }
        self.source_anew(number, out);
        match told.retry_after.filter(|_| !is_for_now) {
            Some(seconds) => {
                let wait = Duration::from_secs(u64::from(seconds).clamp(1, LONGEST_WAIT));
                self.shares.wake_source(number, now.instant.after(wait));
            }
            None if is_for_now && may_at_once => self.source_in_turn(now, number),
            None => self.source_rests(now, number),
        }
    }

    /// It is tried again after a rest, longer each time, and not before the PBX has said.
    pub(in crate::engine) fn source_rests(&mut self, now: Now, number: u64) {
        let chance = self.entropy.next_u64();
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        source.state = State::Wanted;
        let at = now.instant.after(source.rest(chance));
        let at = source.trouble.rests_until(at);
        self.shares.wake_source(number, at);
    }

    /// Of what a source is told something is missing: all is asked for (RFC 4235 4.3).
    pub(in crate::engine) fn source_has_gap(&mut self, now: Now, number: u64) {
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        if source.shards.is_empty() {
            return;
        }
        let at = source.trouble.has_gap(now.instant);
        if source.state == State::Held && at < source.refresh_at {
            self.shares.wake_source(number, at);
        }
    }

    /// The PBX refuses a source for the sake of the one in whose name it was asked. Whoever watches in the same name is refused,
    /// too; if others do the PBX is asked in the name of one of them.
    pub(in crate::engine) fn source_unauthorized(
        &mut self,
        now: Now,
        number: u64,
        out: &mut Outbox,
    ) {
        if self.source_lives_on(now, number, out) {
            return;
        }
        self.source_anew(number, out);
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        let Some(to) = source.trouble.refuses(&source.by) else {
            return self.source_over(now, number, REJECTED, out);
        };
        source.at = source.at.saturating_add(1).max(now.instant.as_micros());
        for (shard, _) in &source.shards {
            let word = Word::Refused {
                key: Arc::clone(&source.key),
                to: to.clone(),
                at: source.at,
            };
            let shard = *shard;
            out.notes.push(Note { shard, word });
        }
        self.shares.wake_source(number, now.instant.after(COMES));
    }

    /// A shard wants a source in this one's name. Whether it was refused to another, and is asked for in this one now.
    pub(in crate::engine) fn source_named(&mut self, number: u64, by: Aor) -> bool {
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return false;
        };
        let is_taken = source.trouble.takes_name(&by);
        if is_taken {
            source.by = by;
        }
        is_taken
    }

    /// The PBX refuses a key to those here who watch in these names: they are told so. If others watch it here the next of them comes
    /// forward.
    pub(in crate::engine) fn names_refused(
        &mut self,
        now: Now,
        key: &Arc<Key>,
        (to, at): (&[Aor], u64),
        out: &mut Outbox,
    ) {
        let mut other = None;
        let mut refused = Vec::new();
        for number in self.shares.watchers_of(key) {
            let watcher = self.shares.watchers.get(&number);
            let Some(watcher) = watcher.filter(|watcher| watcher.end.is_none()) else {
                continue;
            };
            let name = self.name_for(watcher);
            if !to.contains(&name) {
                other = other.or(Some(name));
            } else if !self.shares.lists.contains_key(&number) {
                refused.push(number);
            }
        }
        for number in &refused {
            if let Some(watcher) = self.shares.watchers.get_mut(number) {
                watcher.over(REJECTED);
            }
        }
        for number in refused {
            self.tell_watcher(now, number, out);
        }
        let Some(name) = other else {
            let view = Arc::new(View::Over(REJECTED.into()));
            return self.key_told(now, Arc::clone(key), (view, at), out);
        };
        self.want_all(vec![Arc::clone(key)], &name, out);
    }
}

/// Subscription-State parameters of who may not watch (RFC 6665 4.1.3).
const REJECTED: &str = ";reason=rejected";
/// Within this time somebody comes forward in whose name the PBX is asked instead, if anybody does.
const COMES: Duration = Duration::from_secs(2);
/// Seconds.
const LONGEST_WAIT: u64 = 3_600;
