//! Who may authenticate, and what of theirs is stored: the digest's first hash, never a password.

use super::algorithm::{Algorithm, Hash};
use super::bearer::Bearer;
use super::directory::{Directory, Found};
use super::upstream::Login;
use crate::{registrar::Aor, time::Instant};
use ahash::RandomState;
use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

/// `H(username:realm:password)` for each algorithm that is known (RFC 7616 3.4.2). As good as a
/// password within its realm: `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Ha1 {
    /// With MD5.
    pub md5: Option<[u8; 16]>,
    /// With SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// With SHA-512/256.
    pub sha512_256: Option<[u8; 32]>,
}

/// A user: credentials and the AoRs that are theirs.
#[derive(Clone, Debug)]
pub struct User {
    /// The digest username, quoted pairs resolved.
    pub name: String,
    /// The AoRs this user may register and speak for.
    pub aors: Vec<Aor>,
    ha1: Ha1,
    login: Option<(Arc<Login>, Mark)>,
}

/// What a user with a [`Login`] is known by where there is no room for the name.
pub(crate) type Mark = [u8; 6];

/// The users by name.
#[derive(Clone, Debug, Default)]
pub struct Users {
    by_name: HashMap<Box<[u8]>, Arc<User>, RandomState>,
    aors: HashSet<Aor, RandomState>,
    directory: Option<Arc<Directory>>,
    bearer: Option<Arc<Bearer>>,
    /// Those with a login at a PBX; `None`: two have this mark, and neither is meant by it.
    by_mark: HashMap<Mark, Option<Arc<User>>, RandomState>,
    /// The same by their AoRs.
    by_aor: HashMap<Aor, Arc<User>, RandomState>,
}

/// Two users have the name in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateUser(pub String);

impl Ha1 {
    /// The hashes of a password with every algorithm.
    pub fn of_password(name: &str, realm: &str, password: &str) -> Self {
        let parts = [name.as_bytes(), realm.as_bytes(), password.as_bytes()];
        let hash = |algorithm: Algorithm| algorithm.hash(&parts);
        Self {
            md5: hash(Algorithm::Md5).as_bytes().try_into().ok(),
            sha256: hash(Algorithm::Sha256).as_bytes().try_into().ok(),
            sha512_256: hash(Algorithm::Sha512_256).as_bytes().try_into().ok(),
        }
    }

    /// Whether there is a hash of this algorithm. A user without one cannot pass a challenge of it.
    pub const fn has(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Md5 => self.md5.is_some(),
            Algorithm::Sha256 => self.sha256.is_some(),
            Algorithm::Sha512_256 => self.sha512_256.is_some(),
        }
    }

    pub(super) fn hash(&self, algorithm: Algorithm) -> Option<Hash> {
        match algorithm {
            Algorithm::Md5 => self.md5.map(Hash::from),
            Algorithm::Sha256 => self.sha256.map(Hash::from),
            Algorithm::Sha512_256 => self.sha512_256.map(Hash::from),
        }
    }
}

impl User {
    /// A user whose password is known. The password is not kept.
    pub fn with_password(name: &str, realm: &str, password: &str, aors: Vec<Aor>) -> Self {
        Self::with_ha1(name, Ha1::of_password(name, realm, password), aors)
    }

    /// A user whose hashes are known; they must have been made with the realm that is challenged for.
    pub fn with_ha1(name: &str, ha1: Ha1, aors: Vec<Aor>) -> Self {
        Self {
            name: name.to_owned(),
            aors,
            ha1,
            login: None,
        }
    }

    /// The same user, in whose name we answer a PBX's challenges.
    #[must_use]
    pub fn with_login(mut self, login: Option<Login>) -> Self {
        let mark = mark(&self.name);
        self.login = login.map(|login| (Arc::new(login), mark));
        self
    }

    /// What this user logs in with at a PBX.
    pub fn login(&self) -> Option<&Arc<Login>> {
        self.login.as_ref().map(|(login, _)| login)
    }

    /// The mark of a user with a login.
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.login.as_ref().map(|(_, mark)| *mark)
    }

    /// The hashes.
    pub const fn ha1(&self) -> &Ha1 {
        &self.ha1
    }

    /// Whether the AoR is this user's.
    pub fn owns(&self, aor: &Aor) -> bool {
        self.aors.contains(aor)
    }
}

impl Users {
    /// The users by their names.
    ///
    /// # Errors
    /// A name that stands twice.
    pub fn new(users: Vec<User>) -> Result<Self, DuplicateUser> {
        // The names come from the configuration: nobody outside can choose them to collide.
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        let mut by_name = HashMap::with_capacity_and_hasher(users.len(), hasher.clone());
        let mut aors = HashSet::with_hasher(hasher.clone());
        let mut by_mark = HashMap::with_hasher(hasher.clone());
        let mut by_aor = HashMap::with_hasher(hasher);
        for user in users {
            aors.extend(user.aors.iter().cloned());
            let key = Box::from(user.name.as_bytes());
            let user = Arc::new(user);
            if let Some(mark) = user.mark() {
                let only = |entry: &mut Option<Arc<User>>| *entry = None;
                let entry = by_mark.entry(mark).and_modify(only);
                entry.or_insert_with(|| Some(Arc::clone(&user)));
                for aor in &user.aors {
                    let entry = by_aor.entry(aor.clone());
                    entry.or_insert_with(|| Arc::clone(&user));
                }
            }
            if let Some(first) = by_name.insert(key, user) {
                return Err(DuplicateUser(first.name.clone()));
            }
        }
        Ok(Self {
            by_name,
            aors,
            directory: None,
            bearer: None,
            by_mark,
            by_aor,
        })
    }

