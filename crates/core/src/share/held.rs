//! State that is told from here and does not come by a subscription of ours: what a plugin has published, and what
//! the PBX said of mailboxes unasked (RFC 3842). Kept for all shards together; a key's home shard looks when it is told
//! that something has changed.

mod saved;

pub use saved::{SavedHeld, SavedMailbox, SavedPublished};

use super::{Content, Key, Taken, View};
use crate::registrar::Aor;
use crate::time::Instant;
use ahash::RandomState;
use lru::LruCache;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// All of it.
#[derive(Debug)]
pub struct Held {
    kept: Mutex<Kept>,
    /// How many are published: while there are none, nobody looks further.
    published: AtomicUsize,
    /// There are keys whose home has not been told yet.
    has_changed: AtomicBool,
}

#[derive(Debug)]
struct Kept {
    published: HashMap<Arc<Key>, Published, RandomState>,
    owners: HashMap<Box<str>, Share, RandomState>,
    mailboxes: LruCache<Aor, Heard, RandomState>,
    changed: Vec<Arc<Key>>,
    /// Rises with each that is heard.
    stamp: u64,
}

#[derive(Debug)]
struct Published {
    owner: Box<str>,
    view: Arc<View>,
    bytes: usize,
    /// `None`: until it is changed.
    until: Option<Instant>,
}

/// What one publisher has.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    count: usize,
    bytes: usize,
}

/// What the PBX said last of a mailbox, unasked.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) view: Arc<View>,
    /// Its Subscription-State.
    pub(crate) state: Box<[u8]>,
    /// Names it.
    pub(crate) stamp: u64,
}

/// Something published, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Of what.
    pub resource: Aor,
    /// The event package.
    pub package: Box<str>,
    /// The media type.
    pub kind: Box<str>,
    /// Who published it.
    pub owner: Box<str>,
    /// Octets of its body.
    pub bytes: usize,
    /// When it is over; `None`: when it is taken back.
    pub until: Option<Instant>,
}

/// Why something cannot be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpublished {
    /// Its owner has as much as one may have.
    Full,
    /// The body is too long.
    TooLarge,
    /// The resource, the package or the body cannot be read.
    Malformed(&'static str),
}

/// A body to be published.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// Who publishes: what one has published another does not change.
    pub owner: &'a str,
    /// Whose state it is.
    pub resource: &'a Aor,
    /// The event package.
    pub package: &'a str,
    /// Its Content-Type.
    pub kind: &'a str,
    /// The full state; empty: nothing any more.
    pub body: &'a [u8],
    /// For how long it holds.
    pub lasts: Option<Duration>,
}

impl Default for Held {
    fn default() -> Self {
        let hasher = || RandomState::with_seeds(5, 6, 7, 8);
        Self {
            kept: Mutex::new(Kept {
                published: HashMap::with_hasher(hasher()),
                owners: HashMap::with_hasher(hasher()),
                mailboxes: LruCache::with_hasher(MOST_MAILBOXES, hasher()),
                changed: Vec::new(),
                stamp: 0,
            }),
            published: AtomicUsize::new(0),
            has_changed: AtomicBool::new(false),
        }
    }
}

