//! Our own subscriptions at the PBX, one for all watchers of a key: asked for, refreshed, ended, and what the PBX
//! answers (RFC 6665 4.1).

pub(super) mod moves;
mod troubles;

use super::Engine;
use super::health::places::own_place;
use crate::auth::upstream::At;
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::registrar::Aor;
use crate::share::{Key, Note, Source, State, View, Word};
use crate::subscription::ends_usage;
use crate::time::{Instant, Now};
use crate::upstream::Place;
use bellhop_wire::{HeaderId, Message};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// A shard has watchers of this key now: it is told how it is, and the PBX is asked if it was not before.
    pub(super) fn source_wanted(
        &mut self,
        now: Now,
        key: &Arc<Key>,
        (from, at): (u16, u64),
        by: Aor,
        out: &mut Outbox,
    ) {
        let new = || Source::new(now.instant, Arc::clone(key), by.clone());
        let (number, is_new) = self.shares.source(key, new);
        if is_new {
            self.shared.subscriptions.count_source(true);
            self.source_in_turn(now, number);
        }
        let source = self.shares.sources.get(&number);
        let is_restored = |source: &Source| source.was_there && source.shards.is_empty();
        if is_new || source.is_some_and(is_restored) {
            self.source_looks(now, number, out);
        }
        let is_named = self.source_named(number, by);
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        let was_left = source.shards.is_empty() && source.state == State::Wanted;
        match source.shards.iter_mut().find(|(shard, _)| *shard == from) {
            Some((_, last)) => *last = at.max(*last),
            None => source.shards.push((from, at)),
        }
        if is_named || (was_left && source.beneath.is_none()) {
            // It waited to be let go, or for somebody to ask in whose name.
            self.source_in_turn(now, number);
        }
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        if source.state == State::Held && source.has_told {
            // It may have been about to be let go.
            let at = source.refresh_at;
            self.shares.wake_source(number, at);
        }
        let Some(source) = self.shares.sources.get(&number) else {
            return;
        };
        let word = Word::Told {
            key: Arc::clone(key),
            view: Arc::clone(&source.view),
            at: source.at,
        };
        out.notes.push(Note { shard: from, word });
    }

    /// A shard has none any more. The last one gone, it lingers, for somebody may come back.
    pub(super) fn source_unwanted(
        &mut self,
        now: Now,
        key: &Arc<Key>,
        (from, at): (u16, u64),
        out: &mut Outbox,
    ) {
        let Some(number) = self.shares.source_of(key) else {
            return;
        };
        let linger = self.config.subscriptions.linger;
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        source
            .shards
            .retain(|(shard, said)| *shard != from || *said > at);
        if !source.shards.is_empty() {
            return;
        }
        match source.state {
            State::Held => {
                let at = now.instant.after(linger).min(source.refresh_at);
                self.shares.wake_source(number, at);
            }
            State::Wanted if source.is_known() => {
                self.shares.wake_source(number, now.instant.after(linger));
            }
            State::Wanted => self.source_gone(number, out),
            State::Asking | State::Leaving => {}
        }
    }

    /// The PBX at this target does not know a dialog that it knew: it may have been restarted before anybody noticed, and
    /// all that are there are asked for.
    fn source_forgotten(&mut self, now: Now, place: Place, out: &mut Outbox) {
        let is_recent = |at: Instant| now.instant.since(at) < LOOKED;
        if !self.shares.targets.looked_at(place).is_some_and(is_recent) {
            self.tell_back(place, out);
        }
    }

    /// Its time has come.
    pub(super) fn source_due(&mut self, now: Now, number: u64, out: &mut Outbox) {
        let has_pbx = self.config.default_upstream.is_some();
        self.source_moves(now, number, out);
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        match source.state {
            State::Wanted if source.shards.is_empty() && !source.is_known() => {
                self.source_gone(number, out);
            }
            // What is published is asked of nobody.
            State::Wanted if source.beneath.is_some() => {}
            // Nobody has come forward in whose name it can be asked for.
            State::Wanted if source.trouble.awaits_name => {
                self.source_over(now, number, ";reason=rejected", out);
            }
            State::Wanted if !has_pbx => self.source_over(now, number, ";reason=noresource", out),
            State::Held | State::Wanted if source.shards.is_empty() => {
                source.state = State::Leaving;
                source.asked = 0;
                self.shares.detach(number);
                self.ask_source(now, number, out);
                let end = now.instant.after(self.config.timers.transaction());
                self.shares.wake_source(number, end);
            }
            // Granted, and never told of (4.1.2.4).
            State::Held if !source.has_told => self.source_failed(now, number, out),
            State::Held | State::Wanted => {
                let settings = &self.config.subscriptions;
                source.asked = settings.upstream_expires.max(source.least);
                source.state = State::Asking;
                source.trouble.asks();
                self.ask_source(now, number, out);
            }
            State::Asking => {}
            State::Leaving => self.source_gone(number, out),
        }
    }

    /// The PBX's answer to a SUBSCRIBE of ours.
    pub(crate) fn source_answered(
        &mut self,
        now: Now,
        number: u64,
        response: Message<'_>,
        flow: Flow,
        out: &mut Outbox,
    ) {
        let status = response.status().unwrap_or(0);
        if let Some(place) = self.names.target_at(flow.transport, flow.remote) {
            self.heard_at(now, place, response, out);
        }
        if status < 200 {
            return;
        }
        if let Some(question) = self.shares.questions.remove(&number) {
            return self.asked_about(now, (number, question), response, flow, out);
        }
        let Some(source) = self.shares.sources.get(&number) else {
            return;
        };
        // What was asked in a dialog that is forgotten says nothing of the one that came after it.
        let is_latest = source.dialog.as_ref().is_some_and(|dialog| {
            let number = response.cseq().map_or(0, |(number, _)| number);
            *dialog.call_id == *response.call_id() && dialog.cseq == number
        });
        if !is_latest {
            return;
        }
        let (key, by) = (Arc::clone(&source.key), source.by.clone());
        if matches!(status, 401 | 407) && self.source_challenged(number, &by, response, &flow) {
            return self.ask_source(now, number, out);
        }
        if status == 423 && self.source_least(number, response) {
            return self.ask_source(now, number, out);
        }
        if let Some((login, upstream)) = self.lease_login(&by).filter(|_| status < 300) {
            let (login, upstream) = (&login, upstream.as_str());
            let at = At { login, upstream };
            self.shared.upstream_auth.learn(at, response);
        }
        let what = match status {
            200..=299 => "granted".to_owned(),
            _ => format!("refused with {status}"),
        };
        let level = if status < 300 {
            Level::Debug
        } else {
            Level::Warn
        };
        out.tell(response, flow, level, status, || {
            let (package, resource) = (&key.package, key.resource.as_str());
            Decision::Subscription(format!("ours to {package} of {resource}: {what}"))
        });
        if status < 300 {
            return self.source_granted(now, number, response, out);
        }
        let wait = response.number(HeaderId::RetryAfter).ok().flatten();
        if let Some(source) = self.shares.sources.get_mut(&number) {
            source.trouble.comes_back(now.instant, wait);
        }
        self.source_refused(now, number, status, out);
    }

    fn source_granted(&mut self, now: Now, number: u64, response: Message<'_>, out: &mut Outbox) {
        let chance = self.entropy.next_u64();
        let timer_n = self.config.timers.transaction();
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        if let Some(dialog) = &mut source.dialog {
            dialog.hear(response);
        }
        if source.state != State::Asking {
            return;
        }
        let granted = response.number(HeaderId::Expires).ok().flatten();
        let seconds = granted.unwrap_or(source.asked).min(source.asked.max(1));
        source.state = State::Held;
        // One that is granted, and ended by the first NOTIFY, has failed.
        if source.has_told {
            source.failures = 0;
        }
        source.tries = Default::default();
        source.refresh_at = now.instant.after(Source::refresh_in(seconds, chance));
        source.trouble.granted(now.instant, seconds);
        let at = match source.has_told {
            true => source.trouble.asks_by(source.refresh_at),
            false => now.instant.after(timer_n).min(source.refresh_at),
        };
        self.shares.wake_source(number, at);
        self.keep_source(number, out);
        if self
            .shares
            .sources
            .get(&number)
            .is_some_and(|s| s.shards.is_empty())
        {
            self.source_due(now, number, out);
        }
    }

    /// The PBX said no: to a dialog that it has forgotten, for now, or for good.
    pub(super) fn source_refused(&mut self, now: Now, number: u64, status: u16, out: &mut Outbox) {
        let Some(source) = self.shares.sources.get(&number) else {
            return;
        };
        let was_known = source.is_known();
        let place = own_place(&self.config, source.place);
        // A PBX that has just started may not know yet what it will: no lamp goes dark for that.
        let was_there = source.was_there || matches!(*source.view, View::Active(_));
        let is_believed = !was_there || source.failures >= DOUBTS;
        match (source.state, status) {
            (State::Leaving, _) => self.source_gone(number, out),
            (_, 408 | 480 | 481 | 486 | 500 | 503 | 504) if !was_known => {
                self.source_failed(now, number, out);
            }
            (_, status) if was_known && source.trouble.is_kept(now.instant, status) => {
                self.source_rests(now, number);
            }
            (_, status) if was_known && ends_usage(status) => {
                // The first time at once, in the same turn; if that fails, too, after a rest.
                self.source_anew(number, out);
                self.source_due(now, number, out);
                if let Some(place) = place.filter(|_| status == 481) {
                    self.source_forgotten(now, place, out);
                }
            }
            _ if was_known || !is_believed => self.source_failed(now, number, out),
            (_, 404 | 410 | 604) => self.source_over(now, number, ";reason=noresource", out),
            (_, 401 | 403 | 407 | 603) => self.source_unauthorized(now, number, out),
            _ => self.source_over(now, number, ";reason=rejected", out),
        }
    }

    /// It failed, and is tried again after a rest. A dialog that stands is kept.
    pub(crate) fn source_failed(&mut self, now: Now, number: u64, out: &mut Outbox) {
        if self.shares.questions.remove(&number).is_some() {
            return self.not_answered_about(number);
        }
        let Some(source) = self.shares.sources.get(&number) else {
            return;
        };
        if source.state == State::Leaving {
            return self.source_gone(number, out);
        }
        // One that was granted and never told of is none (4.1.2.4).
        let is_silent = source.state == State::Held;
        if !source.is_known() || source.failures > 0 || is_silent {
            self.source_anew(number, out);
        }
        self.source_rests(now, number);
    }

    /// There is nothing to watch: who watches is told why, and it is forgotten.
    pub(super) fn source_over(&mut self, now: Now, number: u64, why: &str, out: &mut Outbox) {
        if self.source_lives_on(now, number, out) {
            return;
        }
        let view = Arc::new(View::Over(why.into()));
        self.source_tells(now, number, view, out);
        self.source_gone(number, out);
    }

    /// The PBX has told: all who watch hear it, unless something is published in its place.
    pub(super) fn source_tells(
        &mut self,
        now: Now,
        number: u64,
        view: Arc<View>,
        out: &mut Outbox,
    ) {
        match self.shares.sources.get_mut(&number) {
            Some(source) if source.beneath.is_some() => source.beneath = Some(view),
            Some(_) => self.source_shows(now, number, view, out),
            None => {}
        }
    }

    /// Tells all who watch.
    pub(super) fn source_shows(
        &mut self,
        now: Now,
        number: u64,
        view: Arc<View>,
        out: &mut Outbox,
    ) {
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        source.view = Arc::clone(&view);
        source.at = source.at.saturating_add(1).max(now.instant.as_micros());
        for (shard, _) in &source.shards {
            let word = Word::Told {
                key: Arc::clone(&source.key),
                view: Arc::clone(&view),
                at: source.at,
            };
            out.notes.push(Note {
                shard: *shard,
                word,
            });
        }
    }

    /// The next SUBSCRIBE begins a new dialog.
    pub(super) fn source_anew(&mut self, number: u64, out: &mut Outbox) {
        self.drop_source_saved(number, out);
        self.shares.unname_source(number);
        if let Some(source) = self.shares.sources.get_mut(&number) {
            source.begin_anew();
        }
    }

    pub(super) fn source_gone(&mut self, number: u64, out: &mut Outbox) {
        self.drop_source_saved(number, out);
        if self.shares.drop_source(number) {
            self.shared.subscriptions.count_source(false);
        }
    }
}

/// How often what was there may be refused before it is believed to be gone.
const DOUBTS: u32 = 3;
/// A PBX that has been asked about all of them is not asked again so soon because it has forgotten some.
const LOOKED: Duration = Duration::from_secs(60);
