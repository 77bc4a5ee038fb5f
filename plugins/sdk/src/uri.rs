//! The parts of a sip, sips or tel URI (RFC 3261, 19.1.1; RFC 3966), borrowed.

/// A URI in parts. What a part lacks is empty or none; nothing is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// "sip", "sips" or "tel", as written.
    pub scheme: &'a str,
    /// The user of a sip URI without password and user parameters, or the number of a tel URI.
    pub user: &'a str,
    /// Host without port, IPv6 with its brackets; empty in a tel URI.
    pub host: &'a str,
    /// The port, if it is given.
    pub port: Option<u16>,
    /// Parameters and headers with their ";" or "?", as written.
    pub rest: &'a str,
}

impl<'a> Uri<'a> {
    /// The parts of a URI; none if it has no scheme of SIP's, or no host, or no number.
    pub fn parse(uri: &'a str) -> Option<Self> {
        let (scheme, after) = uri.split_once(':')?;
        if scheme.eq_ignore_ascii_case("tel") {
            let (number, rest) = split_at_any(after, &[';', '?']);
            return (!number.is_empty()).then_some(Self {
                scheme,
                user: number,
                host: "",
                port: None,
                rest,
            });
        }
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            return None;
        }
        // ";" and "?" may stand in the user part, "@" not behind it (RFC 3261, 25.1).
        let (userinfo, hostport) = after.split_once('@').unwrap_or(("", after));
        let (user, _) = split_at_any(userinfo, &[':', ';']);
        let (address, rest) = split_at_any(hostport, &[';', '?']);
        let (host, port) = host_and_port(address)?;
        (!host.is_empty()).then_some(Self {
            scheme,
            user,
            host,
            port,
            rest,
        })
    }

    /// The telephone number in the user part, without its visual separators (RFC 3966, 5.1.1):
    /// digits, with a leading "+" if it is global. None if anything else is in it.
    pub fn number(&self) -> Option<String> {
        let mut number = String::with_capacity(self.user.len());
        for c in self.user.chars() {
            match c {
                '0'..='9' => number.push(c),
                '+' if number.is_empty() => number.push(c),
                '-' | '.' | '(' | ')' => {}
                _ => return None,
            }
        }
        number
            .ends_with(|c: char| c.is_ascii_digit())
            .then_some(number)
    }

    /// The same URI with another user; a tel URI becomes one of that number. The port and all that
    /// follows stay.
    pub fn with_user(&self, user: &str) -> String {
        let Self { scheme, rest, .. } = self;
        if self.host.is_empty() {
            return format!("{scheme}:{user}{rest}");
        }
        let at = if user.is_empty() { "" } else { "@" };
        let host = self.host;
        match self.port {
            Some(port) => format!("{scheme}:{user}{at}{host}:{port}{rest}"),
            None => format!("{scheme}:{user}{at}{host}{rest}"),
        }
    }

    /// "user@host", or the number of a tel URI: what patterns are held against.
    pub fn address(&self) -> String {
        match (self.user, self.host) {
            ("", host) => host.to_owned(),
            (user, "") => user.to_owned(),
            (user, host) => format!("{user}@{host}"),
        }
    }
}

/// Before the first of the characters, and from it on.
fn split_at_any<'a>(text: &'a str, at: &[char]) -> (&'a str, &'a str) {
    let end = text.find(at).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn host_and_port(address: &str) -> Option<(&str, Option<u16>)> {
    let end = match address.strip_prefix('[') {
        Some(inner) => inner.find(']')?.checked_add(2)?,
        None => address.find(':').unwrap_or(address.len()),
    };
    let (host, port) = address.split_at_checked(end)?;
    match port.strip_prefix(':') {
        Some(digits) => Some((host, Some(digits.parse().ok()?))),
        None => port.is_empty().then_some((host, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sip_uri_is_taken_apart_and_put_together() {
        let uri = Uri::parse("sips:+49-30;ext=2:secret@[2001:db8::1]:5061;transport=tcp").unwrap();
        assert_eq!(
            (uri.scheme, uri.user, uri.host, uri.port, uri.rest),
            (
                "sips",
                "+49-30",
                "[2001:db8::1]",
                Some(5061),
                ";transport=tcp"
            )
        );
        assert_eq!(
            uri.with_user("100"),
            "sips:100@[2001:db8::1]:5061;transport=tcp"
        );
        assert_eq!(uri.address(), "+49-30@[2001:db8::1]");
    }

    #[test]
    fn a_number_loses_its_visual_separators() {
        let number = |uri: &str| Uri::parse(uri).and_then(|uri| uri.number());
        assert_eq!(number("tel:+49-(30)-123.45").as_deref(), Some("+493012345"));
        assert_eq!(number("sip:0049@example.com").as_deref(), Some("0049"));
        assert_eq!(number("sip:alice@example.com"), None);
        assert_eq!(number("sip:+@example.com"), None);
        assert_eq!(number("sip:example.com"), None);
    }

    #[test]
    fn what_is_no_uri_of_sip_is_none() {
        for text in [
            "",
            "alice",
            "http://example.com",
            "sip:",
            "sip:a@",
            "tel:",
            "sip:a@[::1",
            "sip:a@b:x",
        ] {
            assert_eq!(Uri::parse(text), None, "{text}");
        }
    }
}
