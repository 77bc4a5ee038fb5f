//! Bearer tokens (RFC 8898): JWTs (RFC 7519) that an issuer signs, with public keys that it publishes (RFC 7517).

use crate::{
    aside::Quiet,
    config::{BearerTokens, Jwks},
    users::{aors_within, check_name},
    web,
};
use bellhop_core::{
    auth::{Bearer, Ha1, Keeping, User},
    engine::LookedUp,
};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use serde_json::{Map, Value};
use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use ureq::Agent;

/// Reads tokens.
pub(crate) struct Verifier {
    settings: BearerTokens,
    realm: String,
    domains: Vec<String>,
    agent: Option<Agent>,
    keys: Mutex<Keys>,
    bearer: Arc<Bearer>,
    quiet: Quiet,
}

/// What is known of the issuer's keys.
#[derive(Default)]
struct Keys {
    set: Option<Arc<JwkSet>>,
    read: Option<Instant>,
    tried: Option<Instant>,
}

impl Verifier {
    /// One for these settings. `seeds` are random.
    ///
    /// # Errors
    /// What keeps the keys from being had, for the operator: of a service only that it cannot be asked at all.
    pub(super) fn new(
        settings: &BearerTokens,
        realm: &str,
        domains: &[String],
        seeds: [u64; 4],
    ) -> Result<Self, String> {
        let keeping = Keeping {
            present: settings.cache,
            absent: ABSENT,
            grace: Duration::ZERO,
            capacity: CAPACITY,
        };
        let agent = match &settings.keys {
            Jwks::Url(_, trust) => {
                let agent = web::agent(settings.timeout, trust);
                Some(agent.map_err(|why| format!("auth.bearer.ca: {why}"))?)
            }
            Jwks::File(_) => None,
        };
        let authority = settings.authority.as_deref();
        let verifier = Self {
            settings: settings.clone(),
            realm: realm.to_owned(),
            domains: domains.to_vec(),
            agent,
            keys: Mutex::default(),
            bearer: Arc::new(Bearer::new(keeping, seeds, realm, authority)),
            quiet: Quiet::default(),
        };
        if matches!(settings.keys, Jwks::File(_)) {
            let set = verifier
                .fetch()
                .map_err(|why| format!("auth.bearer.jwks: {why}"))?;
            if !set
                .keys
                .iter()
                .any(|key| KINDS.iter().any(|kind| fits(key, *kind)))
            {
                return Err(
                    "auth.bearer.jwks: no public key for RS256, ES256 or EdDSA in it".to_owned(),
                );
            }
        }
        Ok(verifier)
    }

    /// Whether it is one for these settings.
    pub(super) fn is_for(&self, settings: &BearerTokens, realm: &str, domains: &[String]) -> bool {
        self.settings == *settings && self.realm == realm && self.domains == domains
    }

    pub(super) fn bearer(&self) -> &Arc<Bearer> {
        &self.bearer
    }

    /// Reads a token.
    pub(super) fn redeem(&self, token: &[u8]) -> LookedUp {
        let Some((token, header)) = std::str::from_utf8(token)
            .ok()
            .and_then(|token| Some((token, decode_header(token).ok()?)))
        else {
            return LookedUp::Nobody;
        };
        // RFC 8725 3.1: what may be used is for us to say. None of these is made with what everybody may know.
        if !KINDS.contains(&header.alg) {
            return LookedUp::Nobody;
        }
        let key = match self.key(header.kid.as_deref(), header.alg) {
            Ok(Some(key)) => key,
            Ok(None) => return LookedUp::Nobody,
            Err(why) => {
                self.complain(&why);
                return LookedUp::Failed;
            }
        };
        self.read(token, header.alg, &key)
            .unwrap_or(LookedUp::Nobody)
    }

