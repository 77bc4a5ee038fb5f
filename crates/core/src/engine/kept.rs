//! Watchers that outlive the program: what of them is put on disk and when, and how they are taken back.
//!
//! A NOTIFY's CSeq number rises for as long as its dialog lasts (RFC 3261 12.2.1.1), the program's end included, and
//! is not written each time. What is on disk is a *ceiling*: no NOTIFY goes out with a number above it. Before one
//! would, a ceiling that is [`SPAN`] higher is put on disk, and the NOTIFY waits for that. A watcher that is taken back
//! goes on from its ceiling: above all that it was ever sent, and what it is sent next waits for a new ceiling. A
//! body's version (RFC 4235 4.3) never rises faster than the CSeq number, so it goes on from there, too.

use super::Engine;
use super::durable::Answer;
use super::shard::shard_of_call;
use crate::outbox::{Changed, Outbox, Persist};
use crate::registrar::Aor;
use crate::share::{End, Keep, RLMI, SavedWatcher, Tag, Watcher};
use crate::subscription::Cause;
use crate::time::Now;
use bellhop_wire::NameAddr;
use std::sync::Arc;

/// What is to be done when something is on disk, or cannot be put there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// Something of a watcher is on disk.
    Watcher {
        /// Its number.
        number: u64,
        /// What that was.
        step: Step,
        /// No NOTIFY has a higher CSeq number than this one from then on.
        ceiling: u32,
    },
}

/// What of a watcher is put on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// That there is one.
    Begins,
    /// That it lasts longer.
    Lasts,
    /// That it is none any more.
    Ends,
    /// That it may be told more.
    Rises,
}

impl Engine {
    /// Has a step of a watcher put on disk, and its answer sent when it is there. The step is taken then, or at once
    /// where nothing is put on disk.
    pub(super) fn keep_watcher(
        &mut self,
        now: Now,
        (number, step): (u64, Step),
        answer: Option<Answer>,
        out: &mut Outbox,
    ) {
        let kept = match step {
            Step::Ends => self.unsave_watcher(number).map(|tag| (tag, 0)),
            Step::Begins | Step::Lasts | Step::Rises => self.save_watcher(now, number),
        };
        let Some((tag, ceiling)) = kept else {
            return;
        };
        let then = Then::Watcher {
            number,
            step,
            ceiling,
        };
        self.hold(now, answer, then, Changed::Watcher(tag), out);
    }

    /// Something is on disk, or cannot be put there.
    pub(super) fn settle_then(&mut self, now: Now, then: Then, is_stored: bool, out: &mut Outbox) {
        let Then::Watcher {
            number,
            step,
            ceiling,
        } = then
        else {
            return;
        };
        let Some(watcher) = self.shares.watchers.get_mut(&number) else {
            return;
        };
        // A disk that fails darkens no lamp: if it fails until the program ends, its numbers may be used again.
        if is_stored || step == Step::Rises {
            watcher.keep.ceiling = watcher.keep.ceiling.max(ceiling);
        }
        match (step, is_stored) {
            (Step::Rises, _) => {
                watcher.keep.is_rising = false;
                if std::mem::take(&mut watcher.is_behind) {
                    self.tell_watcher(now, number, out);
                }
            }
            (Step::Ends, false) => {
                // It was not told that it is over, so it is not.
                if let Some((tag, _)) = self.save_watcher(now, number) {
                    self.persist_watcher(tag, out);
                }
            }
            (Step::Begins, false) => self.forget_watcher(number, Cause::Refused, out),
            (Step::Lasts, false) => {}
            (step, true) => self.step_taken(now, number, step, out),
        }
    }

    /// A SUBSCRIBE has been answered 200: what follows from that.
    pub(super) fn step_taken(&mut self, now: Now, number: u64, step: Step, out: &mut Outbox) {
        let Some(watcher) = self.shares.watchers.get_mut(&number) else {
            return;
        };
        match step {
            Step::Begins => {
                watcher.keep.is_held = false;
                watcher.is_behind = false;
                let key = Arc::clone(&watcher.key);
                // Who is told once takes nobody's place.
                if watcher.end.is_none() {
                    self.forget_former(number, out);
                }
                self.show_watcher(now, number);
                // Otherwise it is told as soon as anything is known.
                if self.list_begins(now, number) || self.shares.view(&key).is_some() {
                    self.tell_watcher(now, number, out);
                }
            }
            Step::Ends => {
                watcher.end = Some(End(";reason=timeout".into()));
                self.tell_watcher(now, number, out);
            }
            Step::Lasts => {
                self.list_goes_on(number, out);
                self.tell_watcher(now, number, out);
            }
            Step::Rises => self.tell_watcher(now, number, out),
        }
    }

    /// Whether a watcher's next NOTIFY must wait for the disk; then that is under way.
    pub(super) fn must_rise_first(&mut self, now: Now, number: u64, out: &mut Outbox) -> bool {
        if !self.is_durable() {
            return false;
        }
        let is_full = self.is_disk_behind();
        let Some(watcher) = self.shares.watchers.get_mut(&number) else {
            return false;
        };
        if watcher.dialog.cseq < watcher.keep.ceiling {
            return false;
        }
        if is_full {
            self.shares.again_after(number, now.instant.after(BREATH));
            return true;
        }
        watcher.is_behind = true;
        watcher.keep.is_rising = true;
        self.keep_watcher(now, (number, Step::Rises), None, out);
        true
    }

    /// A watcher is gone: it leaves the disk, too.
    pub(super) fn drop_saved(&self, watcher: &Watcher, out: &mut Outbox) {
        let Some(tag) = Tag::of(&watcher.dialog.local_tag) else {
            return;
        };
        if self.shared.subscriptions.saves.drop_watcher(tag) {
            self.persist_watcher(tag, out);
        }
    }

