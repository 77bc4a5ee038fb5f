//! `name-addr` and `addr-spec` with header parameters: From, To, Contact, Route, Record-Route, Path.

use crate::{Error, Params, UriRef};

/// A name-addr or addr-spec and the header parameters behind it.
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    /// Display name as it stands (quotes included); `None` if absent or empty.
    pub display: Option<&'a [u8]>,
    /// The URI.
    pub uri: UriRef<'a>,
    /// Header parameters. Without angle brackets everything behind the first `;` is the header's
    /// (RFC 3261 20.10).
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value (already split at commas).
    ///
    /// # Errors
    /// `Syntax` without a header; the caller adds it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let _ = bytes;
        todo!()
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.value("tag")
    }
}
