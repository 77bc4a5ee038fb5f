//! What else shows one side to the other: bodies that watchers of a shared subscription are told, and what the PBX is
//! asked of one that is relayed.

use super::super::begin::hidden;
use super::super::hide::body;
use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::share::{Dialog, Tag};
use bellhop_wire::{HeaderId, Message};
use std::borrow::Cow;

impl Engine {
    /// A NOTIFY's Content-Type and body as the outside may see them.
    pub(crate) fn shown_body<'m>(&self, notify: Message<'m>) -> (Cow<'m, [u8]>, Cow<'m, [u8]>) {
        let kind = notify.first(HeaderId::ContentType);
        let kind = kind.map_or(b"".as_slice(), |field| field.value);
        let body = notify.body();
        if !self.joins_all() || body.is_empty() {
            return (Cow::Borrowed(kind), Cow::Borrowed(body));
        }
        let tag = notify.from_tag().unwrap_or_default();
        let ids = [notify.call_id(), tag, b""];
        let hider = hidden(&self.config, self.calls.inside(), ids);
        let (mut shown_kind, mut shown) = (Vec::new(), Vec::with_capacity(body.len()));
        hider.put_text(kind, true, &mut shown_kind);
        body::put_kind(kind, body, &hider, &mut shown);
        (Cow::Owned(shown_kind), Cow::Owned(shown))
    }

    /// The dialog with the notifier that belongs to a subscriber's, if that is one of two.
    pub(crate) fn far_dialog(&mut self, subscribers: &Dialog) -> Option<Dialog> {
        let (tag, bond) = self.calls.bond_at(&subscribers.local_tag)?;
        let pair = self.calls.bonds.get(bond)?.pair(tag)?;
        let leg = &pair.b;
        let routes = (!leg.routes.is_empty()).then(|| leg.routes.clone());
        Some(Dialog {
            call_id: leg.call_id.clone(),
            local: leg.local.clone(),
            local_tag: leg.tag().into(),
            remote: leg.remote.clone(),
            remote_tag: leg.remote_tag.clone(),
            target: leg.target.clone(),
            routes: routes.into_iter().collect(),
            cseq: leg.seq,
            remote_cseq: None,
        })
    }

    /// Whether a subscriber's dialog is one of two, and nobody knows the other one any more.
    pub(crate) fn is_bond_lost(&self, subscribers: &Dialog) -> bool {
        self.joins_all()
            && Tag::of(&subscribers.local_tag).is_some()
            && self.calls.bond_at(&subscribers.local_tag).is_none()
    }

    /// A subscriber is told by us that its subscription with one notifier is over; the last CSeq number of ours in its dialog, if that is one of
    /// two.
    pub(crate) fn forget_far_dialog(
        &mut self,
        subscribers: &Dialog,
        out: &mut Outbox,
    ) -> Option<u32> {
        let (tag, bond) = self.calls.bond_at(&subscribers.local_tag)?;
        let last = self.calls.bonds.get(bond)?.pair(tag)?.a.seq;
        match self.calls.part(bond, tag) {
            true => self.bond_changed(bond, out),
            false => self.end_bond(bond, out),
        }
        Some(last)
    }

    /// A subscriber is told something by us: the last CSeq number of ours in its dialog, if that is one of two. The next that
    /// goes over has one above all that we use.
    pub(crate) fn pass_over_numbers(&mut self, subscribers: &Dialog) -> Option<u32> {
        let (tag, bond) = self.calls.bond_at(&subscribers.local_tag)?;
        let leg = &mut self.calls.bonds.get(bond)?.pair(tag)?.a;
        let last = leg.seq;
        leg.seq = last.saturating_add(OWN);
        Some(last)
    }
}

/// NOTIFYs that the end of a subscription takes at most.
const OWN: u32 = 8;
