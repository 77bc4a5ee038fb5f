//! Digest credentials and challenges (RFC 3261 20.7, 20.27, 20.44, RFC 7616, RFC 8760).

use std::borrow::Cow;

/// Digest credentials as they stand. Values have their quotes taken off, quoted pairs are kept (the
/// hash is made over the unquoted text with pairs resolved: see [`unescape`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// username
    pub username: Option<&'a [u8]>,
    /// realm
    pub realm: Option<&'a [u8]>,
    /// nonce
    pub nonce: Option<&'a [u8]>,
    /// uri, verbatim: the hash is over these bytes
    pub uri: Option<&'a [u8]>,
    /// response: hex digits
    pub response: Option<&'a [u8]>,
    /// algorithm token
    pub algorithm: Option<&'a [u8]>,
    /// cnonce
    pub cnonce: Option<&'a [u8]>,
    /// opaque
    pub opaque: Option<&'a [u8]>,
    /// qop token
    pub qop: Option<&'a [u8]>,
    /// nc: 8 hex digits, raw
    pub nc: Option<&'a [u8]>,
}

/// A digest challenge as it stands; for clients (testkit, later the upstream side).
#[derive(Clone, Copy, Debug, Default)]
pub struct Challenge<'a> {
    /// realm
    pub realm: Option<&'a [u8]>,
    /// nonce
    pub nonce: Option<&'a [u8]>,
    /// opaque
    pub opaque: Option<&'a [u8]>,
    /// algorithm token
    pub algorithm: Option<&'a [u8]>,
    /// qop list, unsplit
    pub qop: Option<&'a [u8]>,
    /// stale=true
    pub stale: bool,
}

/// Why credentials could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Another scheme than Digest (compared without case): skip this line.
    OtherScheme,
    /// Not parameters, a parameter twice, or a quote that does not end.
    Syntax,
}

impl<'a> Credentials<'a> {
    /// Reads the value of one Authorization or Proxy-Authorization line.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn parse(value: &'a [u8]) -> Result<Self, AuthError> {
        let _ = value;
        todo!()
    }
}

impl<'a> Challenge<'a> {
    /// Reads the value of one WWW-Authenticate or Proxy-Authenticate line.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn parse(value: &'a [u8]) -> Result<Self, AuthError> {
        let _ = value;
        todo!()
    }
}

/// Resolves quoted pairs.
pub fn unescape(quoted: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(quoted)
}
