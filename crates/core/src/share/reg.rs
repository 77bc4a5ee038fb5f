//! The registration of an AoR as its watchers are told of it (RFC 3680): what the location service has, compared with
//! what it had.
//!
//! ```text
//!            a contact                    the last contact goes
//!   init --------------> active ----------------------------------> terminated (told once) --> init
//!                        contact: active --refreshed, shortened--> active
//!                                        --expired, unregistered, deactivated--> terminated (told once)
//! ```

use super::xml::escaped;
use super::{Content, Key, View};
use crate::digits::decimal;
use crate::fnv::fnv;
use crate::hex;
use crate::registrar::Binding;
use crate::time::Instant;
use bellhop_wire::Params;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

/// Why bindings go before their time is up (RFC 3680 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Their phone said so.
    Unregistered,
    /// The connection that they were reached over is gone: their phone does well to register at once.
    Deactivated,
}

/// A registration that is watched, in the AoR's home shard.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) key: Arc<Key>,
    /// Shards that have watchers, and when they said so last.
    pub(crate) shards: SmallVec<[(u16, u64); 4]>,
    /// What watchers were told last.
    pub(crate) view: Arc<View>,
    /// When that was: microseconds, and rising.
    pub(crate) at: u64,
    contacts: Vec<Contact>,
    /// There is news that waits for its time: not more than one document in [`PACE`] (4.10).
    is_behind: bool,
    told_at: Option<Instant>,
    has_looked: bool,
    /// Names what is told now: the same as before if only times have changed.
    news: u64,
}

/// A contact that a watcher is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Contact {
    id: Box<str>,
    binding: Arc<Binding>,
    event: Event,
    /// It is gone; watchers have yet to be told, or have been told once.
    is_over: bool,
}

/// What brought a contact where it is (RFC 3680 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Registered,
    Refreshed,
    Shortened,
    Expired,
    Unregistered,
    Deactivated,
}

/// What one document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegInfo {
    id: Box<str>,
    contacts: Vec<Contact>,
    news: u64,
}

/// What is to be done when bindings have been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing.
    Nothing,
    /// The shards with watchers are to have the new view.
    Tell,
    /// As soon as it may be told.
    TellAt(Instant),
}

impl Registration {
    /// One that nobody has been told of yet.
    pub(crate) fn new(now: Instant, key: Arc<Key>) -> Self {
        Self {
            key,
            shards: SmallVec::new(),
            view: Arc::new(View::Pending),
            at: now.as_micros(),
            contacts: Vec::new(),
            is_behind: false,
            told_at: None,
            has_looked: false,
            news: now.as_micros(),
        }
    }

    /// Compares the live bindings with those that were known; `gone`: why those went that are missing before their
    /// time.
    pub(crate) fn look(&mut self, now: Instant, live: &[Arc<Binding>], gone: Gone) -> Look {
        if !self.is_behind {
            // They have been told of once.
            self.contacts.retain(|contact| !contact.is_over);
        }
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        let mut is_news = is_first;
        let mut is_later = false;
        for contact in self.contacts.iter_mut().filter(|c| !c.is_over) {
            match live.iter().find(|new| contact.binding.is_one_with(new)) {
                Some(new) if Arc::ptr_eq(new, &contact.binding) => {}
                Some(new) => {
                    is_news |= contact.refresh(new);
                    is_later = true;
                }
                None => {
                    contact.end(now, gone);
                    is_news = true;
                }
            }
        }
        for new in live {
            let mut known = self.contacts.iter().filter(|c| !c.is_over);
            if !known.any(|contact| contact.binding.is_one_with(new)) {
                let id = self.name_for(new);
                self.contacts.push(Contact {
                    id,
                    binding: Arc::clone(new),
                    event: Event::Registered,
                    is_over: false,
                });
                is_news = true;
            }
        }
        self.is_behind |= is_news;
        self.forget_most();
        if self.is_behind {
            let pause = self.told_at.map(|told| told.after(PACE));
            if let Some(at) = pause.filter(|at| *at > now) {
                return Look::TellAt(at);
            }
            self.is_behind = false;
            // Who has just asked is told at once, and that counts for nobody.
            self.told_at = (!is_first).then_some(now);
            self.news = self.news.saturating_add(1);
        } else if !is_later {
            return Look::Nothing;
        }
        let info = RegInfo {
            id: name_of(&[self.key.resource.as_str().as_bytes()]),
            contacts: self.contacts.clone(),
            news: self.news,
        };
        self.view = Arc::new(View::Active(Some(Content::of_registration(info))));
        self.at = self.at.saturating_add(1).max(now.as_micros());
        Look::Tell
    }

