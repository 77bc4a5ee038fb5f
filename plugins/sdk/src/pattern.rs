//! Patterns that people write into configurations: `+49900*`, `*@spam.example`, `10?`.

use crate::{
    config::{Config, ConfigError, Read},
    uri::Uri,
};

/// A pattern: `*` stands for any run of characters, `?` for one; letters match in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern from its text.
    pub fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    /// Whether it matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        // Where the last `*` was, and how much of the text it has swallowed so far.
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut at, mut here) = (0_usize, 0_usize);
        let mut star: Option<(usize, usize)> = None;
        while let Some(byte) = text.get(here) {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, here));
                    at = at.saturating_add(1);
                }
                Some(own) if *own == b'?' || *own == byte.to_ascii_lowercase() => {
                    at = at.saturating_add(1);
                    here = here.saturating_add(1);
                }
                _ => match star {
                    Some((back, swallowed)) => {
                        let more = swallowed.saturating_add(1);
                        star = Some((back, more));
                        at = back.saturating_add(1);
                        here = more;
                    }
                    None => return false,
                },
            }
        }
        let left = pattern.get(at..).unwrap_or_default();
        left.iter().all(|byte| *byte == b'*')
    }

    /// Whether it matches a URI: its "user@host" if the pattern has an "@" in it, else its user, and
    /// that also as a bare number, without visual separators.
    pub fn matches_uri(&self, uri: &str) -> bool {
        let Some(uri) = Uri::parse(uri) else {
            return false;
        };
        match self.0.contains('@') {
            true => self.matches(&uri.address()),
            false => {
                self.matches(uri.user) || uri.number().is_some_and(|number| self.matches(&number))
            }
        }
    }
}

impl Read for Pattern {
    fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        match String::read(config)?.as_str() {
            "" => Err(config.error("an empty pattern matches nothing")),
            text => Ok(Self::new(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_and_a_mark_for_one() {
        for (pattern, text, is) in [
            ("+49900*", "+49900123", true),
            ("+49900*", "+4990", false),
            ("*", "", true),
            ("10?", "105", true),
            ("10?", "10", false),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxabc", false),
            ("Friendly*", "friendly-scanner", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn a_uri_is_matched_by_its_user_or_its_address() {
        let uri = "sip:+49-900-1@Carrier.example:5061;user=phone";
        assert!(Pattern::new("+49900*").matches_uri(uri));
        assert!(Pattern::new("*@carrier.example").matches_uri(uri));
        assert!(!Pattern::new("carrier.example").matches_uri(uri));
        assert!(Pattern::new("+49900*").matches_uri("tel:+49.9001"));
    }
}
