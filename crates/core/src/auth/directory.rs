//! Users that are kept elsewhere, in a service or a data base: what was found out about them, and how
//! long that counts.

use super::User;
use crate::{registrar::Aor, time::Instant};
use ahash::RandomState;
use lru::LruCache;
use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long what was found out counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// That there is a user, and what proves it.
    pub present: Duration,
    /// That there is none.
    pub absent: Duration,
    /// How much longer a user counts while the place where users are kept cannot be reached.
    pub grace: Duration,
    /// Names that are remembered; the least recently asked for is forgotten first.
    pub capacity: NonZeroUsize,
}

/// What is known of the users who are kept elsewhere, shared by all shards. It asks nobody: whoever finds
/// nothing here has the name looked up ([`crate::outbox::Outbox::lookups`]) and asks again.
pub struct Directory {
    keeping: Keeping,
    held: Mutex<Held>,
}

/// What is known of a name.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// It is this user's.
    User(Arc<User>),
    /// It is nobody's.
    Nobody,
    /// It must be looked up.
    Unknown,
}

struct Held {
    names: LruCache<Box<[u8]>, Entry, RandomState>,
    /// Names that are nobody's, apart: whoever makes names up forgets no user.
    nobody: LruCache<Box<[u8]>, Instant, RandomState>,
    aors: LruCache<Aor, (), RandomState>,
}

struct Entry {
    user: Arc<User>,
    /// Until when it counts.
    until: Instant,
    /// When it was found out that it counts no longer than that.
    found: Instant,
}

impl Directory {
    /// A directory that knows nobody. The seeds keep anybody from choosing names that collide.
    pub fn new(keeping: Keeping, seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = seeds;
        let hasher = RandomState::with_seeds(a, b, c, d);
        Self {
            keeping,
            held: Mutex::new(Held {
                names: LruCache::with_hasher(keeping.capacity, hasher.clone()),
                nobody: LruCache::with_hasher(keeping.capacity.min(NOBODIES), hasher.clone()),
                aors: LruCache::with_hasher(keeping.capacity, hasher),
            }),
        }
    }

    /// What is known of a name.
    pub(super) fn find(&self, now: Instant, name: &[u8]) -> Found {
        let mut held = self.held();
        if let Some(entry) = held.names.get(name) {
            return match entry.until > now {
                true => Found::User(Arc::clone(&entry.user)),
                false => Found::Unknown,
            };
        }
        match held.nobody.get(name) {
            Some(until) if *until > now => Found::Nobody,
            _ => Found::Unknown,
        }
    }

    /// A name has been looked up: it is this user's, or nobody's.
    pub(crate) fn learn(&self, now: Instant, name: &[u8], user: Option<User>) {
        self.put(now, name, user, self.keeping.present);
    }

    /// A name has been looked up: it is this user's for so long, but no longer than usual.
    pub(super) fn learn_for(&self, now: Instant, name: &[u8], user: User, time: Duration) {
        self.put(now, name, Some(user), time.min(self.keeping.present));
    }

    fn put(&self, now: Instant, name: &[u8], user: Option<User>, time: Duration) {
        let mut held = self.held();
        let former = held.names.pop(name);
        for aor in former.iter().flat_map(|entry| &entry.user.aors) {
            held.aors.pop(aor);
        }
        let Some(user) = user else {
            held.nobody.put(name.into(), now.after(self.keeping.absent));
            return;
        };
        for aor in &user.aors {
            held.aors.put(aor.clone(), ());
        }
        held.nobody.pop(name);
        let entry = Entry {
            user: Arc::new(user),
            until: now.after(time),
            found: now,
        };
        held.names.put(name.into(), entry);
    }

    /// A name could not be looked up: what was known of it, if it was a user's, counts a moment longer, as
    /// long as the grace lasts. Whether there is anything to go on with.
    pub(crate) fn make_do(&self, now: Instant, name: &[u8]) -> bool {
        let Keeping { present, grace, .. } = self.keeping;
        let mut held = self.held();
        let Some(entry) = held.names.get_mut(name) else {
            return false;
        };
        let end = entry.found.after(present).after(grace);
        let is_good = end > now;
        if is_good {
            entry.until = now.after(AGAIN).min(end);
        }
        is_good
    }

    /// Whether an AoR is one of a user's who has been looked up.
    pub(super) fn owns(&self, aor: &Aor) -> bool {
        self.held().aors.contains(aor)
    }

