//! What is needed to speak in the dialog of a subscription that is relayed, should the PBX have forgotten it.

use super::board::Board;
use super::places::Seat;
use super::saved::{HIGHEST, MOST_WEIGHT, Noted, SavedRelayed};
use super::table::{Entry, Table};
use crate::b2bua::room;
use crate::flow::Flow;
use crate::registrar::Device;
use crate::share::{Dialog, contact_of};
use bellhop_wire::{HeaderId, Message};
use std::time::Duration;

/// Where a SUBSCRIBE came from: its flow, and the device that is registered there.
pub(crate) type Place = (Flow, Option<Device>);

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
    /// The device that was registered there.
    pub(crate) device: Option<Device>,
    /// The target of the PBX that has it.
    pub(crate) seat: Seat,
    /// No NOTIFY had a higher CSeq number before the program's last start.
    pub(super) ceiling: u32,
    /// Its dialog was there before it, and may have had higher numbers than are known here.
    is_within: bool,
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
        let mut event: Box<[u8]> = request.first(HeaderId::Event)?.value.into();
        if dialog.weight().saturating_add(event.len()) > MOST_WEIGHT {
            return None;
        }
        let texts = [&mut dialog.local, &mut dialog.remote, &mut dialog.target];
        let texts = texts.into_iter().chain(&mut dialog.routes);
        texts.chain([&mut event]).for_each(unfold);
        Some(Box::new(Self {
            dialog,
            flow,
            event,
            asked: 0,
            device: None,
            seat: Seat::default(),
            ceiling: 0,
            is_within: request.to_tag().is_some_and(|tag| !tag.is_empty()),
            is_cut: false,
            noted: None,
        }))
    }

    /// One that was on disk.
    pub(super) fn restored(saved: SavedRelayed, ceiling: u32, noted: Noted) -> Box<Self> {
        Box::new(Self {
            dialog: saved.dialog,
            flow: saved.flow,
            event: saved.event,
            asked: 0,
            device: saved.device,
            seat: Seat {
                place: saved.place,
                is_chosen: saved.is_chosen,
            },
            ceiling,
            is_within: false,
            is_cut: false,
            noted: Some(noted),
        })
    }

    /// That of another notifier who was asked by the same SUBSCRIBE.
    pub(super) fn beside(self: Box<Self>) -> Box<Self> {
        Box::new(Self {
            seat: Seat::default(),
            ceiling: 0,
            is_cut: false,
            noted: None,
            ..*self
        })
    }

    /// Its subscriber has asked again, over this flow.
    fn comes_over(&mut self, flow: Flow) {
        let before = std::mem::replace(&mut self.flow, flow);
        let is_elsewhere = (before.listener, before.transport, before.remote)
            != (flow.listener, flow.transport, flow.remote);
        self.is_stale(is_elsewhere);
    }

    fn is_stale(&mut self, is_news: bool) {
        if let Some(noted) = self.noted.as_mut().filter(|_| is_news) {
            noted.is_stale = true;
        }
    }
}

impl Table {
    /// A SUBSCRIBE inside a dialog was accepted: all that its subscriber has in that dialog, and in its forks, is told where it
    /// came from, and what is in this one is told by its Contact (RFC 3261 12.2.2).
    pub(super) fn comes_from(&mut self, request: Message<'_>, (notifier, place): (&[u8], Place)) {
        let tag = request.from_tag().unwrap_or_default();
        for number in self.of_subscriber(request.call_id(), tag) {
            let Some(entry) = self.live.get_mut(&number) else {
                continue;
            };
            let is_here = entry.notifier_tag.as_deref() == Some(notifier);
            let Some(thread) = entry.thread.as_mut() else {
                continue;
            };
            thread.comes_over(place.0);
            thread.device = place.1.or(thread.device);
            let target = contact_of(request).filter(|_| is_here);
            let target = target.filter(|target| target.len() <= MOST_WEIGHT);
            if let Some(mut target) = target.filter(|target| *target != thread.dialog.target) {
                unfold(&mut target);
                thread.dialog.target = target;
                thread.is_stale(true);
            }
        }
    }

