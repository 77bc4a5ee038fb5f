//! What is needed to speak in the dialog of a subscription that is relayed, should the PBX have forgotten it.

use super::board::Board;
use super::saved::Noted;
use super::table::Entry;
use crate::flow::Flow;
use crate::registrar::Device;
use crate::share::Dialog;
use bellhop_wire::{HeaderId, Message};

/// One that is relayed, as its notifier would speak to its subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// The notifier's side.
    pub(crate) dialog: Dialog,
    /// Where its SUBSCRIBE came from.
    pub(crate) flow: Flow,
    /// Its Event header.
    pub(crate) event: Box<[u8]>,
    /// The subscriber's last CSeq number.
    pub(crate) asked: u32,
    /// The device that was registered there, if what is relayed is put on disk.
    pub(crate) device: Option<Device>,
    /// No NOTIFY had a higher CSeq number before the program's last start.
    pub(super) ceiling: u32,
    /// It is ended by us: nobody else is to end it.
    pub(super) is_cut: bool,
    /// What the disk has of it, or has in a moment.
    pub(super) noted: Option<Noted>,
}

impl Thread {
    /// The one that a SUBSCRIBE begins, or goes on with; its notifier is not known yet.
    pub(super) fn of(request: Message<'_>, flow: Flow) -> Option<Box<Self>> {
        let mut dialog = Dialog::of_request(request, b"")?;
        if request.to_tag().is_some() {
            let resource = request.to().ok()?.uri.raw;
            dialog.local = [b"<", resource, b">"].concat().into();
        }
        Some(Box::new(Self {
            dialog,
            flow,
            event: request.first(HeaderId::Event)?.value.into(),
            asked: 0,
            device: None,
            ceiling: 0,
            is_cut: false,
            noted: None,
        }))
    }

    /// That of another notifier who was asked by the same SUBSCRIBE.
    pub(super) fn beside(self: Box<Self>) -> Box<Self> {
        Box::new(Self {
            ceiling: 0,
            is_cut: false,
            noted: None,
            ..*self
        })
    }

    /// Its subscriber has asked again, over this flow.
    pub(super) fn comes_over(&mut self, flow: Flow) {
        let before = std::mem::replace(&mut self.flow, flow);
        let is_elsewhere = (before.listener, before.transport, before.remote)
            != (flow.listener, flow.transport, flow.remote);
        if let Some(noted) = self.noted.as_mut().filter(|_| is_elsewhere) {
            noted.is_stale = true;
        }
    }
}

impl Board {
    /// Those of a shard that are relayed and stand, the youngest first: what a PBX has forgotten in part is that.
    pub(crate) fn relayed(&self, shard: u16) -> Vec<u64> {
        let mut found = Vec::new();
        self.change(shard, |table| {
            let all = table.live.iter().filter(|(_, entry)| stands(entry));
            found.extend(all.map(|(number, _)| *number));
        });
        found.sort_unstable_by(|one, other| other.cmp(one));
        found
    }

    /// One of them, whichever is found first.
    pub(crate) fn any_relayed(&self, shard: u16) -> Option<u64> {
        let mut found = None;
        self.change(shard, |table| {
            found = table.live.iter().find(|(_, e)| stands(e)).map(|(n, _)| *n);
        });
        found
    }

    /// One of them is ended by us: nobody else is to end it.
    pub(crate) fn cut_thread(&self, shard: u16, number: u64) {
        self.change(shard, |table| {
            let entry = table.live.get_mut(&number);
            if let Some(thread) = entry.and_then(|entry| entry.thread.as_mut()) {
                thread.is_cut = true;
            }
        });
    }

    /// What one that is relayed is spoken in with, its numbers as they are now.
    pub(crate) fn thread(&self, shard: u16, number: u64) -> Option<Thread> {
        let mut found = None;
        self.change(shard, |table| {
            found = table.live.get(&number).and_then(|entry| {
                let mut thread = (**entry.thread.as_ref().filter(|t| !t.is_cut)?).clone();
                thread.dialog.local_tag = entry.notifier_tag.clone()?;
                let (asked, told) = entry.state.cseq;
                (thread.asked, thread.dialog.cseq) = (asked, told.max(thread.ceiling));
                Some(thread)
            });
        });
        found
    }
}

/// Its notifier has told something, so that we could speak in its place.
fn stands(entry: &Entry) -> bool {
    let is_ours = entry.thread.as_ref().is_some_and(|thread| !thread.is_cut);
    is_ours && entry.notifier_tag.is_some() && entry.state.has_told()
}
