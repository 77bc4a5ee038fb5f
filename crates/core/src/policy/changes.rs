//! Edits of a message, staged: checked when they are asked for, carried out when the message is written.

use crate::policy::ChangeError::{Malformed, Protected};
use bellhop_wire::{Edit, HeaderId, Message, NameAddr, Scheme, UriRef};
use smallvec::SmallVec;

/// Edits in the order they were asked for. What a setter has taken cannot break the message: names are
/// tokens and not the engine's own, values are one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    steps: SmallVec<[Staged; 4]>,
    /// Names and values of all steps.
    text: Vec<u8>,
    body: Option<Body>,
}

/// A message's body; empty data and no type: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Content-Type.
    pub content_type: Box<str>,
    /// The octets.
    pub data: Box<[u8]>,
}

/// Why an edit was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// The header is the engine's own.
    Protected,
    /// The text says what is wrong with it.
    Malformed(&'static str),
}

/// One edit, to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'c> {
    /// The Request-URI becomes this.
    Uri(&'c [u8]),
    /// All lines of this name go, and one comes.
    Set(&'c [u8], &'c [u8]),
    /// One more line.
    Add(&'c [u8], &'c [u8]),
    /// All lines of this name go.
    Remove(&'c [u8]),
}

/// A state to go back to.
#[derive(Clone, Debug)]
pub struct Mark {
    steps: usize,
    text: usize,
    body: Option<Body>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Staged {
    kind: Kind,
    start: u32,
    /// Where the name ends and the value begins.
    middle: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Uri,
    Set,
    Add,
    Remove,
}

impl Changes {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.body.is_none()
    }

    /// Changes the Request-URI.
    ///
    /// # Errors
    /// `Malformed`: not a sip, sips or tel URI, or with header fields, which must not go on (RFC 3261
    /// 19.1.5).
    pub fn set_uri(&mut self, uri: &str) -> Result<(), ChangeError> {
        sound_uri(uri)?;
        self.stage(Kind::Uri, &[], uri.as_bytes())
    }

    /// Makes one line of all lines of a header.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn set_header(&mut self, name: &str, value: &[u8]) -> Result<(), ChangeError> {
        sound_header(name, value)?;
        self.stage(Kind::Set, name.as_bytes(), value)
    }

    /// Adds a header line.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn add_header(&mut self, name: &str, value: &[u8]) -> Result<(), ChangeError> {
        sound_header(name, value)?;
        self.stage(Kind::Add, name.as_bytes(), value)
    }

    /// Adds a Contact: only where we make the whole message ourselves, a 3xx (RFC 3261 21.3).
    ///
    /// # Errors
    /// `Malformed`: no name-addr or addr-spec of a sip, sips or tel URI.
    pub fn add_contact(&mut self, value: &str) -> Result<(), ChangeError> {
        let contact = NameAddr::parse(value.as_bytes()).map_err(|_| Malformed("not a Contact"))?;
        let fits = value.len() <= LONGEST_VALUE && is_line(value.as_bytes());
        if !fits || contact.uri.scheme == Scheme::Other {
            return Err(Malformed("not a Contact"));
        }
        self.stage(Kind::Add, b"Contact", value.as_bytes())
    }

    /// Takes all lines of a header off.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn remove_header(&mut self, name: &str) -> Result<(), ChangeError> {
        sound_header(name, b"")?;
        self.stage(Kind::Remove, name.as_bytes(), b"")
    }

    /// Replaces the body; `None`: there is none any more.
    ///
    /// # Errors
    /// `Malformed`: a Content-Type that is none, or more than [`Changes::LONGEST_BODY`].
    pub fn set_body(&mut self, body: Option<Body>) -> Result<(), ChangeError> {
        let body = body.unwrap_or_default();
        if body.data.len() > Self::LONGEST_BODY {
            return Err(Malformed("body too long"));
        }
        let kind = body.content_type.as_bytes();
        let is_typed = kind
            .iter()
            .position(|b| *b == b'/')
            .is_some_and(|at| at > 0);
        if !is_line(kind) || kind.len() > LONGEST_NAME || !(is_typed || body.data.is_empty()) {
            return Err(Malformed("not a Content-Type"));
        }
        self.body = Some(body);
        Ok(())
    }

    /// The Request-URI that was asked for last.
    pub fn uri(&self) -> Option<&[u8]> {
        self.steps().rev().find_map(|step| match step {
            Step::Uri(uri) => Some(uri),
            _ => None,
        })
    }

    /// The body that was asked for; an empty one: none.
    pub fn body(&self) -> Option<&Body> {
        self.body.as_ref()
    }

    /// The edits in their order.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = Step<'_>> {
        self.steps.iter().map(|staged| self.step(staged))
    }

    /// Whether the message's own lines of this name stay.
    pub fn keeps(&self, name: &[u8]) -> bool {
        self.last_cut(name).is_none()
    }

    /// The values of lines of this name that come to the message's own.
    pub fn added<'c>(&'c self, name: &'c [u8]) -> impl Iterator<Item = &'c [u8]> {
        let gone = self.last_cut(name);
        self.steps()
            .enumerate()
            .filter_map(move |(at, step)| match step {
                Step::Set(other, value) | Step::Add(other, value)
                    if gone.is_none_or(|gone| at >= gone) && is_same(name, other) =>
                {
                    Some(value)
                }
                _ => None,
            })
    }

    /// Whether the lines of this name are other than the message's own.
    pub(crate) fn touches(&self, name: &[u8]) -> bool {
        !self.keeps(name) || self.added(name).next().is_some()
    }

    /// These edits and then others.
    pub(crate) fn followed_by(&self, others: &Self) -> Self {
        let mut both = self.clone();
        for (staged, step) in others.steps.iter().zip(others.steps()) {
            let (name, value): (&[u8], &[u8]) = match step {
                Step::Uri(uri) => (&[], uri),
                Step::Set(name, value) | Step::Add(name, value) => (name, value),
                Step::Remove(name) => (name, &[]),
            };
            // More than there is room for is left out; each list for itself has its bound.
            let _ = both.stage(staged.kind, name, value);
        }
        both.body = others.body.clone().or(both.body);
        both
    }

    /// A state to go back to.
    pub fn mark(&self) -> Mark {
        Mark {
            steps: self.steps.len(),
            text: self.text.len(),
            body: self.body.clone(),
        }
    }

    /// Takes back everything since.
    pub fn roll_back(&mut self, mark: Mark) {
        self.steps.truncate(mark.steps);
        self.text.truncate(mark.text);
        self.body = mark.body;
    }

    /// Adds the edits of header lines and body to those of the engine. The Request-URI is the engine's.
    pub(crate) fn apply<'m>(&self, message: Message<'m>, edit: &mut Edit<'m>) {
        for (at, step) in self.steps().enumerate() {
            let (name, value) = match step {
                Step::Uri(_) => continue,
                Step::Remove(name) => (name, None),
                Step::Set(name, value) | Step::Add(name, value) => (name, Some(value)),
            };
            // It is a token, so it is text.
            let Ok(text) = str::from_utf8(name) else {
                continue;
            };
            if matches!(step, Step::Set(..) | Step::Remove(_)) {
                for field in message.named(text) {
                    edit.remove(field);
                }
            }
            let stays = self.last_cut(name).is_none_or(|cut| at >= cut);
            if let (Some(value), true) = (value, stays) {
                edit.append(text, value);
            }
        }
        let Some(body) = &self.body else {
            return;
        };
        if body.content_type.is_empty() {
            for field in message.fields(HeaderId::ContentType) {
                edit.remove(field);
            }
            edit.body(None, &body.data);
        } else {
            edit.body(Some(&body.content_type), &body.data);
        }
    }

    /// The largest body that can be set.
    pub const LONGEST_BODY: usize = 64 * 1024;

    /// The last step that takes the lines of a name off.
    fn last_cut(&self, name: &[u8]) -> Option<usize> {
        let cuts = |step: Step<'_>| matches!(step, Step::Set(other, _) | Step::Remove(other) if is_same(name, other));
        self.steps()
            .enumerate()
            .filter(|(_, step)| cuts(*step))
            .map(|(at, _)| at)
            .last()
    }

    fn stage(&mut self, kind: Kind, name: &[u8], value: &[u8]) -> Result<(), ChangeError> {
        let full = self
            .text
            .len()
            .saturating_add(name.len())
            .saturating_add(value.len());
        if self.steps.len() >= MOST_STEPS || full > MOST_TEXT {
            return Err(Malformed("too many edits of one message"));
        }
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let start = place(self.text.len());
        self.text.extend_from_slice(name);
        let middle = place(self.text.len());
        self.text.extend_from_slice(value);
        let end = place(self.text.len());
        self.steps.push(Staged {
            kind,
            start,
            middle,
            end,
        });
        Ok(())
    }

    fn step(&self, staged: &Staged) -> Step<'_> {
        let text = |from: u32, to: u32| {
            self.text
                .get(from as usize..to as usize)
                .unwrap_or_default()
        };
        let name = text(staged.start, staged.middle);
        let value = text(staged.middle, staged.end);
        match staged.kind {
            Kind::Uri => Step::Uri(value),
            Kind::Set => Step::Set(name, value),
            Kind::Add => Step::Add(name, value),
            Kind::Remove => Step::Remove(name),
        }
    }
}

