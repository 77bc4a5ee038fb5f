//! A small user agent without sockets or clock: it writes requests, answers and credentials in
//! `rsip`'s vocabulary. What it does when is the script's business.

mod dialog;
#[cfg(test)]
mod tests;

pub(super) use dialog::Dialog;

use bellhop_core::auth::{Algorithm, Ha1, client};
use bellhop_wire::{
    Error, HeaderId, Message, NameAddr, UriRef, ViaRef,
    typed::{Build, ToRsip, TypedError, WriteSip, rsip},
    view::auth::Challenge,
};
use std::{fmt, net::SocketAddr};

/// Who speaks: a phone's user, or a PBX.
#[derive(Clone, Debug)]
pub(super) struct Ua {
    name: String,
    domain: String,
    password: String,
    local: SocketAddr,
    /// What makes its tags, branches and Call-IDs its own.
    salt: u64,
    made: u32,
}

/// What a request is to say besides what its dialog says.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// The method.
    pub(super) method: rsip::Method,
    /// Its further header lines.
    pub(super) lines: Vec<(&'static str, String)>,
    /// Content-Type and body.
    pub(super) body: Option<(&'static str, String)>,
}

/// Why a message could not be made of the one that asked for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A part does not go through `rsip`.
    Typed(TypedError),
    /// It has no such part.
    Missing(&'static str),
}

impl Ask {
    /// A request of this method alone.
    pub(super) const fn of(method: rsip::Method) -> Self {
        Self {
            method,
            lines: Vec::new(),
            body: None,
        }
    }

    /// With one more header line.
    pub(super) fn line(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.lines.push((name, value.into()));
        self
    }

    /// With a body.
    pub(super) fn body(mut self, content_type: &'static str, text: String) -> Self {
        self.body = Some((content_type, text));
        self
    }
}

impl Ua {
    /// A user agent of `sip:name@domain` at this address.
    pub(super) fn new(
        name: &str,
        domain: &str,
        password: &str,
        local: SocketAddr,
        salt: u64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
            password: password.to_owned(),
            local,
            salt,
            made: 0,
        }
    }

    /// Where it is.
    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Begins what may become a dialog: with `to`, by way of `target`.
    pub(super) fn begin(&mut self, to: rsip::Uri, target: rsip::Uri) -> Dialog {
        let call_id = format!("{}@{}", self.fresh("call"), self.local.ip());
        let from = address(&self.name, &self.domain);
        let tag = self.fresh("tag");
        Dialog::outgoing(call_id, (from, tag), to, target)
    }

    /// The dialog that it makes by accepting this request (RFC 3261 12.1.1).
    ///
    /// # Errors
    /// The request lacks what a dialog needs.
    pub(super) fn accept(&mut self, request: Message<'_>) -> Result<Dialog, Fault> {
        let tag = self.fresh("tag");
        Dialog::incoming(request, tag)
    }

    /// The dialog's next request (RFC 3261 8.1.1, 12.2.1.1).
    ///
    /// # Errors
    /// A part that cannot be written.
    pub(super) fn request(&mut self, dialog: &mut Dialog, ask: &Ask) -> Result<Vec<u8>, Fault> {
        let number = dialog.next_number();
        self.write(dialog, number, ask)
    }

    /// The same once more with credentials for the challenge in `refused`, as a new transaction
    /// (RFC 3261 22.2).
    ///
    /// # Errors
    /// No challenge that it can meet, or a part that cannot be written.
    pub(super) fn authorized(
        &mut self,
        dialog: &mut Dialog,
        ask: &Ask,
        refused: Message<'_>,
    ) -> Result<Vec<u8>, Fault> {
        let mut uri = Vec::new();
        dialog.target().write_sip(&mut uri)?;
        let credentials = self.credentials(ask.method, text(&uri)?, refused)?;
        let name = match refused.status() {
            Some(407) => "Proxy-Authorization",
            _ => "Authorization",
        };
        self.request(dialog, &ask.clone().line(name, credentials))
    }

    /// The ACK for a 2xx: a request of the dialog with the INVITE's number (RFC 3261 13.2.2.4).
    ///
    /// # Errors
    /// A part that cannot be written.
    pub(super) fn ack(&mut self, dialog: &Dialog) -> Result<Vec<u8>, Fault> {
        self.write(dialog, dialog.number(), &Ask::of(rsip::Method::Ack))
    }

    /// The ACK for any other final answer: of the INVITE's own transaction (RFC 3261 17.1.1.3).
    ///
    /// # Errors
    /// A part that the two lack or that cannot be written.
    pub(super) fn ack_refusal(
        &self,
        invite: Message<'_>,
        refused: Message<'_>,
    ) -> Result<Vec<u8>, Fault> {
        let via: rsip::typed::Via = invite.top_via()?.to_rsip()?;
        let from: rsip::typed::From = invite.from()?.to_rsip()?;
        let to: rsip::typed::To = refused.to()?.to_rsip()?;
        let (number, _) = invite.cseq()?;
        let build = Build::request(rsip::Method::Ack.into(), &UriRef::parse(invite.uri())?)
            .field(&via)
            .header("Max-Forwards", "70")
            .field(&from)
            .field(&to)
            .header("Call-ID", text(invite.call_id())?)
            .field(&rsip::typed::CSeq::from((number, rsip::Method::Ack)));
        Ok(build.end()?)
    }

    /// An answer to a request (RFC 3261 8.2.6). With `dialog`: its tag, and this agent's Contact.
    /// What `more` has besides header lines is its body.
    ///
    /// # Errors
    /// A part that the request lacks or that cannot be written.
    pub(super) fn answer(
        &self,
        request: Message<'_>,
        status: u16,
        dialog: Option<&Dialog>,
        more: &Ask,
    ) -> Result<Vec<u8>, Fault> {
        let mut build = Build::response(status, None);
        for value in request.values(HeaderId::Via) {
            let via: rsip::typed::Via = ViaRef::parse(value.raw)?.to_rsip()?;
            build = build.field(&via);
        }
        for value in request.values(HeaderId::RecordRoute) {
            let hop: rsip::UriWithParams = NameAddr::parse(value.raw)?.to_rsip()?;
            build = build.value("Record-Route", &hop);
        }
        let from: rsip::typed::From = request.from()?.to_rsip()?;
        let mut to: rsip::typed::To = request.to()?.to_rsip()?;
        if let (None, Some(dialog)) = (to.tag(), dialog) {
            to = to.with_tag(dialog.tag().into());
        }
        let cseq: rsip::typed::CSeq = request.cseq()?.to_rsip()?;
        build = build
            .field(&from)
            .field(&to)
            .header("Call-ID", text(request.call_id())?)
            .field(&cseq);
        if dialog.is_some() {
            build = build.field(&self.contact());
        }
        end(build, more)
    }

    fn write(&mut self, dialog: &Dialog, number: u32, ask: &Ask) -> Result<Vec<u8>, Fault> {
        let via = rsip::typed::Via {
            version: rsip::Version::V2,
            transport: rsip::Transport::Udp,
            uri: self.local.into(),
            params: vec![
                rsip::Param::Branch(format!("z9hG4bK{}", self.fresh("b")).into()),
                rsip::Param::Other("rport".into(), None),
            ],
        };
        let (from, to) = dialog.ends();
        let mut build = Build::request(ask.method.into(), dialog.target())
            .field(&via)
            .header("Max-Forwards", "70");
        for hop in dialog.routes() {
            build = build.value("Route", hop);
        }
        build = build
            .field(&from)
            .field(&to)
            .header("Call-ID", dialog.call_id())
            .field(&rsip::typed::CSeq::from((number, ask.method)));
        if !matches!(ask.method, rsip::Method::Ack | rsip::Method::Bye) {
            build = build.field(&self.contact());
        }
        end(build, ask)
    }

    /// The credentials for the first challenge whose algorithm is known (RFC 7616 3.4, RFC 8760 2.4).
    fn credentials(
        &mut self,
        method: rsip::Method,
        uri: &str,
        refused: Message<'_>,
    ) -> Result<String, Fault> {
        let asks = match refused.status() {
            Some(407) => HeaderId::ProxyAuthenticate,
            _ => HeaderId::WwwAuthenticate,
        };
        let known = refused.fields(asks).find_map(|field| {
            let challenge = Challenge::parse(field.value).ok()?;
            let algorithm = Algorithm::parse(challenge.algorithm.unwrap_or(b"MD5"))?;
            Some((challenge, algorithm))
        });
        let (challenge, algorithm) =
            known.ok_or(Fault::Missing("challenge of a known algorithm"))?;
        let realm = text(challenge.realm.ok_or(Fault::Missing("realm"))?)?;
        let cnonce = self.fresh("c");
        let answer = client::Answer {
            algorithm,
            method: bellhop_wire::Method::from(method).as_str(),
            uri,
            nonce: text(challenge.nonce.ok_or(Fault::Missing("nonce"))?)?,
            opaque: None,
            qop: client::Qop::Auth,
            count: 1,
            cnonce: &cnonce,
        };
        let ha1 = Ha1::of_password(&self.name, realm, &self.password);
        let credentials = answer.credentials(&ha1, &self.name, realm);
        credentials.ok_or(Fault::Missing("hash of the challenge's algorithm"))
    }

    fn contact(&self) -> rsip::typed::Contact {
        let uri = rsip::Uri {
            scheme: Some(rsip::Scheme::Sip),
            auth: Some(rsip::Auth::from((self.name.as_str(), None::<&str>))),
            ..self.local.into()
        };
        uri.into()
    }

    /// A name that this agent has not given before and no other gives.
    fn fresh(&mut self, kind: &str) -> String {
        self.made = self.made.saturating_add(1);
        format!("{kind}{:x}.{:x}", self.salt, self.made)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed(error) => error.fmt(f),
            Self::Missing(what) => write!(f, "no {what}"),
        }
    }
}

impl From<TypedError> for Fault {
    fn from(error: TypedError) -> Self {
        Self::Typed(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Typed(error.into())
    }
}

/// `sip:user@domain`.
pub(super) fn address(user: &str, domain: &str) -> rsip::Uri {
    rsip::Uri {
        auth: Some(rsip::Auth::from((user, None::<&str>))),
        ..host(domain)
    }
}

/// `sip:domain`.
pub(super) fn host(domain: &str) -> rsip::Uri {
    rsip::Uri {
        scheme: Some(rsip::Scheme::Sip),
        ..rsip::Host::Domain(domain.into()).into()
    }
}

fn end(mut build: Build, ask: &Ask) -> Result<Vec<u8>, Fault> {
    for (name, value) in &ask.lines {
        build = build.header(name, value);
    }
    Ok(match &ask.body {
        Some((content_type, text)) => build.body(Some(content_type), text.as_bytes())?,
        None => build.end()?,
    })
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| TypedError::Text.into())
}
