//! URIs: sip, sips, tel and others kept verbatim (RFC 3261 19.1, RFC 3966).

use crate::{Error, Host, Params};
use std::borrow::Cow;

/// A URI's scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// sip
    Sip,
    /// sips
    Sips,
    /// tel (RFC 3966)
    Tel,
    /// Anything else; the text is in [`UriRef::raw`].
    Other,
}

/// A URI as a view. For `tel` the number is in `user`; for other schemes only `raw` is meaningful.
#[derive(Clone, Copy, Debug)]
pub struct UriRef<'a> {
    /// The whole URI, verbatim.
    pub raw: &'a [u8],
    /// The scheme (compared without case).
    pub scheme: Scheme,
    /// User part, escapes kept, without the password; tel: the number.
    pub user: Option<&'a [u8]>,
    /// Password, escapes kept.
    pub password: Option<&'a [u8]>,
    /// Host; `None` for tel and other schemes.
    pub host: Option<Host<'a>>,
    /// Port; `None` if not given.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params<'a>,
    /// URI headers behind `?`, verbatim.
    pub headers: Option<&'a [u8]>,
}

impl<'a> UriRef<'a> {
    /// Reads a URI; the whole input must be used.
    ///
    /// # Errors
    /// `RequestUri` kind (the caller re-labels it): bad characters (blanks, <, >, control), bad host,
    /// port outside 1..=65535, bad escapes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let _ = bytes;
        todo!()
    }

    /// Equal by RFC 3261 19.1.4 (sip, sips); other schemes: byte-equal without case of the scheme.
    pub fn same(&self, other: &UriRef<'_>) -> bool {
        let _ = other;
        todo!()
    }

    /// The user with its escapes resolved.
    pub fn user_unescaped(&self) -> Option<Cow<'a, [u8]>> {
        todo!()
    }

    /// Appends the user in canonical form (RFC 3261 19.1.4: case kept, escapes of characters that
    /// need none resolved, all others written %XX in upper case hex). Nothing for no user.
    pub fn write_canonical_user(&self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// `transport` parameter, raw.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.params.value("transport")
    }

    /// Whether it has `lr` in any form (`;lr`, `;lr=on`, `;LR=true`).
    pub fn is_loose(&self) -> bool {
        self.params.has("lr")
    }
}
