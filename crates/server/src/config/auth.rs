//! `[auth]`: the realm, the digest algorithms in the order they are offered, and the users.

use super::{
    bearer::{self, BearerTokens},
    environment::Environment,
    reader::{Field, Section},
    remote::{self, Remote},
    report::{At, Report, Severity},
    secret::beside,
    server::Server,
    units::show_duration,
};
use crate::users::{self, ALLOWED_ALGORITHMS, Scope, User};
use bellhop_core::auth::{self, Algorithm, Users};
use bellhop_wire::HeaderId;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// `[auth]`.
#[derive(Clone, Debug)]
pub(crate) struct Auth {
    /// What challenges show, and what HA1s are made for.
    pub(crate) realm: String,
    /// Offered in this order (RFC 8760 2.4); never empty.
    pub(crate) algorithms: Vec<Algorithm>,
    /// How long a nonce is good.
    pub(crate) nonce_lifetime: Duration,
    /// Where the users stand; `None`: nowhere, or elsewhere.
    pub(crate) source: Option<Source>,
    /// Where users are looked up when they come.
    pub(crate) remote: Option<Remote>,
    /// Tokens that are taken in place of a digest.
    pub(crate) bearer: Option<BearerTokens>,
    /// The users.
    pub(crate) users: Arc<Users>,
    /// Where the file says so.
    pub(super) users_at: At,
    /// Nothing says where users are.
    has_no_users: bool,
    /// Header names taken off requests from outside, besides those of identity.
    pub(crate) strip_headers: Vec<String>,
}

/// A file of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its form.
    pub(crate) form: Form,
}

/// The form of a file of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `users.toml`.
    Toml,
    /// Apache's `htdigest`.
    Htdigest,
}

/// Reads `[auth]` of the configuration `file`, and the users it names.
pub(super) fn read(
    section: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
    server: &Server,
) -> Auth {
    let realm = section.parsed("realm", users::check_realm);
    let listed = algorithms(section, report);
    let lifetime = section.duration("nonce_lifetime");
    let (source, remote) = source(section, report, file, environment);
    let users_at = section.at_key("users");
    let strip_headers = strip_headers(section, report);
    let bearer = bearer::read(section, report, file, environment);
    section.finish();

    let first_domain = server.domains.first().cloned().unwrap_or_default();
    let realm = realm.map_or(first_domain, |realm| realm.value);
    let users = source.as_ref().and_then(|source| {
        let scope = Scope {
            realm: Some(&realm),
            domains: Some(&server.domains),
        };
        load(source, scope, &users_at, report, environment)
    });
    let only_md5 = source.as_ref().is_some_and(|s| s.form == Form::Htdigest);
    let offers_md5_only = listed.is_none() && only_md5;
    let algorithms = listed.unwrap_or(match offers_md5_only {
        true => vec![Algorithm::Md5],
        false => vec![Algorithm::Sha256, Algorithm::Md5],
    });
    if let Some(users) = &users {
        warn_of_gaps(users, &algorithms, &users_at, report);
    }
    let is_nowhere = source.is_none() && remote.is_none() && bearer.is_none();
    let has_no_users = is_nowhere && !section.has("users");
    let with_aors = |user: User| {
        let aors = user.aors_within(&server.domains);
        auth::User::with_ha1(&user.name, user.ha1, aors).with_login(user.login)
    };
    let users = users.into_iter().flatten().map(with_aors).collect();
    let users = Users::new(users).unwrap_or_else(|error| {
        report.error(&users_at, error.to_string());
        Users::default()
    });
    Auth {
        realm,
        algorithms,
        nonce_lifetime: nonce_lifetime(lifetime, report),
        source,
        remote,
        bearer,
        users: Arc::new(users),
        users_at,
        has_no_users,
        strip_headers,
    }
}

/// Says what nobody can do without users, and what users are for nothing.
pub(super) fn warn_of_users(auth: &Auth, report: &Report, is_for_pbx: bool) {
    if auth.has_no_users && !is_for_pbx {
        let hint = "no users: nobody can register; add users = { file = \"users.toml\" }";
        report.warn(&auth.users_at, hint);
    }
    if !auth.has_no_users && is_for_pbx {
        let idle = "means nothing here: in mode \"passthrough\" the PBX knows the users";
        report.warn(&auth.users_at, idle);
    }
}

/// Headers that a PBX believes, such as one that names the account, and that nobody outside may send.
fn strip_headers(section: &Section<'_>, report: &Report) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for Field { value, at } in section
        .texts("strip_headers")
        .into_iter()
        .flat_map(|l| l.value)
    {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
        if value.is_empty() || !value.bytes().all(is_token) {
            report.error(
                &at,
                "is no header name; allowed: a token such as \"X-Account\"",
            );
        } else if NEEDED.contains(&HeaderId::of(value.as_bytes())) {
            report.error(&at, "cannot be taken off: SIP does not work without it");
        } else {
            names.push(value.to_owned());
        }
    }
    names
}

