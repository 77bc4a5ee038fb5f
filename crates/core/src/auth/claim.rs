//! What a request claims: its digest credentials for our realm, with everything in them checked that
//! can be checked without knowing the user.

use super::{Algorithm, Role, algorithm::Hash};
use crate::hex;
use bellhop_wire::{Credentials, Field, Message, Scheme, UriRef, view::auth::AuthError};
use std::borrow::Cow;

/// Complete credentials for our realm, algorithm and qop.
pub(super) struct Claim<'m> {
    /// Where it was found; see [`place`].
    pub(super) at: usize,
    /// The name, quoted pairs resolved.
    pub(super) username: Cow<'m, [u8]>,
    /// The algorithm, one of those offered.
    pub(super) algorithm: Algorithm,
    /// The nonce as it stands.
    pub(super) nonce: &'m [u8],
    /// The nonce count.
    pub(super) count: u32,
    /// The digest that the client made, as it stands.
    pub(super) response: &'m [u8],
    uri: &'m [u8],
    nc: &'m [u8],
    cnonce: Cow<'m, [u8]>,
    qop: Qop,
}

/// Why there is no claim.
pub(super) enum Fault {
    /// No credentials for what we ask: ask for them.
    Nothing,
    /// Credentials that cannot be read; the text is the reason phrase of the 400.
    Malformed(&'static str),
}

/// Quality of protection (RFC 7616 3.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Qop {
    Auth,
    AuthInt,
}

impl<'m> Claim<'m> {
    /// Finds the claim of a request.
    pub(super) fn find(
        request: Message<'m>,
        role: Role,
        realm: &str,
        offered: &[Algorithm],
    ) -> Result<Self, Fault> {
        let mut ours = None;
        for field in request.fields(role.credentials()) {
            match Credentials::parse(field.value) {
                Ok(credentials) if is_for(&credentials, realm) => {
                    if ours
                        .replace((credentials, place(request, &field)))
                        .is_some()
                    {
                        return Err(Fault::Malformed("Credentials for one realm stand twice"));
                    }
                }
                Ok(_) | Err(AuthError::OtherScheme) => {}
                Err(AuthError::Syntax) => return Err(Fault::Malformed("Bad digest credentials")),
            }
        }
        let (ours, at) = ours.ok_or(Fault::Nothing)?;
        let claim = Self::of(&ours, at, offered)?;
        let host_alone = role == Role::Proxy && names_host_alone(claim.uri);
        if host_alone || names_same_resource(claim.uri, request.uri()) {
            Ok(claim)
        } else {
            Err(Fault::Malformed(
                "Digest uri names another resource than the Request-URI",
            ))
        }
    }

    pub(super) fn of(
        given: &Credentials<'m>,
        at: usize,
        offered: &[Algorithm],
    ) -> Result<Self, Fault> {
        let username = mandatory(given.username, "Digest credentials without username")?;
        let nonce = mandatory(given.nonce, "Digest credentials without nonce")?;
        let uri = mandatory(given.uri, "Digest credentials without uri")?;
        let response = mandatory(given.response, "Digest credentials without response")?;
        // What a client sends that knows its user and our realm and waits to be asked (3GPP TS 24.229
        // 5.1.1.2).
        if nonce.is_empty() || response.is_empty() {
            return Err(Fault::Nothing);
        }
        let algorithm = match given.algorithm {
            None => Algorithm::Md5,
            Some(token) => Algorithm::parse(token).ok_or(Fault::Nothing)?,
        };
        // Credentials without qop have no count, and so could be used again (RFC 2069).
        let qop = given.qop.and_then(Qop::parse).ok_or(Fault::Nothing)?;
        if !offered.contains(&algorithm) {
            return Err(Fault::Nothing);
        }
        let nc = mandatory(given.nc, "Digest credentials without nc")?;
        let cnonce = mandatory(given.cnonce, "Digest credentials without cnonce")?;
        Ok(Self {
            at,
            username: given.resolved(username),
            algorithm,
            nonce,
            count: count(nc).ok_or(Fault::Malformed("Bad nc in digest credentials"))?,
            response,
            uri,
            nc,
            cnonce: given.resolved(cnonce),
            qop,
        })
    }

    /// The digest that a client makes who knows the password (RFC 7616 3.4.1 to 3.4.3), over the
    /// bytes of `uri` as they stand.
    pub(super) fn expected(&self, ha1: &Hash, method: &[u8], body: &[u8], usual: &Usual) -> Hash {
        let algorithm = self.algorithm;
        let (ha1, nonce, nc) = (ha1.hex(), self.nonce, self.nc);
        let ha1 = ha1.as_bytes();
        if self.qop == Qop::Auth
            && let Some(behind) = usual.find(algorithm, method, self.uri)
        {
            return algorithm.hash(&[ha1, nonce, nc, &self.cnonce, behind]);
        }
        let a2 = match self.qop {
            Qop::Auth => algorithm.hash(&[method, self.uri]),
            Qop::AuthInt => {
                let body = algorithm.hash(&[body]).hex();
                algorithm.hash(&[method, self.uri, body.as_bytes()])
            }
        };
        let (qop, a2) = (self.qop.token(), a2.hex());
        algorithm.hash(&[ha1, nonce, nc, &self.cnonce, qop, a2.as_bytes()])
    }
}

