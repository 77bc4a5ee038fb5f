//! Watchers of lists (RFC 4662): one subscription, served from the sources of all members.

use super::Engine;
use super::local::{Received, unknown};
use crate::outbox::Outbox;
use crate::registrar::Aor;
use crate::share::{Key, List, RLMI, ResourceList, SavedWatcher, Sheet, View, Word, accept_for};
use crate::time::Now;
use bellhop_wire::{HeaderId, Message};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// Whether a SUBSCRIBE to a list is refused, and has been told so: an event that is not shared, an extension that
    /// we do not know, or a subscriber that does not know lists (4.1).
    pub(super) fn list_refused(
        &mut self,
        received: &Received<'_>,
        package: &[u8],
        out: &mut Outbox,
    ) -> bool {
        let message = received.message;
        let asks = |header| message.lists(header, EVENTLIST);
        let settings = &self.config.subscriptions;
        if settings.ends_here(package).is_none() {
            self.refuse_event(received, out);
        } else if unknown(message, HeaderId::Require, &[EVENTLIST])
            .next()
            .is_some()
        {
            self.refuse_extensions(received, HeaderId::Require, &[EVENTLIST], out);
        } else if !asks(HeaderId::Supported) && !asks(HeaderId::Require) {
            self.refuse_with(received, 421, "Extension Required", out, |_, reply| {
                reply.header("Require", EVENTLIST.as_bytes());
            });
        } else if !message.body().is_empty() {
            self.refuse_body(received, out);
        } else if self.shared.subscriptions.len() >= settings.most {
            self.refuse(received, 503, "Too many subscriptions", out);
        } else {
            return false;
        }
        true
    }

    /// This watcher watches this list. Gives the keys that are wanted for it.
    pub(super) fn put_list(
        &mut self,
        number: u64,
        of: Arc<ResourceList>,
        accept: &str,
    ) -> Vec<Arc<Key>> {
        let Some(watcher) = self.shares.watchers.get(&number) else {
            return Vec::new();
        };
        let list = List::new(of, &watcher.key.package, accept);
        self.shares.put_list(number, list).first
    }

    /// Whether a watcher that has been accepted watches a list: then it is told as soon as something is known of each
    /// member, or after a moment.
    pub(super) fn list_begins(&mut self, now: Now, number: u64) -> bool {
        let is_list = self.shares.lists.contains_key(&number);
        if is_list {
            self.shares.again_after(number, now.instant.after(MOMENT));
        }
        is_list
    }

    /// A watcher of a list comes from the disk: it knows how all was, and hears when all is known again, or after a
    /// while.
    pub(super) fn list_returns(&mut self, now: Now, number: u64) {
        self.shares.again_after(number, now.instant.after(WHILE));
    }

    /// A watcher's time has come. Whether it is told: if it watches a list, comes from the disk and nothing is known yet
    /// it waits on.
    pub(super) fn is_to_be_told(&mut self, now: Now, number: u64) -> bool {
        let watcher = self.shares.watchers.get(&number);
        let is_restored = watcher.is_some_and(|watcher| watcher.keep.is_restored);
        if let Some(watcher) = self.shares.watchers.get_mut(&number) {
            watcher.keep.is_resting = false;
        }
        let (_, is_dark) = self.shares.is_partly_known(number);
        if is_restored && is_dark {
            self.list_returns(now, number);
            return false;
        }
        self.shares.wait_no_more(number);
        true
    }

    /// A watcher has refreshed: if it watches a list, all is told, of the list as it is today, and members that were
    /// refused are asked for once more.
    pub(super) fn list_goes_on(&mut self, number: u64, out: &mut Outbox) {
        let Some((watcher, list)) = self.shares.list_of(number) else {
            return;
        };
        let by = self.name_for(watcher);
        let lists = &self.config.subscriptions.lists;
        let Some(of) = lists.get(&watcher.key.resource).cloned() else {
            if let Some(watcher) = self.shares.watchers.get_mut(&number) {
                watcher.over(";reason=noresource");
            }
            return;
        };
        if list.is(&of) {
            let mut keys: Vec<Arc<Key>> = list.keys().map(Arc::clone).collect();
            let is_over = |key: &Arc<Key>| {
                let view = self.shares.view(key);
                matches!(view.as_deref(), Some(View::Over(_)))
            };
            keys.retain(is_over);
            self.want_all(keys, &by, out);
        } else {
            let accept = list.accept().unwrap_or_default();
            let list = List::new(of, &watcher.key.package, &accept);
            let changed = self.shares.put_list(number, list);
            self.want_all(changed.first, &by, out);
            for key in changed.last {
                self.not_wanted(key, out);
            }
            self.shares.wait_no_more(number);
        }
        self.shares.tell_all(number);
    }

    /// What is kept on disk of what a watcher watches.
    pub(super) fn keys_of(&self, number: u64, key: &Key) -> Vec<Key> {
        let list = self.shares.lists.get(&number);
        let member = list.and_then(|list| list.keys().next());
        let mut keys = vec![key.clone()];
        keys.extend(member.map(|member| (**member).clone()));
        keys
    }

    /// The list that a watcher on disk watches, as it is today, and the kind of body of its members.
    pub(super) fn saved_list(&self, saved: &SavedWatcher) -> Option<(Arc<ResourceList>, Box<str>)> {
        let [list, member, ..] = saved.keys.as_slice() else {
            return None;
        };
        let of = self.config.subscriptions.lists.get(&list.resource)?;
        Some((Arc::clone(of), member.accept.clone()))
    }

    /// The body of a list's NOTIFY, and its Content-Type. `None`: no list is watched.
    pub(super) fn write_list(
        &mut self,
        now: Now,
        number: u64,
        body: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        let mut list = self.shares.lists.remove(&number)?;
        let views = self.shares.views(&list);
        let mark = self.entropy.next_u64();
        let watcher = self.shares.watchers.get_mut(&number)?;
        let sheet = Sheet {
            uri: &watcher.resource,
            version: watcher.version,
            mark,
            is_last: watcher.end.is_some(),
            now: now.instant,
        };
        let mut kind = Vec::new();
        let is_more = list.write(&views, &sheet, &mut kind, body);
        watcher.version = watcher.version.wrapping_add(1);
        watcher.is_behind |= is_more && watcher.end.is_none();
        self.shares.lists.insert(number, list);
        Some(kind)
    }

    /// Has the home shards of these know that they are wanted here.
    pub(super) fn want_all(&mut self, keys: Vec<Arc<Key>>, by: &Aor, out: &mut Outbox) {
        for key in keys {
            let word = Word::Wanted {
                from: self.shard,
                key,
                by: by.clone(),
                at: self.shares.stamp(),
            };
            self.to_home(word, out);
        }
    }
}

/// The kind of body of a list, and that of its members.
pub(super) fn list_accept(package: &str, message: Message<'_>) -> (Box<str>, Box<str>) {
    let is_outer = |kind: &[u8]| {
        let outer: [&[u8]; 2] = [b"multipart/related", RLMI.as_bytes()];
        outer.iter().any(|outer| {
            let start = kind.get(..outer.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(outer))
        })
    };
    let accepts = message.values(HeaderId::Accept).map(|value| value.raw);
    let inner = accept_for(package, accepts.filter(|kind| !is_outer(kind)));
    (RLMI.into(), inner)
}

/// The option tag of RFC 4662 (4.1).
pub(super) const EVENTLIST: &str = "eventlist";
/// For so long the first NOTIFY waits for what other shards know.
const MOMENT: Duration = Duration::from_millis(50);
/// For so long one that comes from the disk does, and again while nothing is known.
const WHILE: Duration = Duration::from_secs(30);
