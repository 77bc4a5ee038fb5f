//! A dialog as one of its ends keeps it (RFC 3261 12).

use super::{Fault, text};
use bellhop_wire::{
    HeaderId, Message, NameAddr,
    typed::{ToRsip, rsip},
};

/// Who talks with whom, by which way, and how many requests there have been.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Dialog {
    call_id: String,
    local: rsip::typed::From,
    remote: rsip::typed::To,
    target: rsip::Uri,
    routes: Vec<rsip::UriWithParams>,
    number: u32,
}

impl Dialog {
    /// One that is only asked for: the other end has no tag yet, the way is not known.
    pub(super) fn outgoing(
        call_id: String,
        (from, tag): (rsip::Uri, String),
        to: rsip::Uri,
        target: rsip::Uri,
    ) -> Self {
        Self {
            call_id,
            local: rsip::typed::From::from(from).with_tag(tag.into()),
            remote: to.into(),
            target,
            routes: Vec::new(),
            number: 0,
        }
    }

    /// The end that accepts (RFC 3261 12.1.1).
    pub(super) fn incoming(request: Message<'_>, tag: String) -> Result<Self, Fault> {
        let (to, from) = (request.to()?, request.from()?);
        let local: rsip::typed::From = to.to_rsip()?;
        Ok(Self {
            call_id: text(request.call_id())?.to_owned(),
            local: local.with_tag(tag.into()),
            remote: from.to_rsip()?,
            target: contact(request)?,
            routes: record(request)?,
            number: 0,
        })
    }

    /// Takes from a 2xx what only the end that accepted could say (RFC 3261 12.1.2).
    ///
    /// # Errors
    /// It lacks what a dialog needs.
    pub(in crate::demo) fn confirm(&mut self, accepted: Message<'_>) -> Result<(), Fault> {
        if accepted.to_tag().is_none() {
            return Err(Fault::Missing("To tag"));
        }
        self.remote = accepted.to()?.to_rsip()?;
        self.target = contact(accepted)?;
        self.routes = record(accepted)?;
        self.routes.reverse();
        Ok(())
    }

    /// Where its requests are addressed to.
    pub(super) const fn target(&self) -> &rsip::Uri {
        &self.target
    }

    /// The way there.
    pub(super) fn routes(&self) -> &[rsip::UriWithParams] {
        &self.routes
    }

    /// From and To of a request.
    pub(super) fn ends(&self) -> (rsip::typed::From, rsip::typed::To) {
        (self.local.clone(), self.remote.clone())
    }

    /// Its Call-ID.
    pub(super) fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The tag of this end.
    pub(super) fn tag(&self) -> String {
        let tag = self.local.tag().cloned();
        tag.map_or_else(String::new, Into::into)
    }

    /// The last request's CSeq number.
    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// One more.
    pub(super) const fn next_number(&mut self) -> u32 {
        self.number = self.number.saturating_add(1);
        self.number
    }
}

fn contact(message: Message<'_>) -> Result<rsip::Uri, Fault> {
    let value = message.values(HeaderId::Contact).next();
    let contact = NameAddr::parse(value.ok_or(Fault::Missing("Contact"))?.raw)?;
    Ok(contact.uri.to_rsip()?)
}

/// The Record-Route entries from the top.
fn record(message: Message<'_>) -> Result<Vec<rsip::UriWithParams>, Fault> {
    message
        .values(HeaderId::RecordRoute)
        .map(|value| Ok(NameAddr::parse(value.raw)?.to_rsip()?))
        .collect()
}
