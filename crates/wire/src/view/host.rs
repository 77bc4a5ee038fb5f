//! Hosts and ports (RFC 3261 25.1 `hostport`).

use super::scan::{split_once, trim, trim_start};
use name::name_or_ipv4;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod name;

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
    let (host, rest) = host(trim(bytes))?;
    match trim_start(rest) {
        [] => Some((host, None)),
        [b':', digits @ ..] => match port(trim_start(digits))? {
            (port, []) => Some((host, Some(port))),
            _ => None,
        },
        _ => None,
    }
}

/// Reads `host [":" port]` at the front, without blanks, and gives what follows.
#[inline(always)]
pub(crate) fn at_front(bytes: &[u8]) -> Option<(Host<'_>, Option<u16>, &[u8])> {
    let (host, rest) = host(bytes)?;
    match rest {
        [b':', digits @ ..] => {
            let (port, rest) = port(digits)?;
            Some((host, Some(port), rest))
        }
        _ => Some((host, None, rest)),
    }
}

/// The host at the front, and what follows it.
#[inline(always)]
fn host(bytes: &[u8]) -> Option<(Host<'_>, &[u8])> {
    match bytes {
        [b'[', inside @ ..] => reference(inside),
        _ => name_or_ipv4(bytes),
    }
}

/// The IPv6 reference of which the opening bracket is read, and what follows it.
#[cold]
#[inline(never)]
fn reference(inside: &[u8]) -> Option<(Host<'_>, &[u8])> {
    let (address, rest) = split_once(inside, b']')?;
    let address = ipv6(std::str::from_utf8(address).ok()?)?;
    Some((Host::Ip(address.into()), rest))
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

/// The port in 1..=65535 at the front, and what follows its digits.
fn port(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let mut port = 0_u32;
    let mut rest = bytes;
    while let [byte @ b'0'..=b'9', tail @ ..] = rest {
        port = port.wrapping_mul(10).wrapping_add(u32::from(byte & 0xf));
        if port > u32::from(u16::MAX) {
            return None;
        }
        rest = tail;
    }
    Some((u16::try_from(port).ok().filter(|port| *port != 0)?, rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn a_label_is_neither_empty_nor_edged_by_hyphens_wherever_it_stands() {
        for before in 1..40 {
            let text = |middle| format!("{}{middle}b", "a".repeat(before));
            for good in [".", "-", "--", "-0."] {
                let text = text(good);
                assert_eq!(read(&text), Some((Host::Name(text.as_bytes()), None)));
            }
            for bad in ["..", ".-", "-.", "...", "/", "@", "\u{e9}"] {
                assert_eq!(read(&text(bad)), None, "{before} {bad}");
            }
        }
    }

    /// RFC 3261 25.1 `host` (and `_`) as it reads, label by label.
    fn by_the_grammar(text: &str) -> Option<Host<'_>> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !label.is_empty()
                && label.chars().all(known)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let last = name.rsplit('.').next().unwrap();
        if last.chars().all(|c| c.is_ascii_digit()) {
            return Some(Host::Ip(text.parse::<Ipv4Addr>().ok()?.into()));
        }
        name.split('.')
            .all(is_label)
            .then_some(Host::Name(text.as_bytes()))
    }

    proptest! {
        #[test]
        fn a_host_is_what_the_grammar_says(
            text in prop_oneof!["[-_.0-9aZ/@\u{e9}]{0,12}", "([-_.0-9aZ@]|[0-9aZ]{5}){0,12}", "[0-2]?[0-9]{1,2}(\\.[0-2]?[0-9]{1,2}){2,4}\\.?"]
        ) {
            prop_assert_eq!(read(&text), by_the_grammar(&text).map(|host| (host, None)));
        }
    }
}
