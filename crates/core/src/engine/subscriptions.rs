//! SUBSCRIBEs and NOTIFYs that are relayed, told to the board of subscriptions (RFC 6665).

use super::Engine;
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::subscription::{Told, told};
use crate::time::Now;
use bellhop_wire::{Message, Method};

impl Engine {
    /// A request goes on. Whether its answer is to be told, too.
    pub(super) fn watched(
        &self,
        now: Now,
        method: Method<'_>,
        request: Message<'_>,
        flow: Flow,
        out: &mut Outbox,
    ) -> bool {
        let (board, at) = (&self.shared.subscriptions, (self.shard, now.instant));
        let most = self.config.subscriptions.most;
        match method {
            Method::Subscribe => {
                let timer_n = self.config.timers.transaction();
                // One of the PBX's own is not ours to end.
                let is_phone = self.names.upstream_at(&flow, None).is_none();
                let is_kept = is_phone && self.config.default_upstream.is_some();
                let flow = is_kept.then_some(flow);
                board.asked(at, (timer_n, most), (request, flow));
                true
            }
            Method::Notify => {
                let is_known = board.notified(at, most, request);
                if is_known && let Some(told) = told(request).filter(Told::is_end) {
                    out.tell(request, flow, Level::Debug, 0, || {
                        Decision::Subscription(told.in_words())
                    });
                }
                is_known
            }
            _ => false,
        }
    }

    /// The final answer to a request that [`Engine::watched`] was told of; `None` in place of the answer: one of
    /// ours, or none at all (408).
    pub(crate) fn watched_answer(
        &self,
        now: Now,
        request: Message<'_>,
        (status, response): (u16, Option<Message<'_>>),
    ) {
        let board = &self.shared.subscriptions;
        if request.method() == Some(Method::Notify) {
            return board.notify_answered(self.shard, request, status);
        }
        let timer_n = self.config.timers.transaction();
        let at = (self.shard, now.instant);
        board.answered(at, timer_n, request, (status, response));
    }
}
