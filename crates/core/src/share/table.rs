//! What one shard has of what is shared: its watchers, and the sources whose home it is.

mod lists;

use super::line::Lines;
use super::targets::Targets;
use super::{Key, List, Question, Registrations, Samples, Source, State, View, Watcher};
use crate::registrar::Aor;
use crate::time::Instant;
use crate::transaction::Timers;
use ahash::RandomState;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What waits for its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Due {
    /// A watcher has not refreshed.
    Expired(u64),
    /// A watcher is to be told again.
    Again(u64),
    /// A source is to be asked for, refreshed, or let go.
    Source(u64),
    /// The first in line has its turn.
    Turn,
    /// What was published in the place of what a source tells is over.
    Uncovered(u64),
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Shares {
    pub(crate) watchers: HashMap<u64, Watcher, RandomState>,
    pub(crate) sources: HashMap<u64, Source, RandomState>,
    /// What those watch that watch a list.
    pub(crate) lists: HashMap<u64, List, RandomState>,
    pub(crate) timers: Timers<Due>,
    /// Of our own bindings.
    pub(crate) registrations: Registrations,
    /// Of a key with watchers here: who they are, and what they were told last.
    local: HashMap<Arc<Key>, Local, RandomState>,
    /// How many watchers each user has here.
    by_user: HashMap<Aor, usize, RandomState>,
    /// By Call-ID and our tag.
    by_dialog: HashMap<Name, u64, RandomState>,
    by_key: HashMap<Arc<Key>, u64, RandomState>,
    /// Who waits for a turn at the PBX.
    pub(crate) line: Lines,
    last: u64,
    said: u64,
    /// Keys of watchers that come from the disk, and in whose name they are wanted.
    pub(crate) wanted: Vec<(Arc<Key>, Aor)>,
    /// When the last watcher that comes from the disk is told.
    paced: Instant,
    /// Questions to the PBX that are under way.
    pub(crate) questions: HashMap<u64, Question, RandomState>,
    /// When it is asked the next ones.
    pub(crate) samples: Samples,
    /// What is known of each target of the PBX.
    pub(crate) targets: Targets,
}

/// Call-ID and tag.
type Name = (Box<[u8]>, Box<[u8]>);

#[derive(Debug, Default)]
struct Local {
    watchers: SmallVec<[u64; 4]>,
    view: Option<(Arc<View>, u64)>,
}

impl Shares {
    pub(crate) fn new(seed: u64) -> Self {
        let hasher = || RandomState::with_seeds(seed, 1, !seed, 2);
        Self {
            watchers: HashMap::with_hasher(hasher()),
            sources: HashMap::with_hasher(hasher()),
            lists: HashMap::with_hasher(hasher()),
            timers: Timers::new(),
            registrations: Registrations::new(seed),
            local: HashMap::with_hasher(hasher()),
            by_user: HashMap::with_hasher(hasher()),
            by_dialog: HashMap::with_hasher(hasher()),
            by_key: HashMap::with_hasher(hasher()),
            line: Lines::new(hasher()),
            last: 0,
            said: 0,
            wanted: Vec::new(),
            paced: Instant::default(),
            questions: HashMap::with_hasher(hasher()),
            samples: Samples::default(),
            targets: Targets::new(hasher()),
        }
    }

    /// Whether no source lives here.
    pub(crate) fn is_empty_of_sources(&self) -> bool {
        self.sources.is_empty()
    }

    /// A number for a watcher or a source.
    pub(super) fn number(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1) & NUMBER;
        self.last
    }

    /// Takes a watcher in. Gives its number and whether it is the first of its key here.
    pub(crate) fn add(&mut self, watcher: Watcher) -> (u64, bool) {
        let number = self.number();
        let dialog = &watcher.dialog;
        let name = (dialog.call_id.clone(), dialog.local_tag.clone());
        self.by_dialog.insert(name, number);
        self.timers.set(Due::Expired(number), watcher.until);
        if let Some(by) = &watcher.by {
            let count = self.by_user.entry(by.clone()).or_default();
            *count = count.saturating_add(1);
        }
        let is_first = self.join(number, &watcher.key);
        self.watchers.insert(number, watcher);
        (number, is_first)
    }

    /// Lets a watcher go. Gives it, and whether it was the last of its key here.
    pub(crate) fn remove(&mut self, number: u64) -> Option<(Watcher, bool)> {
        let watcher = self.watchers.remove(&number)?;
        self.timers.cancel(&Due::Expired(number));
        self.timers.cancel(&Due::Again(number));
        let dialog = &watcher.dialog;
        let name = (dialog.call_id.clone(), dialog.local_tag.clone());
        self.by_dialog.remove(&name);
        if let Some(by) = &watcher.by
            && let Some(count) = self.by_user.get_mut(by)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_user.remove(by);
            }
        }
        let is_last = self.leave(number, &watcher.key);
        Some((watcher, is_last))
    }

    /// The watcher, or the source, of a dialog.
    pub(crate) fn of_dialog(&self, call_id: &[u8], tag: &[u8]) -> Option<u64> {
        self.by_dialog.get(&(call_id.into(), tag.into())).copied()
    }

    /// Those who watch this here.
    pub(crate) fn watchers_of(&self, key: &Arc<Key>) -> SmallVec<[u64; 4]> {
        let local = self.local.get(key);
        local
            .map(|local| local.watchers.clone())
            .unwrap_or_default()
    }

    /// What is known of it here; `None`: nothing yet.
    pub(crate) fn view(&self, key: &Arc<Key>) -> Option<Arc<View>> {
        let (view, _) = self.local.get(key)?.view.as_ref()?;
        Some(Arc::clone(view))
    }

    /// Notes how it is, unless something later is known. Whether anybody here watches it.
    pub(crate) fn see(&mut self, key: &Arc<Key>, view: &Arc<View>, at: u64) -> bool {
        let Some(local) = self.local.get_mut(key) else {
            return false;
        };
        let is_old = |(_, known): &(Arc<View>, u64)| *known > at;
        if !local.view.as_ref().is_some_and(is_old) {
            local.view = Some((Arc::clone(view), at));
        }
        true
    }

    /// How many watchers a user has here.
    pub(crate) fn count_of(&self, by: &Aor) -> usize {
        self.by_user.get(by).copied().unwrap_or_default()
    }

    /// Forgets that there is nothing to watch: somebody wants to know it anew. Whether that was known.
    pub(crate) fn forget_end(&mut self, key: &Arc<Key>) -> bool {
        let Some(local) = self.local.get_mut(key) else {
            return false;
        };
        let is_over = |(view, _): &mut (Arc<View>, u64)| matches!(**view, View::Over(_));
        local.view.take_if(is_over).is_some()
    }

    /// A number that rises with each word that this shard says.
    pub(crate) fn stamp(&mut self) -> u64 {
        self.said = self.said.saturating_add(1);
        self.said
    }

    /// The source of a key, made if there is none. Gives its number and whether it is new.
    pub(crate) fn source(&mut self, key: &Arc<Key>, by: impl FnOnce() -> Source) -> (u64, bool) {
        if let Some(number) = self.by_key.get(key) {
            return (*number, false);
        }
        let number = self.number();
        self.by_key.insert(Arc::clone(key), number);
        self.sources.insert(number, by());
        (number, true)
    }

    /// Takes a source in that has a dialog already; it is that of its key unless there is another, or it is to go.
    pub(crate) fn take_source(&mut self, source: Source) -> u64 {
        let number = self.number();
        if source.state != State::Held {
            self.by_key.insert(Arc::clone(&source.key), number);
        }
        self.sources.insert(number, source);
        self.name_source(number);
        number
    }

    /// The source of a key.
    pub(crate) fn source_of(&self, key: &Arc<Key>) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    /// A source has a dialog now, by which its NOTIFYs find it.
    pub(crate) fn name_source(&mut self, number: u64) {
        let Some(source) = self.sources.get(&number) else {
            return;
        };
        let Some(dialog) = source.dialog.as_ref() else {
            return;
        };
        let name = (dialog.call_id.clone(), dialog.local_tag.clone());
        self.by_dialog.insert(name, number);
        self.targets.has_source(number, source.place);
    }

    /// A source's dialog is no more.
    pub(crate) fn unname_source(&mut self, number: u64) {
        let Some(dialog) = self.sources.get(&number).and_then(|s| s.dialog.as_ref()) else {
            return;
        };
        let name = (dialog.call_id.clone(), dialog.local_tag.clone());
        self.by_dialog.remove(&name);
    }

    /// The next that wants the source of this key gets a new one.
    pub(crate) fn detach(&mut self, number: u64) {
        if let Some(source) = self.sources.get(&number)
            && self.by_key.get(&source.key) == Some(&number)
        {
            self.by_key.remove(&source.key);
        }
    }

    /// Lets a source go. False if there was none.
    pub(crate) fn drop_source(&mut self, number: u64) -> bool {
        self.unname_source(number);
        self.detach(number);
        self.timers.cancel(&Due::Source(number));
        self.timers.cancel(&Due::Uncovered(number));
        self.line.leave_source(number);
        self.sources.remove(&number).is_some()
    }

    /// Has a source looked at then, and not before.
    pub(crate) fn wake_source(&mut self, number: u64, at: Instant) {
        if self.sources.contains_key(&number) {
            self.line.leave_source(number);
            self.timers.set(Due::Source(number), at);
        }
    }

    /// Has a source asked for no more until somebody wakes it.
    pub(crate) fn rest_source(&mut self, number: u64) {
        self.line.leave_source(number);
        self.timers.cancel(&Due::Source(number));
    }

    /// Has looked then at what is kept of a source's key; `None`: not before that changes.
    pub(crate) fn look_again(&mut self, number: u64, at: Option<Instant>) {
        match at.filter(|_| self.sources.contains_key(&number)) {
            Some(at) => self.timers.set(Due::Uncovered(number), at),
            None => {
                self.timers.cancel(&Due::Uncovered(number));
            }
        }
    }

    /// A watcher's time has changed.
    pub(crate) fn wait_for(&mut self, number: u64) {
        if let Some(watcher) = self.watchers.get(&number) {
            self.timers.set(Due::Expired(number), watcher.until);
        }
    }

    /// Has a watcher told again then.
    pub(crate) fn again_after(&mut self, number: u64, at: Instant) {
        if self.watchers.contains_key(&number) {
            self.timers.set(Due::Again(number), at);
        }
    }

    /// Has a watcher that comes from the disk told, one a millisecond.
    pub(crate) fn in_turn(&mut self, now: Instant, number: u64) {
        self.paced = self.paced.after(PACE).max(now);
        self.again_after(number, self.paced);
    }

    /// When something is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        if !self.wanted.is_empty() {
            return Some(Instant::default());
        }
        let timers = [self.timers.next(), self.registrations.timers.next()];
        timers.into_iter().flatten().min()
    }
}

