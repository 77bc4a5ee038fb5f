//! The store of one plugin: keys with values and token buckets, shared by all workers, bounded.

use crate::config::StoreLimits;
use ahash::RandomState;
use bellhop_core::time::Instant;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Keys and values. Each operation is atomic.
#[derive(Debug)]
pub(crate) struct Kv {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    keys: AtomicUsize,
    bytes: AtomicUsize,
    buckets: AtomicUsize,
}

/// Why an operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KvError {
    Full,
    TooLarge,
    Conflict,
}

#[derive(Debug, Default)]
struct Shard {
    values: HashMap<Box<str>, Value, RandomState>,
    buckets: HashMap<Box<str>, Bucket, RandomState>,
    swept: Instant,
}

#[derive(Debug)]
struct Value {
    data: Vec<u8>,
    until: Option<Instant>,
}

/// Tokens that were there at a time.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
    rate: f64,
    burst: f64,
}

/// When it is, and how much there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) now: Instant,
    pub(crate) limits: StoreLimits,
}

impl Default for Kv {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: Default::default(),
            keys: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            buckets: AtomicUsize::new(0),
        }
    }
}

impl Kv {
    pub(crate) fn get(&self, terms: Terms, key: &str) -> Option<Vec<u8>> {
        let shard = self.shard(key);
        let value = shard.values.get(key)?;
        value.lives(terms.now).then(|| value.data.clone())
    }