    /// What a token says, if it is good.
    fn read(&self, token: &str, algorithm: Algorithm, key: &DecodingKey) -> Option<LookedUp> {
        let settings = &self.settings;
        let mut wanted = Validation::new(algorithm);
        wanted.set_issuer(&[&settings.issuer]);
        wanted.set_audience(&[&settings.audience]);
        wanted.set_required_spec_claims(&["exp", "iss", "aud"]);
        wanted.validate_nbf = true;
        wanted.leeway = settings.leeway.as_secs();
        let claims = match decode::<Map<String, Value>>(token, key, &wanted) {
            Ok(data) => data.claims,
            Err(error) => {
                tracing::debug!(target: "bellhop::users", "a token is refused: {:?}", error.kind());
                return None;
            }
        };
        let name = check_name(claims.get(&settings.claim)?.as_str()?).ok()?;
        let ends = Duration::from_secs(claims.get("exp")?.as_u64()?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let left = ends.saturating_add(settings.leeway).saturating_sub(now);
        let aors = aors_within(&name, Vec::new(), &self.domains);
        let user = User::with_ha1(&name, Ha1::default(), aors);
        Some(LookedUp::UserFor(user, left.max(SHORTEST)))
    }

    /// The key that a token says it is signed with. Keys that are too old, or do not have it, are asked for again, but
    /// not for each token that names one.
    fn key(&self, id: Option<&str>, kind: Algorithm) -> Result<Option<DecodingKey>, String> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |at: Option<Instant>, age| at.is_none_or(|at: Instant| at.elapsed() >= age);
        let mut found = keys.set.as_ref().and_then(|set| find(set, id, kind));
        let wants = found.is_none() || is_old(keys.read, self.settings.cache);
        if wants && is_old(keys.tried, AGAIN) {
            keys.tried = Some(Instant::now());
            match self.fetch() {
                Ok(set) => {
                    found = find(&set, id, kind);
                    keys.set = Some(Arc::new(set));
                    keys.read = keys.tried;
                }
                // What is known goes on.
                Err(why) if found.is_some() => self.complain(&why),
                Err(why) => return Err(why),
            }
        }
        if found.is_none() && keys.set.is_none() {
            return Err("the keys could not be had a moment ago".to_owned());
        }
        found
            .map(|key| DecodingKey::from_jwk(&key).map_err(|_| "a key cannot be read".to_owned()))
            .transpose()
    }

    fn fetch(&self) -> Result<JwkSet, String> {
        let text = match (&self.settings.keys, &self.agent) {
            (Jwks::File(file), _) => {
                let text = std::fs::read(file);
                text.map_err(|error| format!("{} cannot be read: {error}", file.display()))?
            }
            (Jwks::Url(url, trust), Some(agent)) => {
                let mut request = agent.get(url).header("Accept", "application/json");
                if let Some(token) = web::authorization(trust) {
                    request = request.header("Authorization", token);
                }
                let mut response = request.call().map_err(|error| error.to_string())?;
                if response.status().as_u16() != 200 {
                    return Err(format!("{url} answered {}", response.status().as_u16()));
                }
                let body = response.body_mut().with_config().limit(LONGEST);
                body.read_to_vec().map_err(|error| error.to_string())?
            }
            (Jwks::Url(..), None) => return Err("no client".to_owned()),
        };
        serde_json::from_slice(&text).map_err(|error| format!("it is no set of keys: {error}"))
    }

    /// Tells of a failure, at most once in a while.
    pub(super) fn complain(&self, why: &str) {
        let Some(untold) = self.quiet.may_tell() else {
            return;
        };
        tracing::error!(
            target: "bellhop::users",
            untold,
            "the keys of auth.bearer cannot be had: {why}; who brings a token that is not known yet gets 503"
        );
    }
}

/// The key of this name, or without one the only one that fits.
fn find(set: &JwkSet, id: Option<&str>, kind: Algorithm) -> Option<Jwk> {
    let mut fitting = set.keys.iter().filter(|key| fits(key, kind));
    match id {
        Some(id) => fitting
            .find(|key| key.common.key_id.as_deref() == Some(id))
            .cloned(),
        None => fitting.next().filter(|_| fitting.next().is_none()).cloned(),
    }
}

/// Whether a key is a public one for this algorithm (RFC 8725 3.2).
fn fits(key: &Jwk, kind: Algorithm) -> bool {
    let is_for_it = match (&key.algorithm, kind) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => true,
        (AlgorithmParameters::EllipticCurve(ec), Algorithm::ES256) => {
            ec.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::OctetKeyPair(ed), Algorithm::EdDSA) => {
            ed.curve == EllipticCurve::Ed25519
        }
        _ => false,
    };
    let named = key.common.key_algorithm.map(|named| named.to_string());
    let is_named = named.is_none_or(|named| named == format!("{kind:?}"));
    is_for_it && is_named && key.common.public_key_use != Some(PublicKeyUse::Encryption)
}

const KINDS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
/// Keys are not asked for more often.
const AGAIN: Duration = Duration::from_secs(10);
/// That a token is no good is remembered.
const ABSENT: Duration = Duration::from_secs(30);
/// So long a token counts at least that is good now.
const SHORTEST: Duration = Duration::from_secs(1);
/// Tokens that are remembered, by their hashes.
const CAPACITY: NonZeroUsize = match NonZeroUsize::new(100_000) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};
/// Bytes of a set of keys.
const LONGEST: u64 = 256 << 10;

#[cfg(test)]
mod tests;