    /// These users and those whom this directory knows.
    #[must_use]
    pub fn with_directory(mut self, directory: Arc<Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// What is known of users who are kept elsewhere; `None`: all users are here.
    pub const fn directory(&self) -> Option<&Arc<Directory>> {
        self.directory.as_ref()
    }

    /// These users, and whoever carries a token of theirs or of users' like them.
    #[must_use]
    pub fn with_bearer(mut self, bearer: Arc<Bearer>) -> Self {
        self.bearer = Some(bearer);
        self
    }

    /// What is known of tokens; `None`: none are taken.
    pub const fn bearer(&self) -> Option<&Arc<Bearer>> {
        self.bearer.as_ref()
    }

    /// What the directory knows of a name that none of the users has who are here.
    pub(super) fn elsewhere(&self, now: Instant, name: &[u8]) -> Found {
        match &self.directory {
            Some(directory) => directory.find(now, name),
            None => Found::Nobody,
        }
    }

    /// The user of this name, compared byte for byte, if he is here.
    pub fn find(&self, name: impl AsRef<[u8]>) -> Option<&Arc<User>> {
        self.by_name.get(name.as_ref())
    }

    /// Whether one of them has a login at a PBX.
    pub(crate) fn have_logins(&self) -> bool {
        !self.by_mark.is_empty()
    }

    /// The user with a login who has this mark.
    pub(crate) fn marked(&self, mark: Mark) -> Option<&Arc<User>> {
        self.by_mark.get(&mark)?.as_ref()
    }

    /// The user with a login whose AoR this is; of several the first.
    pub fn with_login_of(&self, aor: &Aor) -> Option<&Arc<User>> {
        self.by_aor.get(aor)
    }

    /// Whether an AoR is one of some user's.
    pub fn owns(&self, aor: &Aor) -> bool {
        let elsewhere = || self.directory.as_ref().is_some_and(|d| d.owns(aor));
        let by_token = || {
            self.bearer
                .as_ref()
                .is_some_and(|b| b.directory().owns(aor))
        };
        self.aors.contains(aor) || elsewhere() || by_token()
    }

    /// All users, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<User>> {
        self.by_name.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none, and no place where there could be more.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.directory.is_none() && self.bearer.is_none()
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Algorithm::ALL.into_iter().filter(|a| self.has(*a));
        f.write_str("Ha1")?;
        f.debug_set().entries(known.map(Algorithm::token)).finish()
    }
}

impl fmt::Display for DuplicateUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two users are named {:?}", self.0)
    }
}

impl std::error::Error for DuplicateUser {}

/// The same for a name after each start: dialogs outlive us.
fn mark(name: &str) -> Mark {
    let hash = Algorithm::Sha256.hash(&[name.as_bytes()]);
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_gives_the_hash_of_every_algorithm() {
        // RFC 7616 3.9.1: Mufasa's A1.
        let ha1 = Ha1::of_password("Mufasa", "http-auth@example.org", "Circle of Life");
        let md5 = ha1.hash(Algorithm::Md5).unwrap();
        assert_eq!(md5.hex().as_bytes(), b"3d78807defe7de2157e2b0b6573a855f");
        assert!(Algorithm::ALL.into_iter().all(|a| ha1.has(a)));
    }

    #[test]
    fn debug_names_the_algorithms_and_shows_no_hash() {
        let user = User::with_password("6001", "pbx.example.org", "geheim", Vec::new());
        let text = format!("{user:?}");
        assert!(text.contains("SHA-512-256"), "{text}");
        let md5 = user.ha1().md5.unwrap();
        assert!(!text.contains(&format!("{md5:?}")) && !text.contains("geheim"));
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        let user = |name| User::with_ha1(name, Ha1::default(), Vec::new());
        let users = Users::new(vec![user("a"), user("b"), user("a")]);
        assert_eq!(users.unwrap_err(), DuplicateUser("a".to_owned()));
    }

    #[test]
    fn a_user_with_a_login_is_found_by_mark_and_by_aor() {
        let aor = |user: &str| Aor::parse_text(&format!("sip:{user}@pbx")).unwrap();
        let user = |name: &str| User::with_ha1(name, Ha1::default(), vec![aor(name)]);
        let login = Login::with_password("a", "geheim");
        let users = vec![user("a").with_login(Some(login)), user("b")];
        let users = Users::new(users).unwrap();
        let mark = users.find("a").unwrap().mark().unwrap();
        assert_eq!(users.marked(mark).unwrap().name, "a");
        assert_eq!(users.with_login_of(&aor("a")).unwrap().name, "a");
        assert!(users.with_login_of(&aor("b")).is_none() && users.have_logins());
        assert!(users.find("b").unwrap().mark().is_none());
    }

    #[test]
    fn a_user_is_found_by_the_exact_name() {
        let users = Users::new(vec![User::with_ha1("Bob", Ha1::default(), Vec::new())]).unwrap();
        assert_eq!(users.find("Bob").unwrap().name, "Bob");
        assert!(users.find(b"bob").is_none());
        assert_eq!(users.len(), 1);
    }
}