    /// Takes back what outlived the program: watchers whose Call-ID is this shard's, what is relayed, and subscriptions of
    /// ours. To be called once, before anything else.
    pub fn restore(&mut self, now: Now) {
        self.restore_relayed(now);
        let board = Arc::clone(&self.shared.subscriptions);
        for saved in board.saves.watchers() {
            if self.is_home_of_call(&saved.dialog.call_id) {
                self.restore_watcher(now, &saved);
            }
        }
        self.restore_sources(now);
    }

    /// Whether the messages of this Call-ID come here.
    pub(crate) fn is_home_of_call(&self, call_id: &[u8]) -> bool {
        let shards = usize::from(self.config.registrar.leases.shards);
        shard_of_call(call_id, shards) == usize::from(self.shard)
    }

    fn restore_watcher(&mut self, now: Now, saved: &SavedWatcher) {
        let saves = &self.shared.subscriptions.saves;
        let tag = saved.tag();
        // Nobody is granted more, whatever the clock of the wall says now.
        let left = saved.until.saturating_sub(now.unix).min(LONGEST);
        let Some(key) = saved.keys.first().filter(|_| !left.is_zero()) else {
            // Its time ended meanwhile. It leaves the disk when that is looked through.
            tag.map(|tag| saves.drop_watcher(tag));
            return;
        };
        let key = Arc::new(key.clone());
        let is_shared = self
            .config
            .subscriptions
            .ends_here(key.package.as_bytes())
            .is_some();
        let has_source = key.is_registration() || self.config.default_upstream.is_some();
        let is_published = self.shared.held.published(now.instant, &key).is_some();
        let is_served = (is_shared && has_source) || is_published;
        let list = self.saved_list(saved);
        let is_served = is_served && list.is_some() == (*key.accept == *RLMI);
        let can_go_on = is_served && saved.dialog.cseq < LAST_CSEQ.saturating_sub(SPAN);
        let watcher = Watcher {
            key: Arc::clone(&key),
            dialog: saved.dialog.clone(),
            flow: saved.flow,
            device: saved.device,
            by: saved.by.clone(),
            event: saved.event.clone(),
            record: saved.record.clone(),
            resource: saved.resource.clone(),
            version: saved.dialog.cseq,
            until: now.instant.after(left),
            is_flying: false,
            is_behind: false,
            misses: 0,
            end: (!can_go_on).then(|| End(";reason=deactivated".into())),
            shown: None,
            keep: Keep {
                ceiling: saved.dialog.cseq,
                is_restored: true,
                ..Keep::default()
            },
        };
        let by = self.name_for(&watcher);
        let (number, is_first) = self.shares.add(watcher);
        self.show_watcher(now, number);
        if !can_go_on {
            self.shares.in_turn(now.instant, number);
        }
        let wanted = match list {
            Some((list, accept)) if can_go_on => {
                self.list_returns(now, number);
                self.put_list(number, list, &accept)
            }
            _ => (is_served && is_first).then_some(key).into_iter().collect(),
        };
        let wanted = wanted.into_iter().map(|key| (key, by.clone()));
        self.shares.wanted.extend(wanted);
    }

    /// In whose name the PBX is asked on behalf of a watcher.
    pub(super) fn name_for(&self, watcher: &Watcher) -> Aor {
        let claimed = || {
            let from = NameAddr::parse(&watcher.dialog.remote).ok()?;
            Aor::new(&from.uri, self.names.domain_of(&from.uri)?)
        };
        let by = watcher.by.clone().or_else(claimed);
        by.unwrap_or_else(|| watcher.key.resource.clone())
    }

    /// Puts down how a watcher is to be kept; its tag, and the ceiling that it has when that is on disk.
    fn save_watcher(&self, now: Now, number: u64) -> Option<(Tag, u32)> {
        let watcher = self.shares.watchers.get(&number)?;
        let ceiling = watcher.dialog.cseq.saturating_add(SPAN);
        let mut dialog = watcher.dialog.clone();
        dialog.cseq = ceiling;
        let left = watcher.until.since(now.instant);
        let saved = SavedWatcher {
            keys: self.keys_of(number, &watcher.key),
            dialog,
            flow: watcher.flow,
            device: watcher.device,
            by: watcher.by.clone(),
            event: watcher.event.clone(),
            record: watcher.record.clone(),
            resource: watcher.resource.clone(),
            until: now.unix.saturating_add(left),
        };
        let tag = self.shared.subscriptions.saves.put_watcher(saved)?;
        Some((tag, ceiling))
    }

    fn unsave_watcher(&self, number: u64) -> Option<Tag> {
        let watcher = self.shares.watchers.get(&number)?;
        let tag = Tag::of(&watcher.dialog.local_tag)?;
        self.shared.subscriptions.saves.drop_watcher(tag);
        Some(tag)
    }

    fn persist_watcher(&self, tag: Tag, out: &mut Outbox) {
        if self.is_durable() {
            out.persists.push(Persist {
                ticket: None,
                what: Changed::Watcher(tag),
            });
        }
    }
}

/// NOTIFYs between two writes of one watcher.
const SPAN: u32 = 4_096;
/// CSeq numbers end here (RFC 3261 8.1.1.5).
const LAST_CSEQ: u32 = i32::MAX as u32;
/// The most that `max_expires` may be.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(86_400);
/// How long a watcher waits that finds no room with the disk.
const BREATH: std::time::Duration = std::time::Duration::from_secs(1);
