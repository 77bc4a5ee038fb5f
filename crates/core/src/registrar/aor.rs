//! Addresses-of-record as keys (RFC 3261 10.3 step 5, 19.1.4).

use bellhop_wire::{Scheme, UriRef};
use smallvec::SmallVec;
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// An address-of-record in canonical form, `user@domain` or `domain`: the user with only those
/// escapes that it needs, its case kept; the domain in lower case; scheme, port, password and
/// parameters dropped. Two URIs that RFC 3261 19.1.4 holds equal give the same one. What had to stay
/// escaped (`%00`, `%0D`, `%40`) is escaped in here, so the text is safe to print.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aor(Arc<str>);

impl Hash for Aor {
    /// Without the octet that a text puts behind itself: it stands alone as a key, or with what is of one length.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

impl Aor {
    /// The AoR of a sip or sips URI whose host stands for `domain`. `None` for other schemes.
    pub fn new(uri: &UriRef<'_>, domain: &str) -> Option<Self> {
        if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
            return None;
        }
        let mut text = SmallVec::<[u8; 128]>::new();
        uri.write_canonical_user(&mut text);
        if !text.is_empty() {
            text.push(b'@');
        }
        text.extend(domain.bytes().map(|byte| byte.to_ascii_lowercase()));
        std::str::from_utf8(&text)
            .ok()
            .map(|text| Self(text.into()))
    }

    /// Whether a URI whose host stands for `domain` is written as this AoR is. If so they are the same
    /// AoR; if not they may be all the same.
    pub(crate) fn is_text_of(&self, uri: &UriRef<'_>, domain: &str) -> bool {
        let text = self.0.as_bytes();
        let rest = match uri.user.filter(|user| !user.is_empty()) {
            Some(user) => text
                .strip_prefix(user)
                .and_then(|rest| rest.strip_prefix(b"@")),
            None => Some(text),
        };
        matches!(uri.scheme, Scheme::Sip | Scheme::Sips)
            && rest.is_some_and(|rest| {
                rest == domain.as_bytes() || rest.eq_ignore_ascii_case(domain.as_bytes())
            })
    }

    /// The AoR of a text like `sip:6001@pbx.example.org`; the host is the domain. `None` if it is not
    /// a sip or sips URI.
    pub fn parse_text(text: &str) -> Option<Self> {
        let uri = UriRef::parse(text.as_bytes()).ok()?;
        let mut domain = Vec::new();
        uri.host?.write(&mut domain);
        Self::new(&uri, std::str::from_utf8(&domain).ok()?)
    }

    /// The AoR that gave this text by [`Aor::as_str`]. `None` if none did.
    pub fn of_canonical(text: &str) -> Option<Self> {
        Self::parse_text(&format!("sip:{text}")).filter(|aor| aor.as_str() == text)
    }

    /// `user@domain` or `domain`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user, escapes kept; `None` for an AoR that is a domain alone.
    pub fn user(&self) -> Option<&str> {
        self.0.rsplit_once('@').map(|(user, _)| user)
    }

    /// The domain.
    pub fn domain(&self) -> &str {
        self.0
            .rsplit_once('@')
            .map_or(&*self.0, |(_, domain)| domain)
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aor({})", self.0)
    }
}
