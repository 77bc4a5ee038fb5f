//! Writing `rsip`'s types: IPv6 in brackets, `tel` without slashes, nothing that would end its part.

use super::TypedError;
use crate::view::host::host_port;
use crate::view::nameaddr::is_display_byte;
use crate::view::params::is_value;
use crate::view::scan::{between_quotes, escapes_are_whole, is_token};
use crate::view::uri::is_uri_byte;
use crate::{Host, Method, UriRef};

/// What can be written into a message.
pub trait WriteSip {
    /// Appends it to `out`. On an error what was appended is of no use.
    ///
    /// # Errors
    /// `Unsafe` if a part holds what would end it (CR, LF, NUL, its separators), is no part of its
    /// kind, or is empty and must not be; `Unrepresentable` for `rsip`'s version 1 and for URI
    /// headers.
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError>;
}

/// A header value that knows its header.
pub trait NamedField: WriteSip {
    /// The header's name.
    const NAME: &'static str;
}

/// A URI without scheme is a `sip` one. Behind other schemes than sip and sips the domain is written
/// as it stands.
impl WriteSip for rsip::Uri {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        if !self.headers.is_empty() {
            return Err(TypedError::Unrepresentable);
        }
        match &self.scheme {
            None | Some(rsip::Scheme::Sip) => out.extend(b"sip:"),
            Some(rsip::Scheme::Sips) => out.extend(b"sips:"),
            Some(rsip::Scheme::Other(name)) => {
                let text = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
                let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
                checked(out, name, starts && name.bytes().all(text))?;
                out.push(b':');
            }
        }
        if let Some(auth) = &self.auth {
            checked(
                out,
                &auth.user,
                !auth.user.is_empty() && is_uri_part(&auth.user, b":@"),
            )?;
            if let Some(password) = &auth.password {
                out.push(b':');
                checked(out, password, is_uri_part(password, b":@"))?;
            }
            out.push(b'@');
        }
        match (&self.scheme, &self.host_with_port) {
            (
                Some(rsip::Scheme::Other(_)),
                rsip::HostWithPort {
                    host: rsip::Host::Domain(rest),
                    port: None,
                },
            ) => checked(out, rest.value(), is_uri_part(rest.value(), b""))?,
            (_, host) => host.write_sip(out)?,
        }
        let good = |param: &str| is_uri_part(param, b";?@");
        self.params
            .iter()
            .try_for_each(|param| write_param(param, out, good, good))
    }
}

impl WriteSip for rsip::HostWithPort {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        match &self.host {
            rsip::Host::IpAddr(ip) => Host::Ip(*ip).write(out),
            rsip::Host::Domain(name) => {
                let whole = matches!(host_port(name.value().as_bytes()), Some((_, None)));
                checked(out, name.value(), whole)?;
            }
        }
        if let Some(port) = self.port {
            let port: u16 = port.into();
            checked(out, &format!(":{port}"), port != 0)?;
        }
        Ok(())
    }
}

impl WriteSip for rsip::typed::Via {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        let rsip::Uri {
            scheme: None,
            auth: None,
            host_with_port,
            params,
            headers,
        } = &self.uri
        else {
            return Err(TypedError::Unrepresentable);
        };
        let plain = params.is_empty() && headers.is_empty();
        if self.version != rsip::Version::V2 || !plain {
            return Err(TypedError::Unrepresentable);
        }
        out.extend(b"SIP/2.0/");
        out.extend(self.transport.to_string().bytes());
        out.push(b' ');
        host_with_port.write_sip(out)?;
        write_params(&self.params, out)
    }
}

impl WriteSip for rsip::typed::From {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        write_name_addr(self.display_name.as_deref(), &self.uri, &self.params, out)
    }
}

impl WriteSip for rsip::typed::To {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        write_name_addr(self.display_name.as_deref(), &self.uri, &self.params, out)
    }
}

impl WriteSip for rsip::typed::Contact {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        write_name_addr(self.display_name.as_deref(), &self.uri, &self.params, out)
    }
}

impl WriteSip for rsip::UriWithParams {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        write_name_addr(None, &self.uri, &self.params, out)
    }
}

impl WriteSip for rsip::typed::CSeq {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        let method = Method::from(self.method);
        out.extend(format!("{} {}", self.seq, method.as_str()).bytes());
        Ok(())
    }
}