/// Between the NOTIFYs of two watchers that come from the disk.
const PACE: Duration = Duration::from_millis(1);
/// As many as a branch's name has room for.
const NUMBER: u64 = (1 << 40) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Flow, ListenerId, Transport};
    use crate::share::Dialog;

    fn watcher(key: &Arc<Key>) -> Watcher {
        let text = |text: &str| text.as_bytes().into();
        Watcher {
            key: Arc::clone(key),
            dialog: Dialog {
                call_id: text("id"),
                local: text("<sip:a@b>"),
                local_tag: text("ours"),
                remote: text("<sip:c@d>;tag=theirs"),
                remote_tag: text("theirs"),
                target: text("sip:c@d"),
                routes: Vec::new(),
                cseq: 0,
                remote_cseq: None,
            },
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Udp,
                remote: ([192, 0, 2, 1], 5060).into(),
                connection: None,
            },
            device: None,
            by: None,
            event: text("dialog"),
            record: text("<sip:t@u;lr>"),
            resource: text("sip:a@b"),
            version: 0,
            until: Instant::from_micros(1),
            is_flying: false,
            is_behind: false,
            misses: 0,
            end: None,
            shown: None,
            keep: crate::share::Keep::default(),
        }
    }

    /// Two workers carry the notes of one home shard: the later one may come first.
    #[test]
    fn what_is_older_than_what_is_known_is_not_listened_to() {
        let key = Arc::new(Key {
            resource: Aor::parse_text("sip:6002@example.org").unwrap(),
            package: "dialog".into(),
            accept: "application/dialog-info+xml".into(),
        });
        let mut shares = Shares::new(1);
        let over = Arc::new(View::Over(";reason=rejected".into()));
        let pending = Arc::new(View::Pending);
        assert!(!shares.see(&key, &pending, 5), "nobody watches");
        let (number, is_first) = shares.add(watcher(&key));
        assert!(is_first);
        assert!(shares.see(&key, &over, 7) && shares.see(&key, &pending, 6));
        assert_eq!(shares.view(&key).as_deref(), Some(&*over));
        assert!(shares.see(&key, &pending, 8));
        assert_eq!(shares.view(&key).as_deref(), Some(&*pending));
        // What was known goes with the last watcher.
        let (_, is_last) = shares.remove(number).unwrap();
        assert!(is_last && shares.view(&key).is_none());
        assert!(shares.stamp() < shares.stamp());
    }
}
