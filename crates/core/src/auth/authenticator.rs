//! Asks for credentials and checks them.

use super::{
    Algorithm, Ha1, ReplayGuard, Secret, Use, User, Users, bearer,
    challenges::Challenges,
    claim::{Claim, Fault, Usual, is_for, place},
    directory::Found,
    fingerprint::Fingerprint,
    nonce::{Nonces, milliseconds},
};
use crate::{
    entropy::Entropy,
    outbox::Sought,
    registrar::Aor,
    time::{Instant, Now},
};
use bellhop_wire::{Credentials, Field, HeaderId, Message, Method, Reply, UriRef};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// What is asked for, and of whom.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// The realm. Stored hashes must have been made with it.
    pub realm: String,
    /// What is offered, in this order (RFC 8760 2.3: the preferred one first).
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce is good.
    pub nonce_lifetime: Duration,
    /// Who may pass.
    pub users: Arc<Users>,
}

/// Which of its two offices the server asks in (RFC 3261 22.2, 22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As the one that answers: 401, WWW-Authenticate, Authorization.
    Registrar,
    /// As the one that relays: 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

/// What a challenge says.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// In which office.
    pub role: Role,
    /// The digest was right, only the nonce was not (RFC 7616 3.3).
    pub stale: bool,
    /// The request has a body: qop `auth-int`, which is nothing but the body's, is offered too.
    pub has_body: bool,
    /// Only the last algorithm is offered; see [`Authenticator::can_ask_shortly`].
    pub is_short: bool,
}

/// The proof that a request came from a user, by its digest or its token; only [`Authenticator::check`] makes one. Whether the
/// user may do what is asked is another question: see [`Authenticated::owns`].
#[derive(Clone, Debug)]
pub struct Authenticated {
    user: Arc<User>,
    /// Where the value with the credentials begins in the request.
    spent: usize,
}

/// What became of a check.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The request came from this user and was not seen before.
    Authenticated(Authenticated),
    /// Not proven: answer with [`Authenticator::challenge`].
    Challenge {
        /// The digest was right, only the nonce was not: the client need not ask for a password
        /// (RFC 7616 3.3).
        stale: bool,
    },
    /// Credentials that cannot be read: 400 with this reason phrase.
    Malformed(&'static str),
    /// Whose name or token this is must be found out first; then the check is to be made again.
    LookUp(Sought, Box<[u8]>),
}

/// Asks for digest credentials and checks them. Keeps nothing of a request that did not pass.
#[derive(Clone, Debug)]
pub struct Authenticator {
    config: AuthConfig,
    secret: Arc<Secret>,
    replay: Arc<ReplayGuard>,
    nonces: Nonces,
    challenges: Challenges,
    usual: Usual,
    /// Every user has a hash of the last algorithm.
    all_have_last: bool,
    /// Stands for the hashes of a user who is not there, so that the work is the same.
    nobody: Ha1,
}

impl Authenticator {
    /// An authenticator. All shards share the secret and the guard.
    pub fn new(config: AuthConfig, secret: Arc<Secret>, replay: Arc<ReplayGuard>) -> Self {
        let password = format!("{:02x?}", secret.mac(Use::Nobody, &[]));
        let nobody = Ha1::of_password("", &config.realm, &password);
        let last = config.algorithms.last();
        // Of users who are kept elsewhere it is taken for granted: most have a password there.
        let all_have_last =
            last.is_some_and(|last| config.users.iter().all(|user| user.ha1().has(*last)));
        Self {
            nonces: Nonces::new(&secret, &config.realm),
            challenges: Challenges::new(&config.realm, &config.algorithms),
            usual: Usual::new(&config.realm),
            config,
            secret,
            replay,
            all_have_last,
            nobody,
        }
    }

