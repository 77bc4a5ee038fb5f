//! Route processing: our own entries are taken off, strict routing is repaired, an maddr that is ours
//! goes (RFC 3261 16.4).

use super::Names;
use super::hop::rehost;
use crate::auth::Secret;
use crate::flow::{ListenerId, Transport};
use crate::lease::Slot;
use crate::record_route::Token;
use crate::registrar::Device;
use bellhop_wire::view::host::host_port;
use bellhop_wire::{Edit, Error, HeaderId, Kind, Message, NameAddr, Scheme, UriRef, Value};
use memchr::memchr;
use smallvec::SmallVec;

/// What is to be done to a request's Request-URI and Route before it goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    /// Leading Route values that are ours.
    own: usize,
    /// The Request-URI as its sender meant it, where it is not as it stands: what a strict router before
    /// us put into the last Route, without an maddr that is ours (16.4).
    meant: Option<Box<[u8]>>,
    /// Whether the last Route value has become the Request-URI again.
    takes_last: bool,
    /// The token of our Record-Route entry, if one was there and proved to be ours for this dialog.
    pub(crate) token: Option<Token>,
    /// The first such token, if there are several: the one of the passage that the sender is next to.
    pub(crate) nearest: Option<Token>,
    /// The lease that an entry of ours names which a PBX took from our Path (RFC 3327).
    pub(crate) slot: Option<Device>,
    /// Whether a Route value of somebody else's stands behind ours.
    pub(crate) has_next: bool,
}

impl Routes {
    /// Of a request that we make in a dialog whose other end the token tells; `has_next`: it has a Route.
    pub(crate) fn of_dialog(token: Token, has_next: bool) -> Self {
        Self {
            token: Some(token),
            has_next,
            ..Self::default()
        }
    }

    /// Reads the Request-URI and the Route values of a request that came in on this listener.
    ///
    /// # Errors
    /// `Syntax` of Route for a value that cannot be read.
    pub(crate) fn read(
        &mut self,
        request: Message<'_>,
        listener: ListenerId,
        names: &Names,
        secret: &Secret,
    ) -> Result<(), Error> {
        if request.first(HeaderId::Route).is_some() {
            self.read_route(request, names, secret)?;
        }
        if let Some(uri) = without_own_maddr(self.request_uri(request), listener, names) {
            self.meant = Some(uri);
        }
        Ok(())
    }

    fn read_route(
        &mut self,
        request: Message<'_>,
        names: &Names,
        secret: &Secret,
    ) -> Result<(), Error> {
        if request.first_value(HeaderId::Route).is_none() {
            return Ok(());
        }
        if let Ok(uri) = UriRef::parse(request.uri())
            && names.domain_of(&uri).is_some()
            && let Some(token) = uri
                .user
                .and_then(|user| Token::verify(secret, request, user))
        {
            // 16.4: the Request-URI is a value that we put into Record-Route.
            self.token = Some(token);
            self.nearest = Some(token);
            if let Some(last) = request.values(HeaderId::Route).last() {
                self.meant = Some(name_addr(last)?.uri.raw.into());
                self.takes_last = true;
            }
        }
        let values = || request.values(HeaderId::Route);
        let end = match self.takes_last {
            true => values().count().saturating_sub(1),
            false => usize::MAX,
        };
        for value in values().take(end) {
            let uri = name_addr(value)?.uri;
            let is_own = uri
                .host
                .is_some_and(|host| names.is_own_address(host, uri.port))
                || names.domain_of(&uri).is_some();
            if !is_own {
                self.has_next = true;
                break;
            }
            self.own = self.own.saturating_add(1);
            if let Some(token) = uri.user {
                // Entries of ours that follow each other are one passage here: those of a double
                // Record-Route, which are alike, and those of a request that came round to us again
                // (a spiral), of which the last leads on.
                self.slot = Slot::of_token(token);
                let token = Token::verify(secret, request, token);
                self.nearest = self.nearest.or(token);
                self.token = token.or(self.token);
            }
        }
        Ok(())
    }

