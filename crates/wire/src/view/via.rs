//! Via (RFC 3261 20.42, RFC 3581).

use crate::{Error, Host, Params};

/// One Via value.
#[derive(Clone, Copy, Debug)]
pub struct ViaRef<'a> {
    /// The transport token as it stands ("UDP").
    pub transport: &'a [u8],
    /// The sent-by host.
    pub host: Host<'a>,
    /// The sent-by port.
    pub port: Option<u16>,
    /// The sent-by as it stands, for keys.
    pub sent_by: &'a [u8],
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> ViaRef<'a> {
    /// Reads one value (already split at commas).
    ///
    /// # Errors
    /// `Syntax` of Via.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let _ = bytes;
        todo!()
    }

    /// The branch; `None` if absent.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.value("branch")
    }

    /// Whether the branch starts with the magic cookie z9hG4bK (compared without case, RFC 3261 8.1.1.7).
    pub fn is_rfc3261(&self) -> bool {
        todo!()
    }
}