    /// Checks a request's credentials in one role. `source` is the address it came from: a nonce is
    /// good for the address that it was given to.
    ///
    /// A count may be used once. The one exception is a REGISTER sent again over UDP, byte for byte
    /// (RFC 3261 17.1.2.2), because the registrar keeps no transaction that would answer it: it passes
    /// once more while a client may retransmit, and must change nothing (see
    /// [`crate::registrar::apply`]).
    ///
    /// ACK and CANCEL cannot be challenged (RFC 3261 22.1) and carry credentials that were used
    /// already: they are not to be checked here but belong to the request they follow.
    pub fn check(&self, now: Now, request: Message<'_>, source: IpAddr, role: Role) -> Outcome {
        let Some(method) = request.method() else {
            return Outcome::Challenge { stale: false };
        };
        let config = &self.config;
        let claim = match Claim::find(request, role, &config.realm, &config.algorithms) {
            Ok(claim) => claim,
            Err(Fault::Nothing) => return self.by_token(now, request, role),
            Err(Fault::Malformed(reason)) => return Outcome::Malformed(reason),
        };
        let found;
        let mut user = config.users.find(&claim.username);
        if user.is_none() && config.users.directory().is_some() {
            found = config.users.elsewhere(now.instant, &claim.username);
            match &found {
                Found::User(known) => user = Some(known),
                Found::Nobody => {}
                // A nonce of ours shows that the sender is where he says. One who has none is given one,
                // and told that it was only this: he may know his password well.
                Found::Unknown => {
                    let lifetime = config.nonce_lifetime;
                    return match self.nonces.read(source, now.unix, lifetime, claim.nonce) {
                        Some(_) => Outcome::LookUp(Sought::Name, claim.username.into()),
                        None => Outcome::Challenge { stale: true },
                    };
                }
            }
        }
        let stored = user.and_then(|user| user.ha1().hash(claim.algorithm));
        let known = stored.is_some();
        let Some(ha1) = stored.or_else(|| self.nobody.hash(claim.algorithm)) else {
            return Outcome::Challenge { stale: false };
        };
        let expected = claim.expected(&ha1, method.as_bytes(), request.body(), &self.usual);
        let Some(right) = expected.is_written(claim.response) else {
            return Outcome::Malformed("Bad response in digest credentials");
        };
        let (Some(user), true, true) = (user, known, right) else {
            return Outcome::Challenge { stale: false };
        };
        let lifetime = config.nonce_lifetime;
        let nonce = self.nonces.read(source, now.unix, lifetime, claim.nonce);
        let fresh = nonce.is_some_and(|nonce| {
            let fingerprint = fingerprint(&self.secret, request, method);
            let expired = milliseconds(now.unix.saturating_sub(lifetime));
            self.replay
                .admit(now.instant, expired, &nonce, claim.count, fingerprint)
        });
        if fresh {
            Outcome::Authenticated(Authenticated {
                user: Arc::clone(user),
                spent: claim.at,
            })
        } else {
            Outcome::Challenge { stale: true }
        }
    }

    /// A request without digest credentials may carry a token (RFC 8898), over connections only: those alone can come by
    /// way of TLS.
    fn by_token(&self, now: Now, request: Message<'_>, role: Role) -> Outcome {
        let none = Outcome::Challenge { stale: false };
        let Some(bearer) = self.config.users.bearer() else {
            return none;
        };
        let Some((token, spent)) = bearer::token(request, role).filter(|_| !is_by_udp(request))
        else {
            return none;
        };
        match bearer.find(now.instant, token) {
            Found::User(user) => {
                // Who is known here has what he has here.
                let own = self.config.users.find(&user.name).cloned();
                let user = own.unwrap_or(user);
                Outcome::Authenticated(Authenticated { user, spent })
            }
            Found::Nobody => none,
            Found::Unknown => Outcome::LookUp(Sought::Token, token.into()),
        }
    }

    /// Asks for a token as well.
    pub(crate) fn offer_bearer(&self, role: Role, reply: &mut Reply<'_>) {
        if let Some(bearer) = self.config.users.bearer() {
            reply.header(role.challenge(), bearer.challenge().as_bytes());
        }
    }

    /// Whether tokens are taken: none of them goes on.
    pub(crate) fn takes_tokens(&self) -> bool {
        self.config.users.bearer().is_some()
    }

    /// Whether there are several algorithms of which the last alone would do for every user. Whoever
    /// configures several puts the one last that the oldest clients know.
    pub fn can_ask_shortly(&self) -> bool {
        self.config.algorithms.len() > 1 && self.all_have_last
    }

    /// Adds the challenges to a 401 or 407: a header line for each algorithm in the configured order
    /// (RFC 8760 2.3), all with one new nonce.
    pub fn challenge(
        &self,
        now: Now,
        source: IpAddr,
        ask: Ask,
        entropy: &mut dyn Entropy,
        reply: &mut Reply<'_>,
    ) {
        let nonce = self.nonces.mint(source, now.unix, entropy);
        reply.lines_with(|out| self.challenges.write(ask, &nonce, out));
    }