    /// The device that was registered where one came from.
    pub(super) fn is_at(&mut self, number: u64, device: Option<Device>) {
        let entry = self.live.get_mut(&number);
        if let Some(thread) = entry.and_then(|entry| entry.thread.as_mut()) {
            thread.device = device.or(thread.device);
        }
    }

    /// Its notifier is none that could be asked about one, nor spoken for.
    pub(super) fn unthread(&mut self, number: u64) {
        let thread = self.live.get_mut(&number).and_then(|e| e.thread.take());
        if let Some(thread) = &thread {
            self.places.count(thread.seat.place, false);
        }
        if thread.is_some_and(|thread| thread.noted.is_some()) {
            self.notes.leaves(number);
        }
    }

    /// What one is spoken in with, its numbers as they are now: above all that its dialog has had, in which it may not be the
    /// only one.
    pub(super) fn spoken(&self, number: u64) -> Option<Thread> {
        let entry = self.live.get(&number)?;
        let mut thread = (**entry.thread.as_ref().filter(|t| !t.is_cut)?).clone();
        thread.dialog.local_tag = entry.notifier_tag.clone()?;
        thread.asked = entry.state.cseq.0;
        let beside = self.in_dialog_of(entry);
        let told = beside.filter_map(|number| {
            let beside = self.live.get(&number)?;
            let ceiling = beside.thread.as_ref().map_or(0, |thread| thread.ceiling);
            Some(beside.state.cseq.1.max(ceiling))
        });
        let told = told.max().unwrap_or(0);
        let ahead = if thread.is_within {
            room(Duration::ZERO)
        } else {
            0
        };
        thread.dialog.cseq = told.saturating_add(ahead).min(HIGHEST);
        Some(thread)
    }

    /// The numbers of all that are in one's dialog.
    fn in_dialog_of<'t>(&'t self, entry: &'t Entry) -> impl Iterator<Item = u64> + 't {
        let his = self.of_subscriber(&entry.call_id, &entry.watcher_tag);
        his.into_iter().filter(|number| {
            let beside = self.live.get(number);
            beside.is_some_and(|beside| beside.notifier_tag == entry.notifier_tag)
        })
    }
}

impl Board {
    /// One of them is ended by us, from this number on: nobody else is to end it, nor to speak in its dialog with a number that
    /// we may have used.
    pub(crate) fn cut_thread(&self, shard: u16, number: u64, last: u32) {
        self.change(shard, |table| {
            let Some(entry) = table.live.get(&number) else {
                return;
            };
            let beside: Vec<u64> = table.in_dialog_of(entry).collect();
            for other in beside {
                let entry = table.live.get_mut(&other);
                if let Some(thread) = entry.and_then(|entry| entry.thread.as_mut()) {
                    thread.is_cut |= other == number;
                    thread.ceiling = thread.ceiling.max(last.saturating_add(OWN).min(HIGHEST));
                }
            }
        });
    }

    /// What one that is relayed is spoken in with, its numbers as they are now.
    pub(crate) fn thread(&self, shard: u16, number: u64) -> Option<Thread> {
        let mut found = None;
        self.change(shard, |table| found = table.spoken(number));
        found
    }
}

impl Entry {
    /// It is ended by us.
    pub(super) fn is_cut(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.is_cut)
    }
}

/// Its notifier has told something, so that we could speak in its place.
pub(super) fn stands(entry: &Entry) -> bool {
    let is_ours = entry.thread.as_ref().is_some_and(|thread| !thread.is_cut);
    is_ours && entry.notifier_tag.is_some() && entry.state.has_told()
}

/// A text on one line, as the disk has it (RFC 3261 7.3.1: a fold is as good as a blank).
fn unfold(text: &mut Box<[u8]>) {
    for byte in text.iter_mut() {
        if matches!(*byte, b'\r' | b'\n' | 0) {
            *byte = b' ';
        }
    }
}

/// NOTIFYs that the end of one takes at most.
const OWN: u32 = 8;
