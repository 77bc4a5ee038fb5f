//! What a user, or all of Bellhop, logs in with at a PBX.

use crate::auth::{Algorithm, Ha1};
use std::{borrow::Cow, fmt};

/// Credentials for an upstream. `Debug` shows no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The digest username that the PBX knows.
    pub username: String,
    /// The upstream that they are for, by its name in the configuration; `None`: the default one.
    pub upstream: Option<String>,
    key: Key,
}

/// What proves it.
#[derive(Clone, PartialEq, Eq)]
enum Key {
    /// The password: good for whatever realm the PBX calls itself, with every algorithm.
    Password(Box<str>),
    /// Hashes made with this realm: good for that one.
    Hashes { realm: Box<str>, ha1: Box<Ha1> },
}

impl Login {
    /// A login whose password is known.
    pub fn with_password(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            upstream: None,
            key: Key::Password(password.into()),
        }
    }

    /// A login whose hashes for one realm are known.
    pub fn with_ha1(username: &str, realm: &str, ha1: Ha1) -> Self {
        Self {
            username: username.to_owned(),
            upstream: None,
            key: Key::Hashes {
                realm: realm.into(),
                ha1: Box::new(ha1),
            },
        }
    }

    /// The same for another upstream than the default one.
    #[must_use]
    pub fn at(mut self, upstream: Option<String>) -> Self {
        self.upstream = upstream;
        self
    }

    /// Whether a challenge of this realm and algorithm can be answered.
    pub(super) fn fits(&self, realm: &str, algorithm: Algorithm) -> bool {
        match &self.key {
            Key::Password(_) => true,
            Key::Hashes { realm: own, ha1 } => **own == *realm && ha1.has(algorithm),
        }
    }

    /// The hash for a realm; `None` if it was made with another one.
    pub(super) fn ha1(&self, realm: &str) -> Option<Cow<'_, Ha1>> {
        match &self.key {
            Key::Password(password) => Some(Cow::Owned(Ha1::of_password(
                &self.username,
                realm,
                password,
            ))),
            Key::Hashes { realm: own, ha1 } => (**own == *realm).then_some(Cow::Borrowed(ha1)),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password(..)"),
            Self::Hashes { realm, ha1 } => write!(f, "Hashes({realm:?}, {ha1:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        let password = Login::with_password("6001", "geheim");
        let ha1 = Ha1::of_password("6001", "asterisk", "geheim");
        let md5 = format!("{:?}", ha1.md5.unwrap());
        let hashes = Login::with_ha1("6001", "asterisk", ha1);
        let text = format!("{password:?} {hashes:?}");
        assert!(!text.contains("geheim") && !text.contains(&md5), "{text}");
        assert!(text.contains("6001") && text.contains("asterisk"));
    }

    #[test]
    fn hashes_are_good_for_their_realm_alone_a_password_for_each() {
        let only_md5 = Ha1 {
            md5: Some([1; 16]),
            ..Ha1::default()
        };
        let hashes = Login::with_ha1("6001", "asterisk", only_md5);
        assert!(hashes.fits("asterisk", Algorithm::Md5));
        assert!(!hashes.fits("asterisk", Algorithm::Sha256));
        assert!(!hashes.fits("other", Algorithm::Md5) && hashes.ha1("other").is_none());
        let password = Login::with_password("6001", "geheim");
        assert!(Algorithm::ALL.into_iter().all(|a| password.fits("any", a)));
    }
}
