//! Our own answers to a PBX's challenges (RFC 3261 22.2, 22.3): one login's nonces are used by all
//! shards, with a count that rises (RFC 7616 3.4), so that only the first request is challenged.
//!
//! Whom an answer may be given to is the caller's to check: a challenge is answered only if it came over
//! a request that we sent to an address which the configuration names as this upstream's.

mod challenge;
mod login;
#[cfg(test)]
mod tests;

pub use login::Login;

use super::{Role, client::Answer};
use crate::{entropy::Entropy, hex};
use ahash::RandomState;
use bellhop_wire::{HeaderId, Message, view::auth::AuthInfo};
use challenge::{All, Known, MOST};
use lru::LruCache;
use smallvec::SmallVec;
use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The nonces in use at upstreams, by login and upstream. Shared by all shards and by whatever else
/// speaks to a PBX in a user's name. Of those that do not fit the ones go that were not used longest: the
/// next request of that login is challenged again.
pub struct UpstreamAuth {
    stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
    each: usize,
}

type Stripe = LruCache<Box<[u8]>, All, RandomState>;

/// A login and the name of the upstream it is used at.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The login.
    pub login: &'a Login,
    /// The upstream's name in the configuration.
    pub upstream: &'a str,
}

/// The request that is to carry credentials, as the PBX will see it.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The method.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

/// Header lines with credentials, one for each realm.
pub type Lines = SmallVec<[Line; 1]>;

/// One header line with credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Says which header it is: [`Role::credentials`].
    pub role: Role,
    /// Its value.
    pub value: String,
}

/// The answer to a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What the request is to carry now.
    pub lines: Lines,
    /// The PBX said that only the nonce was too old (RFC 7616 3.3).
    pub is_stale: bool,
}

impl Default for UpstreamAuth {
    fn default() -> Self {
        Self::new(Self::DEFAULT_CAPACITY)
    }
}

impl UpstreamAuth {
    /// Enough for 100,000 users, at about 300 bytes each.
    pub const DEFAULT_CAPACITY: usize = 1 << 17;

    /// Without any nonce yet; for at most about `capacity` logins (rounded up to a multiple of 16).
    pub fn new(capacity: usize) -> Self {
        // Names are the configuration's: nobody outside can choose them to collide.
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        let stripe = || Mutex::new(LruCache::unbounded_with_hasher(hasher.clone()));
        Self {
            stripes: (0..STRIPES).map(|_| stripe()).collect(),
            each: capacity.div_ceil(STRIPES).max(1),
            hasher,
        }
    }

    /// Answers the challenges in a 401 or 407. `None`: there is none that this login can answer. Whether
    /// to try at all is the caller's to say: see [`Tries`].
    pub fn answer(
        &self,
        at: At<'_>,
        response: Message<'_>,
        asking: Asking<'_>,
        entropy: &mut dyn Entropy,
    ) -> Option<Answered> {
        let is_stale = self.challenged(at, response)?;
        let lines = self.preempt(at, asking, entropy);
        (!lines.is_empty()).then_some(Answered { lines, is_stale })
    }

    /// Keeps the challenges in a 401 or 407 for [`UpstreamAuth::preempt`]. `None`: there is none that this
    /// login can answer; else whether the PBX says that only the nonce was too old (RFC 7616 3.3).
    pub fn challenged(&self, at: At<'_>, response: Message<'_>) -> Option<bool> {
        let (new, is_stale) = Known::of(response, at.login);
        self.keep(&key(at), new)?;
        Some(is_stale)
    }

    /// Credentials for a request that was not challenged yet, over the nonces of the last challenges
    /// (RFC 3261 22.2, 22.3). None if nothing is known.
    pub fn preempt(&self, at: At<'_>, asking: Asking<'_>, entropy: &mut dyn Entropy) -> Lines {
        let key = key(at);
        let known = {
            let Some(mut stripe) = self.stripe(&key) else {
                return Lines::new();
            };
            let Some(known) = stripe.get_mut(&key) else {
                return Lines::new();
            };
            // A count that has no higher one left is never used twice.
            known.retain(|known| known.count < u32::MAX);
            for known in known.iter_mut() {
                known.count = known.count.saturating_add(1);
            }
            known.clone()
        };
        lines(at, &known, asking, entropy)
    }

