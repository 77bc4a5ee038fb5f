//! Secrets: given as `{ env = "NAME" }`, `{ file = "path" }` or plain text, never shown.

use super::{environment::Environment, reader::Section, report::Report};
use std::{fmt, path::Path};

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// How a secret was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// As text in the file itself.
    Plain,
    /// By a reference.
    Reference,
}

impl Secret {
    /// Hides `text`.
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one who needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Reads a secret; a file's last line break does not count.
pub(crate) fn read(
    section: &Section<'_>,
    key: &'static str,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
) -> Option<(Secret, Given)> {
    let at = section.at_key(key);
    let (text, given) = if section.has_table(key) {
        let reference = section.optional_section(key)?;
        let text = refer(&reference, report, file, environment);
        reference.finish();
        (text?, Given::Reference)
    } else {
        (section.text(key)?.value.to_owned(), Given::Plain)
    };
    if text.is_empty() {
        report.error(&at, "is empty");
        return None;
    }
    Some((Secret::new(text), given))
}

fn refer(
    section: &Section<'_>,
    report: &Report,
    base: &Path,
    environment: &dyn Environment,
) -> Option<String> {
    let variable = section.text("env");
    let file = section.text("file");
    match (variable, file) {
        (Some(variable), None) => {
            let value = environment.variable(variable.value);
            if value.is_none() {
                report.error(&variable.at, "this environment variable is not set");
            }
            value
        }
        (None, Some(file)) => match environment.read(&beside(base, file.value)) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                report.error(&file.at, format!("cannot be read: {error}"));
                None
            }
        },
        _ => {
            report.error(
                section.at(),
                "allowed: { env = \"NAME\" } or { file = \"path\" }",
            );
            None
        }
    }
}

/// `path` as seen from the directory of `file`.
pub(crate) fn beside(file: &Path, path: &str) -> std::path::PathBuf {
    let directory = file.parent().unwrap_or(Path::new(""));
    directory.join(path)
}

/// Keys whose values are never shown; a login that is no table may be a password.
pub(super) const SECRETS: [&str; 8] = [
    "password",
    "token",
    "ha1",
    "md5",
    "sha256",
    "sha512_256",
    "upstream",
    "credentials",
];
