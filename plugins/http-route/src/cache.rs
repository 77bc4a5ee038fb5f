//! Answers in the store: fresh for a while, and kept longer for when the service is down.

use std::time::Duration;

use bellhop_plugin::{clock, http::Request, log, store};

/// An answer that was kept.
pub(crate) struct Cached {
    fresh_until_ms: u64,
    pub(crate) body: String,
}

impl Cached {
    /// The answer under a key.
    pub(crate) fn read(key: &str) -> Option<Self> {
        let text = store::text(key)?;
        let (until, body) = text.split_once('\n')?;
        Some(Self {
            fresh_until_ms: until.parse().ok()?,
            body: body.to_owned(),
        })
    }

    /// Whether the service need not be asked.
    pub(crate) fn is_fresh(&self) -> bool {
        clock::unix_ms() < self.fresh_until_ms
    }
}

/// Keeps an answer.
pub(crate) fn write(key: &str, body: &str, fresh_s: u32, stale_s: u32) {
    let fresh = u64::from(fresh_s);
    let until = clock::unix_ms().saturating_add(fresh.saturating_mul(1000));
    let ttl = Duration::from_secs(fresh.saturating_add(u64::from(stale_s)));
    if let Err(error) = store::set(key, format!("{until}\n{body}").as_bytes(), Some(ttl)) {
        log::warn(&format!("an answer is not kept: {error:?}"));
    }
}

/// The key of a question: its URL and body; none if that is too long for a key.
pub(crate) fn key(question: &Request) -> Option<String> {
    let body = question
        .body
        .as_deref()
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    let key = format!("{} {body}", question.url);
    (key.len() <= LONGEST_KEY).then_some(key)
}

const LONGEST_KEY: usize = 256;
