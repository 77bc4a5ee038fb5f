//! Our subscriptions at the PBX that outlive the program. Their dialogs are put on disk, so that after a restart the
//! PBX is asked in the dialog that it has: it tells how all is, and is left with no subscription of nobody's.

use super::Engine;
use crate::outbox::{Changed, Outbox, Persist};
use crate::share::{SavedSource, Source, State, Tag};
use crate::time::Now;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// The PBX has granted a subscription of ours: its dialog is put on disk, unless it is there as it stands. Nobody
    /// waits for that.
    pub(super) fn keep_source(&self, number: u64, out: &mut Outbox) {
        let Some(source) = self.shares.sources.get(&number) else {
            return;
        };
        let Some(dialog) = source.dialog.as_ref().filter(|_| self.is_durable()) else {
            return;
        };
        let saves = &self.shared.subscriptions.saves;
        let tag = Tag::of(&dialog.local_tag);
        let is_there = tag.and_then(|tag| saves.source(tag)).is_some_and(|saved| {
            let there = &saved.dialog;
            saved.place == source.place
                && there.target == dialog.target
                && there.routes == dialog.routes
                && there.remote_tag == dialog.remote_tag
                && there.cseq.saturating_sub(dialog.cseq) > SPAN / 2
        });
        if is_there {
            return;
        }
        let mut dialog = dialog.clone();
        dialog.cseq = dialog.cseq.saturating_add(SPAN);
        dialog.remote_cseq = None;
        let saved = SavedSource {
            key: (*source.key).clone(),
            by: source.by.clone(),
            dialog,
            place: source.place,
        };
        if let Some(tag) = saves.put_source(saved) {
            persist(tag, out);
        }
    }

    /// The dialog of a subscription of ours is no more, or is left to end by itself.
    pub(super) fn drop_source_saved(&self, number: u64, out: &mut Outbox) {
        let source = self.shares.sources.get(&number);
        let dialog = source.and_then(|source| source.dialog.as_ref());
        let Some(tag) = dialog.and_then(|dialog| Tag::of(&dialog.local_tag)) else {
            return;
        };
        if self.shared.subscriptions.saves.drop_source(tag) && self.is_durable() {
            persist(tag, out);
        }
    }

    /// Takes back those of this shard. One whose home is elsewhere now, for there are more shards or fewer, is ended: its
    /// NOTIFYs come here.
    pub(super) fn restore_sources(&mut self, now: Now) {
        let board = Arc::clone(&self.shared.subscriptions);
        for saved in board.saves.sources() {
            if !self.is_home_of_call(&saved.dialog.call_id) {
                continue;
            }
            let key = Arc::new(saved.key.clone());
            let home = self.config.registrar.leases.home_of(&key.resource);
            let package = key.package.as_bytes();
            let is_shared = self.config.subscriptions.ends_here(package).is_some();
            let mut source = Source::new(now.instant, Arc::clone(&key), saved.by.clone());
            source.dialog = Some(saved.dialog.clone());
            source.place = saved.place;
            source.was_there = true;
            let is_wanted = home == self.shard && is_shared;
            if !is_wanted || self.shares.source_of(&key).is_some() {
                source.state = State::Held;
            }
            let number = self.shares.take_source(source);
            board.count_source(true);
            self.shares.stand_in_line(number);
        }
        self.reserve_turn_after(now, SETTLE);
        self.shares.targets.look(now.instant, None);
    }
}

fn persist(tag: Tag, out: &mut Outbox) {
    out.persists.push(Persist {
        ticket: None,
        what: Changed::Source(tag),
    });
}

/// SUBSCRIBEs of ours between two writes of their dialog.
const SPAN: u32 = 4_096;
/// After a start all shards have said by then what they want.
const SETTLE: Duration = Duration::from_millis(100);
