//! What a service or a data base says of a user.

use crate::users::{self, Scope, check_aor, hash::from_hex};
use bellhop_core::auth::{self, Algorithm, Ha1};
use serde::Deserialize;

/// A user, as he is told of: a password, or its hashes; and his AoRs, if they are not his name at each of our
/// domains.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    pub(super) password: Option<String>,
    pub(super) ha1: Hashes,
    pub(super) aors: Vec<String>,
}

/// `H(username:realm:password)` in hex (RFC 7616 3.4.2).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Hashes {
    pub(super) md5: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) sha512_256: Option<String>,
}

impl Told {
    /// The user.
    ///
    /// # Errors
    /// What is wrong with what is told, for the operator; no secret is in it.
    pub(super) fn user(
        self,
        name: &str,
        realm: &str,
        domains: &[String],
    ) -> Result<auth::User, String> {
        let ha1 = match &self.password {
            Some(password) => Ha1::of_password(name, realm, password),
            None => self.ha1.read()?,
        };
        if ![Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256]
            .into_iter()
            .any(|algorithm| ha1.has(algorithm))
        {
            return Err(format!("{name} has neither a password nor a hash of it"));
        }
        let scope = Scope {
            realm: None,
            domains: Some(domains),
        };
        let read = |aor: &String| check_aor(aor, scope).map_err(|why| format!("{name}: {why}"));
        let aors = self.aors.iter().map(read).collect::<Result<_, _>>()?;
        let aors = users::aors_within(name, aors, domains);
        Ok(auth::User::with_ha1(name, ha1, aors))
    }
}

impl Hashes {
    fn read(&self) -> Result<Ha1, String> {
        fn hash<const N: usize>(
            algorithm: Algorithm,
            hex: Option<&String>,
        ) -> Result<Option<[u8; N]>, String> {
            hex.map(|hex| from_hex(algorithm, hex)).transpose()
        }
        Ok(Ha1 {
            md5: hash(Algorithm::Md5, self.md5.as_ref())?,
            sha256: hash(Algorithm::Sha256, self.sha256.as_ref())?,
            sha512_256: hash(Algorithm::Sha512_256, self.sha512_256.as_ref())?,
        })
    }
}
