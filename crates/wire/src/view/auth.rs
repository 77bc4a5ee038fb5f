//! Digest credentials and challenges (RFC 3261 20.7, 20.27, 20.44, RFC 7616, RFC 8760).

use super::params::ends_value;
use super::scan::{is_blank, is_token_byte, quoted, take_while, trim_start, unescape_pairs};
use crate::{lanes::Lanes, seek, text, window::Finder};
use known::{KNOWN, known};
use plain::plain;
use std::borrow::Cow;

mod known;
mod plain;

/// Digest credentials as they stand. Values have their quotes taken off, quoted pairs are kept (the
/// hash is made over the unquoted text with pairs resolved: see [`unescape`]).
// Laid out as they are read, so that they need not be sorted.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
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
    /// A value may have a quoted pair.
    has_pairs: bool,
}

/// A digest challenge as it stands; for clients (testkit, the upstream side).
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

/// What a server says after it has let a request pass (RFC 7616 3.5), as far as a client needs it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthInfo<'a> {
    /// nextnonce: the nonce to go on with
    pub nextnonce: Option<&'a [u8]>,
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
        let list = digest_list(value)?;
        let mut read = [None; KNOWN.len()];
        let (mut equals, mut quotes) = (Finder::new(list), Finder::new(list));
        let mut at = 0;
        let mut has_pairs = false;
        while at < list.len() {
            let (known, value, behind) = match plain(list, at, &mut equals, &mut quotes) {
                Some((known, value, behind)) => (Some(known), value, behind),
                None => {
                    has_pairs = true;
                    let rest = list.get(at..).unwrap_or_default();
                    let (name, value, behind) = parameter(rest).ok_or(AuthError::Syntax)?;
                    let behind = list.len().saturating_sub(behind.len());
                    (known(name), value, behind)
                }
            };
            if let Some(slot) = known.and_then(|known| read.get_mut(known))
                && slot.replace(value).is_some()
            {
                return Err(AuthError::Syntax);
            }
            at = match list.get(behind..) {
                Some([b',', b' ', next, ..]) if next.is_ascii_alphabetic() => {
                    behind.wrapping_add(2)
                }
                rest => list
                    .len()
                    .wrapping_sub(trim_commas(rest.unwrap_or_default()).len()),
            };
        }
        let [
            username,
            realm,
            nonce,
            uri,
            response,
            algorithm,
            cnonce,
            opaque,
            qop,
            nc,
        ] = read;
        Ok(Self {
            username,
            realm,
            nonce,
            uri,
            response,
            algorithm,
            cnonce,
            opaque,
            qop,
            nc,
            has_pairs,
        })
    }

    /// A value of these with its quoted pairs resolved. As [`unescape`], which looks for them also where the
    /// reader has seen that there are none.
    pub fn resolved(&self, value: &'a [u8]) -> Cow<'a, [u8]> {
        if self.has_pairs {
            unescape(value)
        } else {
            Cow::Borrowed(value)
        }
    }
}

impl<'a> Challenge<'a> {
    /// Reads the value of one WWW-Authenticate or Proxy-Authenticate line.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn parse(value: &'a [u8]) -> Result<Self, AuthError> {
        let mut read = Self::default();
        let mut stale = None;
        digest_params(value, |name, value| {
            let slot = match () {
                () if is(name, "realm") => &mut read.realm,
                () if is(name, "nonce") => &mut read.nonce,
                () if is(name, "opaque") => &mut read.opaque,
                () if is(name, "algorithm") => &mut read.algorithm,
                () if is(name, "qop") => &mut read.qop,
                () if is(name, "stale") => &mut stale,
                () => return true,
            };
            slot.replace(value).is_none()
        })?;
        read.stale = stale.is_some_and(|value| is(value, "true"));
        Ok(read)
    }
}

impl<'a> AuthInfo<'a> {
    /// Reads the value of one Authentication-Info or Proxy-Authentication-Info line.
    ///
    /// # Errors
    /// `Syntax`.
    pub fn parse(value: &'a [u8]) -> Result<Self, AuthError> {
        let mut read = Self::default();
        params(value, |name, value| {
            !is(name, "nextnonce") || read.nextnonce.replace(value).is_none()
        })?;
        Ok(read)
    }
}

