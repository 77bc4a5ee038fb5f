//! Watchers whose subscription ends here, on the board beside those that are relayed.

use super::board::Board;
use super::state::{Cause, Standing, State};
use super::table::Entry;
use crate::share::Watcher;
use crate::time::Instant;
use std::time::Duration;

impl Board {
    /// A watcher whose subscription ends here stands so; gives its number here.
    pub(crate) fn show(
        &self,
        (shard, now): (u16, Instant),
        watcher: &Watcher,
        standing: Standing,
    ) -> u64 {
        let until = watcher.until.after(GRACE);
        let mut number = watcher.shown.unwrap_or_default();
        self.change(shard, |table| {
            if let Some(entry) = table.live.get(&number).filter(|_| watcher.shown.is_some()) {
                let state = State {
                    standing,
                    until,
                    ..entry.state
                };
                return table.settle(number, Ok(state));
            }
            number = table.insert(Entry::of_watcher(watcher, now, standing, until));
        });
        number
    }

    /// A watcher is gone.
    pub(crate) fn hide(&self, shard: u16, number: u64, cause: Cause) {
        self.change(shard, |table| table.settle(number, Err(cause)));
    }
}

/// For how long a watcher that has expired is known: it is told so first.
const GRACE: Duration = Duration::from_secs(120);