    pub(crate) fn set(
        &self,
        terms: Terms,
        key: &str,
        data: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Result<(), KvError> {
        self.update(terms, key, |old| match old {
            Some(_) | None => Ok((data, Some(ttl), ())),
        })
    }

    pub(crate) fn delete(&self, terms: Terms, key: &str) -> bool {
        let mut shard = self.shard(key);
        let Some((key, value)) = shard.values.remove_entry(key) else {
            return false;
        };
        self.forget(&key, &value);
        value.lives(terms.now)
    }

    pub(crate) fn increment(
        &self,
        terms: Terms,
        key: &str,
        by: i64,
        ttl: Option<Duration>,
    ) -> Result<i64, KvError> {
        self.update(terms, key, |old| {
            let Some(old) = old else {
                return Ok((by.to_string().into_bytes(), Some(ttl), by));
            };
            let number = std::str::from_utf8(old)
                .ok()
                .and_then(|text| text.parse::<i64>().ok());
            let sum = number.and_then(|number| number.checked_add(by));
            let sum = sum.ok_or(KvError::Conflict)?;
            Ok((sum.to_string().into_bytes(), None, sum))
        })
    }

    pub(crate) fn compare_and_set(
        &self,
        terms: Terms,
        key: &str,
        expected: Option<&[u8]>,
        data: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Result<(), KvError> {
        self.update(terms, key, |old| {
            if old != expected {
                return Err(KvError::Conflict);
            }
            Ok((data, Some(ttl), ()))
        })
    }

    /// Takes a token. With no room for one more bucket there is always one: what is bounded is our memory.
    pub(crate) fn allow(&self, terms: Terms, key: &str, rate: f64, burst: u32) -> bool {
        if key.len() > LONGEST_KEY || !rate.is_finite() || rate < 0.0 {
            return false;
        }
        let mut shard = self.shard(key);
        if !shard.buckets.contains_key(key) && self.buckets.load(Relaxed) >= terms.limits.keys {
            self.sweep(&mut shard, terms.now);
            if self.buckets.load(Relaxed) >= terms.limits.keys {
                return true;
            }
        }
        let burst = f64::from(burst);
        let bucket = match shard.buckets.entry(key.into()) {
            Entry::Occupied(bucket) => bucket.into_mut(),
            Entry::Vacant(place) => {
                self.buckets.fetch_add(1, Relaxed);
                let full = Bucket {
                    tokens: burst,
                    at: terms.now,
                    rate,
                    burst,
                };
                place.insert(full)
            }
        };
        (bucket.rate, bucket.burst) = (rate, burst);
        bucket.tokens = bucket.tokens_at(terms.now);
        bucket.at = bucket.at.max(terms.now);
        let has_one = bucket.tokens >= 1.0;
        if has_one {
            bucket.tokens -= 1.0;
        }
        has_one
    }

    /// Keys and bytes that are held.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.keys.load(Relaxed), self.bytes.load(Relaxed))
    }

    /// Changes one value. `next` is given the present one and says the new one, its ttl (`None`: as it
    /// was) and what comes of it.
    fn update<R>(
        &self,
        terms: Terms,
        key: &str,
        next: impl FnOnce(Option<&[u8]>) -> Result<(Vec<u8>, Option<Option<Duration>>, R), KvError>,
    ) -> Result<R, KvError> {
        if key.len() > LONGEST_KEY {
            return Err(KvError::TooLarge);
        }
        let mut shard = self.shard(key);
        let old = shard.values.get(key).filter(|value| value.lives(terms.now));
        let (data, ttl, result) = next(old.map(|value| &*value.data))?;
        if data.len() > LONGEST_VALUE {
            return Err(KvError::TooLarge);
        }
        if !self.has_room(terms, &shard, key, data.len()) {
            self.sweep(&mut shard, terms.now);
            if !self.has_room(terms, &shard, key, data.len()) {
                return Err(KvError::Full);
            }
        }
        let until = |ttl: Option<Duration>| ttl.map(|ttl| terms.now.after(ttl));
        let size = data.len();
        match shard.values.entry(key.into()) {
            Entry::Occupied(mut place) => {
                let value = place.get_mut();
                self.bytes.fetch_sub(value.data.len(), Relaxed);
                value.data = data;
                if let Some(ttl) = ttl {
                    value.until = until(ttl);
                }
            }
            Entry::Vacant(place) => {
                self.keys.fetch_add(1, Relaxed);
                self.bytes.fetch_add(key.len(), Relaxed);
                let until = until(ttl.flatten());
                place.insert(Value { data, until });
            }
        }
        self.bytes.fetch_add(size, Relaxed);
        Ok(result)
    }

    fn has_room(&self, terms: Terms, shard: &Shard, key: &str, size: usize) -> bool {
        let old = shard.values.get(key);
        let more_keys = usize::from(old.is_none());
        let freed = old.map_or(0, |value| value.data.len());
        let more = if old.is_none() {
            size.saturating_add(key.len())
        } else {
            size
        };
        let (keys, bytes) = self.size();
        keys.saturating_add(more_keys) <= terms.limits.keys
            && bytes.saturating_add(more).saturating_sub(freed) <= terms.limits.bytes
    }

    /// Forgets what is over, at most once a second: it is a walk.
    fn sweep(&self, shard: &mut Shard, now: Instant) {
        if now.since(shard.swept) < SWEEP_EVERY && shard.swept != Instant::default() {
            return;
        }
        shard.swept = now;
        let over = shard.values.extract_if(|_, value| !value.lives(now));
        over.for_each(|(key, value)| self.forget(&key, &value));
        let full = |bucket: &Bucket| bucket.tokens_at(now) >= bucket.burst;
        let gone = shard.buckets.extract_if(|_, bucket| full(bucket)).count();
        self.buckets.fetch_sub(gone, Relaxed);
    }

    fn forget(&self, key: &str, value: &Value) {
        self.keys.fetch_sub(1, Relaxed);
        let size = key.len().saturating_add(value.data.len());
        self.bytes.fetch_sub(size, Relaxed);
    }

    #[allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a remainder is below SHARDS"
    )]
    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key);
        let at = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        self.shards[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Value {
    fn lives(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Bucket {
    fn tokens_at(&self, now: Instant) -> f64 {
        (self.tokens + now.since(self.at).as_secs_f64() * self.rate).min(self.burst)
    }
}

const SHARDS: usize = 16;
const LONGEST_KEY: usize = 256;
const LONGEST_VALUE: usize = 64 << 10;
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