/// Whether two names mean the same header, in any case and form (RFC 3261 7.3.3).
fn is_same(a: &[u8], b: &[u8]) -> bool {
    match HeaderId::of(a) {
        HeaderId::Other => a.eq_ignore_ascii_case(b),
        id => id == HeaderId::of(b),
    }
}

fn sound_uri(uri: &str) -> Result<(), ChangeError> {
    let is_plain = uri
        .bytes()
        .all(|b| b > b' ' && b < 0x7f && !matches!(b, b'<' | b'>' | b'"'));
    if uri.len() > LONGEST_URI || !is_plain {
        return Err(Malformed("not a URI"));
    }
    let uri = UriRef::parse(uri.as_bytes()).map_err(|_| Malformed("not a URI"))?;
    if uri.scheme == Scheme::Other {
        return Err(Malformed("not a sip, sips or tel URI"));
    }
    if uri.without_headers().len() != uri.raw.len() {
        return Err(Malformed("a Request-URI has no header fields"));
    }
    Ok(())
}

fn sound_header(name: &str, value: &[u8]) -> Result<(), ChangeError> {
    let name = name.as_bytes();
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.iter().all(is_token) {
        return Err(Malformed("not a header name"));
    }
    if PROTECTED.contains(&HeaderId::of(name)) {
        return Err(Protected);
    }
    if value.len() > LONGEST_VALUE || !is_line(value) {
        return Err(Malformed("not a header value"));
    }
    Ok(())
}

/// Whether it can stand on one line: UTF-8 and no control character but TAB.
fn is_line(value: &[u8]) -> bool {
    str::from_utf8(value).is_ok_and(|text| text.chars().all(|c| c == '\t' || !c.is_control()))
}

/// What makes a message a message, a dialog a dialog, and a proof a proof.
const PROTECTED: [HeaderId; 17] = [
    HeaderId::Via,
    HeaderId::From,
    HeaderId::To,
    HeaderId::CallId,
    HeaderId::CSeq,
    HeaderId::RecordRoute,
    HeaderId::Route,
    HeaderId::Contact,
    HeaderId::MaxForwards,
    HeaderId::MaxBreadth,
    HeaderId::ContentLength,
    HeaderId::ContentType,
    HeaderId::Authorization,
    HeaderId::ProxyAuthorization,
    HeaderId::WwwAuthenticate,
    HeaderId::ProxyAuthenticate,
    HeaderId::AuthenticationInfo,
];
const MOST_STEPS: usize = 64;
const MOST_TEXT: usize = 64 * 1024;
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 8 * 1024;
const LONGEST_URI: usize = 2 * 1024;

#[cfg(test)]
mod tests;
