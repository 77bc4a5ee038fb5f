//! Hosts and ports (RFC 3261 25.1 `hostport`).

use super::scan::{is_blank, take_while, trim, trim_start};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host: a name or an address. IPv6 references come with brackets on the wire, not in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A domain name as it stands (compare without case).
    Name(&'a [u8]),
    /// An IPv4 address or IPv6 reference.
    Ip(IpAddr),
}

impl Host<'_> {
    /// Equal as hosts: names without case, addresses by value.
    pub fn same(self, other: Host<'_>) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::Ip(a), Host::Ip(b)) => a == b,
            _ => false,
        }
    }

    /// Appends the host as it stands in a URI: names in lower case, IPv6 in brackets.
    pub fn write(self, out: &mut Vec<u8>) {
        // Writing into a Vec cannot fail.
        let _ = match self {
            Host::Name(name) => {
                out.extend(name.iter().map(u8::to_ascii_lowercase));
                Ok(())
            }
            Host::Ip(IpAddr::V4(ip)) => write!(out, "{ip}"),
            Host::Ip(IpAddr::V6(ip)) => write!(out, "[{ip}]"),
        };
    }
}

/// Reads `host [":" port]` (blanks around the colon allowed, as in Via); the whole input must be used.
pub fn host_port(bytes: &[u8]) -> Option<(Host<'_>, Option<u16>)> {
    let bytes = trim(bytes);
    let (host, rest) = if let Some(inside) = bytes.strip_prefix(b"[") {
        let (address, rest) = take_while(inside, |b| b != b']');
        let address = ipv6(std::str::from_utf8(address).ok()?)?;
        (Host::Ip(address.into()), rest.strip_prefix(b"]")?)
    } else {
        let (text, rest) = take_while(bytes, |b| b != b':' && !is_blank(b));
        (name_or_ipv4(text)?, rest)
    };
    match trim_start(rest) {
        [] => Some((host, None)),
        [b':', digits @ ..] => Some((host, Some(port(trim_start(digits))?))),
        _ => None,
    }
}

/// An IPv6 address. RFC 3261's grammar lets a third colon slip in before an embedded IPv4 address; that
/// form is read as what it means (RFC 5118 4.10).
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().or_else(|| {
        let (high, low) = text.split_once(":::")?;
        let low: Ipv4Addr = low.parse().ok()?;
        format!("{high}::{low}").parse().ok()
    })
}

/// A domain name, or an IPv4 address if it looks like one: a last label of digits only cannot end a
/// name (RFC 3261 25.1 `toplabel`). `_` is let through: it is no host name but in use as one.
fn name_or_ipv4(text: &[u8]) -> Option<Host<'_>> {
    let name = text.strip_suffix(b".").unwrap_or(text);
    let last = name.rsplit(|&b| b == b'.').next()?;
    if last.iter().all(u8::is_ascii_digit) {
        let address: Ipv4Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
        return Some(Host::Ip(address.into()));
    }
    name.split(|&b| b == b'.')
        .all(is_label)
        .then_some(Host::Name(text))
}

/// RFC 3261 25.1 `domainlabel`.
fn is_label(label: &[u8]) -> bool {
    label
        .iter()
        .all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && label.first().is_some_and(|&b| b != b'-')
        && label.last().is_some_and(|&b| b != b'-')
}

/// A port in 1..=65535; nothing else may follow.
fn port(digits: &[u8]) -> Option<u16> {
    digits
        .iter()
        .try_fold(0_u16, |value, &b| {
            let digit = b.is_ascii_digit().then(|| b.wrapping_sub(b'0'))?;
            value.checked_mul(10)?.checked_add(digit.into())
        })
        .filter(|&port| port != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Host<'_>, Option<u16>)> {
        host_port(text.as_bytes())
    }

    #[test]
    fn a_name_with_and_without_port_is_read() {
        assert_eq!(
            read("pbx.example.com"),
            Some((Host::Name(b"pbx.example.com"), None))
        );
        assert_eq!(read("pbx:5060"), Some((Host::Name(b"pbx"), Some(5060))));
        assert_eq!(read("my_pbx"), Some((Host::Name(b"my_pbx"), None)));
        assert_eq!(
            read("example.com."),
            Some((Host::Name(b"example.com."), None))
        );
    }

    #[test]
    fn addresses_are_read_as_addresses() {
        let v4 = Host::Ip("192.0.2.1".parse().unwrap());
        let v6 = Host::Ip("2001:db8::10:5070".parse().unwrap());
        assert_eq!(read("192.0.2.1:5061"), Some((v4, Some(5061))));
        // RFC 5118 4.3: inside the brackets, 5070 belongs to the address.
        assert_eq!(read("[2001:db8::10:5070]"), Some((v6, None)));
        assert_eq!(read("[2001:DB8::10:5070]:5080"), Some((v6, Some(5080))));
        // RFC 5118 4.10: both mean the same.
        assert_eq!(
            read("[2001:db8:::192.0.2.1]"),
            read("[2001:db8::192.0.2.1]")
        );
    }

    #[test]
    fn blanks_and_folds_may_stand_around_the_colon() {
        assert_eq!(
            read(" pbx \r\n : \t5060 "),
            Some((Host::Name(b"pbx"), Some(5060)))
        );
    }

    #[test]
    fn ports_outside_1_to_65535_are_refused() {
        assert_eq!(read("pbx:65535"), Some((Host::Name(b"pbx"), Some(65535))));
        for bad in [
            "pbx:",
            "pbx:0",
            "pbx:65536",
            "pbx:99999999999",
            "pbx:+1",
            "pbx:1 2",
            "pbx:5060x",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "",
            ":5060",
            ".",
            "a..b",
            ".a",
            "-a",
            "a-",
            "a b",
            "1.2.3",
            "256.1.1.1",
            "1234",
            "a/b",
            "a@b",
            "h\u{f6}st",
            "[",
            "[]",
            "[::1",
            "[192.0.2.1]",
            "[fe80::1%eth0]",
            "[::1]x",
            "2001:db8::10",
            "[2001:db8:::1]",
            "[2001:db8::::192.0.2.1]",
            "[2001::db8:::192.0.2.1]",
            "[2001:db8:::192.0.2]",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn hosts_compare_without_case_and_by_value() {
        let same = |a, b| read(a).unwrap().0.same(read(b).unwrap().0);
        assert!(same("PBX.example.com", "pbx.EXAMPLE.com"));
        assert!(same("[2001:db8:0:0::1]", "[2001:DB8::1]"));
        assert!(!same("pbx", "pbx2"));
        assert!(!same("192.0.2.1", "a192.0.2.1x"));
    }

    #[test]
    fn a_written_host_is_lower_case_and_has_its_brackets() {
        let mut out = Vec::new();
        for text in ["PBX.Example", "192.0.2.1", "[2001:DB8::1]"] {
            read(text).unwrap().0.write(&mut out);
            out.push(b' ');
        }
        assert_eq!(out, b"pbx.example 192.0.2.1 [2001:db8::1] ");
    }
}
