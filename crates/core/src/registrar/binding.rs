//! One contact of an AoR.

use super::Device;
use crate::{
    digits::decimal,
    flow::{Flow, Transport},
    text::Text,
    time::Instant,
};
use bellhop_wire::{Host, UriRef, view::params::Param};
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
    /// When it ends: its time, and the grace after that.
    pub expires: Instant,
    /// Seconds of it that the phone was not told of: it is rung still, should its refresh be late.
    pub grace: u16,
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
        let (from, to) = self.said.instance?;
        self.said.text.get(from as usize..to as usize)
    }

    /// The phone that it belongs to.
    pub fn device(&self) -> Device {
        self.said.device
    }

    /// Whether it has nothing but its contact's URI: no parameters, Path or instance.
    pub(super) fn is_plain(&self) -> bool {
        self.params().is_empty() && self.path().is_empty() && self.said.instance.is_none()
    }

    /// Whether it still counts.
    pub fn is_live(&self, now: Instant) -> bool {
        self.expires > now
    }

    /// How much is left of what the phone was promised.
    pub fn remaining(&self, now: Instant) -> Duration {
        let left = self.expires.since(now);
        left.saturating_sub(Duration::from_secs(self.grace.into()))
    }

    /// Whether it is past its time, and the phone's refresh late.
    pub fn is_late(&self, now: Instant) -> bool {
        self.grace > 0 && self.remaining(now).is_zero()
    }

    /// Whether it is reached by UDP at another address than its contact says, and not by way of another proxy.
    pub(crate) fn is_behind_nat(&self) -> bool {
        let source = Some(Host::Ip(self.flow.remote.ip()));
        self.flow.transport == Transport::Udp
            && self.path().is_empty()
            && UriRef::parse(self.contact()).is_ok_and(|contact| contact.host != source)
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
        let mut text = Text::<256>::new();
        text.put(bare.get(..before).unwrap_or_default());
        for param in uri.params.iter().filter(|param| !param.is("method")) {
            write_param(&param, |octets| text.put(octets));
        }
        Cow::Owned(text.to_vec())
    }

    /// The contact as a PBX is shown it that reaches the phone by way of us: `sip:`, and without a transport, which is
    /// between the phone and us. `None`: it is too long for that.
    pub(crate) fn shown(&self) -> Option<Vec<u8>> {
        let uri = UriRef::parse(self.contact()).ok()?;
        let mut text = b"sip:".to_vec();
        if let Some(user) = uri.user {
            text.extend_from_slice(user);
            text.push(b'@');
        }
        let mut host = Vec::new();
        uri.host?.write(&mut host);
        text.extend_from_slice(&host);
        if let Some(port) = uri.port {
            text.push(b':');
            text.extend_from_slice(&decimal(port.into()));
        }
        let is_ours = |param: &Param<'_>| param.is("transport") || param.is("method");
        for param in uri.params.iter().filter(|param| !is_ours(param)) {
            write_param(&param, |octets| text.extend_from_slice(octets));
        }
        (text.len() <= LONGEST_SHOWN).then_some(text)
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

/// Of a URI: a PBX may take no more than 512 (Asterisk), brackets and parameters included.
const LONGEST_SHOWN: usize = 400;

/// Gives `;name=value` to `put`, in pieces.
pub(super) fn write_param(param: &Param<'_>, mut put: impl FnMut(&[u8])) {
    put(b";");
    put(param.name);
    if let Some(value) = param.value {
        put(b"=");
        put(value);
    }
}

/// What a phone says again at each refresh, in one piece of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    text: Kept,
    /// Where each part ends.
    ends: [u32; PARTS],
    /// Where the instance begins and ends: within the parameters, if it can.
    instance: Option<(u32, u32)>,
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
}

/// What a phone says now, to be compared with what it said before.
pub(super) struct Saying {
    text: Text<SHORT>,
    ends: [u32; PARTS],
    instance: Option<(u32, u32)>,
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
    pub(super) const fn new() -> Self {
        Self {
            text: Text::new(),
            ends: [0; PARTS],
            instance: None,
        }
    }

    /// Appends to the part that is being said.
    #[inline]
    pub(super) fn put(&mut self, octets: &[u8]) {
        self.text.put(octets);
    }