impl Held {
    /// Publishes a state in the place of the former, or takes it back. Whether anything has changed by that.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn publish(&self, now: Instant, publication: Publication<'_>) -> Result<bool, Unpublished> {
        let Publication {
            owner,
            resource,
            package,
            kind,
            body,
            lasts,
        } = publication;
        let package = package.to_ascii_lowercase();
        if !PACKAGES.contains(&package.as_str()) {
            return Err(Unpublished::Malformed("the package cannot be published"));
        }
        let key = Arc::new(Key {
            resource: resource.clone(),
            accept: media_of(kind)?,
            package: package.into(),
        });
        let mut kept = self.lock();
        kept.forget_if_due(now, &key);
        let before = kept.published.get(&key);
        if before.is_some_and(|before| *before.owner != *owner) {
            return Err(Unpublished::Malformed("another plugin publishes this"));
        }
        let before = before.map(|before| before.bytes);
        if body.is_empty() {
            let is_gone = kept.remove(&key);
            return Ok(self.after(kept, is_gone.then_some(key)));
        }
        if body.len() > MOST_BODY {
            return Err(Unpublished::TooLarge);
        }
        let Taken::Full(content) = Content::take(None, kind.as_bytes(), body) else {
            return Err(Unpublished::Malformed(
                "the body is no full state of this kind",
            ));
        };
        let mut share = kept.share_with(owner, before, body.len());
        if share.is_none() {
            kept.forget_due(now);
            share = kept.share_with(owner, before, body.len());
        }
        let share = share.ok_or(Unpublished::Full)?;
        let before = kept.published.get(&key);
        let view = View::Active(Some(content));
        let is_same = before.is_some_and(|before| before.view.says_as_much_as(&view));
        let until = lasts.map(|lasts| now.after(lasts));
        let is_as_long = before.is_some_and(|before| before.until == until);
        let published = Published {
            owner: owner.into(),
            view: Arc::new(view),
            bytes: body.len(),
            until,
        };
        kept.owners.insert(owner.into(), share);
        kept.published.insert(Arc::clone(&key), published);
        let is_changed = !(is_same && is_as_long);
        Ok(self.after(kept, is_changed.then_some(key)))
    }

    /// Takes back all that one has published.
    pub fn forget_owner(&self, owner: &str) {
        let mut kept = self.lock();
        let own = |(_, published): &(&Arc<Key>, &Published)| *published.owner == *owner;
        let keys = kept.published.iter().filter(own);
        let keys: Vec<Arc<Key>> = keys.map(|(key, _)| Arc::clone(key)).collect();
        for key in &keys {
            kept.remove(key);
        }
        self.after(kept, keys);
    }

    /// What is published, at most so many, in order; and how many and how many octets there are.
    pub fn list(&self, now: Instant, most: usize) -> (Vec<Shown>, usize, usize) {
        let kept = self.lock();
        let live = |published: &&Published| published.is_live(now);
        let bytes = kept.published.values().filter(live).map(|p| p.bytes).sum();
        let count = kept.published.values().filter(live).count();
        let shown = |(key, published): (&Arc<Key>, &Published)| Shown {
            resource: key.resource.clone(),
            package: key.package.clone(),
            kind: key.accept.clone(),
            owner: published.owner.clone(),
            bytes: published.bytes,
            until: published.until,
        };
        let all = kept.published.iter().filter(|(_, p)| p.is_live(now));
        let mut all: Vec<Shown> = all.map(shown).collect();
        all.sort_by(|a, b| (&a.resource, &a.package).cmp(&(&b.resource, &b.package)));
        all.truncate(most);
        (all, count, bytes)
    }

    /// How many mailboxes the PBX has told of that are remembered.
    pub fn mailboxes(&self) -> usize {
        self.lock().mailboxes.len()
    }

    /// Whether anything is published.
    pub(crate) fn has_published(&self) -> bool {
        self.published.load(Ordering::Relaxed) > 0
    }

    /// What is published of a key, and until when.
    pub(crate) fn published(
        &self,
        now: Instant,
        key: &Key,
    ) -> Option<(Arc<View>, Option<Instant>)> {
        if !self.has_published() {
            return None;
        }
        let kept = self.lock();
        let published = kept.published.get(key).filter(|p| p.is_live(now))?;
        Some((Arc::clone(&published.view), published.until))
    }

    /// The PBX has told of a mailbox, unasked. Whether it is remembered: a body that is too long is not.
    pub(crate) fn hear(&self, key: &Arc<Key>, kind: &[u8], state: &[u8], body: &[u8]) -> bool {
        if body.is_empty() || body.len() > MOST_MAILBOX || state.len() > MOST_STATE {
            return false;
        }
        let Taken::Full(content) = Content::take(None, kind, body) else {
            return false;
        };
        let mut kept = self.lock();
        kept.stamp = kept.stamp.saturating_add(1);
        let heard = Heard {
            view: Arc::new(View::Active(Some(content))),
            state: state.into(),
            stamp: kept.stamp,
        };
        kept.mailboxes.put(key.resource.clone(), heard);
        self.after(kept, Some(Arc::clone(key)))
    }

    /// What the PBX said last of an AoR's mailbox, unasked.
    pub(crate) fn heard(&self, aor: &Aor) -> Option<Heard> {
        self.lock().mailboxes.peek(aor).cloned()
    }

    /// Whether [`Held::take_changed`] has any.
    pub(crate) fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Acquire)
    }

    /// The keys whose homes are to look again.
    pub(crate) fn take_changed(&self) -> Vec<Arc<Key>> {
        let mut kept = self.lock();
        self.has_changed.store(false, Ordering::Release);
        std::mem::take(&mut kept.changed)
    }

    /// Counts, and notes what has changed. Whether anything has.
    fn after(
        &self,
        mut kept: MutexGuard<'_, Kept>,
        changed: impl IntoIterator<Item = Arc<Key>>,
    ) -> bool {
        let before = kept.changed.len();
        kept.changed.extend(changed);
        self.published
            .store(kept.published.len(), Ordering::Relaxed);
        let has_changed = kept.changed.len() > before;
        if has_changed {
            self.has_changed.store(true, Ordering::Release);
        }
        has_changed
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Forgets one. False if there was none.
    fn remove(&mut self, key: &Arc<Key>) -> bool {
        let Some(gone) = self.published.remove(key) else {
            return false;
        };
        if let Some(share) = self.owners.get_mut(&gone.owner) {
            share.count = share.count.saturating_sub(1);
            share.bytes = share.bytes.saturating_sub(gone.bytes);
            if share.count == 0 {
                self.owners.remove(&gone.owner);
            }
        }
        true
    }

    /// What an owner has with so many octets more, in the place of these; `None`: too much.
    fn share_with(&self, owner: &str, before: Option<usize>, octets: usize) -> Option<Share> {
        let share = self.owners.get(owner).copied().unwrap_or_default();
        let (count, bytes) = before.map_or((0, 0), |bytes| (1, bytes));
        let share = Share {
            count: share.count.saturating_sub(count).saturating_add(1),
            bytes: share.bytes.saturating_sub(bytes).saturating_add(octets),
        };
        (share.count <= MOST_PUBLISHED && share.bytes <= MOST_BYTES).then_some(share)
    }

    /// Forgets one whose time is up.
    fn forget_if_due(&mut self, now: Instant, key: &Arc<Key>) {
        if self.published.get(key).is_some_and(|p| !p.is_live(now)) {
            self.remove(key);
        }
    }

    /// Forgets all whose time is up; who watches them has a timer.
    fn forget_due(&mut self, now: Instant) {
        let due = self.published.iter().filter(|(_, p)| !p.is_live(now));
        let due: Vec<Arc<Key>> = due.map(|(key, _)| Arc::clone(key)).collect();
        for key in due {
            self.remove(&key);
        }
    }
}

