//! One contact of an AoR.

use super::Device;
use crate::{flow::Flow, time::Instant};
use bellhop_wire::{UriRef, view::params::Param};
use smallvec::SmallVec;
use std::{borrow::Cow, cmp::Reverse, fmt, ops::Deref, sync::Arc, time::Duration};

/// The bindings of one AoR.
pub type Bindings = SmallVec<[Arc<Binding>; 4]>;

/// A binding of an AoR to a contact (RFC 3261 10.3). It never changes: a refresh makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What the phone says again at each refresh.
    pub(super) said: Said,
    /// Preference in thousandths, 0..=1000; 1000 if the Contact had none.
    pub q: u16,
    /// When it ends.
    pub expires: Instant,
    /// CSeq number of the REGISTER that made it.
    pub cseq: u32,
    /// Where that REGISTER came from, and so where requests go.
    pub flow: Flow,
    /// `reg-id`, where it was honoured (RFC 5626 4.2): there is an instance then.
    pub reg_id: Option<u32>,
    /// When it was made or last refreshed.
    pub updated: Instant,
}

impl Binding {
    /// The Contact's URI, verbatim.
    pub fn contact(&self) -> &[u8] {
        self.said.part(Part::Contact)
    }

    /// The Contact's other parameters, verbatim from their first semicolon, without `expires` and `q`.
    pub fn params(&self) -> &[u8] {
        self.said.part(Part::Params)
    }

    /// Call-ID of the REGISTER that made it.
    pub fn call_id(&self) -> &[u8] {
        self.said.part(Part::CallId)
    }

    /// Path values, verbatim and separated by commas; empty if there were none (RFC 3327).
    pub fn path(&self) -> &[u8] {
        self.said.part(Part::Path)
    }

    /// `+sip.instance`, quotes taken off (RFC 5626 4.1).
    pub fn instance(&self) -> Option<&[u8]> {
        let instance = || self.said.part(Part::Instance);
        self.said.has_instance.then(instance)
    }

    /// The phone that it belongs to.
    pub fn device(&self) -> Device {
        self.said.device
    }

    /// Whether it has nothing but its contact's URI: no parameters, Path or instance.
    pub(super) fn is_plain(&self) -> bool {
        self.params().is_empty() && self.path().is_empty() && !self.said.has_instance
    }

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
        let Ok(uri) = UriRef::parse(self.contact()) else {
            return Cow::Borrowed(self.contact());
        };
        let bare = uri.without_headers();
        if !uri.params.has("method") {
            return Cow::Borrowed(bare);
        }
        let before = bare.len().saturating_sub(uri.params.raw.len());
        let text = bare.get(..before).unwrap_or_default();
        let mut text = SmallVec::from_slice(text);
        for param in uri.params.iter().filter(|param| !param.is("method")) {
            write_param(&param, &mut text);
        }
        Cow::Owned(text.into_vec())
    }

    /// Whether its contact is this URI by RFC 3261 19.1.4.
    pub fn is_contact(&self, uri: &UriRef<'_>) -> bool {
        self.contact() == uri.raw || UriRef::parse(self.contact()).is_ok_and(|ours| ours.same(uri))
    }

    /// Whether it belongs to this registration of this device (RFC 5626 6).
    pub(super) fn is_flow_of(&self, instance: &[u8], reg_id: u32) -> bool {
        let same = |ours: &[u8]| ours.eq_ignore_ascii_case(instance);
        self.reg_id == Some(reg_id) && self.instance().is_some_and(same)
    }
}

/// Appends `;name=value`.
pub(super) fn write_param(param: &Param<'_>, text: &mut SmallVec<[u8; 256]>) {
    text.push(b';');
    text.extend_from_slice(param.name);
    if let Some(value) = param.value {
        text.push(b'=');
        text.extend_from_slice(value);
    }
}

/// What a phone says again at each refresh, in one piece of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    text: Kept,
    /// Where each part ends.
    ends: [u32; PARTS],
    has_instance: bool,
    /// What the contact is found by.
    pub(super) key: u64,
    /// Whose it is.
    device: Device,
}

/// Of most phones it is short enough to stand in the binding, so that one costs one allocation; what is longer
/// the old binding and the new one share.
#[derive(Clone)]
enum Kept {
    Short([u8; SHORT], u8),
    Long(Arc<[u8]>),
}

/// The parts, in the order in which they stand.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Contact,
    Params,
    CallId,
    Path,
    Instance,
}

/// What a phone says now, to be compared with what it said before.
#[derive(Default)]
pub(super) struct Saying {
    text: SmallVec<[u8; 256]>,
    ends: [u32; PARTS],
    has_instance: bool,
}

impl Said {
    fn part(&self, part: Part) -> &[u8] {
        let at = part as usize;
        let end = |at: Option<usize>| at.and_then(|at| self.ends.get(at)).map_or(0, |end| *end);
        let (from, to) = (end(at.checked_sub(1)), end(Some(at)));
        self.text
            .get(from as usize..to as usize)
            .unwrap_or_default()
    }
}

impl Saying {
    /// Adds the next part; `write` appends it.
    pub(super) fn add(&mut self, part: Part, write: impl FnOnce(&mut SmallVec<[u8; 256]>)) {
        write(&mut self.text);
        self.has_instance |= matches!(part, Part::Instance);
        // A REGISTER is far below 4 GiB.
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        for slot in self.ends.iter_mut().skip(part as usize) {
            *slot = end;
        }
    }

    /// What a binding keeps: what the old one keeps, if that is the same.
    pub(super) fn keep(
        self,
        old: Option<&Said>,
        found_by: impl FnOnce() -> (u64, Device),
    ) -> Said {
        let same = |old: &&Said| {
            *old.text == *self.text
                && old.ends == self.ends
                && old.has_instance == self.has_instance
        };
        match old.filter(same) {
            Some(old) => old.clone(),
            None => {
                let (key, device) = found_by();
                Said {
                    text: Kept::of(&self.text),
                    ends: self.ends,
                    has_instance: self.has_instance,
                    key,
                    device,
                }
            }
        }
    }
}

impl Kept {
    fn of(text: &[u8]) -> Self {
        let mut short = [0; SHORT];
        match (short.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(slot), Ok(len)) => {
                slot.copy_from_slice(text);
                Self::Short(short, len)
            }
            _ => Self::Long(text.into()),
        }
    }
}

impl Deref for Kept {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(text, len) => text.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Kept {}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

const PARTS: usize = 5;

/// Bytes of a contact and a Call-ID without much else.
const SHORT: usize = 96;

/// Highest q first, at equal q the newest first.
pub(super) fn sort(bindings: &mut [Arc<Binding>]) {
    bindings.sort_by_key(|binding| (Reverse(binding.q), Reverse(binding.updated)));
}
