//! What of this outlives the program: how each key stands is read when it is written, and put back at the start.

use super::{Heard, Held, Published};
use crate::share::{Content, Key, Taken, View, mailbox_key};
use crate::time::{Instant, Now};
use std::sync::Arc;
use std::time::Duration;

/// Content-Type, and body.
type Body = (Box<[u8]>, Box<[u8]>);

/// All that is kept of one key, as it outlives the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedHeld {
    /// What the PBX said last of this mailbox, unasked.
    pub mailbox: Option<SavedMailbox>,
    /// What is published in its place.
    pub published: Option<SavedPublished>,
}

/// What the PBX said of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMailbox {
    /// Its Subscription-State.
    pub state: Box<[u8]>,
    /// Content-Type, and body.
    pub body: Body,
}

/// What somebody has published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPublished {
    /// Who.
    pub owner: Box<str>,
    /// Content-Type, and body.
    pub body: Body,
    /// Until when, since the Unix epoch; `None`: until it is changed.
    pub until: Option<Duration>,
}

impl Held {
    /// How a key stands; `None`: nothing is kept of it.
    pub fn saved(&self, now: Now, key: &Key) -> Option<SavedHeld> {
        let kept = self.lock();
        let heard = kept.mailboxes.peek(&key.resource);
        let heard = heard.filter(|_| *key == mailbox_key(&key.resource));
        let mailbox = heard.and_then(|heard| {
            Some(SavedMailbox {
                state: heard.state.clone(),
                body: body_of(&heard.view, key, now.instant)?,
            })
        });
        let published = kept.published.get(key).filter(|p| p.is_live(now.instant));
        let published = published.and_then(|published| {
            let end = |until: Instant| now.unix.saturating_add(until.since(now.instant));
            Some(SavedPublished {
                owner: published.owner.clone(),
                body: body_of(&published.view, key, now.instant)?,
                until: published.until.map(end),
            })
        });
        let saved = SavedHeld { mailbox, published };
        (saved != SavedHeld::default()).then_some(saved)
    }

    /// All keys of which something is kept.
    pub fn keys(&self) -> Vec<Arc<Key>> {
        let kept = self.lock();
        let mailboxes = kept.mailboxes.iter().map(|(aor, _)| mailbox_key(aor));
        let mut keys: Vec<Arc<Key>> = mailboxes.map(Arc::new).collect();
        let is_else = |key: &&Arc<Key>| {
            ***key != mailbox_key(&key.resource) || !kept.mailboxes.contains(&key.resource)
        };
        keys.extend(kept.published.keys().filter(is_else).cloned());
        keys
    }

    /// Puts back what was kept of a key. False if nothing of it can be.
    pub fn put_back(&self, now: Now, key: Key, saved: SavedHeld) -> bool {
        let mut kept = self.lock();
        let mut is_any = false;
        if let Some(SavedMailbox { state, body }) = saved.mailbox
            && let Some(view) = view_of(&body)
        {
            kept.stamp = kept.stamp.saturating_add(1);
            let heard = Heard {
                view,
                state,
                stamp: kept.stamp,
            };
            kept.mailboxes.put(key.resource.clone(), heard);
            is_any = true;
        }
        if let Some(SavedPublished { owner, body, until }) = saved.published
            && until.is_none_or(|until| until > now.unix)
            && !kept.published.contains_key(&key)
            && let Some(view) = view_of(&body)
            && let Some(share) = kept.share_with(&owner, None, body.1.len())
        {
            kept.owners.insert(owner.clone(), share);
            let published = Published {
                owner,
                view,
                bytes: body.1.len(),
                until: until.map(|until| now.instant.after(until.saturating_sub(now.unix))),
            };
            kept.published.insert(Arc::new(key), published);
            is_any = true;
        }
        let _ = self.after(kept, None);
        is_any
    }

    /// Takes back what was published by anybody who is none of these any more.
    pub fn keep_owners(&self, is_one: impl Fn(&str) -> bool) {
        let kept = self.lock();
        let gone = kept.owners.keys().filter(|owner| !is_one(owner));
        let gone: Vec<Box<str>> = gone.cloned().collect();
        drop(kept);
        for owner in gone {
            self.forget_owner(&owner);
        }
    }
}

/// Content-Type and body, the resource by its own name.
fn body_of(view: &View, key: &Key, now: Instant) -> Option<Body> {
    let View::Active(Some(content)) = view else {
        return None;
    };
    let resource = ["sip:", key.resource.as_str()].concat();
    let mut body = Vec::new();
    content.write(resource.as_bytes(), 0, now, &mut body);
    Some((content.kind.clone(), body.into()))
}

fn view_of((kind, body): &Body) -> Option<Arc<View>> {
    match Content::take(None, kind, body) {
        Taken::Full(content) => Some(Arc::new(View::Active(Some(content)))),
        Taken::Old | Taken::Gap | Taken::Bad => None,
    }
}
