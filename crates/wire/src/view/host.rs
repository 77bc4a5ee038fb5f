//! Hosts and ports (RFC 3261 25.1 `hostport`).

use super::scan::{is_blank, take_while, trim, trim_start};
use crate::text;
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
        name_or_ipv4(bytes)?
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

/// The domain name or IPv4 address at the front, and what follows it. What ends with a label of digits
/// only cannot be a name and must be an address (RFC 3261 25.1 `toplabel`). `_` is let through: it is no
/// host name but in use as one.
fn name_or_ipv4(bytes: &[u8]) -> Option<(Host<'_>, &[u8])> {
    let mut state = START;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        let kind = KINDS.get(usize::from(*byte)).copied().unwrap_or(OTHER);
        if kind == OTHER {
            break;
        }
        // A table of the compiler's whose index cannot be out of it.
        state = NEXT.get(usize::from(state | kind) & 63).copied()?;
        rest = tail;
    }
    let text = bytes.get(..bytes.len().wrapping_sub(rest.len()))?;
    let host = match state {
        NAME | DOT_BEHIND_NAME => Host::Name(text),
        DIGITS => Host::Ip(ipv4(text)?.into()),
        _ => return None,
    };
    match rest.first() {
        Some(b) if *b != b':' && !is_blank(*b) => None,
        _ => Some((host, rest)),
    }
}

/// Four numbers up to 255 without zeros before them.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split(|b| *b == b'.');
    for octet in &mut octets {
        *octet = match parts.next()? {
            [_, _, _, _, ..] | [b'0', _, ..] => return None,
            digits => u8::try_from(text::decimal(digits)?).ok()?,
        };
    }
    parts.next().is_none().then(|| octets.into())
}

/// How far a host is read, for [`NEXT`]: times eight, to be joined with an octet's kind.
const START: u8 = 0;
const DIGITS: u8 = 1 << 3;
const NAME: u8 = 2 << 3;
const HYPHEN: u8 = 3 << 3;
const DOT_BEHIND_NAME: u8 = 4 << 3;
const DOT_BEHIND_DIGITS: u8 = 5 << 3;
const BAD: u8 = 6 << 3;

/// What an octet is in a host.
const OTHER: u8 = 0;
const DIGIT: u8 = 1;
const LETTER: u8 = 2;
const DASH: u8 = 3;
const DOT: u8 = 4;

/// The state behind an octet (RFC 3261 25.1 `domainlabel`): labels neither start nor end with a hyphen.
/// `DIGITS` and `NAME` tell of the last label.
const NEXT: [u8; 64] = next();
const KINDS: [u8; 256] = kinds();

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const fn next() -> [u8; 64] {
    let mut next = [BAD; 64];
    let mut at = 0;
    while at < 64 {
        let (state, kind) = (at & !7, at & 7);
        next[at as usize] = match (state, kind) {
            (BAD, _) => BAD,
            (START | DIGITS | DOT_BEHIND_NAME | DOT_BEHIND_DIGITS, DIGIT) => DIGITS,
            (_, DIGIT | LETTER) => NAME,
            (DIGITS | NAME | HYPHEN, DASH) => HYPHEN,
            (DIGITS, DOT) => DOT_BEHIND_DIGITS,
            (NAME, DOT) => DOT_BEHIND_NAME,
            _ => BAD,
        };
        at += 1;
    }
    next
}

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const fn kinds() -> [u8; 256] {
    let mut kinds = [OTHER; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LETTER,
            b'-' => DASH,
            b'.' => DOT,
            _ => OTHER,
        };
        byte += 1;
    }
    kinds
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
            text in prop_oneof!["[-_.0-9aZ/@\u{e9}]{0,12}", "[0-2]?[0-9]{1,2}(\\.[0-2]?[0-9]{1,2}){2,4}\\.?"]
        ) {
            prop_assert_eq!(read(&text), by_the_grammar(&text).map(|host| (host, None)));
        }
    }
}
