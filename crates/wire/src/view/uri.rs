//! URIs: sip, sips, tel and others kept verbatim (RFC 3261 19.1, RFC 3966).

mod same;

use super::host;
use super::params::Param;
use super::scan::{Unit, escapes_are_whole, split_before, split_once, take_while, units};
use crate::{Error, Host, Kind, Params, lanes::Lanes, seek};
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
    /// port outside 1..=65535, bad escapes, a parameter twice, more than 32 parameters or headers.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        read(bytes).ok_or(Error::message(Kind::RequestUri))
    }

    /// Equal by RFC 3261 19.1.4 (sip, sips); other schemes: byte-equal without case of the scheme.
    pub fn same(&self, other: &UriRef<'_>) -> bool {
        same::same(self, other)
    }

    /// The URI without its headers, as a Request-URI must be (RFC 3261 19.1.1, table 1).
    pub fn without_headers(&self) -> &'a [u8] {
        let behind = self.headers.map_or(0, |h| h.len().saturating_add(1));
        let end = self.raw.len().saturating_sub(behind);
        self.raw.get(..end).unwrap_or(self.raw)
    }

    /// The user with its escapes resolved.
    pub fn user_unescaped(&self) -> Option<Cow<'a, [u8]>> {
        let user = self.user?;
        if !user.contains(&b'%') {
            return Some(Cow::Borrowed(user));
        }
        let bytes = units(user).map(|(Unit::Plain(b) | Unit::Escaped(b))| b);
        Some(Cow::Owned(bytes.collect()))
    }

    /// Appends the user in canonical form (RFC 3261 19.1.4: case kept, escapes of characters that
    /// need none resolved, all others written %XX in upper case hex). Nothing for no user. Two users
    /// are the same exactly when their canonical forms are; reserved characters and their escapes
    /// are not the same, so both stay as they are.
    pub fn write_canonical_user(&self, out: &mut impl Extend<u8>) {
        for unit in units(self.user.unwrap_or_default()) {
            match unit {
                Unit::Plain(b) | Unit::Escaped(b) if is_unreserved(b) => out.extend([b]),
                Unit::Plain(b) if is_reserved(b) => out.extend([b]),
                Unit::Plain(b) | Unit::Escaped(b) => push_escape(out, b),
            }
        }
    }

    /// `transport` parameter, raw.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.param("transport")?.value
    }

    /// Whether it has `lr` in any form (`;lr`, `;lr=on`, `;LR=true`, `;%6C%72`).
    pub fn is_loose(&self) -> bool {
        self.param("lr").is_some()
    }

    /// The first parameter of this name, compared without case and by what its escapes mean.
    pub fn param(&self, name: &str) -> Option<Param<'a>> {
        self.params
            .iter()
            .find(|param| same::text(param.name, name.as_bytes()))
    }
}

/// More parameters or URI headers than this are refused, so that comparing two URIs stays cheap.
const MAX_PARTS: usize = 32;

/// As [`UriRef::parse`].
#[inline(always)]
pub(crate) fn read(raw: &[u8]) -> Option<UriRef<'_>> {
    let (scheme, rest) = scheme(raw)?;
    if rest.is_empty() || !are_uri_bytes(rest) {
        return None;
    }
    match scheme {
        Scheme::Sip | Scheme::Sips => read_sip(raw, scheme, rest),
        Scheme::Tel | Scheme::Other => read_other(raw, scheme, rest),
    }
}

#[cold]
#[inline(never)]
fn read_other<'a>(raw: &'a [u8], scheme: Scheme, rest: &'a [u8]) -> Option<UriRef<'a>> {
    let mut uri = UriRef {
        raw,
        scheme,
        user: None,
        password: None,
        host: None,
        port: None,
        params: Params::default(),
        headers: None,
    };
    if scheme == Scheme::Tel {
        let (number, params) = take_while(rest, |b| b != b';');
        if number.is_empty() || !number.iter().all(|&b| is_number_byte(b)) {
            return None;
        }
        uri.user = Some(number);
        uri.params = uri_params(params)?;
    }
    Some(uri)
}

/// The scheme (RFC 3261 25.1 `scheme`) and what follows its colon.
#[inline(always)]
fn scheme(raw: &[u8]) -> Option<(Scheme, &[u8])> {
    match raw {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', rest @ ..] => Some((Scheme::Sip, rest)),
        _ => other_scheme(raw),
    }
}

#[inline(never)]
fn other_scheme(raw: &[u8]) -> Option<(Scheme, &[u8])> {
    let (name, behind) = split_once(raw, b':')?;
    let (first, rest) = name.split_first()?;
    let shaped = first.is_ascii_alphabetic()
        && rest
            .iter()
            .all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let scheme = match name {
        _ if !shaped => return None,
        _ if name.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
        _ if name.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
        _ => Scheme::Other,
    };
    Some((scheme, behind))
}