/// Resolves quoted pairs.
pub fn unescape(quoted: &[u8]) -> Cow<'_, [u8]> {
    unescape_pairs(quoted)
}

/// Gives every parameter of a `Digest` line to `take` (name, value without its quotes) until it says
/// no, which is a syntax error. Every octet is looked at once.
fn digest_params<'a>(
    value: &'a [u8],
    take: impl FnMut(&'a [u8], &'a [u8]) -> bool,
) -> Result<(), AuthError> {
    params(digest_list(value)?, take)
}

/// As [`digest_params`] of a line that names no scheme.
fn params<'a>(
    value: &'a [u8],
    mut take: impl FnMut(&'a [u8], &'a [u8]) -> bool,
) -> Result<(), AuthError> {
    let mut rest = trim_commas(value);
    if rest.is_empty() {
        return Err(AuthError::Syntax);
    }
    while !rest.is_empty() {
        let (name, value, behind) = parameter(rest).ok_or(AuthError::Syntax)?;
        if !take(name, value) {
            return Err(AuthError::Syntax);
        }
        rest = trim_commas(behind);
    }
    Ok(())
}

/// What stands behind the scheme of a `Digest` line.
#[inline(always)]
fn digest_list(value: &[u8]) -> Result<&[u8], AuthError> {
    if let [b'D', b'i', b'g', b'e', b's', b't', b' ', list @ ..] = value
        && list.first().is_some_and(u8::is_ascii_alphabetic)
    {
        return Ok(list);
    }
    let (scheme, rest) = take_while(trim_start(value), is_token_byte);
    if !is(scheme, "Digest") {
        return Err(AuthError::OtherScheme);
    }
    if !rest.first().is_some_and(|&b| is_blank(b)) {
        return Err(AuthError::Syntax);
    }
    let rest = trim_commas(rest);
    if rest.is_empty() {
        return Err(AuthError::Syntax);
    }
    Ok(rest)
}

/// Without the blanks and commas at the front: elements of a list may be empty (RFC 3261 7.3.1 as read
/// by RFC 9110 5.6.1).
#[inline(always)]
fn trim_commas(mut bytes: &[u8]) -> &[u8] {
    // Nearly always it is a comma and a blank.
    if let [b',', b' ', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [b',' | b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Reads `name = value` at the front, the value a quoted string or visible octets that separate nothing;
/// then the list ends, or a comma is next. Gives name, value and what follows.
#[inline(never)]
fn parameter(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let front = match bytes.first_chunk::<16>() {
        Some(sixteen) => Lanes::of(sixteen),
        None => Lanes::few(bytes),
    };
    // Nearly all names are letters and end at once.
    let letters = (front | 0x20).within(b'a', b'z').bits().trailing_ones() as usize;
    let (name, value) = match bytes.split_at_checked(letters)? {
        (name, [b'=', value @ ..]) => (name, value),
        _ => {
            let (name, rest) = take_while(bytes, is_token_byte);
            (name, trim_start(rest).strip_prefix(b"=")?)
        }
    };
    let value = trim_start(value);
    let (value, rest) = if let [b'"', inside @ ..] = value {
        let hit = seek::find2(b'"', b'\\', inside)?;
        match inside.split_at_checked(hit)? {
            (value, [b'"', rest @ ..]) => (value, rest),
            _ => {
                let (all, rest) = quoted(value)?;
                (all.strip_prefix(b"\"")?.strip_suffix(b"\"")?, rest)
            }
        }
    } else {
        let end = seek::find_by(value, ends_value).unwrap_or(value.len());
        (end > 0).then(|| value.split_at_checked(end)).flatten()?
    };
    let rest = trim_start(rest);
    let ends = matches!(rest, [] | [b',', ..]);
    (ends && !name.is_empty()).then_some((name, value, rest))
}

#[inline]
fn is(text: &[u8], name: &str) -> bool {
    text::same_without_case(text, name.as_bytes())
}

#[cfg(test)]
mod tests;
