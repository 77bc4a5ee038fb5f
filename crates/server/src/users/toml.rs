//! `users.toml`: `[[user]]` tables with a name and a password or HA1s.

use super::{Scope, User, check_aor, check_name, hash::from_hex};
use crate::config::{
    Environment, Field, Given, Problem, Report, Section, Severity, document, read_login,
    read_secret,
};
use bellhop_core::{
    auth::{Algorithm, Ha1, upstream::Login},
    registrar::Aor,
};
use std::{collections::HashMap, path::Path};

/// Reads `text`, which stands in `file`.
///
/// A long text is read in parts: TOML's tree of 100,000 users takes 100 MiB, which their process would
/// keep. What is wrong in one of them is found anew in the whole, where each thing has its line.
pub(crate) fn read(
    file: &Path,
    text: &str,
    scope: Scope<'_>,
    environment: &dyn Environment,
) -> (Vec<User>, Vec<Problem>) {
    let in_parts = read_parts(parts(text), file, scope, environment);
    let is_sound = |problem: &Problem| problem.severity != Severity::Error;
    if in_parts.1.iter().all(is_sound) {
        return in_parts;
    }
    drop(in_parts);
    read_parts(std::iter::once(text), file, scope, environment)
}

/// The users of all parts, as far as the first that has mistakes, and what is wrong; lines are counted from
/// the beginning of their part.
fn read_parts<'t>(
    parts: impl Iterator<Item = &'t str>,
    file: &Path,
    scope: Scope<'_>,
    environment: &dyn Environment,
) -> (Vec<User>, Vec<Problem>) {
    let (mut users, mut names) = (Vec::new(), HashMap::new());
    let mut plain: usize = 0;
    let (mut at, report) = (None, Report::new(file));
    for part in parts {
        let (_, found) = document(file, part, |top, report| {
            let sections = top.sections("user");
            at.get_or_insert_with(|| top.at_key("user").hidden());
            let mut reading = Reading {
                file,
                scope,
                environment,
                report,
                names: &mut names,
                plain: &mut plain,
            };
            users.extend(sections.iter().filter_map(|section| reading.user(section)));
            top.finish();
        });
        let is_sound = found.is_empty();
        report.absorb(found);
        if !is_sound {
            break;
        }
    }
    if let Some(at) = at.filter(|_| plain > 0) {
        report.warn(
            &at,
            format!("passwords in plain text ({plain}); `bellhop user add` stores HA1s"),
        );
    }
    (users, report.into_problems())
}

/// A text cut before lines that begin a user, so that no part is much longer than [`PART`]. Should such a
/// line be inside a string or an array, the part before it is no TOML.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let from = rest.floor_char_boundary(PART);
        let end = rest.get(from..).and_then(|tail| tail.find(USER));
        let end = end.map_or(rest.len(), |end| from.saturating_add(end).saturating_add(1));
        let (part, others) = rest.split_at_checked(end)?;
        rest = others;
        (!part.is_empty()).then_some(part)
    })
}

struct Reading<'a> {
    file: &'a Path,
    scope: Scope<'a>,
    environment: &'a dyn Environment,
    report: &'a Report,
    names: &'a mut HashMap<String, usize>,
    plain: &'a mut usize,
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
        let login = self.login(section, named);
        section.finish();
        let (ha1, by_password) = proof?;
        Some(User {
            name: name?.value,
            ha1,
            by_password,
            aors,
            login,
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
            .map(|table| ha1(&table, self.report));
        if let Some((password, given)) = password {
            let plain = given == Given::Plain;
            *self.plain = self.plain.saturating_add(usize::from(plain));
            let realm = self.scope.realm.unwrap_or_default();
            return Some((Ha1::of_password(name, realm, password.reveal()), true));
        }
        Some((ha1?, false))
    }

    /// What it logs in with at a PBX; the name it has here stands for the one there.
    fn login(&self, section: &Section<'_>, name: &str) -> Option<Login> {
        let table = section.optional_section("upstream")?;
        let (report, environment) = (self.report, self.environment);
        let login = read_login(&table, Some(name), report, self.file, environment);
        let upstream = table.text("name");
        table.finish();
        Some(login?.at(upstream.map(|field| field.value.to_owned())))
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

/// The HA1s of a table.
pub(crate) fn ha1(table: &Section<'_>, report: &Report) -> Ha1 {
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
        report.error(table.at(), format!("is empty; {allowed}"));
    }
    ha1
}

fn hex<const N: usize>(
    table: &Section<'_>,
    key: &'static str,
    algorithm: Algorithm,
) -> Option<[u8; N]> {
    let field = table.parsed(key, |hex| from_hex(algorithm, hex));
    field.map(|field| field.value)
}

/// Bytes after which a part ends with its last user.
const PART: usize = 64 << 10;
/// The end of a line, and the line that begins a user.
const USER: &str = "\n[[user]]";