    /// When the first of its contacts ends.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        let live = self.contacts.iter().filter(|contact| !contact.is_over);
        live.map(|contact| contact.binding.expires).min()
    }

    /// An id that no other contact of this registration has, and that the same contact gets each time.
    fn name_for(&self, binding: &Binding) -> Box<str> {
        let reg_id = binding.reg_id.map(|id| decimal(id.into()));
        let mut id = match (binding.instance(), &reg_id) {
            (Some(instance), Some(reg_id)) => name_of(&[instance, &**reg_id]),
            _ => name_of(&[binding.contact()]),
        };
        while self.contacts.iter().any(|contact| contact.id == id) {
            id = name_of(&[id.as_bytes()]);
        }
        id
    }

    /// Of those that are gone and wait to be told of there are no more than so many, the latest.
    fn forget_most(&mut self) {
        let over = self.contacts.iter().filter(|c| c.is_over).count();
        let mut too_many = over.saturating_sub(MOST_OVER);
        self.contacts.retain(|contact| {
            let goes = contact.is_over && too_many > 0;
            too_many = too_many.saturating_sub(usize::from(goes));
            !goes
        });
    }
}

impl Contact {
    /// It was refreshed. Whether its watchers are to hear of that: not if it only lasts longer (4.7.2 leaves it to us).
    fn refresh(&mut self, new: &Arc<Binding>) -> bool {
        let old = std::mem::replace(&mut self.binding, Arc::clone(new));
        let is_shorter = new.expires < old.expires;
        self.event = match is_shorter {
            true => Event::Shortened,
            false => Event::Refreshed,
        };
        let is_same =
            old.contact() == new.contact() && old.params() == new.params() && old.q == new.q;
        is_shorter || !is_same
    }

    fn end(&mut self, now: Instant, gone: Gone) {
        self.is_over = true;
        let is_due = !self.binding.is_live(now) || self.binding.is_late(now);
        self.event = match gone {
            _ if is_due => Event::Expired,
            Gone::Unregistered => Event::Unregistered,
            Gone::Deactivated => Event::Deactivated,
        };
    }

    fn write(&self, now: Instant, out: &mut Vec<u8>) {
        let state = if self.is_over { "terminated" } else { "active" };
        let text = [
            "<contact id=\"",
            &self.id,
            "\" state=\"",
            state,
            "\" event=\"",
            self.event.word(),
            "\"",
        ];
        puts(out, &text);
        if !self.is_over {
            let left = self.binding.remaining(now).as_secs();
            out.extend_from_slice(b" expires=\"");
            out.extend_from_slice(&decimal(left));
            out.extend_from_slice(b"\"");
        }
        if self.binding.q < WHOLE {
            let thousandths = decimal(u64::from(self.binding.q.saturating_add(WHOLE)));
            out.extend_from_slice(b" q=\"0.");
            out.extend_from_slice(thousandths.get(1..).unwrap_or_default());
            out.extend_from_slice(b"\"");
        }
        puts(
            out,
            &[">\r\n<uri>", &escaped(self.binding.contact()), "</uri>\r\n"],
        );
        let params = Params {
            raw: self.binding.params(),
        };
        for param in params.iter() {
            let name = escaped(param.name);
            let value = escaped(param.value.unwrap_or_default());
            let text = [
                "<unknown-param name=\"",
                &name,
                "\">",
                &value,
                "</unknown-param>\r\n",
            ];
            puts(out, &text);
        }
        out.extend_from_slice(b"</contact>\r\n");
    }
}

impl Event {
    const fn word(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Refreshed => "refreshed",
            Self::Shortened => "shortened",
            Self::Expired => "expired",
            Self::Unregistered => "unregistered",
            Self::Deactivated => "deactivated",
        }
    }
}

impl RegInfo {
    /// Appends the full state (5.1) of the AoR as its watcher calls it. Who is told for the first time hears of what is,
    /// and not of what has been.
    pub(super) fn write(&self, aor: &[u8], version: u32, now: Instant, out: &mut Vec<u8>) {
        let is_first = version == 0;
        let is_live = self.contacts.iter().any(|contact| !contact.is_over);
        let state = match (is_live, is_first || self.contacts.is_empty()) {
            (true, _) => "active",
            (false, true) => "init",
            (false, false) => "terminated",
        };
        let version = decimal(version.into());
        let version = std::str::from_utf8(&version).unwrap_or("0");
        let text = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"",
            version,
            "\" state=\"full\">\r\n<registration aor=\"",
            &escaped(aor),
            "\" id=\"",
            &self.id,
            "\" state=\"",
            state,
            "\">\r\n",
        ];
        puts(out, &text);
        let shown = |contact: &&Contact| !is_first || !contact.is_over;
        for contact in self.contacts.iter().filter(shown) {
            contact.write(now, out);
        }
        out.extend_from_slice(b"</registration>\r\n</reginfo>\r\n");
    }

    /// Whether whoever has heard the other has heard this, times apart.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        (self.news, &self.id) == (other.news, &other.id)
    }
}

fn puts(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A name that stands for these texts. It is no secret.
fn name_of(texts: &[&[u8]]) -> Box<str> {
    let octets = texts.iter().flat_map(|text| text.iter().copied());
    let digits = hex::of_u64(fnv(octets));
    std::str::from_utf8(&digits).unwrap_or_default().into()
}

/// The kind of body (RFC 3680 4.5).
pub(crate) const KIND: &str = "application/reginfo+xml";
/// RFC 3680 4.10: not more than one NOTIFY of an AoR in five seconds.
const PACE: Duration = Duration::from_secs(5);
/// Contacts that are gone, in one document.
const MOST_OVER: usize = 32;
/// A q of 1, in thousandths.
const WHOLE: u16 = 1_000;
