//! `name-addr` and `addr-spec` with header parameters: From, To, Contact, Route, Record-Route, Path.

use super::scan::{is_blank, quoted, split_before, split_once, take_while, trim, trim_start};
use super::uri;
use crate::{Error, Kind, Params, UriRef, seek, text};

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
    tag: Option<&'a [u8]>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value (already split at commas).
    ///
    /// # Errors
    /// `Syntax` without a header; the caller adds it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        read(bytes).ok_or(Error::message(Kind::Syntax))
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }
}

/// As [`NameAddr::parse`].
#[inline(always)]
pub(crate) fn read(bytes: &[u8]) -> Option<NameAddr<'_>> {
    let bytes = trim(bytes);
    let (display, inside) = match bytes {
        [b'<', inside @ ..] => (&[][..], Some(inside)),
        _ => display(bytes)?,
    };
    let (uri, rest) = match inside {
        Some(inside) => split_once(inside, b'>')?,
        None => addr_spec(bytes)?,
    };
    let params = Params {
        raw: trim_start(rest),
    };
    let tag = match params.raw {
        [] => None,
        _ => params.well_formed("tag")?,
    };
    let uri = uri::read(uri)?;
    Some(NameAddr {
        display: (!matches!(display, b"" | b"\"\"")).then_some(display),
        uri,
        params,
        tag,
    })
}

/// As [`NameAddr::parse`], for one without a display name whose URI is written as another's is, which need
/// not be read again; `None` if it is not like that.
#[inline(always)]
pub(crate) fn with_uri_of<'a>(bytes: &'a [u8], other: &NameAddr<'a>) -> Option<NameAddr<'a>> {
    let inside = bytes.strip_prefix(b"<")?;
    let (raw, rest) = inside.split_at_checked(other.uri.raw.len())?;
    let params = Params {
        raw: trim_start(rest.strip_prefix(b">")?),
    };
    if raw != other.uri.raw {
        return None;
    }
    Some(NameAddr {
        display: None,
        uri: other.uri,
        params,
        tag: match params.raw {
            [] => None,
            _ => params.well_formed("tag")?,
        },
    })
}

/// The header parameters of a name-addr or addr-spec, its URI skipped unread.
pub(crate) fn header_params(value: &[u8]) -> Params<'_> {
    if let [b'<', inside @ .., b'>'] = value
        && seek::find(b'>', inside).is_none()
    {
        return Params::default();
    }
    let mut rest = value;
    while let Some(hit) = seek::find3(b';', b'<', b'"', rest) {
        let at = rest.get(hit..).unwrap_or_default();
        rest = match at {
            [b'"', tail @ ..] => text::behind_quote(tail),
            [b'<', tail @ ..] => {
                let close = seek::find(b'>', tail).unwrap_or(tail.len());
                tail.get(close..).unwrap_or_default()
            }
            _ => return Params { raw: at },
        };
    }
    Params::default()
}

/// The display name, and what follows the opening bracket; `None` there if this is no name-addr. It is one
/// with a quote at the front, or a bracket before anything of a parameter's.
#[inline(never)]
fn display(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (display, rest) = if bytes.starts_with(b"\"") {
        quoted(bytes)?
    } else if seek::find3(b'<', b';', b'"', bytes).and_then(|at| bytes.get(at)) == Some(&b'<') {
        take_while(bytes, is_display_byte)
    } else {
        return Some((b"", None));
    };
    Some((trim(display), Some(trim_start(rest).strip_prefix(b"<")?)))
}

/// Without brackets the URI must not hold `,` or `?`, and a `;` ends it (RFC 3261 20).
#[inline(never)]
fn addr_spec(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (uri, params) = split_before(bytes, b';');
    let plain = !uri.iter().any(|b| matches!(b, b',' | b'?'));
    plain.then_some((trim(uri), params))
}

