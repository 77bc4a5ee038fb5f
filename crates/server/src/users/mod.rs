//! Users and what proves them, HA1s (RFC 7616 3.4.2), made of a password or stored; read from `users.toml` or an
//! htdigest file, written by `bellhop user`.

pub(crate) mod edit;
pub(crate) mod hash;
pub(crate) mod htdigest;
pub(crate) mod toml;

#[cfg(test)]
mod tests;

use crate::config::Host;
use bellhop_core::{
    auth::{Ha1, upstream::Login},
    registrar::Aor,
};

/// One user of a file.
#[derive(Clone, Debug)]
pub(crate) struct User {
    /// The name in credentials.
    pub(crate) name: String,
    /// What proves it.
    pub(crate) ha1: Ha1,
    /// Whether the file holds the password itself, or a reference to it.
    pub(crate) by_password: bool,
    /// The AoRs it may register; empty: its name at each of our domains.
    pub(crate) aors: Vec<Aor>,
    /// What it logs in with at a PBX.
    pub(crate) login: Option<Login>,
}

/// What the users of a file must fit; `None`: anything does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scope<'a> {
    /// The realm that HA1s are made for.
    pub(crate) realm: Option<&'a str>,
    /// Our domains.
    pub(crate) domains: Option<&'a [String]>,
}

impl User {
    /// The AoRs it may register, with the default for none filled in.
    pub(crate) fn aors_within(&self, domains: &[String]) -> Vec<Aor> {
        aors_within(&self.name, self.aors.clone(), domains)
    }
}

/// A user's AoRs: those that are given, or if there are none his name at each domain.
pub(crate) fn aors_within(name: &str, given: Vec<Aor>, domains: &[String]) -> Vec<Aor> {
    if !given.is_empty() {
        return given;
    }
    let user = escaped(name);
    let at = |domain: &String| Aor::parse_text(&format!("sip:{user}@{domain}"));
    domains.iter().filter_map(at).collect()
}

/// Checks a user name: it stands in quoted strings and before a colon (RFC 7616 3.4).
///
/// # Errors
/// What is wrong and what is allowed.
pub(crate) fn check_name(name: &str) -> Result<String, String> {
    check(name, &[':', '"', '\\'])
}

/// Checks a realm.
///
/// # Errors
/// What is wrong and what is allowed.
pub(crate) fn check_realm(realm: &str) -> Result<String, String> {
    check(realm, &['"', '\\'])
}

/// Checks an AoR: `sip:user@domain`, the domain within `scope`.
///
/// # Errors
/// What is wrong and what is allowed.
pub(crate) fn check_aor(aor: &str, scope: Scope<'_>) -> Result<Aor, String> {
    let allowed = || "is no address of record; allowed: \"sip:user@domain\"".to_owned();
    let (_, domain) = aor
        .strip_prefix("sip:")
        .and_then(|rest| rest.split_once('@'))
        .ok_or_else(allowed)?;
    let host = Host::parse(domain)?.to_string();
    let aor = Aor::parse_text(aor).filter(|aor| aor.user().is_some_and(|user| !user.is_empty()));
    let aor = aor.ok_or_else(allowed)?;
    match scope.domains.filter(|domains| !domains.contains(&host)) {
        None => Ok(aor),
        Some(domains) => {
            let ours = domains.join(", ");
            Err(format!("{host} is not a domain of ours; allowed: {ours}"))
        }
    }
}

fn check(text: &str, forbidden: &[char]) -> Result<String, String> {
    let bad = |c: char| c.is_control() || forbidden.contains(&c);
    if text.is_empty() || text.len() > 128 || text.chars().any(bad) || text.trim() != text {
        let forbidden: String = forbidden.iter().collect();
        return Err(format!(
            "allowed: 1 to 128 bytes without control characters, blanks at the ends and any of \
             {forbidden}"
        ));
    }
    Ok(text.to_owned())
}

/// A name as a URI's user part: what needs an escape there is escaped (RFC 3261 25.1).
fn escaped(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// For messages about algorithms.
pub(crate) const ALLOWED_ALGORITHMS: &str = "allowed: \"SHA-256\", \"SHA-512-256\", \"MD5\"";
