//! What Bellhop logs in with at a PBX: `{ username = "6001", password = ... }`, the password given as a
//! secret, or in its place HA1s with the realm that they were made for.

use super::{environment::Environment, reader::Section, report::Report, secret};
use crate::users::{check_realm, toml};
use bellhop_core::auth::upstream::Login;
use std::path::Path;

/// Reads such a table. `name` stands for a username that is not given.
pub(crate) fn read(
    section: &Section<'_>,
    name: Option<&str>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
) -> Option<Login> {
    let given = section.parsed("username", check_username);
    let username = given.map(|field| field.value);
    if name.is_none() && !section.has("username") {
        report.error(section.at(), format!("has no username; {ALLOWED}"));
    }
    let realm = section.parsed("realm", check_realm);
    let password = secret::read(section, "password", report, file, environment);
    let ha1 = section
        .optional_section("ha1")
        .map(|table| toml::ha1(&table, report));
    let (has_password, has_ha1) = (section.has("password"), section.has("ha1"));
    let wrong = match (has_password, has_ha1, section.has("realm")) {
        (true, true, _) => Some("has both password and ha1"),
        (false, false, _) => Some("has no proof"),
        (false, true, false) => Some("has ha1 but not the realm that it was made for"),
        (true, false, true) => Some("has a realm, which a password needs not: it is good for any"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        report.error(section.at(), format!("{wrong}; {ALLOWED}"));
    }
    let username = username.or_else(|| name.map(str::to_owned))?;
    match (password, ha1) {
        (Some((password, _)), None) => Some(Login::with_password(&username, password.reveal())),
        (None, Some(ha1)) => Some(Login::with_ha1(&username, &realm?.value, ha1)),
        _ => None,
    }
}

/// A PBX may use any name, but it must stand in a header line and before a colon (RFC 7616 3.4.2).
fn check_username(name: &str) -> Result<String, String> {
    let bad = |c: char| c.is_control() || c == ':';
    if name.is_empty() || name.len() > 128 || name.contains(bad) {
        return Err("allowed: 1 to 128 bytes without control characters and :".to_owned());
    }
    Ok(name.to_owned())
}

const ALLOWED: &str = "allowed: { username = \"6001\", password = { env = \"NAME\" } }, or ha1 = \
                       { md5 = \"hex\" } and realm = \"asterisk\" in place of the password";