    /// As [`UpstreamAuth::preempt`], as header lines behind those that are there.
    pub(crate) fn put(
        &self,
        at: At<'_>,
        asking: Asking<'_>,
        entropy: &mut dyn Entropy,
        out: &mut Vec<u8>,
    ) {
        for line in self.preempt(at, asking, entropy) {
            out.extend_from_slice(line.role.credentials().name().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(line.value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Takes the next nonce from a response that names one (RFC 7616 3.5).
    pub fn learn(&self, at: At<'_>, response: Message<'_>) {
        let of_server = response.fields(HeaderId::AuthenticationInfo);
        let of_proxy = response.named("Proxy-Authentication-Info");
        let next = of_server
            .map(|field| (Role::Registrar, field))
            .chain(of_proxy.map(|field| (Role::Proxy, field)))
            .find_map(|(role, field)| {
                let next = AuthInfo::parse(field.value).ok()?.nextnonce?;
                let next = std::str::from_utf8(next).ok()?;
                let is_fit = !next.is_empty() && next.len() <= 512;
                is_fit.then_some((role, next))
            });
        let Some((role, next)) = next else {
            return;
        };
        let key = key(at);
        let Some(mut stripe) = self.stripe(&key) else {
            return;
        };
        let known = stripe.get_mut(&key).into_iter().flatten();
        for known in known.filter(|known| known.role == role && *known.nonce != *next) {
            known.nonce = next.into();
            known.count = 0;
        }
    }

    /// Forgets the nonces of a login whose credentials were refused.
    pub fn forget(&self, at: At<'_>) {
        let key = key(at);
        if let Some(mut stripe) = self.stripe(&key) {
            stripe.pop(&key);
        }
    }

    /// How many logins have nonces in use.
    pub fn len(&self) -> usize {
        let len = |stripe: &Mutex<Stripe>| {
            let stripe = stripe.lock().unwrap_or_else(PoisonError::into_inner);
            stripe.len()
        };
        self.stripes.iter().map(len).sum()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts new challenges in the place of those before; `None` if there are none. A nonce that is known
    /// goes on counting.
    fn keep(&self, key: &[u8], mut new: All) -> Option<()> {
        if new.is_empty() {
            return None;
        }
        let mut stripe = self.stripe(key)?;
        for old in stripe.pop(key).into_iter().flatten() {
            let is_full = new.len() >= MOST;
            match new.iter_mut().find(|new| new.is_of(old.role, &old.realm)) {
                Some(new) if new.nonce == old.nonce => new.count = old.count,
                Some(_) => {}
                None if is_full => {}
                None => new.push(old),
            }
        }
        stripe.push(key.into(), new);
        while stripe.len() > self.each {
            stripe.pop_lru();
        }
        Some(())
    }

    fn stripe(&self, key: &[u8]) -> Option<MutexGuard<'_, Stripe>> {
        let place = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0);
        let stripe = self.stripes.get(place % STRIPES)?;
        Some(stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How often a request was challenged and answered: once, and once more if the PBX says that the nonce
/// has become too old meanwhile. There is no third time, whatever it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries(u8);

impl Tries {
    /// Whether to answer once more, which counts.
    pub fn again(&mut self, is_stale: bool) -> bool {
        let may = self.0 == 0 || (self.0 == 1 && is_stale);
        self.0 = self.0.saturating_add(u8::from(may));
        may
    }

    /// Whether a challenge was answered.
    pub const fn has_answered(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Debug for UpstreamAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamAuth")
            .field("logins", &self.len())
            .finish_non_exhaustive()
    }
}

fn lines(at: At<'_>, known: &[Known], asking: Asking<'_>, entropy: &mut dyn Entropy) -> Lines {
    let line = |known: &Known| {
        let cnonce = hex::of_u64(entropy.next_u64());
        let answer = Answer {
            algorithm: known.algorithm,
            method: asking.method,
            uri: std::str::from_utf8(asking.uri).ok()?,
            nonce: &known.nonce,
            opaque: known.opaque.as_deref(),
            qop: known.qop.over(asking.body),
            count: known.count,
            cnonce: std::str::from_utf8(&cnonce).ok()?,
        };
        let ha1 = at.login.ha1(&known.realm)?;
        let value = answer.credentials(&ha1, &at.login.username, &known.realm)?;
        let role = known.role;
        Some(Line { role, value })
    };
    known.iter().filter_map(line).collect()
}

/// Two logins of one name at one upstream are one account.
fn key(at: At<'_>) -> Box<[u8]> {
    let (user, upstream) = (at.login.username.as_bytes(), at.upstream.as_bytes());
    [user, b"\0", upstream].concat().into()
}

const STRIPES: usize = 16;
