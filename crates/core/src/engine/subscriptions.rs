//! SUBSCRIBEs and NOTIFYs that are relayed, told to the board of subscriptions (RFC 6665).

use super::Engine;
use super::local::Received;
use crate::event::{Decision, Level};
use crate::flow::Flow;
use crate::outbox::Outbox;
use crate::registrar::Device;
use crate::subscription::{Failed, Seat, Told, told};
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method};
use std::time::Duration;

impl Engine {
    /// A request goes on. Whether its answer is to be told, too.
    pub(super) fn watched(
        &self,
        now: Now,
        method: Method<'_>,
        request: Message<'_>,
        received: &Received<'_>,
        out: &mut Outbox,
    ) -> bool {
        let (board, at) = (&self.shared.subscriptions, (self.shard, now.instant));
        let most = self.config.subscriptions.most;
        match method {
            Method::Subscribe => {
                let timer_n = self.config.timers.transaction();
                // One of the PBX's own is not ours to end.
                let is_phone = self.names.upstream_at(&received.flow, None).is_none();
                let is_kept = is_phone && self.config.default_upstream.is_some();
                let flow = is_kept.then_some(received.flow);
                board.asked(at, (timer_n, most), (request, flow));
                true
            }
            Method::Notify => {
                let is_elsewhere = self.is_no_pbx_to_ask(received);
                let seat = || Seat {
                    place: self.place_from(&received.flow),
                    is_chosen: false,
                };
                let is_known = board.notified(at, most, (request, is_elsewhere), seat);
                if is_known && let Some(told) = told(request).filter(Told::is_end) {
                    out.tell(request, received.flow, Level::Debug, 0, || {
                        Decision::Subscription(told.in_words())
                    });
                }
                is_known
            }
            _ => false,
        }
    }

    /// Whether whoever sent this is not the PBX that is asked about what is relayed: another one, or a phone.
    fn is_no_pbx_to_ask(&self, received: &Received<'_>) -> bool {
        match received.peer {
            Some((upstream, _)) => self.config.default_upstream != Some(upstream),
            None => !received.is_trusted(),
        }
    }

    /// The final answer to a request that [`Engine::watched`] was told of, and that came over this flow; `None` in place of
    /// the answer: one of ours, or none at all (408). With it where it is from.
    pub(crate) fn watched_answer(
        &mut self,
        now: Now,
        (request, flow): (Message<'_>, Flow),
        (status, response, seat): (u16, Option<Message<'_>>, Seat),
        out: &mut Outbox,
    ) {
        if request.method() == Some(Method::Notify) {
            return self.notify_answered(now, request, status, out);
        }
        let timer_n = self.config.timers.transaction();
        let at = (self.shard, now.instant);
        let device = match (200..300).contains(&status) {
            true => self.device_of_watcher(now, request, flow),
            false => None,
        };
        let request = (request, (flow, device));
        let board = &self.shared.subscriptions;
        board.answered(at, timer_n, request, (status, response, seat));
    }

    fn device_of_watcher(&self, now: Now, request: Message<'_>, flow: Flow) -> Option<Device> {
        let by = self.who_watches(request.first(HeaderId::From)?.value)?;
        self.shared.location.device_at(now.instant, &by, &flow)
    }

    /// A NOTIFY that was not accepted may have ended its subscription where the phone does not know of it: its connection
    /// was gone, or it was away. Then it is told, as soon as it is there.
    fn notify_answered(&mut self, now: Now, request: Message<'_>, status: u16, out: &mut Outbox) {
        let board = &self.shared.subscriptions;
        match board.notify_answered(self.shard, request, status) {
            Some(Failed::Unheard(shown)) => {
                let _ = self.end_unheard(now, shown, out);
            }
            Some(Failed::Over(thread)) => {
                let _ = self.end_over(now, *thread, None, out);
            }
            Some(Failed::Doubted(shown)) => {
                self.shares.line.join_relayed(shown);
                self.reserve_turn_after(now, SETTLED);
            }
            None => {}
        }
    }
}

/// What a PBX takes to end a subscription, from the answer to its NOTIFY on.
const SETTLED: Duration = Duration::from_secs(1);
