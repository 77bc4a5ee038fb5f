//! A PBX whose answer to a question in a dialog says nothing of the dialog: 200 to each OPTIONS, as Kamailio's presence server,
//! 404, 405, or a challenge. It is asked by what it must look the dialog up for: our subscription is refreshed.

use crate::engine::Engine;
use crate::share::State;
use crate::time::Now;
use bellhop_wire::Message;

impl Engine {
    /// The answer to a question in a dialog of ours. One that has the dialog says 500 for the number, which was used, and one
    /// that has none 481 (RFC 3261 12.2.2); one that is in trouble says nothing yet.
    pub(in crate::engine) fn dialog_left_open(&mut self, now: Now, response: Message<'_>) {
        if matches!(response.status(), None | Some(408 | 481 | 500 | 503)) {
            return;
        }
        let tag = response.from_tag().unwrap_or_default();
        let Some(number) = self.shares.of_dialog(response.call_id(), tag) else {
            return;
        };
        let source = self.shares.sources.get(&number);
        let is_open = source.is_some_and(|source| {
            source.state == State::Held && source.has_told && !source.shards.is_empty()
        });
        if is_open {
            self.shares.wake_source(number, now.instant);
        }
    }
}