fn algorithms(section: &Section<'_>, report: &Report) -> Option<Vec<Algorithm>> {
    let list = section.texts("algorithms")?;
    if list.value.is_empty() {
        report.error(&list.at, format!("is empty; {}", ALLOWED_ALGORITHMS));
    }
    let mut algorithms = Vec::new();
    for Field { value, at } in list.value {
        match Algorithm::parse(value.as_bytes()) {
            Some(algorithm) if algorithms.contains(&algorithm) => {
                report.error(&at, "is given twice");
            }
            Some(algorithm) => algorithms.push(algorithm),
            None => report.error(&at, format!("not known; {}", ALLOWED_ALGORITHMS)),
        }
    }
    Some(algorithms)
}

fn source(
    section: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
) -> (Option<Source>, Option<Remote>) {
    let Some(users) = section.optional_section("users") else {
        return (None, None);
    };
    let known = ["file", "htdigest", "http", "sqlite"];
    let given: Vec<&str> = known.into_iter().filter(|key| users.has(key)).collect();
    match given.len() {
        1 => {}
        0 => report.error(users.at(), format!("names no place; {ALLOWED_USERS}")),
        _ => report.error(users.at(), format!("names two places; {ALLOWED_USERS}")),
    }
    let local = [("file", Form::Toml), ("htdigest", Form::Htdigest)];
    let local = local.map(|(key, form)| users.text(key).map(|path| (path, form)));
    let remote = match given[..] {
        ["http" | "sqlite"] => remote::read(&users, report, file, environment),
        [] | [_] => None,
        _ => {
            users.text("http");
            users.text("sqlite");
            None
        }
    };
    users.finish();
    let source = local.into_iter().flatten().next();
    let source = source.map(|(path, form)| Source {
        file: beside(file, path.value),
        form,
    });
    (source.filter(|_| given.len() == 1), remote)
}

fn load(
    source: &Source,
    scope: Scope<'_>,
    at: &At,
    report: &Report,
    environment: &dyn Environment,
) -> Option<Vec<User>> {
    let text = match environment.read(&source.file) {
        Ok(text) => text,
        Err(error) => {
            let file = source.file.display();
            report.error(at, format!("{file} cannot be read: {error}"));
            return None;
        }
    };
    let (users, problems) = match source.form {
        Form::Toml => users::toml::read(&source.file, &text, scope, environment),
        Form::Htdigest => users::htdigest::read(&source.file, &text, scope),
    };
    let broken = problems.iter().any(|p| p.severity == Severity::Error);
    report.absorb(problems);
    (!broken).then_some(users)
}

fn warn_of_gaps(users: &[User], algorithms: &[Algorithm], at: &At, report: &Report) {
    if users.is_empty() {
        report.warn(at, "no users in it: nobody can register");
    }
    for algorithm in algorithms {
        let lacks = |user: &&User| !user.ha1.has(*algorithm);
        let lacking: Vec<&str> = users
            .iter()
            .filter(lacks)
            .map(|u| u.name.as_str())
            .collect();
        if let Some(first) = lacking.first() {
            let (count, name) = (lacking.len(), algorithm.token());
            report.warn(
                at,
                format!(
                    "{name} is offered but {count} of the users have no HA1 for it (first: \
                     {first:?}): a phone that chooses it cannot register"
                ),
            );
        }
    }
}

fn nonce_lifetime(field: Option<Field<Duration>>, report: &Report) -> Duration {
    let Some(Field { value, at }) = field else {
        return DEFAULT_LIFETIME;
    };
    if !(SHORTEST..=LONGEST).contains(&value) {
        let (low, high) = (show_duration(SHORTEST), show_duration(LONGEST));
        report.error(&at, format!("out of range; allowed: {low:?} to {high:?}"));
    }
    value
}

const ALLOWED_USERS: &str = "allowed: { file = \"users.toml\" }, { htdigest = \"users.htdigest\" }, \
                             { http = \"https://users.example.org/sip/{user}\" } or { sqlite = \"users.db\" }";
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);

/// What the proxy itself reads, or what a message is none without.
const NEEDED: [HeaderId; 18] = [
    HeaderId::Via,
    HeaderId::From,
    HeaderId::To,
    HeaderId::CallId,
    HeaderId::CSeq,
    HeaderId::MaxForwards,
    HeaderId::Route,
    HeaderId::RecordRoute,
    HeaderId::Contact,
    HeaderId::ContentLength,
    HeaderId::ContentType,
    HeaderId::Event,
    HeaderId::SubscriptionState,
    HeaderId::Expires,
    HeaderId::Require,
    HeaderId::ProxyRequire,
    HeaderId::ProxyAuthorization,
    HeaderId::MaxBreadth,
];
