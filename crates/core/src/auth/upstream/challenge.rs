//! Which of the challenges in a 401 or 407 are answered, and what is kept of them.

use super::Login;
use crate::auth::{Algorithm, Role, client};
use bellhop_wire::{
    HeaderId, Message,
    view::auth::{Challenge, unescape},
};
use smallvec::SmallVec;

/// A challenge that can be answered, and how often that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) role: Role,
    /// With quoted pairs resolved.
    pub(super) realm: Box<str>,
    /// As it stood between its quotes.
    pub(super) nonce: Box<str>,
    pub(super) opaque: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    pub(super) qop: Qop,
    /// How often the nonce was used.
    pub(super) count: u32,
}

/// What is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Qop {
    None,
    Auth,
    AuthInt,
}

/// The challenges of one response, at most [`MOST`].
pub(super) type All = SmallVec<[Known; 1]>;

impl Known {
    /// Of each realm in a 401 or 407 the challenge that we answer: the one with the strongest algorithm
    /// of which there is a hash (RFC 8760 2.4, RFC 7616 3.7); a realm with none is left out. Gives them
    /// and whether one says that only the nonce was too old.
    pub(super) fn of(response: Message<'_>, login: &Login) -> (All, bool) {
        let mut all = All::new();
        let mut is_stale = false;
        for (role, id) in [
            (Role::Registrar, HeaderId::WwwAuthenticate),
            (Role::Proxy, HeaderId::ProxyAuthenticate),
        ] {
            for field in response.fields(id) {
                let Ok(challenge) = Challenge::parse(field.value) else {
                    continue;
                };
                let Some(new) = Self::read(role, &challenge, login) else {
                    continue;
                };
                is_stale |= challenge.stale;
                let is_full = all.len() >= MOST;
                match all.iter_mut().find(|k| k.is_of(role, &new.realm)) {
                    Some(known) if strength(new.algorithm) > strength(known.algorithm) => {
                        *known = new;
                    }
                    Some(_) => {}
                    None if is_full => {}
                    None => all.push(new),
                }
            }
        }
        (all, is_stale)
    }

    fn read(role: Role, challenge: &Challenge<'_>, login: &Login) -> Option<Self> {
        let text = |bytes| {
            let text = std::str::from_utf8(bytes).ok()?;
            let is_fit = text.len() <= LONGEST && !text.bytes().any(|b| b.is_ascii_control());
            is_fit.then_some(text)
        };
        let realm = unescape(challenge.realm?);
        let realm = text(&realm)?;
        let nonce = text(challenge.nonce?).filter(|nonce| !nonce.is_empty())?;
        let opaque = match challenge.opaque {
            Some(opaque) => Some(text(opaque)?.into()),
            None => None,
        };
        // None means MD5 (RFC 7616 3.3).
        let algorithm = Algorithm::parse(challenge.algorithm.unwrap_or(b"MD5"))?;
        let qop = Qop::of(challenge.qop)?;
        login.fits(realm, algorithm).then(|| Self {
            role,
            realm: realm.into(),
            nonce: nonce.into(),
            opaque,
            algorithm,
            qop,
            count: 0,
        })
    }

    pub(super) fn is_of(&self, role: Role, realm: &str) -> bool {
        self.role == role && *self.realm == *realm
    }
}

impl Qop {
    /// What we choose of what is offered; `None` if we know none of it.
    fn of(offered: Option<&[u8]>) -> Option<Self> {
        let Some(offered) = offered else {
            return Some(Self::None);
        };
        let has = |token: &[u8]| {
            let mut tokens = offered.split(|byte| *byte == b',');
            tokens.any(|one| one.trim_ascii().eq_ignore_ascii_case(token))
        };
        match (has(b"auth"), has(b"auth-int")) {
            (true, _) => Some(Self::Auth),
            (false, true) => Some(Self::AuthInt),
            (false, false) => None,
        }
    }

    pub(super) const fn over(self, body: &[u8]) -> client::Qop<'_> {
        match self {
            Self::None => client::Qop::None,
            Self::Auth => client::Qop::Auth,
            Self::AuthInt => client::Qop::AuthInt(body),
        }
    }
}

/// [`Algorithm::ALL`] has the strongest first.
fn strength(algorithm: Algorithm) -> std::cmp::Reverse<Option<usize>> {
    std::cmp::Reverse(Algorithm::ALL.iter().position(|a| *a == algorithm))
}

/// Realms that are answered in one request.
pub(super) const MOST: usize = 4;
/// Octets of a realm, a nonce or an opaque that are kept.
const LONGEST: usize = 512;
