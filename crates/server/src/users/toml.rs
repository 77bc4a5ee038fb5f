//! `users.toml`: `[[user]]` tables with a name and a password or HA1s.

use super::{Scope, User, check_aor, check_name, hash::from_hex};
use crate::config::{Environment, Field, Given, Problem, Report, Section, document, read_secret};
use bellhop_core::{
    auth::{Algorithm, Ha1},
    registrar::Aor,
};
use std::{collections::HashMap, path::Path};

/// Reads `text`, which stands in `file`.
pub(crate) fn read(
    file: &Path,
    text: &str,
    scope: Scope<'_>,
    environment: &dyn Environment,
) -> (Vec<User>, Vec<Problem>) {
    let (users, problems) = document(file, text, |top, report| {
        let sections = top.sections("user");
        let mut reading = Reading {
            file,
            scope,
            environment,
            report,
            names: HashMap::new(),
            plain: 0,
        };
        let users = sections
            .iter()
            .filter_map(|section| reading.user(section))
            .collect();
        top.finish();
        if reading.plain > 0 {
            let plain = reading.plain;
            report.warn(
                &top.at_key("user").hidden(),
                format!("passwords in plain text ({plain}); `bellhop user add` stores HA1s"),
            );
        }
        users
    });
    (users.unwrap_or_default(), problems)
}

struct Reading<'a> {
    file: &'a Path,
    scope: Scope<'a>,
    environment: &'a dyn Environment,
    report: &'a Report,
    names: HashMap<String, usize>,
    plain: usize,
}

impl Reading<'_> {
    fn user(&mut self, section: &Section<'_>) -> Option<User> {
        let name = section.parsed("name", check_name);
        if !section.has("name") {
            self.report
                .error(section.at(), "has no name; allowed: name = \"6001\"");
        }
        if let Some(name) = &name {
            self.once(name);
        }
        let named = name.as_ref().map_or("", |name| &name.value);
        let proof = self.proof(section, named);
        section.parsed("realm", |theirs| match self.scope.realm {
            Some(ours) if theirs != ours => Err(format!(
                "challenges name the realm of [auth], which is {ours:?}"
            )),
            _ => Ok(()),
        });
        let aors = self.aors(section);
        section.later("upstream", "remove it: nothing is registered at the PBX");
        section.finish();
        let (ha1, by_password) = proof?;
        Some(User {
            name: name?.value,
            ha1,
            by_password,
            aors,
        })
    }

    fn once(&mut self, name: &Field<String>) {
        if let Some(line) = self.names.insert(name.value.clone(), name.at.line) {
            let text = format!("the user in line {line} has this name too");
            self.report.error(&name.at, text);
        }
    }

    /// The HA1s, and whether they were made of a password.
    fn proof(&mut self, section: &Section<'_>, name: &str) -> Option<(Ha1, bool)> {
        let both = section.has("password") && section.has("ha1");
        let neither = !section.has("password") && !section.has("ha1");
        if both || neither {
            let what = if both {
                "has both password and ha1"
            } else {
                "has no proof"
            };
            let allowed =
                "allowed: password = \"...\" or ha1 = { md5 = \"hex\", sha256 = \"hex\" }";
            self.report
                .error(section.at(), format!("{what}; {allowed}"));
        }
        let password = read_secret(
            section,
            "password",
            self.report,
            self.file,
            self.environment,
        );
        let ha1 = section
            .optional_section("ha1")
            .map(|table| self.ha1(&table));
        if let Some((password, given)) = password {
            let plain = given == Given::Plain;
            self.plain = self.plain.saturating_add(usize::from(plain));
            let realm = self.scope.realm.unwrap_or_default();
            return Some((Ha1::of_password(name, realm, password.reveal()), true));
        }
        Some((ha1?, false))
    }

    fn ha1(&self, table: &Section<'_>) -> Ha1 {
        let ha1 = Ha1 {
            md5: hex(table, "md5", Algorithm::Md5),
            sha256: hex(table, "sha256", Algorithm::Sha256),
            sha512_256: hex(table, "sha512_256", Algorithm::Sha512_256),
        };
        table.finish();
        if !["md5", "sha256", "sha512_256"]
            .iter()
            .any(|key| table.has(key))
        {
            let allowed = "allowed: md5, sha256, sha512_256";
            self.report
                .error(table.at(), format!("is empty; {allowed}"));
        }
        ha1
    }

    fn aors(&self, section: &Section<'_>) -> Vec<Aor> {
        let Some(list) = section.texts("aors") else {
            return Vec::new();
        };
        if list.value.is_empty() {
            let hint = "is empty: leave it out for the user's name at each domain";
            self.report.error(&list.at, hint);
        }
        let mut aors = Vec::new();
        for Field { value, at } in list.value {
            match check_aor(value, self.scope) {
                Ok(aor) => aors.push(aor),
                Err(why) => self.report.error(&at, why),
            }
        }
        aors
    }
}

fn hex<const N: usize>(
    table: &Section<'_>,
    key: &'static str,
    algorithm: Algorithm,
) -> Option<[u8; N]> {
    let field = table.parsed(key, |hex| from_hex(algorithm, hex));
    field.map(|field| field.value)
}