impl Published {
    fn is_live(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// A Content-Type's media type, in lower case.
fn media_of(kind: &str) -> Result<Box<str>, Unpublished> {
    let media = kind.split(';').next().unwrap_or_default().trim();
    let is_sound = kind.len() <= MOST_KIND
        && media.contains('/')
        && kind.bytes().all(|octet| matches!(octet, b' '..=b'~'));
    if is_sound {
        Ok(media.to_ascii_lowercase().into())
    } else {
        Err(Unpublished::Malformed("the content type is none"))
    }
}

/// What can be published: what can be shared.
const PACKAGES: [&str; 3] = ["dialog", "presence", "message-summary"];
/// AoRs whose mailboxes are remembered.
const MOST_MAILBOXES: NonZeroUsize = match NonZeroUsize::new(100_000) {
    Some(most) => most,
    None => NonZeroUsize::MIN,
};
/// Octets of a mailbox's summary.
const MOST_MAILBOX: usize = 1_024;
/// Octets of a Subscription-State that is remembered.
const MOST_STATE: usize = 128;
/// Octets of a Content-Type.
const MOST_KIND: usize = 128;
/// Octets of a body that is published.
const MOST_BODY: usize = 16 << 10;
/// States that one publisher may have.
const MOST_PUBLISHED: usize = 10_000;
/// Octets of all of them.
const MOST_BYTES: usize = 8 << 20;