/// `[user [":" password] "@"] host [":" port] *(";" param) ["?" headers]`
#[inline(always)]
fn read_sip<'a>(raw: &'a [u8], scheme: Scheme, rest: &'a [u8]) -> Option<UriRef<'a>> {
    // No part of a URI may hold a bare `@`, so there is one at most, and it ends the userinfo.
    let front = match rest.first_chunk::<16>() {
        Some(sixteen) => Lanes::of(sixteen),
        None => Lanes::few(rest),
    };
    let at = front.is(b'@').bits();
    let (user, password, rest) = if at != 0 {
        let (user, behind) = rest.split_at_checked(at.trailing_zeros() as usize)?;
        let rest = behind.get(1..)?;
        if front.is(b':').bits() & at.wrapping_sub(1) & !at == 0 && !user.is_empty() {
            (Some(user), None, rest)
        } else {
            let (user, password) = userinfo(user)?;
            (Some(user), password, rest)
        }
    } else if let Some((user, rest)) = split_once(rest, b'@') {
        let (user, password) = userinfo(user)?;
        (Some(user), password, rest)
    } else {
        (None, None, rest)
    };
    // No host has one.
    let (host, port, rest) = host::at_front(rest)?;
    let (params, headers) = match rest {
        [] => (Params::default(), None),
        _ => behind_host(rest)?,
    };
    Some(UriRef {
        raw,
        scheme,
        user,
        password,
        host: Some(host),
        port,
        params,
        headers,
    })
}

/// `user [":" password]`
#[inline(never)]
fn userinfo(userinfo: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (user, password) = split_before(userinfo, b':');
    let password = password.strip_prefix(b":");
    let whole = !user.is_empty() && !password.is_some_and(|p| p.contains(&b':'));
    whole.then_some((user, password))
}

/// `*(";" param) ["?" headers]`
#[inline(never)]
fn behind_host(rest: &[u8]) -> Option<(Params<'_>, Option<&[u8]>)> {
    if !matches!(rest, [b';' | b'?', ..]) || seek::has(b'@', rest) {
        return None;
    }
    let (params, headers) = split_before(rest, b'?');
    let params = uri_params(params)?;
    let headers = headers.strip_prefix(b"?");
    let mut count = 0_usize;
    let whole = headers.is_none_or(|headers| {
        headers.split(|&b| b == b'&').all(|header| {
            count = count.saturating_add(1);
            header.contains(&b'=') && !header.starts_with(b"=")
        })
    });
    (whole && count <= MAX_PARTS).then_some((params, headers))
}

/// Parameters of a URI: every one with a name, none twice (RFC 3261 19.1.1).
fn uri_params(raw: &[u8]) -> Option<Params<'_>> {
    let params = Params { raw };
    if raw.is_empty() {
        return Some(params);
    }
    let mut count = 0_usize;
    let whole = params.each().all(|(param, _)| {
        let earlier = params.iter().take(count);
        count = count.saturating_add(1);
        !param.name.is_empty()
            && count <= MAX_PARTS
            && !earlier
                .map(|other| other.name)
                .any(|name| same::text(name, param.name))
    });
    whole.then_some(params)
}

/// What may stand in a URI at all: visible ASCII without the delimiters `<`, `>` and `"`. More than
/// RFC 3261 25.1 lets through unescaped: `#`, `|` and the like are dialled.
pub(crate) fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"')
}

/// Whether all are such octets and every `%` starts an escape.
fn are_uri_bytes(bytes: &[u8]) -> bool {
    !seek::any_by(bytes, |lanes| seek::no_uri(lanes) | lanes.is(b'%'))
        || !seek::any_by(bytes, seek::no_uri) && escapes_are_whole(bytes)
}

/// What a number is made of (RFC 3966 3 `phonedigit-hex` and `+`), its escapes included.
fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
        || matches!(byte, b'+' | b'-' | b'.' | b'(' | b')' | b'*' | b'#' | b'%')
}

/// RFC 3261 25.1 `unreserved`.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        )
}

/// RFC 3261 25.1 `reserved`: these and their escapes are not the same.
fn is_reserved(byte: u8) -> bool {
    matches!(
        byte,
        b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b','
    )
}

/// Appends `%XX`.
fn push_escape(out: &mut impl Extend<u8>, byte: u8) {
    let digit = |value: u8| match value {
        0..=9 => b'0'.wrapping_add(value),
        _ => b'A'.wrapping_add(value.wrapping_sub(10)),
    };
    out.extend([b'%', digit(byte >> 4), digit(byte & 0xf)]);
}

#[cfg(test)]
mod tests;
