//! Via (RFC 3261 20.42, RFC 3581).

use super::host;
use super::scan::{
    is_blank, is_token_byte, split_before, split_once, take_while, trim, trim_start,
};
use crate::{Error, HeaderId, Host, Kind, Params};

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
    branch: Option<&'a [u8]>,
    wants_port: bool,
}

impl<'a> ViaRef<'a> {
    /// Reads one value (already split at commas).
    ///
    /// # Errors
    /// `Syntax` of Via.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        read(bytes).ok_or(Error::of(Kind::Syntax, HeaderId::Via))
    }

    /// The branch; `None` if absent.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.branch
    }

    /// Whether `rport` stands there, with or without a value (RFC 3581 4).
    pub fn wants_port(&self) -> bool {
        self.wants_port
    }

    /// Whether the branch starts with the magic cookie z9hG4bK (compared without case, RFC 3261 8.1.1.7)
    /// and goes on: the cookie alone tells no request from another (RFC 4475 3.2.1).
    pub fn is_rfc3261(&self) -> bool {
        self.branch()
            .and_then(|branch| branch.split_at_checked(MAGIC_COOKIE.len()))
            .is_some_and(|(head, own)| head.eq_ignore_ascii_case(MAGIC_COOKIE) && !own.is_empty())
    }
}

/// What an RFC 3261 branch starts with (8.1.1.7).
const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// As [`ViaRef::parse`].
pub(crate) fn read(bytes: &[u8]) -> Option<ViaRef<'_>> {
    let (transport, rest) = match bytes.strip_prefix(b"SIP/2.0/UDP ") {
        Some(rest) => (bytes.get(8..11)?, rest),
        None => transport(bytes)?,
    };
    let rest = trim_start(rest);
    let (sent_by, host, port, params) = match host::at_front(rest) {
        Some((host, port, params)) if matches!(params, [] | [b';', ..]) => {
            let end = rest.len().wrapping_sub(params.len());
            (rest.get(..end)?, host, port, params)
        }
        _ => {
            let (sent_by, params) = split_before(rest, b';');
            let (host, port) = host::host_port(sent_by)?;
            (trim(sent_by), host, port, params)
        }
    };
    let params = Params { raw: trim(params) };
    let mut wants_port = false;
    let branch = params.well_formed_with("branch", |param| wants_port |= param.is("rport"))?;
    Some(ViaRef {
        branch,
        wants_port,
        transport,
        host,
        port,
        sent_by,
        params,
    })
}

/// The transport, and what follows it, a blank first.
fn transport(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = match bytes.strip_prefix(b"SIP/2.0/") {
        Some(rest) => rest,
        None => behind_version(bytes)?,
    };
    let (transport, rest) = take_while(trim_start(rest), is_token_byte);
    let ends = rest.first().is_some_and(|&b| is_blank(b));
    (!transport.is_empty() && ends).then_some((transport, rest))
}

/// What follows the protocol and its version, in any case and with blanks.
fn behind_version(bytes: &[u8]) -> Option<&[u8]> {
    let (protocol, rest) = split_once(bytes, b'/')?;
    let (version, rest) = split_once(rest, b'/')?;
    (trim(protocol).eq_ignore_ascii_case(b"SIP") && trim(version) == b"2.0").then_some(rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::view::list;

    fn parse(text: &str) -> ViaRef<'_> {
        ViaRef::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_parts_are_read() {
        let via = parse("SIP/2.0/UDP pbx.example.com:5060;branch=z9hG4bK-a:/=b;rport");
        assert_eq!(via.transport, b"UDP");
        assert_eq!(via.host, Host::Name(b"pbx.example.com"));
        assert_eq!(via.port, Some(5060));
        assert_eq!(via.sent_by, b"pbx.example.com:5060");
        assert_eq!(via.branch(), Some(&b"z9hG4bK-a:/=b"[..]));
        assert!(via.params.has("rport") && via.is_rfc3261());
    }

    #[test]
    fn a_client_that_wants_its_port_says_so_with_or_without_a_value() {
        for (params, wants) in [
            (";rport", true),
            (";branch=b; RPORT =5", true),
            (";a=\"rport\";rport", true),
            (";x=rport;rports", false),
            ("", false),
        ] {
            let text = format!("SIP/2.0/UDP h{params}");
            let via = parse(&text);
            assert_eq!(via.wants_port(), wants, "{params}");
            assert_eq!(via.wants_port(), via.params.has("rport"), "{params}");
        }
    }

    #[test]
    fn blanks_and_folds_may_stand_everywhere() {
        // RFC 4475 3.1.1.1
        let line = "SIP  / 2.0\r\n /UDP\r\n    192.0.2.2 : 5060 ; branch\r\n =\tz9hG4bK390 ,\r\n SIP  /    2.0   / TLS  h   ; branch=\r\n z9hG4bK30";
        let vias: Vec<_> = list::split(line.as_bytes())
            .map(|(_, value)| ViaRef::parse(value).unwrap())
            .collect();
        assert_eq!(vias.len(), 2);
        assert_eq!(vias[0].port, Some(5060));
        assert_eq!(vias[0].branch(), Some(&b"z9hG4bK390"[..]));
        assert_eq!(vias[1].transport, b"TLS");
        assert_eq!(vias[1].branch(), Some(&b"z9hG4bK30"[..]));
    }

    #[test]
    fn ipv6_and_unknown_transports_are_read() {
        let via =
            parse("SIP/2.0/UNKNOWN [2001:db8::9]:5061;received=2001:db8::9:255;branch=z9hG4bKa");
        assert_eq!(via.host, Host::Ip("2001:db8::9".parse().unwrap()));
        assert_eq!((via.transport, via.port), (&b"UNKNOWN"[..], Some(5061)));
        assert_eq!(via.params.value("received"), Some(&b"2001:db8::9:255"[..]));
        assert_eq!(
            parse("SIP/2.0/TLS-SCTP h;received=[2001:db8::9]")
                .params
                .value("received"),
            Some(&b"[2001:db8::9]"[..])
        );
    }

    #[test]
    fn the_magic_cookie_is_known_in_any_case() {
        assert!(parse("SIP/2.0/UDP h;branch=Z9HG4BKx").is_rfc3261());
        assert!(!parse("SIP/2.0/UDP h;branch=z9hG4b").is_rfc3261());
        assert!(!parse("SIP/2.0/UDP h;branch=z9hG4bK").is_rfc3261());
        assert!(!parse("SIP/2.0/UDP h").is_rfc3261());
    }

    #[test]
    fn garbage_is_refused_as_a_bad_via() {
        for bad in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0 h",
            "SIP/2.0/ h",
            "HTTP/2.0/UDP h",
            "SIP/3.0/UDP h",
            "SIP/2.0/UDP;branch=x",
            "SIP/2.0/UDP ;branch=x",
            "SIP/2.0/U DP h",
            "SIP/2.0/UDP h i",
            "SIP/2.0/UDP h:0",
            "SIP/2.0/UDP 2001:db8::1",
            "SIP/2.0/UDP h;branch=a;branch=b",
            "SIP/2.0/UDP 192.0.2.15;;",
            ";",
            "SIP/2.0/UDP h;branch=a,SIP/2.0/UDP i",
            "SIP/2.0/UDP h;a=\"b",
        ] {
            let error = ViaRef::parse(bad.as_bytes()).map(|_| ()).unwrap_err();
            assert_eq!(error, Error::of(Kind::Syntax, HeaderId::Via), "{bad}");
        }
    }
}