/// Display names without quotes are tokens (RFC 3261 25.1); deployed ones hold UTF-8, parentheses,
/// addresses. What would separate or end something is refused (RFC 4475 3.1.2.15).
pub(crate) fn is_display_byte(byte: u8) -> bool {
    let separates = matches!(byte, b',' | b';' | b'<' | b'>' | b'"' | b'\\');
    is_blank(byte) || (!byte.is_ascii_control() && !separates)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NameAddr<'_> {
        NameAddr::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_quoted_display_name_may_hold_brackets_commas_and_escaped_quotes() {
        let a = parse(r#""A \"<sip:x@y>\", B; C" <sip:a@b>;tag=1"#);
        assert_eq!(a.display, Some(&br#""A \"<sip:x@y>\", B; C""#[..]));
        assert_eq!(a.uri.raw, b"sip:a@b");
        assert_eq!(a.tag(), Some(&b"1"[..]));
    }

    #[test]
    fn an_unquoted_display_name_may_touch_the_bracket() {
        // RFC 4475 3.1.1.6
        let a = parse("caller<sip:caller@example.com>;tag=323");
        assert_eq!(a.display, Some(&b"caller"[..]));
        let b = parse("J\u{f6}rg (home) <sip:j@h>");
        assert_eq!(b.display, Some("J\u{f6}rg (home)".as_bytes()));
    }

    #[test]
    fn an_absent_or_empty_display_name_is_none() {
        assert_eq!(parse("<sip:a@b>").display, None);
        assert_eq!(parse("\"\" <sip:a@b>").display, None);
        assert_eq!(parse("sip:a@b").display, None);
    }

    #[test]
    fn blanks_and_folds_may_stand_around_the_parts() {
        // RFC 4475 3.1.1.1
        let a = parse(
            " \"Q \\\"\\\"\" \r\n <sip:j@h> ; newparam =\r\n newvalue ;\r\n flag ; q = 0.33 ",
        );
        assert_eq!(a.params.value("newparam"), Some(&b"newvalue"[..]));
        assert_eq!(a.params.value("q"), Some(&b"0.33"[..]));
        assert!(a.params.has("flag"));
        assert_eq!(parse("sip:v@h ;   tag    = 19n").tag(), Some(&b"19n"[..]));
    }

    #[test]
    fn inside_brackets_parameters_belong_to_the_uri_without_them_to_the_header() {
        let inside = parse("<sip:a@b;lr;tag=u>;tag=h");
        assert!(inside.uri.is_loose());
        assert_eq!(inside.tag(), Some(&b"h"[..]));
        let outside = parse("sip:a@b;lr;tag=h");
        assert!(!outside.uri.is_loose() && outside.params.has("lr"));
        assert_eq!(outside.uri.raw, b"sip:a@b");
    }

    #[test]
    fn a_bracket_behind_the_first_semicolon_is_a_parameters() {
        let quoted = parse("sip:a@b;i=\"<urn:x;y>\"");
        assert_eq!(quoted.params.value("i"), Some(&b"\"<urn:x;y>\""[..]));
        let bare = parse("sip:a@b;i=<urn:x;y>");
        assert_eq!(bare.params.value("i"), Some(&b"<urn:x;y>"[..]));
    }

    #[test]
    fn other_schemes_are_carried() {
        assert_eq!(parse("<tel:+1555>;tag=1").uri.user, Some(&b"+1555"[..]));
        assert_eq!(parse("name:John_Smith").uri.raw, b"name:John_Smith");
    }

    #[test]
    fn what_rfc_4475_calls_invalid_is_refused() {
        for bad in [
            "\"Joe\" <sip:joe@h>;;;;",          // 3.1.2.1 badinv
            "\"Mr. J. User <sip:j@h>",          // 3.1.2.6 quotbal
            "sip:user@h?Route=%3Csip:s@h%3E",   // 3.1.2.13 regbadct
            "\"Watson, Thomas\" < sip:t@h >",   // 3.1.2.14 badaspec
            "Bell, Alexander <sip:a@h>;tag=43", // 3.1.2.15 baddn
        ] {
            assert!(NameAddr::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for bad in [
            "",
            "*",
            "<",
            "<>",
            "<sip:a@b",
            "sip:a@b>",
            "A <sip:a@b",
            "<sip:a@b>x",
            "<sip:a@b> sip:c@d",
            "<<sip:a@b>>",
            "A \"B\" <sip:a@b>",
            "\"A\" B <sip:a@b>",
            "\"A\"",
            "\"A\" sip:a@b",
            "A sip:a@b",
            "sip:a,b@c",
            "sip:a b@c",
            "a\\b <sip:a@b>",
            "<sip:a@b>;",
            "<sip:a@b>;tag=1;Tag=2",
            ";tag=1",
        ] {
            let error = NameAddr::parse(bad.as_bytes()).map(|_| ()).unwrap_err();
            assert_eq!(error, Error::message(Kind::Syntax), "{bad}");
        }
    }
}
