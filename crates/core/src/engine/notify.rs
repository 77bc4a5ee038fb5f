//! Watchers whose subscription ends here: their NOTIFYs, and what they answer (RFC 6665 4.2.2).

use super::Engine;
use crate::flow::Destination;
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::BranchId;
use crate::share::{End, Next, Notify, View, Way};
use crate::subscription::{Cause, Standing};
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method};
use std::sync::Arc;

impl Engine {
    /// Tells a watcher how it is now.
    pub(super) fn tell_watcher(&mut self, now: Now, number: u64, out: &mut Outbox) {
        let next = match self.shares.watchers.get_mut(&number) {
            Some(watcher) => watcher.changed(),
            None => return,
        };
        if next == Next::Notify && self.notify(now, number, out).is_none() {
            self.watcher_answered(now, number, 503, None, out);
        }
    }

    /// Sends a watcher its NOTIFY. `None`: it cannot be sent now.
    fn notify(&mut self, now: Now, number: u64, out: &mut Outbox) -> Option<()> {
        let key = Arc::clone(&self.shares.watchers.get(&number)?.key);
        let view = self.shares.view(&key);
        let watcher = self.shares.watchers.get_mut(&number)?;
        if let Some(View::Over(why)) = view.as_deref() {
            watcher.end.get_or_insert_with(|| End(why.clone()));
        }
        let left = watcher.until.since(now.instant).as_secs();
        let content = match view.as_deref() {
            Some(View::Active(content)) => content.as_ref(),
            _ => None,
        };
        let is_active = matches!(view.as_deref(), Some(View::Active(_)));
        let state = match &watcher.end {
            Some(End(why)) => format!("terminated{why}"),
            None if is_active => format!("active;expires={left}"),
            None => format!("pending;expires={left}"),
        };
        watcher.dialog.cseq = watcher.dialog.cseq.saturating_add(1);
        watcher.is_flying = true;
        let mut body = Vec::new();
        if let Some(content) = content {
            content.write(&watcher.resource, watcher.version, &mut body);
            watcher.version = watcher.version.wrapping_add(1);
        }
        // Where its device is today.
        let location = &self.shared.location;
        let today = watcher
            .device
            .and_then(|device| location.of_device(now.instant, device));
        let flow = today.map_or(watcher.flow, |binding| binding.flow);
        let flow = self.names.flow_today(flow)?;
        let branch = loops::branch(self.entropy.next_u64(), 0);
        let sent_by = self.names.sent_by(flow.listener)?;
        let notify = Notify {
            way: Way {
                via: (flow.transport, sent_by, &branch),
                at: (flow.transport, sent_by),
            },
            dialog: &watcher.dialog,
            record: &watcher.record,
            event: &watcher.event,
            state: state.as_bytes(),
            body: content.map(|content| (&*content.kind, &*body)),
        };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        notify.write(&mut bytes);
        self.table.count_besides(self.contexts.held());
        let owner = BranchId {
            context: number,
            index: BranchId::WATCHER,
        }
        .owner();
        let to = Destination::Flow {
            flow,
            else_connect: None,
        };
        let (at, method) = (now.instant, Method::Notify);
        let sent = self
            .table
            .create_client(at, method, &branch, &bytes, to, owner, out);
        self.scratch = bytes;
        sent.map(drop)
    }

    /// A watcher has answered its NOTIFY; 408: it has not, 503: it could not be sent.
    pub(crate) fn watcher_answered(
        &mut self,
        now: Now,
        number: u64,
        status: u16,
        response: Option<Message<'_>>,
        out: &mut Outbox,
    ) {
        if status < 200 {
            return;
        }
        let Some(watcher) = self.shares.watchers.get_mut(&number) else {
            return;
        };
        let wait = response.and_then(|r| r.number(HeaderId::RetryAfter).ok().flatten());
        match watcher.answered(status, wait) {
            Next::Rest => {}
            Next::Notify => self.tell_watcher(now, number, out),
            Next::NotifyAfter(wait) => self.shares.again_after(number, now.instant.after(wait)),
            Next::Gone => {
                let cause = match watcher.end {
                    Some(_) => Cause::Terminated,
                    None => Cause::Unwanted,
                };
                self.forget_watcher(number, cause, out);
            }
        }
    }

    /// A watcher has not refreshed: it is told that it is over (4.2.2).
    pub(super) fn watcher_expired(&mut self, now: Now, number: u64, out: &mut Outbox) {
        if let Some(watcher) = self.shares.watchers.get_mut(&number) {
            watcher.end.get_or_insert(End(";reason=timeout".into()));
            self.tell_watcher(now, number, out);
        }
    }

    /// Lets a watcher go.
    pub(super) fn forget_watcher(&mut self, number: u64, cause: Cause, out: &mut Outbox) {
        let Some((watcher, is_last)) = self.shares.remove(number) else {
            return;
        };
        if let Some(shown) = watcher.shown {
            self.shared.subscriptions.hide(self.shard, shown, cause);
        }
        if is_last {
            self.not_wanted(watcher.key, out);
        }
    }

    /// Puts on the board how a watcher stands.
    pub(super) fn show_watcher(&mut self, now: Now, number: u64) {
        let Some(watcher) = self.shares.watchers.get(&number) else {
            return;
        };
        let standing = match self.shares.view(&watcher.key).as_deref() {
            Some(View::Active(_)) => Standing::Active,
            _ => Standing::Pending,
        };
        let board = &self.shared.subscriptions;
        let shown = board.show((self.shard, now.instant), watcher, standing);
        if let Some(watcher) = self.shares.watchers.get_mut(&number) {
            watcher.shown = Some(shown);
        }
    }
}