/// The URI as it stands.
impl WriteSip for UriRef<'_> {
    fn write_sip(&self, out: &mut Vec<u8>) -> Result<(), TypedError> {
        out.extend(self.raw);
        Ok(())
    }
}

impl NamedField for rsip::typed::Via {
    const NAME: &'static str = "Via";
}

impl NamedField for rsip::typed::From {
    const NAME: &'static str = "From";
}

impl NamedField for rsip::typed::To {
    const NAME: &'static str = "To";
}

impl NamedField for rsip::typed::Contact {
    const NAME: &'static str = "Contact";
}

impl NamedField for rsip::typed::CSeq {
    const NAME: &'static str = "CSeq";
}

/// Appends `text` if it is good.
pub(super) fn checked(out: &mut Vec<u8>, text: &str, good: bool) -> Result<(), TypedError> {
    out.extend(text.bytes());
    good.then_some(()).ok_or(TypedError::Unsafe)
}

/// A display name in quotes goes out as it stands, another one gets quotes if it needs them.
fn write_name_addr(
    display: Option<&str>,
    uri: &rsip::Uri,
    params: &[rsip::Param],
    out: &mut Vec<u8>,
) -> Result<(), TypedError> {
    // Empty quotes say no name either, and are read back as none.
    if let Some(name) = display.filter(|name| !matches!(*name, "" | "\"\"")) {
        let plain = name.trim() == name && name.bytes().all(is_display_byte);
        if plain || between_quotes(name.as_bytes()).is_some() {
            out.extend(name.bytes());
        } else {
            out.push(b'"');
            for byte in name.bytes() {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
        }
        checked(out, " ", !name.contains(['\r', '\n', '\0']))?;
    }
    out.push(b'<');
    uri.write_sip(out)?;
    out.push(b'>');
    write_params(params, out)
}

/// Header parameters.
fn write_params(params: &[rsip::Param], out: &mut Vec<u8>) -> Result<(), TypedError> {
    let name = |text: &str| is_token(text.as_bytes());
    // A value cannot hold the semicolon that ends it, unless it is in quotes or brackets.
    let value = |text: &str| {
        let shut = text.starts_with(['"', '<']) || !text.contains(';');
        shut && is_value(text.as_bytes()) && !text.contains(['\r', '\n', '\0'])
    };
    params
        .iter()
        .try_for_each(|param| write_param(param, out, name, value))
}

fn write_param(
    param: &rsip::Param,
    out: &mut Vec<u8>,
    good_name: impl Fn(&str) -> bool,
    good_value: impl Fn(&str) -> bool,
) -> Result<(), TypedError> {
    let known;
    let (name, value) = match param {
        rsip::Param::Lr => ("lr", None),
        rsip::Param::Transport(transport) => {
            known = transport.to_string().to_ascii_lowercase();
            ("transport", Some(known.as_str()))
        }
        rsip::Param::Method(method) => ("method", Some(Method::from(*method).as_str())),
        rsip::Param::User(v) => ("user", Some(v.value())),
        rsip::Param::Ttl(v) => ("ttl", Some(v.value())),
        rsip::Param::Maddr(v) => ("maddr", Some(v.value())),
        rsip::Param::Branch(v) => ("branch", Some(v.value())),
        rsip::Param::Received(v) => ("received", Some(v.value())),
        rsip::Param::Tag(v) => ("tag", Some(v.value())),
        rsip::Param::Expires(v) => ("expires", Some(v.value())),
        rsip::Param::Q(v) => ("q", Some(v.value())),
        rsip::Param::Other(name, value) => {
            (name.value(), value.as_ref().map(|value| value.value()))
        }
    };
    out.push(b';');
    checked(
        out,
        name,
        !name.is_empty() && !name.contains('=') && good_name(name),
    )?;
    if let Some(value) = value {
        out.push(b'=');
        checked(out, value, good_value(value))?;
    }
    Ok(())
}

/// Bytes that may stand in a URI, whole escapes, none of its separators.
fn is_uri_part(text: &str, separators: &[u8]) -> bool {
    text.bytes()
        .all(|b| is_uri_byte(b) && !separators.contains(&b))
        && escapes_are_whole(text.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn written(value: &impl WriteSip) -> Result<String, TypedError> {
        let mut out = Vec::new();
        value.write_sip(&mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn uri(host: impl Into<rsip::Host>) -> rsip::Uri {
        rsip::Uri {
            scheme: Some(rsip::Scheme::Sip),
            host_with_port: host.into().into(),
            ..Default::default()
        }
    }

    fn with_param(name: &str, value: &str) -> rsip::Uri {
        rsip::Uri {
            params: vec![rsip::Param::Other(name.into(), Some(value.into()))],
            ..uri("h")
        }
    }

    #[test]
    fn an_ipv6_address_gets_its_brackets() {
        let address: std::net::SocketAddr = "[2001:db8::1]:5060".parse().unwrap();
        // rsip itself prints `2001:db8::1:5060`, and no scheme.
        assert_eq!(
            written(&rsip::Uri::from(address)).unwrap(),
            "sip:[2001:db8::1]:5060"
        );
    }

    #[test]
    fn tel_has_no_slashes() {
        let tel = rsip::Uri {
            scheme: Some(rsip::Scheme::Other("tel".into())),
            ..uri(rsip::Domain::from("+1555"))
        };
        assert_eq!(written(&tel).unwrap(), "tel:+1555");
    }

    #[test]
    fn a_uri_part_cannot_hold_what_ends_it() {
        for evil in [
            "", "a@b", "a:b", "a b", "a\r\nb", "a\0", "<a>", "%z1", "\u{f6}",
        ] {
            let user = rsip::Uri {
                auth: Some((evil, None::<String>).into()),
                ..uri("h")
            };
            assert_eq!(written(&user), Err(TypedError::Unsafe), "{evil}");
            let host = uri(rsip::Domain::from(evil));
            assert_eq!(written(&host), Err(TypedError::Unsafe), "{evil}");
        }
        for evil in ["a;b", "a?b", "a@b", "a b", "a>", "a\r\nb", "%1"] {
            assert_eq!(written(&with_param("x", evil)), Err(TypedError::Unsafe));
            assert_eq!(written(&with_param(evil, "x")), Err(TypedError::Unsafe));
        }
        assert_eq!(written(&with_param("a=b", "x")), Err(TypedError::Unsafe));
        let no_port = rsip::Uri {
            host_with_port: ("h", 0).into(),
            ..Default::default()
        };
        assert_eq!(written(&no_port), Err(TypedError::Unsafe));
    }

    #[test]
    fn a_display_name_gets_quotes_when_it_needs_them() {
        let from = |name: &str| rsip::typed::From {
            display_name: Some(name.into()),
            uri: uri("h"),
            params: Vec::new(),
        };
        for (name, text) in [
            ("", "<sip:h>"),
            ("\"\"", "<sip:h>"),
            ("Al Ice", "Al Ice <sip:h>"),
            ("\"Al, Ice\"", "\"Al, Ice\" <sip:h>"),
            ("Al, Ice", "\"Al, Ice\" <sip:h>"),
            ("a\"b\\", "\"a\\\"b\\\\\" <sip:h>"),
            (
                "\"a\" <sip:evil>, \"b\"",
                "\"\\\"a\\\" <sip:evil>, \\\"b\\\"\" <sip:h>",
            ),
        ] {
            assert_eq!(written(&from(name)).unwrap(), text);
        }
        for evil in ["a\r\nb", "\"a\r\n b\"", "a\0"] {
            assert_eq!(written(&from(evil)), Err(TypedError::Unsafe));
        }
    }

    #[test]
    fn a_header_parameter_cannot_hold_what_ends_it() {
        for (value, good) in [
            ("a:b=c", true),
            ("\"a;b\"", true),
            ("a;b", false),
            ("a,b", false),
            ("\"a", false),
            ("\"a\r\nb\"", false),
        ] {
            let to = rsip::typed::To {
                params: vec![rsip::Param::Tag(value.into())],
                ..uri("h").into()
            };
            assert_eq!(written(&to).is_ok(), good, "{value}");
        }
    }

    #[test]
    fn a_via_has_no_scheme_user_or_other_version() {
        let mut via = rsip::typed::Via::from(uri("h"));
        assert_eq!(written(&via), Err(TypedError::Unrepresentable));
        via.uri.scheme = None;
        assert!(
            written(&via)
                .unwrap()
                .starts_with("SIP/2.0/UDP h;branch=z9hG4bK")
        );
        via.version = rsip::Version::V1;
        assert_eq!(written(&via), Err(TypedError::Unrepresentable));
    }
}