/// What nearly every phone signs when it registers, hashed beforehand: `REGISTER` and the URI of a domain
/// that is the realm.
#[derive(Clone, Debug)]
pub(super) struct Usual {
    uri: Vec<u8>,
    /// The qop `auth` and H(A2), as they stand together behind the cnonce.
    hashes: [(Algorithm, Vec<u8>); Algorithm::ALL.len()],
}

impl Usual {
    pub(super) fn new(realm: &str) -> Self {
        let uri = [b"sip:", realm.as_bytes()].concat();
        let behind = |algorithm: Algorithm| {
            let a2 = algorithm.hash(&[b"REGISTER", &uri]).hex();
            [Qop::Auth.token(), b":", a2.as_bytes()].concat()
        };
        Self {
            hashes: Algorithm::ALL.map(|algorithm| (algorithm, behind(algorithm))),
            uri,
        }
    }

    /// `auth` and H(A2), if this is what is usual.
    fn find(&self, algorithm: Algorithm, method: &[u8], uri: &[u8]) -> Option<&[u8]> {
        if uri != self.uri || method != b"REGISTER" {
            return None;
        }
        let mut hashes = self.hashes.iter();
        hashes
            .find(|(of, _)| *of == algorithm)
            .map(|(_, behind)| behind.as_slice())
    }
}

impl Qop {
    fn parse(token: &[u8]) -> Option<Self> {
        [Self::Auth, Self::AuthInt]
            .into_iter()
            .find(|qop| token.eq_ignore_ascii_case(qop.token()))
    }

    const fn token(self) -> &'static [u8] {
        match self {
            Self::Auth => b"auth",
            Self::AuthInt => b"auth-int",
        }
    }
}

/// Where a header line's value begins in its message.
pub(super) fn place(request: Message<'_>, field: &Field<'_>) -> usize {
    let start = request.bytes().as_ptr().addr();
    field.value.as_ptr().addr().wrapping_sub(start)
}

/// Whether the credentials are for this realm, compared byte for byte with quoted pairs resolved.
pub(super) fn is_for(credentials: &Credentials<'_>, realm: &str) -> bool {
    credentials
        .realm
        .is_some_and(|theirs| *credentials.resolved(theirs) == *realm.as_bytes())
}

fn mandatory<'m>(value: Option<&'m [u8]>, missing: &'static str) -> Result<&'m [u8], Fault> {
    value.ok_or(Fault::Malformed(missing))
}

/// Eight hexadecimal digits, counted from 1 (RFC 7616 3.4).
fn count(digits: &[u8]) -> Option<u32> {
    let mut bytes = [0; 4];
    hex::read(digits, &mut bytes)?;
    let count = u32::from_be_bytes(bytes);
    (count > 0).then_some(count)
}

/// Whether the digest's `uri` is a SIP URI without a user. SIPp signs `sip:host:port` of its next hop
/// whatever it asks for, in dialogs too. Such credentials say nothing of the Request-URI, as those of
/// other tools say nothing of the body; as each count is good once, nobody can use them again for
/// another resource (what RFC 7616 3.4.6 guards against).
fn names_host_alone(uri: &[u8]) -> bool {
    UriRef::parse(uri).is_ok_and(|uri| {
        let sip = matches!(uri.scheme, Scheme::Sip | Scheme::Sips);
        sip && uri.host.is_some() && uri.user_unescaped().is_none()
    })
}

/// Whether the digest's `uri` means the Request-URI (RFC 7616 3.4.6). Phones write it in another case,
/// without the port or with parameters of their own, so only scheme, user and host count.
fn names_same_resource(uri: &[u8], request_uri: &[u8]) -> bool {
    if uri == request_uri {
        return true;
    }
    let (Ok(theirs), Ok(ours)) = (UriRef::parse(uri), UriRef::parse(request_uri)) else {
        return false;
    };
    let same_host = match (theirs.host, ours.host) {
        (Some(theirs), Some(ours)) => theirs.same(ours),
        (None, None) => true,
        _ => false,
    };
    let sip = |scheme| matches!(scheme, Scheme::Sip | Scheme::Sips);
    match (theirs.scheme, ours.scheme) {
        (Scheme::Other, _) | (_, Scheme::Other) => uri.eq_ignore_ascii_case(request_uri),
        (one, other) if sip(one) == sip(other) => {
            same_host && theirs.user_unescaped() == ours.user_unescaped()
        }
        _ => false,
    }
}
