//! Values that name places: what is of the inside is called by our own name.

pub(super) mod body;
pub(super) mod headers;
mod sdp;
mod text;

use bellhop_wire::{Host, NameAddr, Scheme, UriRef};

/// What is to be hidden, and behind what.
pub(crate) struct Hider<'a> {
    /// The name that stands for every place of the inside.
    pub(super) domain: &'a str,
    /// Hosts of the inside as they are written: those of PBXs, addresses and names, and our own on that side.
    pub(super) inside: &'a [String],
    /// Identifiers of the leg that the message comes from.
    pub(super) ids: [&'a [u8]; 3],
    /// Header names that do not go over, besides those that never do.
    pub(super) names: &'a [String],
    pub(super) skips: Skips,
    /// It is of a message outside of calls.
    pub(super) is_outside: bool,
}

/// Extensions that each leg has for itself, so that nothing of them goes over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skips {
    /// Session timers (RFC 4028).
    pub(super) timer: bool,
    /// Reliable provisional responses (RFC 3262).
    pub(super) reliable: bool,
}

impl Skips {
    /// Whether an option tag is of one of them.
    pub(super) fn option(self, tag: &[u8]) -> bool {
        (self.timer && tag.eq_ignore_ascii_case(b"timer"))
            || (self.reliable && tag.eq_ignore_ascii_case(b"100rel"))
    }

    /// Whether a header is of one of them.
    pub(super) fn header(self, name: &[u8]) -> bool {
        let is = |header: &str| name.eq_ignore_ascii_case(header.as_bytes());
        (self.timer && (is("Session-Expires") || is("x") || is("Min-SE")))
            || (self.reliable && is("RSeq"))
    }
}

impl Hider<'_> {
    /// Appends a URI: with our name for its host if that is an address or of the inside, without the way
    /// to it and without headers.
    pub(super) fn put_uri(&self, uri: &UriRef<'_>, out: &mut Vec<u8>) {
        if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) || !self.is_inside(uri.host) {
            return out.extend_from_slice(uri.without_headers());
        }
        out.extend_from_slice(if uri.scheme == Scheme::Sips {
            b"sips:"
        } else {
            b"sip:"
        });
        if let Some(user) = uri.user {
            out.extend_from_slice(user);
            out.push(b'@');
        }
        out.extend_from_slice(self.domain.as_bytes());
        for param in uri.params.iter() {
            let is_way = WAY
                .iter()
                .any(|way| param.name.eq_ignore_ascii_case(way.as_bytes()));
            if is_way {
                continue;
            }
            out.push(b';');
            out.extend_from_slice(param.name);
            if let Some(value) = param.value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
    }

    /// Appends a value with a URI in it; its parameters only if `with_params`. False, and nothing appended, if it
    /// cannot be read or says something of the inside elsewhere.
    pub(super) fn put_name_addr(&self, value: &[u8], with_params: bool, out: &mut Vec<u8>) -> bool {
        let Ok(read) = NameAddr::parse(value) else {
            return false;
        };
        let start = out.len();
        if let Some(display) = read.display {
            out.extend_from_slice(display);
            out.push(b' ');
        }
        out.push(b'<');
        self.put_uri(&read.uri, out);
        out.push(b'>');
        if with_params {
            for param in read.params.iter() {
                out.push(b';');
                out.extend_from_slice(param.name);
                if let Some(value) = param.value {
                    out.push(b'=');
                    out.extend_from_slice(value);
                }
            }
        }
        let is_clean = out.get(start..).is_some_and(|text| !self.tells(text));
        if !is_clean {
            out.truncate(start);
        }
        is_clean
    }

    /// Whether a text says something of the inside: one of its hosts, or an identifier of the other leg.
    pub(super) fn tells(&self, text: &[u8]) -> bool {
        let has = |word: &[u8]| !word.is_empty() && finds(text, word);
        self.inside.iter().any(|host| has(host.as_bytes())) || self.ids.iter().any(|id| has(id))
    }

    /// Whether a URI is written anew: its host is of the inside, or an address where `has_places`.
    pub(super) fn hides(&self, uri: &UriRef<'_>, has_places: bool) -> bool {
        match uri.host {
            // One that is of the inside is found as any other word.
            Some(Host::Ip(_)) if !has_places => false,
            host => self.is_inside(host),
        }
    }

    fn is_inside(&self, host: Option<Host<'_>>) -> bool {
        match host {
            Some(Host::Ip(_)) => true,
            Some(Host::Name(name)) => self
                .inside
                .iter()
                .any(|inside| is_at_or_below(name, inside.as_bytes())),
            None => false,
        }
    }
}

