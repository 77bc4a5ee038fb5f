//! Watchers whose subscription ends here: their NOTIFYs, and what they answer (RFC 6665 4.2.2).

use super::Engine;
use crate::flow::{Destination, Flow};
use crate::loops;
use crate::outbox::Outbox;
use crate::proxy::BranchId;
use crate::registrar::Binding;
use crate::routing::port_without_nat;
use crate::share::{End, Next, Notify, View, Way};
use crate::subscription::{Cause, Standing};
use crate::time::Now;
use bellhop_wire::{HeaderId, Message, Method};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// Tells a watcher how it is now.
    pub(super) fn tell_watcher(&mut self, now: Now, number: u64, out: &mut Outbox) {
        if !self.shares.has_news(number) {
            return;
        }
        let next = match self.shares.watchers.get_mut(&number) {
            Some(watcher) => watcher.changed(),
            None => return,
        };
        let Some(way) = self.way_to(now, number).filter(|_| next == Next::Notify) else {
            return;
        };
        if self.is_out_of_reach(now, number, way, out) || self.must_rise_first(now, number, out) {
            return;
        }
        if self.notify(now, number, way, out).is_some() {
            return;
        }
        if !self.table.is_full() {
            return self.watcher_answered(now, number, 503, None, out);
        }
        // That we have no room is no watcher's fault.
        if let Some(watcher) = self.shares.watchers.get_mut(&number) {
            watcher.is_flying = false;
        }
        self.shares.again_after(number, now.instant.after(FULL));
    }

    /// What the PBX says has changed for a watcher. One that comes from the disk knows how it was: it is told when
    /// that is known again, in its turn.
    pub(super) fn news_for(
        &mut self,
        now: Now,
        number: u64,
        (view, is_news): (&View, bool),
        out: &mut Outbox,
    ) {
        // One that ends and is being told so, or will be next, hears nothing after that (RFC 6665 4.2.2).
        let watcher = self.shares.watchers.get(&number);
        let watcher = watcher.filter(|watcher| watcher.end.is_none() || !watcher.is_flying);
        match watcher.map(|watcher| watcher.keep.is_restored) {
            Some(true) if *view == View::Pending => {}
            // Of a list all is to be known.
            Some(true) if self.shares.is_partly_known(number).0 => {}
            // What is no news for others may be some for one that was told before the program was restarted.
            Some(true) if is_news || *view == View::Undecided => {
                self.shares.in_turn(now.instant, number);
            }
            Some(false) if is_news => self.tell_watcher(now, number, out),
            _ => {}
        }
    }

    /// The flow to a watcher today, and the port at which it takes a new connection: where its device is.
    fn way_to(&self, now: Now, number: u64) -> Option<(Flow, Option<u16>)> {
        let watcher = self.shares.watchers.get(&number)?;
        let location = &self.shared.location;
        let device = watcher.device;
        let today = device.and_then(|device| location.of_device(now.instant, device));
        let of_binding = |binding: Arc<Binding>| (binding.flow, port_without_nat(&binding));
        Some(today.map_or((watcher.flow, None), of_binding))
    }

    /// Whether a watcher's connection is gone: then it is told when its device has registered over another.
    fn is_out_of_reach(
        &mut self,
        now: Now,
        number: u64,
        (flow, port): (Flow, Option<u16>),
        out: &mut Outbox,
    ) -> bool {
        let is_gone = flow.connection.is_none() && flow.transport.is_reliable() && port.is_none();
        let watcher = self.shares.watchers.get(&number);
        let was_lost = watcher.is_some_and(|watcher| watcher.keep.lost == Some(flow));
        let is_lost = is_gone || (was_lost && !self.has_registered_since(now, number));
        if is_lost {
            self.await_way(now, number, flow, out);
        }
        is_lost
    }

    /// Whether the device of a watcher that did not answer has registered since: over the same flow, maybe.
    fn has_registered_since(&self, now: Now, number: u64) -> bool {
        let since = || {
            let watcher = self.shares.watchers.get(&number)?;
            let unheard = watcher.keep.unheard?;
            let binding = self
                .shared
                .location
                .of_device(now.instant, watcher.device?)?;
            Some(binding.updated > unheard)
        };
        since() == Some(true)
    }

    fn await_way(&mut self, now: Now, number: u64, flow: Flow, out: &mut Outbox) {
        if let Some(watcher) = self.shares.watchers.get_mut(&number) {
            // Nobody would know it again.
            if watcher.end.is_some() && watcher.device.is_none() {
                return self.forget_watcher(number, Cause::Unwanted, out);
            }
            let wait = watcher.keep.lose(flow);
            self.shares.tell_all(number);
            self.shares.again_after(number, now.instant.after(wait));
        }
    }

    /// Sends a watcher its NOTIFY. `None`: it cannot be sent now.
    fn notify(
        &mut self,
        now: Now,
        number: u64,
        (flow, else_connect): (Flow, Option<u16>),
        out: &mut Outbox,
    ) -> Option<()> {
        let watcher = self.shares.watchers.get_mut(&number)?;
        watcher.is_behind = false;
        let key = Arc::clone(&watcher.key);
        let view = self.shares.view(&key);
        let mut body = Vec::new();
        let list = self.write_list(now, number, &mut body);
        let watcher = self.shares.watchers.get_mut(&number)?;
        if let Some(View::Over(why)) = view.as_deref() {
            watcher.over(why);
        }
        let left = watcher.until.since(now.instant).as_secs();
        let content = match view.as_deref() {
            Some(View::Active(content)) => content.as_ref(),
            _ => None,
        };
        // One that comes from the disk was told before.
        let is_known = list.is_some() || !matches!(view.as_deref(), None | Some(View::Pending));
        let is_undecided = list.is_none() && view.as_deref() == Some(&View::Undecided);
        let is_active = (is_known || watcher.keep.is_restored) && !is_undecided;
        watcher.keep.is_restored &= !is_known;
        watcher.keep.lost = None;
        let state = match &watcher.end {
            Some(End(why)) => format!("terminated{why}"),
            None if is_active => format!("active;expires={left}"),
            None => format!("pending;expires={left}"),
        };
        watcher.dialog.cseq = watcher.dialog.cseq.saturating_add(1);
        watcher.is_flying = true;
        if let Some(content) = content {
            let (resource, version) = (&watcher.resource, watcher.version);
            content.write(resource, version, now.instant, &mut body);
            watcher.version = watcher.version.wrapping_add(1);
        }
        let kind = list.as_deref().or(content.map(|content| &*content.kind));
        watcher.keep.went = Some(flow);
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
            more: if list.is_some() { LISTED } else { b"" },
            body: kind.map(|kind| (kind, &*body)),
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
        let to = Destination::Flow { flow, else_connect };
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
        if let (408, true, Some(went)) = (status, watcher.keep.insists, watcher.keep.went) {
            watcher.is_flying = false;
            watcher.keep.unheard = Some(now.instant);
            return match watcher.until > now.instant {
                true => self.await_way(now, number, went, out),
                false => self.forget_watcher(number, Cause::Expired, out),
            };
        }
        let went = watcher
            .keep
            .went
            .filter(|flow| flow.transport.is_reliable());
        if let (503, None, Some(flow)) = (status, response, went) {
            watcher.is_flying = false;
            return self.await_way(now, number, flow, out);
        }
        let wait = response.and_then(|r| r.number(HeaderId::RetryAfter).ok().flatten());
        match watcher.answered(status, wait) {
            Next::Rest => {}
            Next::Notify => self.tell_watcher(now, number, out),
            Next::NotifyAfter(wait) => {
                // What it has not answered it may not have got.
                self.shares.tell_all(number);
                self.shares.again_after(number, now.instant.after(wait));
            }
            Next::Gone => {
                let cause = match &watcher.end {
                    Some(End(why)) if why.contains("deactivated") => Cause::Deactivated,
                    Some(_) => Cause::Terminated,
                    None => Cause::Unwanted,
                };
                self.forget_watcher(number, cause, out);
            }
        }
    }

    /// A watcher has not refreshed: it is told that it is over (4.2.2).
    pub(super) fn watcher_expired(&mut self, now: Now, number: u64, out: &mut Outbox) {
        let Some(watcher) = self.shares.watchers.get_mut(&number) else {
            return;
        };
        if watcher.keep.lost.is_some() {
            return self.forget_watcher(number, Cause::Expired, out);
        }
        watcher.over(";reason=timeout");
        self.tell_watcher(now, number, out);
    }

    /// Lets a watcher go.
    pub(super) fn forget_watcher(&mut self, number: u64, cause: Cause, out: &mut Outbox) {
        let members = self.shares.drop_list(number);
        let Some((watcher, is_last)) = self.shares.remove(number) else {
            return;
        };
        self.drop_saved(&watcher, out);
        if let Some(shown) = watcher.shown {
            self.shared.subscriptions.hide(self.shard, shown, cause);
        }
        let own = is_last.then_some(watcher.key);
        for key in members.unwrap_or_else(|| own.into_iter().collect()) {
            self.not_wanted(key, out);
        }
    }

    /// Puts on the board how a watcher stands.
    pub(super) fn show_watcher(&mut self, now: Now, number: u64) {
        let Some(watcher) = self.shares.watchers.get(&number) else {
            return;
        };
        let standing = match self.shares.view(&watcher.key).as_deref() {
            Some(View::Active(_)) => Standing::Active,
            _ if self.shares.lists.contains_key(&number) => Standing::Active,
            _ => Standing::Pending,
        };
        let board = &self.shared.subscriptions;
        let shown = board.show((self.shard, now.instant), watcher, standing);
        if let Some(watcher) = self.shares.watchers.get_mut(&number) {
            watcher.shown = Some(shown);
        }
    }
}

/// A NOTIFY of a list says so (RFC 4662 4.5).
const LISTED: &[u8] = b"Require: eventlist\r\n";
/// How long a watcher waits for its NOTIFY when there is no room for another transaction.
const FULL: Duration = Duration::from_secs(5);
