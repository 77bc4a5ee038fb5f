//! NOTIFYs that are relayed, and how they are answered (RFC 6665 4.2.2).

use super::board::Board;
use super::find::{Found, find_notified};
use super::places::Seat;
use super::read::{Told, told};
use super::saved::SLACK;
use super::state::Standing;
use super::table::Entry;
use super::thread::Thread;
use crate::time::Instant;
use bellhop_wire::Message;

/// What is to be done for a NOTIFY that was not accepted.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Nobody has answered: its notifier ends the subscription (4.2.2), and its subscriber does not know. It is known until its
    /// device has registered again.
    Unheard(u64),
    /// As [`Failed::Unheard`], of one whose device nobody knows: it is over.
    Over(Box<Thread>),
    /// Its notifier may have ended it, and may not have (4.2.2 says neither).
    Doubted(u64),
}

impl Board {
    /// A NOTIFY goes on; from elsewhere than the PBX that may be asked about it, or not; `seat` knows from where. Whether it is of
    /// a subscription that is known.
    pub(crate) fn notified(
        &self,
        (shard, now): (u16, Instant),
        most: usize,
        (request, is_elsewhere): (Message<'_>, bool),
        seat: impl FnOnce() -> Seat,
    ) -> bool {
        let told = told(request).unwrap_or(Told::UNSAID);
        let (Ok((cseq, _)), Some(notifier)) = (request.cseq(), request.from_tag()) else {
            return false;
        };
        let mut is_known = false;
        // What the PBX has told of nobody else may.
        let is_foreign =
            |entry: &Entry| is_elsewhere && entry.thread.is_some() && entry.state.has_told();
        self.change(shard, |table| {
            table.notes.clock = now;
            let number = match find_notified(table, request) {
                Found::This(number) => number,
                // Another fork of the same SUBSCRIBE (4.1.4, 4.4.1): a subscription of its own.
                Found::Sibling(number) => {
                    let is_full = self.is_full(table, most, request.call_id());
                    if table.live.get(&number).is_some_and(is_foreign) {
                        return;
                    }
                    let Some(sibling) = table.live.get(&number).filter(|_| !is_full) else {
                        table.tally.untracked = table.tally.untracked.saturating_add(1);
                        return;
                    };
                    let mut entry = sibling.clone();
                    entry.thread = entry.thread.map(Thread::beside);
                    entry.notifier_tag = Some(notifier.into());
                    entry.state.standing = Standing::Waiting;
                    entry.state.is_ending = false;
                    entry.state.cseq.1 = 0;
                    table.insert(entry);
                    match find_notified(table, request) {
                        Found::This(number) => number,
                        _ => return,
                    }
                }
                Found::Nothing => return,
            };
            let entry = table.live.get_mut(&number);
            let Some(entry) = entry.filter(|entry| !is_foreign(entry)) else {
                return;
            };
            is_known = true;
            entry.notifier_tag.get_or_insert_with(|| notifier.into());
            let step = entry.state.notified(now, told, entry.granted, cseq);
            let thread = entry.thread.as_ref();
            let is_anywhere = thread.is_some_and(|thread| thread.seat.place.is_none());
            if is_elsewhere {
                table.unthread(number);
            }
            table.settle(number, step);
            if is_anywhere {
                table.is_seated(number, seat());
            }
            table.note(number, SLACK);
        });
        is_known
    }

    /// The final answer to a NOTIFY goes back; 408: there was none.
    pub(crate) fn notify_answered(
        &self,
        shard: u16,
        request: Message<'_>,
        status: u16,
    ) -> Option<Failed> {
        if (200..300).contains(&status) {
            return None;
        }
        let mut failed = None;
        self.change(shard, |table| {
            let Found::This(number) = find_notified(table, request) else {
                return;
            };
            let Some(entry) = table.live.get(&number) else {
                return;
            };
            // It is being told of its end, and is known until it has been.
            if status == 408 && entry.is_cut() {
                return;
            }
            let step = entry.state.notify_failed(status);
            failed = match (status, step.is_ok()) {
                // The phone wants credentials, and the PBX may have them.
                (401 | 407, _) => None,
                (408, _) => match table.spoken(number) {
                    Some(thread) if thread.device.is_some() => Some(Failed::Unheard(number)),
                    thread => thread.map(Box::new).map(Failed::Over),
                },
                (_, true) => Some(Failed::Doubted(number)),
                (_, false) => None,
            };
            if matches!(failed, Some(Failed::Unheard(_))) {
                return;
            }
            table.settle(number, step);
        });
        failed
    }
}