    /// How many names are remembered.
    pub fn len(&self) -> usize {
        let held = self.held();
        held.names.len().saturating_add(held.nobody.len())
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("keeping", &self.keeping)
            .finish_non_exhaustive()
    }
}

/// Names of nobody that are remembered at most.
const NOBODIES: NonZeroUsize = match NonZeroUsize::new(10_000) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};
/// How long a user counts before the next attempt to look it up, when the last one failed.
const AGAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Ha1;

    const NOW: Instant = Instant::from_micros(1_000_000);

    fn directory(capacity: usize) -> Directory {
        let keeping = Keeping {
            present: Duration::from_secs(300),
            absent: Duration::from_secs(30),
            grace: Duration::from_secs(3600),
            capacity: NonZeroUsize::new(capacity).unwrap(),
        };
        Directory::new(keeping, [1, 2, 3, 4])
    }

    fn alice() -> User {
        let aor = Aor::parse_text("sip:alice@example.org").unwrap();
        User::with_ha1("alice", Ha1::default(), vec![aor])
    }

    fn after(seconds: u64) -> Instant {
        NOW.after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_name_that_was_never_looked_up_is_unknown() {
        assert!(matches!(directory(8).find(NOW, b"alice"), Found::Unknown));
    }

    #[test]
    fn a_user_counts_until_the_time_is_up() {
        let directory = directory(8);
        directory.learn(NOW, b"alice", Some(alice()));
        assert!(
            matches!(directory.find(after(299), b"alice"), Found::User(user) if user.name == "alice")
        );
        assert!(matches!(
            directory.find(after(300), b"alice"),
            Found::Unknown
        ));
    }

    #[test]
    fn that_a_name_is_nobodys_counts_for_a_shorter_time() {
        let directory = directory(8);
        directory.learn(NOW, b"mallory", None);
        assert!(matches!(
            directory.find(after(29), b"mallory"),
            Found::Nobody
        ));
        assert!(matches!(
            directory.find(after(30), b"mallory"),
            Found::Unknown
        ));
    }

    #[test]
    fn a_user_goes_on_while_the_place_cannot_be_reached_until_the_grace_ends() {
        let directory = directory(8);
        directory.learn(NOW, b"alice", Some(alice()));
        assert!(directory.make_do(after(400), b"alice"));
        assert!(matches!(
            directory.find(after(409), b"alice"),
            Found::User(_)
        ));
        assert!(matches!(
            directory.find(after(410), b"alice"),
            Found::Unknown
        ));
        assert!(!directory.make_do(after(3900), b"alice"));
    }

    #[test]
    fn a_name_that_was_nobodys_gets_no_grace() {
        let directory = directory(8);
        directory.learn(NOW, b"mallory", None);
        assert!(!directory.make_do(after(31), b"mallory"));
        assert!(!directory.make_do(after(31), b"carol"));
    }

    #[test]
    fn the_aors_of_who_was_looked_up_are_known() {
        let directory = directory(8);
        let aor = Aor::parse_text("sip:alice@example.org").unwrap();
        assert!(!directory.owns(&aor));
        directory.learn(NOW, b"alice", Some(alice()));
        assert!(directory.owns(&aor));
    }

    #[test]
    fn names_that_strangers_make_up_forget_no_user() {
        let directory = directory(2);
        directory.learn(NOW, b"alice", Some(alice()));
        for name in [b"a", b"b", b"c"] {
            directory.learn(NOW, name, None);
        }
        assert!(matches!(directory.find(NOW, b"alice"), Found::User(_)));
    }

    #[test]
    fn a_user_who_is_gone_owns_nothing_any_more() {
        let directory = directory(8);
        directory.learn(NOW, b"alice", Some(alice()));
        directory.learn(after(300), b"alice", None);
        assert!(matches!(
            directory.find(after(301), b"alice"),
            Found::Nobody
        ));
        assert!(!directory.owns(&alice().aors[0]));
    }

    #[test]
    fn only_so_many_names_are_remembered() {
        let directory = directory(2);
        for name in [b"a", b"b", b"c"] {
            directory.learn(NOW, name, None);
        }
        assert_eq!(directory.len(), 2);
        assert!(matches!(directory.find(NOW, b"a"), Found::Unknown));
    }
}
