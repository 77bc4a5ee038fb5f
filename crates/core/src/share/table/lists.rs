//! Watchers of lists among the watchers: each is one of each member's, too.

use super::{Local, Shares};
use crate::share::{Key, List, View, Watcher};
use std::sync::Arc;

/// What a watcher's list has changed.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// Keys that nobody here watched before, or that were over.
    pub(crate) first: Vec<Arc<Key>>,
    /// Keys that nobody here watches any more.
    pub(crate) last: Vec<Arc<Key>>,
}

impl Shares {
    /// This watcher watches this list, and no other.
    pub(crate) fn put_list(&mut self, number: u64, list: List) -> Joined {
        let before = self.lists.remove(&number);
        let mut joined = Joined::default();
        for key in list.keys() {
            if self.join(number, key) {
                joined.first.push(Arc::clone(key));
            }
        }
        for key in before.iter().flat_map(List::keys) {
            let is_kept = list.keys().any(|other| other == key);
            if !is_kept && self.leave(number, key) {
                joined.last.push(Arc::clone(key));
            }
        }
        self.lists.insert(number, list);
        joined
    }

    /// A watcher is about to go. Gives the keys of its list that it was the last to watch here; `None`: it watches
    /// no list.
    pub(crate) fn drop_list(&mut self, number: u64) -> Option<Vec<Arc<Key>>> {
        let list = self.lists.remove(&number)?;
        let keys = list.keys().map(Arc::clone);
        Some(keys.filter(|key| self.leave(number, key)).collect())
    }

    /// A watcher of a list, and its list.
    pub(crate) fn list_of(&self, number: u64) -> Option<(&Watcher, &List)> {
        self.watchers.get(&number).zip(self.lists.get(&number))
    }

    /// What is known of each member of a list here.
    pub(crate) fn views(&self, list: &List) -> Vec<Option<Arc<View>>> {
        list.keys().map(|key| self.view(key)).collect()
    }

    /// Whether there is something to tell this watcher: always, unless it is a list's.
    pub(crate) fn has_news(&self, number: u64) -> bool {
        self.list_of(number)
            .is_none_or(|(watcher, list)| watcher.end.is_some() || list.has_news(&self.views(list)))
    }

    /// If it watches a list its next NOTIFY tells all.
    pub(crate) fn tell_all(&mut self, number: u64) {
        if let Some(list) = self.lists.get_mut(&number) {
            list.tell_all();
        }
    }

    /// Whether it watches a list of which something, or nothing at all, is not known yet.
    pub(crate) fn is_partly_known(&self, number: u64) -> (bool, bool) {
        let Some(list) = self.lists.get(&number) else {
            return (false, false);
        };
        let views = self.views(list);
        let is_known =
            |view: &Option<Arc<View>>| view.as_deref().is_some_and(|view| *view != View::Pending);
        (!views.iter().all(is_known), !views.iter().any(is_known))
    }

    /// If it watches a list it has waited long enough for what is not known yet.
    pub(crate) fn wait_no_more(&mut self, number: u64) {
        if let Some(list) = self.lists.get_mut(&number) {
            list.has_begun = true;
        }
    }

    /// Counts a watcher among those of a key. Whether the key is wanted for it: it is the first here, or what was
    /// there is over.
    pub(super) fn join(&mut self, number: u64, key: &Arc<Key>) -> bool {
        let local = self.local.entry(Arc::clone(key)).or_default();
        if local.watchers.contains(&number) {
            return false;
        }
        local.watchers.push(number);
        let is_over = |local: &Local| {
            let view = local.view.as_ref();
            view.is_some_and(|(view, _)| matches!(**view, View::Over(_)))
        };
        if is_over(local) {
            local.view = None;
            return true;
        }
        local.watchers.len() == 1
    }

    /// Counts it among them no more. Whether it was the last.
    pub(super) fn leave(&mut self, number: u64, key: &Arc<Key>) -> bool {
        let Some(local) = self.local.get_mut(key) else {
            return false;
        };
        local.watchers.retain(|other| *other != number);
        let is_last = local.watchers.is_empty();
        if is_last {
            self.local.remove(key);
        }
        is_last
    }
}
