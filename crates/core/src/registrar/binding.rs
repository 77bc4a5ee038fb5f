//! One contact of an AoR.

use crate::{flow::Flow, time::Instant};
use bellhop_wire::{UriRef, view::params::Param};
use smallvec::SmallVec;
use std::{borrow::Cow, cmp::Reverse, sync::Arc, time::Duration};

/// The bindings of one AoR.
pub type Bindings = SmallVec<[Arc<Binding>; 4]>;

/// A binding of an AoR to a contact (RFC 3261 10.3). It never changes: a refresh makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The Contact's URI, verbatim.
    pub contact: Box<[u8]>,
    /// The Contact's other parameters, verbatim from their first semicolon, without `expires` and `q`.
    pub params: Box<[u8]>,
    /// Preference in thousandths, 0..=1000; 1000 if the Contact had none.
    pub q: u16,
    /// When it ends.
    pub expires: Instant,
    /// Call-ID of the REGISTER that made it.
    pub call_id: Box<[u8]>,
    /// CSeq number of the REGISTER that made it.
    pub cseq: u32,
    /// Where that REGISTER came from, and so where requests go.
    pub flow: Flow,
    /// Path values, verbatim and separated by commas; empty if there were none (RFC 3327).
    pub path: Box<[u8]>,
    /// `+sip.instance`, quotes taken off (RFC 5626 4.1).
    pub instance: Option<Box<[u8]>>,
    /// `reg-id`, where it was honoured (RFC 5626 4.2): there is an instance then.
    pub reg_id: Option<u32>,
    /// When it was made or last refreshed.
    pub updated: Instant,
}

impl Binding {
    /// Whether it still counts.
    pub fn is_live(&self, now: Instant) -> bool {
        self.expires > now
    }

    /// How long it still counts.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.expires.since(now)
    }

    /// The contact as a Request-URI: without the headers and the `method` that a Request-URI cannot
    /// have (RFC 3261 16.6 step 2, 19.1.1).
    pub fn target(&self) -> Cow<'_, [u8]> {
        let Ok(uri) = UriRef::parse(&self.contact) else {
            return Cow::Borrowed(&self.contact);
        };
        let bare = uri.without_headers();
        if !uri.params.has("method") {
            return Cow::Borrowed(bare);
        }
        let before = bare.len().saturating_sub(uri.params.raw.len());
        let mut text = bare.get(..before).unwrap_or_default().to_vec();
        for param in uri.params.iter().filter(|param| !param.is("method")) {
            write_param(&param, &mut text);
        }
        Cow::Owned(text)
    }

    /// Whether its contact is this URI by RFC 3261 19.1.4.
    pub fn is_contact(&self, uri: &UriRef<'_>) -> bool {
        *self.contact == *uri.raw || UriRef::parse(&self.contact).is_ok_and(|ours| ours.same(uri))
    }

    /// Whether it belongs to this registration of this device (RFC 5626 6).
    pub(super) fn is_flow_of(&self, instance: &[u8], reg_id: u32) -> bool {
        let same = |ours: &[u8]| ours.eq_ignore_ascii_case(instance);
        self.reg_id == Some(reg_id) && self.instance.as_deref().is_some_and(same)
    }
}

/// Appends `;name=value`.
pub(super) fn write_param(param: &Param<'_>, text: &mut Vec<u8>) {
    text.push(b';');
    text.extend_from_slice(param.name);
    if let Some(value) = param.value {
        text.push(b'=');
        text.extend_from_slice(value);
    }
}

/// Highest q first, at equal q the newest first.
pub(super) fn sort(bindings: &mut [Arc<Binding>]) {
    bindings.sort_by_key(|binding| (Reverse(binding.q), Reverse(binding.updated)));
}