    /// The Request-URI as its sender meant it.
    pub(crate) fn request_uri<'a>(&'a self, request: Message<'a>) -> &'a [u8] {
        self.meant.as_deref().unwrap_or(request.uri())
    }

    /// The next hop's Route entry, if somebody else's stands behind ours.
    pub(crate) fn next<'m>(&self, request: Message<'m>) -> Result<Option<NameAddr<'m>>, Error> {
        self.next_value(request).map(name_addr).transpose()
    }

    /// As [`Routes::next`], unread.
    pub(crate) fn next_value<'m>(&self, request: Message<'m>) -> Option<Value<'m>> {
        if self.has_next {
            request.values(HeaderId::Route).nth(self.own)
        } else {
            None
        }
    }

    /// Our own entries as they came, the last first, to be record-routed again unchanged: a route set must stay
    /// the same through refreshes (RFC 6665 peers such as Asterisk compare it).
    pub(crate) fn again(&self, request: Message<'_>) -> SmallVec<[Box<[u8]>; 2]> {
        let own = request.values(HeaderId::Route).take(self.own);
        let uris = own.filter_map(|value| Some(name_addr(value).ok()?.uri));
        let signed = uris.filter(|uri| uri.user.is_some()).map(|uri| uri.raw);
        // A strict router has made the first of them the Request-URI.
        let first = self.takes_last.then_some(request.uri());
        let mut entries: SmallVec<_> = first.into_iter().chain(signed).map(bracketed).collect();
        entries.reverse();
        entries
    }

    /// Takes our entries off, and off the end the one that became the Request-URI again.
    pub(crate) fn apply<'m>(&self, request: Message<'m>, edit: &mut Edit<'m>) {
        for value in request.values(HeaderId::Route).take(self.own) {
            edit.remove_value(value);
        }
        if self.takes_last
            && let Some(last) = request.values(HeaderId::Route).last()
        {
            edit.remove_value(last);
        }
    }
}

/// A Request-URI without its maddr, port and transport, if those are how it came to us (16.4).
fn without_own_maddr(uri: &[u8], listener: ListenerId, names: &Names) -> Option<Box<[u8]>> {
    // Nearly no URI has one, and most have no parameters at all.
    let params = memchr(b';', uri)?;
    let mut params = uri.get(params..)?.windows(MADDR.len());
    if !params.any(|window| window.eq_ignore_ascii_case(MADDR)) {
        return None;
    }
    let uri = UriRef::parse(uri).ok()?;
    let (maddr, _) = host_port(uri.params.value("maddr")?)?;
    let transport = match (uri.transport(), uri.scheme) {
        (Some(token), Scheme::Sip | Scheme::Sips) => Transport::of(token)?,
        (None, Scheme::Sip) => Transport::Udp,
        (None, Scheme::Sips) => Transport::Tls,
        (_, Scheme::Tel | Scheme::Other) => return None,
    };
    let port = uri.port.unwrap_or(transport.default_port());
    if !names.is_listener(listener, transport, maddr, port) {
        return None;
    }
    let mut host = Vec::with_capacity(64);
    uri.host?.write(&mut host);
    Some(rehost(&uri, &String::from_utf8_lossy(&host)))
}

fn name_addr(value: Value<'_>) -> Result<NameAddr<'_>, Error> {
    NameAddr::parse(value.raw).map_err(|_| Error::of(Kind::Syntax, HeaderId::Route))
}

fn bracketed(uri: &[u8]) -> Box<[u8]> {
    let mut text = Vec::with_capacity(uri.len().saturating_add(2));
    text.push(b'<');
    text.extend_from_slice(uri);
    text.push(b'>');
    text.into_boxed_slice()
}

const MADDR: &[u8] = b";maddr=";