    /// The lines with credentials for our realm: they end here and are taken out of a request that is
    /// relayed (RFC 3261 22.3). Those that [`Authenticated::spent`] tells of are known and not read again.
    pub fn consumed<'m>(
        &self,
        request: Message<'m>,
        role: Role,
        spent: Option<usize>,
    ) -> impl Iterator<Item = Field<'m>> {
        request.fields(role.credentials()).filter(move |field| {
            spent == Some(place(request, field))
                || (self.takes_tokens() && bearer::is_bearer(field))
                || Credentials::parse(field.value)
                    .is_ok_and(|credentials| is_for(&credentials, &self.config.realm))
        })
    }

    /// Whether an AoR is one of a user's.
    pub fn knows(&self, aor: &Aor) -> bool {
        self.config.users.owns(aor)
    }

    /// A token has been read: it is this user's for so long, or nobody's.
    pub(crate) fn learn_token(&self, now: Instant, token: &[u8], user: Option<(User, Duration)>) {
        if let Some(bearer) = self.config.users.bearer() {
            bearer.learn(now, token, user);
        }
    }

    /// A name has been looked up.
    pub(crate) fn learn(&self, now: Instant, name: &[u8], user: Option<User>) {
        if let Some(directory) = self.config.users.directory() {
            directory.learn(now, name, user);
        }
    }

    /// A name could not be looked up; whether what was known of it will do for the moment.
    pub(crate) fn make_do(&self, now: Instant, name: &[u8]) -> bool {
        let directory = self.config.users.directory();
        directory.is_some_and(|directory| directory.make_do(now, name))
    }

    /// The users.
    pub fn users(&self) -> &Users {
        &self.config.users
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.config.realm
    }
}

impl Role {
    /// The status of the challenge.
    pub const fn status(self) -> u16 {
        match self {
            Self::Registrar => 401,
            Self::Proxy => 407,
        }
    }

    /// The header of the credentials.
    pub const fn credentials(self) -> HeaderId {
        match self {
            Self::Registrar => HeaderId::Authorization,
            Self::Proxy => HeaderId::ProxyAuthorization,
        }
    }

    /// The header of the challenge.
    pub const fn challenge(self) -> &'static str {
        match self {
            Self::Registrar => "WWW-Authenticate",
            Self::Proxy => "Proxy-Authenticate",
        }
    }
}

impl Authenticated {
    /// Whose request it is.
    pub const fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Where the credentials were in the request: the place of their header line's value.
    pub(crate) const fn spent(&self) -> usize {
        self.spent
    }

    /// Whether the AoR is this user's.
    pub fn owns(&self, aor: &Aor) -> bool {
        self.user.owns(aor)
    }

    /// The user's AoR that a URI is whose host stands for `domain`, if it is one of his.
    pub(crate) fn own_aor(&self, uri: &UriRef<'_>, domain: &str) -> Option<&Aor> {
        let mut aors = self.user.aors.iter();
        aors.find(|aor| aor.is_text_of(uri, domain)).or_else(|| {
            let aor = Aor::new(uri, domain)?;
            self.user.aors.iter().find(|own| **own == aor)
        })
    }
}

/// A keyed hash of everything in a REGISTER over UDP. The digest covers neither Contact nor most other
/// header fields, so whoever could change them under a used count could take over an AoR: only the
/// same bytes are the same request.
fn fingerprint(secret: &Secret, request: Message<'_>, method: Method<'_>) -> Option<Fingerprint> {
    let is_kept = method == Method::Register && is_by_udp(request);
    is_kept.then(|| secret.fingerprint(request.bytes()))
}

/// Only the transport of the Via is of interest, so the rest of it is not read again.
fn is_by_udp(request: Message<'_>) -> bool {
    let usual = request.first(HeaderId::Via);
    if usual.is_some_and(|via| via.value.starts_with(b"SIP/2.0/UDP ")) {
        return true;
    }
    let via = request.first_value(HeaderId::Via).map(|via| via.raw);
    let transport = via.and_then(|via| via.splitn(3, |b| *b == b'/').nth(2));
    matches!(transport.unwrap_or_default().trim_ascii_start(), [u, d, p, blank, ..]
        if [*u, *d, *p].eq_ignore_ascii_case(b"UDP") && blank.is_ascii_whitespace())
}
