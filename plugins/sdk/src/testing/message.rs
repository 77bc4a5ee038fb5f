//! A message as a plugin sees it, made from text.

mod made;
mod parse;

use std::cell::RefCell;

use self::parse::split_head;
use super::{rules, world};
use crate::{Body, EditError, Source, Summary};

/// A SIP message: parsed from text, read and edited as the host's is.
#[derive(Debug, Clone)]
pub struct Message {
    received: Vec<u8>,
    state: RefCell<State>,
}

/// One edit that a plugin made and the host would carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The Request-URI became this.
    Uri(String),
    /// All fields of the name went and one came.
    Set(String, String),
    /// A field was added.
    Add(String, String),
    /// All fields of the name went.
    Remove(String),
    /// The body became this, or went.
    Body(Option<Vec<u8>>),
}

#[derive(Debug, Clone)]
struct State {
    method: String,
    ruri: String,
    status: Option<u16>,
    reason: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    source: Source,
    notes: Vec<(String, String)>,
    edits: Vec<Edit>,
}

impl Message {
    /// One call instead of many: prefer it to single reads.
    pub fn summary(&self) -> Summary {
        let from = self.header("From").unwrap_or_default();
        let to = self.header("To").unwrap_or_default();
        let to_tag = tag(&to).to_owned();
        let cseq = self.header("CSeq").unwrap_or_default();
        let (number, method) = cseq.split_once(' ').unwrap_or((cseq.as_str(), ""));
        let state = self.state.borrow();
        let text = |name: &str| self.header(name).unwrap_or_default();
        let content_type = text("Content-Type").to_ascii_lowercase();
        Summary {
            method: match state.status {
                Some(_) => method.trim().to_owned(),
                None => state.method.clone(),
            },
            ruri: state.ruri.clone(),
            status: state.status.unwrap_or(0),
            call_id: text("Call-ID"),
            cseq: number.parse().unwrap_or(0),
            from_uri: address(&from).to_owned(),
            from_tag: tag(&from).to_owned(),
            to_uri: address(&to).to_owned(),
            in_dialog: !to_tag.is_empty(),
            to_tag,
            contact: address(text("Contact").split(',').next().unwrap_or_default()).to_owned(),
            user_agent: text("User-Agent"),
            max_forwards: text("Max-Forwards").parse().unwrap_or(70),
            body_length: u32::try_from(state.body.len()).unwrap_or(u32::MAX),
            content_type: content_type
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }

    /// Where it came from.
    pub fn source(&self) -> Source {
        self.state.borrow().source.clone()
    }

    /// The method; that of the CSeq for a response.
    pub fn method(&self) -> String {
        self.summary().method
    }

    /// The Request-URI; empty for a response.
    pub fn ruri(&self) -> String {
        self.state.borrow().ruri.clone()
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.state.borrow().status
    }

    /// The message as it was received, without edits, and without the body unless "body-read" is granted.
    pub fn bytes(&self) -> Vec<u8> {
        match world::granted("body-read") {
            true => self.received.clone(),
            false => split_head(&self.received).0.to_vec(),
        }
    }

    /// The value of the first field of the name, bytes that are no UTF-8 as U+FFFD.
    pub fn header(&self, name: &str) -> Option<String> {
        let bytes = self.header_bytes(name)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The values of all fields of the name, in order, as written.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let state = self.state.borrow();
        let same = state
            .fields
            .iter()
            .filter(|(own, _)| rules::is_same(own, name));
        same.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The value of the first field of the name, as sent.
    pub fn header_bytes(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.borrow();
        let mut fields = state.fields.iter();
        let (_, value) = fields.find(|(own, _)| rules::is_same(own, name))?;
        Some(value.clone())
    }

    /// One name for each field, in order, as written.
    pub fn header_names(&self) -> Vec<String> {
        let state = self.state.borrow();
        state.fields.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The body. Capability "body-read".
    ///
    /// # Errors
    /// [`EditError::Denied`].
    pub fn body(&self) -> Result<Vec<u8>, EditError> {
        allowed(world::granted("body-read"))?;
        Ok(self.state.borrow().body.clone())
    }

    /// Changes the Request-URI to a sip, sips or tel URI. Capability "edit".
    ///
    /// # Errors
    /// [`EditError::Malformed`], always for a response; [`EditError::Denied`].
    pub fn set_ruri(&self, uri: &str) -> Result<(), EditError> {
        self.may_edit()?;
        if self.status().is_some() {
            return Err(EditError::Malformed(
                "a response has no Request-URI".to_owned(),
            ));
        }
        rules::uri(uri)?;
        self.note_edit(Edit::Uri(uri.to_owned()), |state| {
            uri.clone_into(&mut state.ruri)
        });
        Ok(())
    }

    /// Takes out all fields of the name and adds one. Capability "edit".
    ///
    /// # Errors
    /// [`EditError::Protected`], [`EditError::Malformed`], [`EditError::Denied`].
    pub fn set_header(&self, name: &str, value: &str) -> Result<(), EditError> {
        self.may_edit()?;
        rules::field(name, value)?;
        self.note_edit(Edit::Set(name.to_owned(), value.to_owned()), |state| {
            state.fields.retain(|(own, _)| !rules::is_same(own, name));
            state
                .fields
                .push((name.to_owned(), value.as_bytes().to_vec()));
        });
        Ok(())
    }

    /// Adds a field. Capability "edit".
    ///
    /// # Errors
    /// As [`set_header`](Self::set_header).
    pub fn add_header(&self, name: &str, value: &str) -> Result<(), EditError> {
        self.may_edit()?;
        rules::field(name, value)?;
        self.note_edit(Edit::Add(name.to_owned(), value.to_owned()), |state| {
            state
                .fields
                .push((name.to_owned(), value.as_bytes().to_vec()));
        });
        Ok(())
    }

    /// Takes out all fields of the name and says how many. Capability "edit".
    ///
    /// # Errors
    /// As [`set_header`](Self::set_header).
    pub fn remove_header(&self, name: &str) -> Result<u32, EditError> {
        self.may_edit()?;
        rules::field(name, "")?;
        let before = self.state.borrow().fields.len();
        self.note_edit(Edit::Remove(name.to_owned()), |state| {
            state.fields.retain(|(own, _)| !rules::is_same(own, name));
        });
        let gone = before.saturating_sub(self.state.borrow().fields.len());
        Ok(u32::try_from(gone).unwrap_or(u32::MAX))
    }

    /// Sets the body with its Content-Type, or takes both out. Capability "body-write".
    ///
    /// # Errors
    /// [`EditError::Malformed`], [`EditError::Denied`].
    pub fn set_body(&self, body: Option<&Body>) -> Result<(), EditError> {
        self.may_edit()?;
        allowed(world::granted("body-write"))?;
        if let Some(body) = body {
            rules::body(&body.content_type, &body.data)?;
        }
        let data = body.map(|body| body.data.clone());
        self.note_edit(Edit::Body(data.clone()), |state| {
            state.body = data.unwrap_or_default();
            state
                .fields
                .retain(|(own, _)| !rules::is_same(own, "Content-Type"));
            if let Some(body) = body {
                let kind = body.content_type.clone().into_bytes();
                state.fields.push(("Content-Type".to_owned(), kind));
            }
        });
        Ok(())
    }

    /// A note on the transaction or dialog.
    pub fn note(&self, key: &str) -> Option<String> {
        let state = self.state.borrow();
        let (_, value) = state.notes.iter().find(|(own, _)| own == key)?;
        Some(value.clone())
    }

    /// Leaves a note for later hooks. At most 16 of them, a key of 64 bytes, a value of 1024.
    ///
    /// # Errors
    /// [`EditError::Malformed`].
    pub fn set_note(&self, key: &str, value: &str) -> Result<(), EditError> {
        let mut state = self.state.borrow_mut();
        let others = state.notes.iter().filter(|(own, _)| own != key).count();
        rules::note(key, value, others)?;
        state.notes.retain(|(own, _)| own != key);
        state.notes.push((key.to_owned(), value.to_owned()));
        Ok(())
    }

    fn may_edit(&self) -> Result<(), EditError> {
        let needed = match self.status() {
            Some(_) => "edit-response",
            None => "edit",
        };
        allowed(world::granted(needed))
    }

    fn note_edit(&self, edit: Edit, change: impl FnOnce(&mut State)) {
        let mut state = self.state.borrow_mut();
        change(&mut state);
        state.edits.push(edit);
    }
}

fn allowed(is: bool) -> Result<(), EditError> {
    is.then_some(()).ok_or(EditError::Denied)
}

/// The URI of a name-addr or addr-spec (RFC 3261, 20.10).
fn address(value: &str) -> &str {
    let inner = value
        .split_once('<')
        .and_then(|(_, after)| after.split_once('>'));
    match inner {
        Some((uri, _)) => uri,
        None => value.split(';').next().unwrap_or_default().trim(),
    }
}

/// The tag parameter behind it.
fn tag(value: &str) -> &str {
    let after = value.rsplit_once('>').map_or(value, |(_, after)| after);
    let mut parameters = after
        .split(';')
        .skip(1)
        .filter_map(|one| one.split_once('='));
    let tag = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("tag"));
    tag.map_or("", |(_, value)| value.trim())
}
