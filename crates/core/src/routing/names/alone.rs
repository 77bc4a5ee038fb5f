//! Request-URIs that are a domain of ours and nothing else, as that of nearly every REGISTER (RFC 3261 10.2): they are
//! known at sight and need not be read.

use super::Names;
use bellhop_wire::{Host, Params, Scheme, UriRef};

/// The URIs of the domains that are names, with no user, port or parameter.
#[derive(Debug)]
pub(super) struct Alone(Vec<Vec<u8>>);

impl Alone {
    pub(super) fn new(domains: &[String]) -> Self {
        let uri = |domain: &String| [SCHEME, domain.as_bytes()].concat();
        let is_name = |uri: &Vec<u8>| {
            let whole = known(uri);
            UriRef::parse(uri).is_ok_and(|uri| uri.host == whole.host && uri.user.is_none())
        };
        Self(domains.iter().map(uri).filter(is_name).collect())
    }
}

impl Names {
    /// Reads a Request-URI.
    pub(crate) fn read<'a>(&self, raw: &'a [u8]) -> Option<UriRef<'a>> {
        if self.alone.0.iter().any(|uri| uri == raw) {
            Some(known(raw))
        } else {
            UriRef::parse(raw).ok()
        }
    }
}

/// The URI of which it is known that all behind the scheme is a name.
fn known(raw: &[u8]) -> UriRef<'_> {
    UriRef {
        raw,
        scheme: Scheme::Sip,
        user: None,
        password: None,
        host: raw.get(SCHEME.len()..).map(Host::Name),
        port: None,
        params: Params::default(),
        headers: None,
    }
}

const SCHEME: &[u8] = b"sip:";
