//! `[auth.bearer]`: tokens that a phone may show in place of a digest (RFC 8898).

use super::{
    environment::Environment,
    reader::{Field, Section},
    report::Report,
    secret::beside,
    units::show_duration,
    web::{self, Trust, is_url, within},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// `[auth.bearer]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BearerTokens {
    /// Where the keys are that tokens are signed with.
    pub(crate) keys: Jwks,
    /// Who issues them: `iss`.
    pub(crate) issuer: String,
    /// Whom they are for: `aud`.
    pub(crate) audience: String,
    /// The claim that is the user's name.
    pub(crate) claim: String,
    /// By how much clocks may differ.
    pub(crate) leeway: Duration,
    /// How long keys count, and what was read of a token.
    pub(crate) cache: Duration,
    /// When asking for the keys is given up.
    pub(crate) timeout: Duration,
    /// Who issues tokens, as the challenge names it.
    pub(crate) authority: Option<String>,
}

/// A set of public keys (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Jwks {
    /// A file.
    File(PathBuf),
    /// A service.
    Url(String, Trust),
}

impl BearerTokens {
    /// In a few words.
    pub(crate) fn explain(&self) -> String {
        let keys = match &self.keys {
            Jwks::File(file) => file.display().to_string(),
            Jwks::Url(url, _) => url.clone(),
        };
        let kept = show_duration(self.cache);
        let (issuer, audience, claim) = (&self.issuer, &self.audience, &self.claim);
        format!("of {issuer} for {audience}, {claim} is the user, keys {keys}, kept for {kept}")
    }
}

/// Reads `[auth.bearer]`; `None`: no tokens are taken.
pub(super) fn read(
    auth: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
) -> Option<BearerTokens> {
    let section = auth.optional_section("bearer")?;
    let needed = |key: &'static str, example: &str| {
        let given = section.text(key).map(|field| field.value.to_owned());
        if given.is_none() && !section.has(key) {
            report.error(section.at(), format!("has no {key}; allowed: {example}"));
        }
        given.filter(|text| !text.is_empty())
    };
    let keys = needed(
        "jwks",
        "jwks = \"https://id.example.org/jwks.json\", or a file",
    );
    let issuer = needed("issuer", "issuer = \"https://id.example.org\"");
    let audience = needed("audience", "audience = \"sip:pbx.example.org\"");
    in_front(&section, report);
    let claim = section.text("claim").map(|field| field.value.to_owned());
    let authority = section.text("authz_server");
    let authority = authority.filter(|Field { value, at }| {
        if !is_url(value) {
            report.error(at, "is no URL; allowed: \"https://id.example.org\"");
        }
        is_url(value)
    });
    let seconds = |key, default, bounds| within(section.duration(key), default, bounds, report);
    let leeway = seconds("leeway", LEEWAY, (Duration::ZERO, MINUTE.saturating_mul(5)));
    let cache = seconds("cache", CACHE, (MINUTE, MINUTE.saturating_mul(1_440)));
    let shortest = Duration::from_millis(50);
    let timeout = seconds("timeout", TIMEOUT, (shortest, LONGEST_WAIT));
    let trust = web::trust(&section, report, file, environment);
    section.finish();
    let keys = keys?;
    Some(BearerTokens {
        keys: match is_url(&keys) {
            true => Jwks::Url(keys, trust),
            false => Jwks::File(beside(file, &keys)),
        },
        issuer: issuer?,
        audience: audience?,
        claim: claim.unwrap_or_else(|| "sub".to_owned()),
        leeway,
        cache,
        timeout,
        authority: authority.map(|field| field.value.to_owned()),
    })
}

/// RFC 8898 1.4: a token goes over TLS only, and we have no listener of that kind.
fn in_front(section: &Section<'_>, report: &Report) {
    let allowed = "allowed: tls = \"in-front\", which says that somebody before us ends TLS and that phones reach us \
                   by nobody else: a token that is read on its way is as good as a password";
    match section.text("tls") {
        Some(field) if field.value == "in-front" => {}
        Some(field) => report.error(&field.at, allowed),
        None if section.has("tls") => {}
        None => report.error(section.at(), format!("has no tls; {allowed}")),
    }
}

/// Shorter than the core's own patience.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const LEEWAY: Duration = Duration::from_secs(30);
const CACHE: Duration = Duration::from_secs(600);
const TIMEOUT: Duration = Duration::from_secs(2);
