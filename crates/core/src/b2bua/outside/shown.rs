//! What else shows one side to the other: bodies that watchers of a shared subscription are told, and what the PBX is
//! asked of one that is relayed.

use super::super::begin::hidden;
use super::super::body;
use crate::engine::Engine;
use crate::share::Dialog;
use std::borrow::Cow;

impl Engine {
    /// A body of the PBX as the outside may see it; `ids` are those of the dialog that it came in.
    pub(crate) fn hidden_body<'b>(
        &self,
        ids: [&[u8]; 2],
        kind: &[u8],
        body: &'b [u8],
    ) -> Cow<'b, [u8]> {
        if self.config.b2bua.is_none() || body.is_empty() {
            return Cow::Borrowed(body);
        }
        let [call_id, tag] = ids;
        let hider = hidden(&self.config, self.calls.inside(), [call_id, tag, b""]);
        let mut out = Vec::with_capacity(body.len());
        body::put_kind(kind, body, &hider, &mut out);
        Cow::Owned(out)
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

    /// A subscriber has been told by us that its subscription is over.
    pub(crate) fn forget_far_dialog(&mut self, subscribers: &Dialog) {
        if let Some((_, bond)) = self.calls.bond_at(&subscribers.local_tag) {
            self.calls.forget_bond(bond);
        }
    }
}
