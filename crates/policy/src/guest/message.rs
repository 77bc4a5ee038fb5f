//! `messages`: reading the message at hand, as the edits so far have left it.

use super::{AtHand, Guest};
use crate::contract::sip::policy::messages::{Host, HostMessage};
use crate::contract::sip::policy::types::{Body, EditError, Source, Summary};
use crate::grants::Capability;
use crate::read::{self, body_kind, first, own, text};
use bellhop_core::policy::Step;
use bellhop_wire::{NameAddr, Start};
use wasmtime::component::Resource;

impl Host for Guest {}

impl HostMessage for Guest {
    fn summary(&mut self, _: Resource<AtHand>) -> Summary {
        let (message, changes) = (self.question.message(), &self.question.changes);
        let (method, ruri, status) = match message.start() {
            Start::Request { method, uri } => {
                let uri = changes.uri().unwrap_or(uri);
                (text(method.as_bytes()), text(uri), 0)
            }
            Start::Response { status, .. } => (read::method(message), String::new(), status),
        };
        let (from, to) = (message.from().ok(), message.to().ok());
        let uri = |end: Option<NameAddr<'_>>| end.map_or_else(String::new, |end| text(end.uri.raw));
        let tag =
            |end: Option<NameAddr<'_>>| text(end.and_then(|end| end.tag()).unwrap_or_default());
        let (content_type, body_length) = body_kind(message, changes);
        Summary {
            method,
            ruri,
            status,
            call_id: text(message.call_id()),
            cseq: message.cseq().map_or(0, |(number, _)| number),
            from_uri: uri(from),
            from_tag: tag(from),
            to_uri: uri(to),
            to_tag: tag(to),
            contact: read::contact(message),
            user_agent: text(first(message, changes, "User-Agent").unwrap_or_default()),
            max_forwards: message.max_forwards().ok().flatten().unwrap_or(70),
            in_dialog: self.question.origin.is_in_dialog,
            body_length: u32::try_from(body_length).unwrap_or(u32::MAX),
            content_type,
        }
    }

    fn source(&mut self, _: Resource<AtHand>) -> Source {
        read::source(&self.question.origin)
    }

    fn method(&mut self, _: Resource<AtHand>) -> String {
        read::method(self.question.message())
    }

    fn ruri(&mut self, _: Resource<AtHand>) -> String {
        let message = self.question.message();
        text(self.question.changes.uri().unwrap_or(message.uri()))
    }

    fn status(&mut self, _: Resource<AtHand>) -> Option<u16> {
        self.question.message().status()
    }

    fn bytes(&mut self, _: Resource<AtHand>) -> Vec<u8> {
        let message = self.question.message();
        let all = message.bytes();
        if self.has(Capability::BodyRead) {
            return all.into();
        }
        let head = all.len().saturating_sub(message.body().len());
        all.get(..head).unwrap_or_default().into()
    }

    fn header(&mut self, _: Resource<AtHand>, name: String) -> Option<String> {
        let (message, changes) = (self.question.message(), &self.question.changes);
        first(message, changes, &name).map(text)
    }

    fn headers(&mut self, _: Resource<AtHand>, name: String) -> Vec<String> {
        let (message, changes) = (self.question.message(), &self.question.changes);
        let own = own(message, changes, &name);
        let lines = own.chain(changes.added(name.as_bytes()));
        if !read::is_list(&name) {
            return lines.map(text).collect();
        }
        let values = lines.flat_map(bellhop_wire::view::list::split);
        values.map(|(_, value)| text(value)).collect()
    }

    fn header_bytes(&mut self, _: Resource<AtHand>, name: String) -> Option<Vec<u8>> {
        let (message, changes) = (self.question.message(), &self.question.changes);
        first(message, changes, &name).map(<[u8]>::to_vec)
    }

    fn header_names(&mut self, _: Resource<AtHand>) -> Vec<String> {
        let (message, changes) = (self.question.message(), &self.question.changes);
        let kept = message.all_fields().map(|field| field.name);
        let mut names: Vec<String> = kept.filter(|name| changes.keeps(name)).map(text).collect();
        let mut seen: Vec<&[u8]> = Vec::new();
        for step in changes.steps() {
            let (Step::Set(name, _) | Step::Add(name, _)) = step else {
                continue;
            };
            if !seen.iter().any(|other| read::is_same(other, name)) {
                seen.push(name);
                names.extend(changes.added(name).map(|_| text(name)));
            }
        }
        names
    }

    fn body(&mut self, _: Resource<AtHand>) -> Result<Vec<u8>, EditError> {
        if !self.has(Capability::BodyRead) {
            return Err(EditError::Denied);
        }
        Ok(match self.question.changes.body() {
            Some(body) => body.data.to_vec(),
            None => self.question.message().body().to_vec(),
        })
    }

    fn set_ruri(&mut self, _: Resource<AtHand>, uri: String) -> Result<(), EditError> {
        self.change_uri(&uri)
    }

    fn set_header(
        &mut self,
        _: Resource<AtHand>,
        name: String,
        value: String,
    ) -> Result<(), EditError> {
        self.change(|changes| changes.set_header(&name, value.as_bytes()))
    }

    fn add_header(
        &mut self,
        _: Resource<AtHand>,
        name: String,
        value: String,
    ) -> Result<(), EditError> {
        self.change(|changes| changes.add_header(&name, value.as_bytes()))
    }

    fn remove_header(&mut self, _: Resource<AtHand>, name: String) -> Result<u32, EditError> {
        let (message, changes) = (self.question.message(), &self.question.changes);
        let own = own(message, changes, &name).count();
        let there = own.saturating_add(changes.added(name.as_bytes()).count());
        self.change(|changes| changes.remove_header(&name))?;
        Ok(u32::try_from(there).unwrap_or(u32::MAX))
    }

    fn set_body(&mut self, _: Resource<AtHand>, body: Option<Body>) -> Result<(), EditError> {
        self.change_body(body)
    }

    fn note(&mut self, _: Resource<AtHand>, key: String) -> Option<String> {
        self.question.notes.find(&key).map(str::to_owned)
    }

    fn set_note(
        &mut self,
        _: Resource<AtHand>,
        key: String,
        value: String,
    ) -> Result<(), EditError> {
        let full = |_| EditError::Malformed("too many notes, or one too long".into());
        self.question.notes.set(&key, &value).map_err(full)
    }

    fn drop(&mut self, _: Resource<AtHand>) -> wasmtime::Result<()> {
        Ok(())
    }
}
