//! What is needed to speak in the dialog of a subscription that is relayed, should the PBX have forgotten it.

use super::board::Board;
use crate::flow::Flow;
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
        }))
    }
}

impl Board {
    /// Those of a shard that are relayed and stand.
    pub(crate) fn relayed(&self, shard: u16) -> Vec<u64> {
        let mut found = Vec::new();
        self.change(shard, |table| {
            let all = table.live.iter().filter(|(_, entry)| stands(entry));
            found.extend(all.map(|(number, _)| *number));
        });
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
            if let Some(entry) = table.live.get_mut(&number) {
                entry.thread = None;
            }
        });
    }

    /// What one that is relayed is spoken in with, its numbers as they are now.
    pub(crate) fn thread(&self, shard: u16, number: u64) -> Option<Thread> {
        let mut found = None;
        self.change(shard, |table| {
            found = table.live.get(&number).and_then(|entry| {
                let mut thread = (**entry.thread.as_ref()?).clone();
                thread.dialog.local_tag = entry.notifier_tag.clone()?;
                (thread.asked, thread.dialog.cseq) = entry.state.cseq;
                Some(thread)
            });
        });
        found
    }
}

/// Its notifier has told something, so that we could speak in its place.
fn stands(entry: &super::table::Entry) -> bool {
    entry.thread.is_some() && entry.notifier_tag.is_some() && entry.state.cseq.1 > 0
}
