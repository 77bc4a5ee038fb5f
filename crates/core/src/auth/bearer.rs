//! Bearer tokens (RFC 8898): who carries one is whom it names. What a token says is read elsewhere; here is known
//! what was found.

use super::{Algorithm, Directory, Keeping, Role, User, claim::place, directory::Found};
use crate::time::Instant;
use bellhop_wire::{Field, Message};
use std::fmt;
use std::time::Duration;

/// Tokens that have been read, and how they are asked for.
pub struct Bearer {
    /// By the tokens' hashes: no token is kept.
    tokens: Directory,
    challenge: String,
}

impl Bearer {
    /// Takes tokens from now on. `authority` issues them, a URI; the seeds are random.
    pub fn new(keeping: Keeping, seeds: [u64; 4], realm: &str, authority: Option<&str>) -> Self {
        let mut challenge = format!("Bearer realm={}", quoted(realm));
        if let Some(authority) = authority {
            challenge.push_str(&format!(", authz_server={}", quoted(authority)));
        }
        Self {
            tokens: Directory::new(keeping, seeds),
            challenge,
        }
    }

    /// The challenge's value (RFC 8898 4).
    pub(crate) fn challenge(&self) -> &str {
        &self.challenge
    }

    pub(super) fn find(&self, now: Instant, token: &[u8]) -> Found {
        self.tokens.find(now, key(token).hex().as_bytes())
    }

    /// A token has been read: it is this user's for so long, or nobody's.
    pub(crate) fn learn(&self, now: Instant, token: &[u8], user: Option<(User, Duration)>) {
        let key = key(token).hex();
        match user {
            Some((user, time)) => self.tokens.learn_for(now, key.as_bytes(), user, time),
            None => self.tokens.learn(now, key.as_bytes(), None),
        }
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.tokens
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer")
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

/// The first token of a request in one role, and where its header line's value is.
pub(super) fn token(request: Message<'_>, role: Role) -> Option<(&[u8], usize)> {
    request.fields(role.credentials()).find_map(|field| {
        let token = of(&field)?;
        Some((token, place(request, &field)))
    })
}

/// Whether a header line carries a token.
pub(super) fn is_bearer(field: &Field<'_>) -> bool {
    scheme(field).is_some()
}

/// RFC 6750 2.1: `b64token`.
fn of<'m>(field: &Field<'m>) -> Option<&'m [u8]> {
    let token = scheme(field)?;
    let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    (!token.is_empty() && token.iter().all(is_of_it)).then_some(token)
}

/// What stands behind the scheme.
fn scheme<'m>(field: &Field<'m>) -> Option<&'m [u8]> {
    let (scheme, rest) = field.value.split_at_checked(BEARER.len())?;
    let is_it = scheme.eq_ignore_ascii_case(BEARER);
    let has_blank = rest.first().is_none_or(u8::is_ascii_whitespace);
    (is_it && has_blank).then(|| rest.trim_ascii())
}

fn key(token: &[u8]) -> super::algorithm::Hash {
    Algorithm::Sha256.hash(&[token])
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars().filter(|c| !c.is_ascii_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

const BEARER: &[u8] = b"Bearer";
