//! The harness's store: one plugin's share, on the harness's clock.

use std::collections::HashMap;

use crate::store::Error;

/// Keys with values and their ends, and token buckets. Times in milliseconds.
#[derive(Default)]
pub(super) struct Store {
    values: HashMap<String, Entry>,
    buckets: HashMap<String, Bucket>,
}

struct Entry {
    value: Vec<u8>,
    ends: Option<u64>,
}

struct Bucket {
    level: f64,
    at: u64,
}

impl Store {
    pub(super) fn get(&self, key: &str, now: u64) -> Option<Vec<u8>> {
        let entry = self.values.get(key)?;
        let alive = entry.ends.is_none_or(|end| now < end);
        alive.then(|| entry.value.clone())
    }

    pub(super) fn set(
        &mut self,
        key: &str,
        value: &[u8],
        ttl: Option<u64>,
        now: u64,
    ) -> Result<(), Error> {
        if key.len() > LONGEST_KEY || value.len() > LONGEST_VALUE {
            return Err(Error::TooLarge);
        }
        let entry = Entry {
            value: value.to_vec(),
            ends: ttl.map(|ttl| now.saturating_add(ttl)),
        };
        self.values.insert(key.to_owned(), entry);
        Ok(())
    }

    pub(super) fn delete(&mut self, key: &str, now: u64) -> bool {
        let there = self.get(key, now).is_some();
        self.values.remove(key);
        there
    }

    pub(super) fn increment(
        &mut self,
        key: &str,
        by: i64,
        ttl: Option<u64>,
        now: u64,
    ) -> Result<i64, Error> {
        let Some(present) = self.get(key, now) else {
            self.set(key, by.to_string().as_bytes(), ttl, now)?;
            return Ok(by);
        };
        let number: Option<i64> = std::str::from_utf8(&present)
            .ok()
            .and_then(|text| text.parse().ok());
        let sum = number.ok_or(Error::Conflict)?.saturating_add(by);
        if let Some(entry) = self.values.get_mut(key) {
            entry.value = sum.to_string().into_bytes();
        }
        Ok(sum)
    }

    pub(super) fn compare_and_set(
        &mut self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
        ttl: Option<u64>,
        now: u64,
    ) -> Result<(), Error> {
        match self.get(key, now).as_deref() == expected {
            true => self.set(key, value, ttl, now),
            false => Err(Error::Conflict),
        }
    }

    pub(super) fn allow(&mut self, key: &str, rate: f64, burst: u32, now: u64) -> bool {
        let full = f64::from(burst);
        let bucket = self.buckets.entry(key.to_owned()).or_insert(Bucket {
            level: full,
            at: now,
        });
        #[allow(clippy::cast_precision_loss, reason = "a span of a test")]
        let elapsed = now.saturating_sub(bucket.at) as f64 / 1000.0;
        bucket.level = (bucket.level + elapsed * rate).min(full);
        bucket.at = now;
        let within = bucket.level >= 1.0;
        if within {
            bucket.level -= 1.0;
        }
        within
    }
}

const LONGEST_KEY: usize = 256;
const LONGEST_VALUE: usize = 64 * 1024;