    /// As [`Saying::put`], a fold as blanks (RFC 3261 7.3.1): it will stand in lines of ours.
    pub(super) fn put_unfolded(&mut self, octets: &[u8]) {
        let is_fold = |octet: &u8| matches!(octet, b'\r' | b'\n' | 0);
        for run in octets.split_inclusive(is_fold) {
            match run.split_last() {
                Some((last, before)) if is_fold(last) => {
                    self.text.put(before);
                    self.text.put(b" ");
                }
                _ => self.text.put(run),
            }
        }
    }

    /// Ends a part. All must be ended in their order.
    #[inline]
    pub(super) fn end(&mut self, part: Part) {
        if let Some(end) = self.ends.get_mut(part as usize) {
            *end = place(self.text.len());
        }
    }

    /// Behind all parts, the instance without its quotes. As a rule it stands in the parameters already.
    pub(super) fn put_instance(&mut self, instance: &[u8]) {
        let held = self.text.windows(instance.len().saturating_add(2));
        let quoted = |window: &[u8]| match window {
            [b'"', within @ .., b'"'] => within == instance,
            _ => false,
        };
        let from = match held.into_iter().position(quoted) {
            Some(quote) => quote.saturating_add(1),
            None => {
                let end = self.text.len();
                self.text.put(instance);
                end
            }
        };
        self.instance = Some((place(from), place(from.saturating_add(instance.len()))));
    }

    /// What a binding keeps: what the old one keeps, if that is the same.
    pub(super) fn keep(self, old: Option<&Said>, found_by: impl FnOnce() -> (u64, Device)) -> Said {
        let same = |old: &&Said| {
            *old.text == *self.text && old.ends == self.ends && old.instance == self.instance
        };
        match old.filter(same) {
            Some(old) => old.clone(),
            None => {
                let (key, device) = found_by();
                Said {
                    text: self.text.into(),
                    ends: self.ends,
                    instance: self.instance,
                    key,
                    device,
                }
            }
        }
    }
}

/// In a REGISTER, which is far below 4 GiB.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl From<Text<SHORT>> for Kept {
    #[inline(always)]
    fn from(text: Text<SHORT>) -> Self {
        match text.into_short() {
            Ok((short, len)) => Self::Short(short, u8::try_from(len).unwrap_or(u8::MAX)),
            Err(long) => Self::Long(long.into()),
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

const PARTS: usize = 4;

/// Bytes of a contact and a Call-ID without much else; at most 255. More would be copied with every refresh.
const SHORT: usize = 94;

/// The same bindings once more. One alone, as most AoRs have, without the loop that any number takes.
pub(super) fn copy(bindings: &Bindings) -> Bindings {
    match bindings.as_slice() {
        [one] => {
            let mut same = Bindings::new();
            same.push(one.clone());
            same
        }
        _ => bindings.clone(),
    }
}

/// Highest q first, at equal q the newest first.
pub(super) fn sort(bindings: &mut [Arc<Binding>]) {
    bindings.sort_by_key(|binding| (Reverse(binding.q), Reverse(binding.updated)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(params: &[u8], instance: &[u8]) -> Said {
        let mut saying = Saying::new();
        saying.put(b"sip:a@10.0.0.1");
        saying.end(Part::Contact);
        saying.put(params);
        saying.end(Part::Params);
        saying.put(b"call-id");
        saying.end(Part::CallId);
        saying.end(Part::Path);
        saying.put_instance(instance);
        let device = Device::of_bytes([1; 6]);
        saying.keep(None, || (1, device))
    }

    #[test]
    fn an_instance_is_kept_once_where_the_parameters_hold_it_as_it_is() {
        for (params, instance, is_held) in [
            (
                ";+sip.instance=\"<urn:uuid:1>\";reg-id=1",
                "<urn:uuid:1>",
                true,
            ),
            (
                ";x=\"<urn:uuid:11>\";+sip.instance=\"<urn:uuid:1>\"",
                "<urn:uuid:1>",
                true,
            ),
            (";+sip.instance=\"<urn:\\x>\"", "<urn:x>", false),
            (";+sip.instance=\"\"", "", true),
            (";+sip.instance=bare", "bare", false),
        ] {
            let said = said(params.as_bytes(), instance.as_bytes());
            let (from, to) = said.instance.unwrap();
            assert_eq!(&said.text[from as usize..to as usize], instance.as_bytes());
            let without = "sip:a@10.0.0.1".len() + params.len() + "call-id".len();
            assert_eq!(said.text.len() == without, is_held, "{params}");
            assert_eq!(said.part(Part::Params), params.as_bytes());
            assert_eq!(said.part(Part::CallId), b"call-id");
        }
    }
}
