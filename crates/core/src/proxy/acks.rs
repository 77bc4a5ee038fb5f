//! Credentials of ours that an INVITE was accepted with: the ACK of its 2xx carries the same (RFC 3261 22.1).

use crate::time::Instant;
use ahash::RandomState;
use bellhop_wire::Message;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// The header lines of the INVITEs of one shard whose ACK may still come.
#[derive(Debug)]
pub(crate) struct Acks {
    live: HashMap<u64, Box<[u8]>, RandomState>,
    /// When each was put there, the oldest in front.
    order: VecDeque<(Instant, u64)>,
    hasher: RandomState,
}

impl Acks {
    pub(crate) fn new(hasher: RandomState) -> Self {
        Self {
            live: HashMap::with_hasher(hasher.clone()),
            order: VecDeque::new(),
            hasher,
        }
    }

    /// An INVITE that went to this upstream with these lines has been answered by `response`.
    pub(super) fn put(
        &mut self,
        now: Instant,
        upstream: usize,
        response: Message<'_>,
        lines: Box<[u8]>,
    ) {
        let is_over = |at: Instant| at.after(LIFE) <= now;
        while let Some((at, key)) = self.order.front().copied()
            && (is_over(at) || self.order.len() >= MOST)
        {
            self.order.pop_front();
            self.live.remove(&key);
        }
        let Some(key) = self.key(upstream, response) else {
            return;
        };
        if self.live.insert(key, lines).is_none() {
            self.order.push_back((now, key));
        }
    }

    /// The lines for an ACK to this upstream, if its INVITE had some.
    pub(super) fn lines(&self, upstream: usize, ack: Message<'_>) -> Option<&[u8]> {
        if self.live.is_empty() {
            return None;
        }
        self.live.get(&self.key(upstream, ack)?).map(Box::as_ref)
    }

    /// What an INVITE, its response and its ACK have in common.
    fn key(&self, upstream: usize, message: Message<'_>) -> Option<u64> {
        let (number, _) = message.cseq().ok()?;
        let (id, tag) = (message.call_id(), message.from_tag()?);
        Some(self.hasher.hash_one((upstream, id, tag, number)))
    }
}

/// As long as a 2xx is sent again (RFC 3261 13.3.1.4).
const LIFE: Duration = Duration::from_secs(32);
/// INVITEs that are remembered in a shard; beyond them the oldest is forgotten.
const MOST: usize = 16_384;
