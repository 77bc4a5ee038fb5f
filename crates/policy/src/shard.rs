//! The seam's other side: one engine's way to the plugins.

mod chain;
mod events;

use crate::aside::Pending;
use crate::dialogs::Dialogs;
use crate::plugin::Plugin;
use crate::question::Question;
use crate::runner::{For, Runner};
use crate::services::Wake;
use crate::set::{Current, Set};
use ahash::RandomState;
use bellhop_core::outbox::Ticket;
use bellhop_core::policy::{Answer, Ask, DialogEvent, Hook, Hooks, Policy, Verdict};
use bellhop_core::time::Now;
use bellhop_wire::Method;
use hashbrown::HashMap;
use std::sync::Arc;

/// One engine's instances of the plugins; made by [`crate::Registry::shard`].
#[derive(Debug)]
pub struct ShardPolicy {
    current: Arc<Current>,
    dialogs: Arc<Dialogs>,
    wake: Arc<dyn Wake>,
    /// The set that `runners` belong to, and its stamp.
    set: Arc<Set>,
    stamp: u64,
    /// One for each place of the set.
    runners: Vec<Runner>,
    waiting: HashMap<Ticket, Waiting, RandomState>,
}

/// A message that waits for a plugin's verdict.
#[derive(Debug)]
struct Waiting {
    /// The set whose plugin it is: the message finishes on it.
    set: Arc<Set>,
    place: usize,
    pending: Arc<Pending>,
    /// What the shadows of the place are to be asked.
    snapshot: Option<Question>,
}

impl ShardPolicy {
    pub(crate) fn new(current: Arc<Current>, dialogs: Arc<Dialogs>, wake: Arc<dyn Wake>) -> Self {
        Self {
            current,
            dialogs,
            wake,
            set: Arc::default(),
            stamp: 0,
            runners: Vec::new(),
            waiting: HashMap::default(),
        }
    }

    /// Takes over a new set, if there is one; instances of plugins that are in both are kept.
    fn catch_up(&mut self) {
        let stamp = self.current.stamp();
        if stamp == self.stamp {
            return;
        }
        let set = self.current.set();
        let mut old: Vec<Option<Runner>> = self.runners.drain(..).map(Some).collect();
        for place in &set.places {
            let same = |other: &crate::set::Place| Arc::ptr_eq(&other.plugin, &place.plugin);
            let kept = self.set.places.iter().position(same);
            let kept = kept.and_then(|at| old.get_mut(at)?.take());
            self.runners
                .push(kept.unwrap_or_else(|| runner(&place.plugin)));
        }
        (self.set, self.stamp) = (set, stamp);
    }

    /// Notes of an INVITE's hooks are for on-dialog too.
    fn keep_notes(&self, now: Now, ask: &Ask<'_>) {
        let begins = ask.message.method() == Some(Method::Invite) && !ask.source.is_in_dialog;
        if begins && self.set.counts_dialogs && ask.notes.iter().next().is_some() {
            self.dialogs
                .note(now.instant, ask.message.call_id(), ask.notes);
        }
    }
}

impl Policy for ShardPolicy {
    fn hooks(&self) -> Hooks {
        self.current.hooks()
    }

    fn consult(&mut self, now: Now, mut ask: Ask<'_>) -> Answer {
        self.catch_up();
        let set = self.set.clone();
        self.ask_leading_shadows(&set, &ask);
        let answer = self.ask_from(now, &set, 0, &mut ask);
        self.keep_notes(now, &ask);
        answer
    }

    fn resume(&mut self, now: Now, mut ask: Ask<'_>) -> Answer {
        self.catch_up();
        let Some(waiting) = self.waiting.remove(&ask.ticket) else {
            return Answer::Now(Verdict::Continue);
        };
        let answer = self.answer_of(now, waiting, &mut ask);
        self.keep_notes(now, &ask);
        answer
    }

    fn abandon(&mut self, ticket: Ticket) {
        if let Some(waiting) = self.waiting.remove(&ticket) {
            waiting.pending.take();
        }
    }

    fn observe(&mut self, now: Now, event: &DialogEvent<'_>) {
        self.catch_up();
        if self.current.hooks().has(Hook::Dialog) {
            self.tell(now, event);
        }
    }
}

fn runner(plugin: &Plugin) -> Runner {
    Runner::new(plugin.made.clone(), For::All)
}