/// Whether a host name is this one or in its domain.
fn is_at_or_below(name: &[u8], domain: &[u8]) -> bool {
    let Some(start) = name.len().checked_sub(domain.len()) else {
        return false;
    };
    let (below, end) = name.split_at_checked(start).unwrap_or_default();
    end.eq_ignore_ascii_case(domain) && (below.is_empty() || below.ends_with(b"."))
}

/// Whether an octet beside a word makes it a part of a longer one.
fn is_part(byte: Option<&u8>) -> bool {
    byte.is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a word stands in a text, not as a part of a longer word or number.
fn finds(text: &[u8], word: &[u8]) -> bool {
    let mut at = 0_usize;
    while let Some(rest) = text.get(at..)
        && rest.len() >= word.len()
    {
        let same = rest
            .get(..word.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(word));
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        if same && !is_part(before) && !is_part(rest.get(word.len())) {
            return true;
        }
        at = at.saturating_add(1);
    }
    false
}

/// Parameters that say how a host is reached.
const WAY: [&str; 5] = ["transport", "maddr", "lr", "ttl", "ob"];

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn hider<'a>(inside: &'a [String], names: &'a [String]) -> Hider<'a> {
        Hider {
            domain: "example.org",
            inside,
            ids: [b"call-of-b", b"tag-of-b", b""],
            names,
            skips: Skips::default(),
            is_outside: false,
        }
    }

    fn shown(value: &str) -> Option<String> {
        let inside = ["10.0.0.5".to_owned(), "pbx.inside".to_owned()];
        let mut out = Vec::new();
        let is_shown = hider(&inside, &[]).put_name_addr(value.as_bytes(), true, &mut out);
        is_shown.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_address_and_a_name_of_the_inside_become_ours_without_port_and_way() {
        for uri in [
            "sip:102@10.0.0.5",
            "sip:102@10.0.0.5:5070;transport=tcp",
            "sip:102@PBX.inside:5061;lr?Replaces=x",
            "sip:102@[2001:db8::1]:5060",
            "sip:102@node7.pbx.inside",
        ] {
            let value = format!("\"Bob\" <{uri}>;privacy=off");
            assert_eq!(
                shown(&value).as_deref(),
                Some("\"Bob\" <sip:102@example.org>;privacy=off"),
                "{uri}"
            );
        }
    }

    #[test]
    fn a_name_of_elsewhere_a_number_and_nobody_stay() {
        for value in [
            "<sip:joe@example.com;user=phone>;index=1",
            "<sip:joe@notpbx.inside>",
            "<sip:joe@inside>",
            "<tel:+4930123>",
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
        ] {
            assert_eq!(shown(value).as_deref(), Some(value));
        }
    }

    #[test]
    fn what_tells_of_the_inside_elsewhere_or_cannot_be_read_is_left_out() {
        for value in [
            "\"pbx.inside\" <sip:1@example.com>",
            "<sip:1@example.com>;host=10.0.0.5",
            "<sip:1@example.com>;cid=call-of-b",
            "<http://10.0.0.5/ring.wav>",
            "<sip:",
        ] {
            assert_eq!(shown(value), None, "{value}");
        }
    }

    #[test]
    fn a_part_of_a_longer_number_is_not_found() {
        assert!(!finds(b"110.0.0.51", b"10.0.0.5"));
        assert!(!finds(b"10.0.0.55", b"10.0.0.5"));
        assert!(finds(b"at 10.0.0.5:5060", b"10.0.0.5"));
        assert!(!finds(b"", b"x"));
    }
}
