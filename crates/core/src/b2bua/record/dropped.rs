//! INVITEs that were dropped of late: who hears nothing sends his again (RFC 3261 17.1.1.2), and is told of once.

use crate::time::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// The last of them, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    seen: VecDeque<(u64, Instant)>,
}

impl Dropped {
    /// Notes one, which `hash` stands for; whether it has not been noted for so long.
    pub(super) fn is_first(&mut self, hash: u64, now: Instant, for_long: Duration) -> bool {
        while self.seen.len() >= MOST
            || (self.seen.front()).is_some_and(|(_, at)| now.since(*at) > for_long)
        {
            self.seen.pop_front();
        }
        let known = self.seen.iter().position(|(known, _)| *known == hash);
        if let Some(at) = known {
            self.seen.remove(at);
        }
        self.seen.push_back((hash, now));
        known.is_none()
    }
}

/// Of more the oldest is forgotten; a copy of that is told of again.
const MOST: usize = 1_024;
