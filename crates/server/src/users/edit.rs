//! Adding a user to a file. The new entry goes to the end, so what stands in the file, comments too,
//! stays byte for byte; the result is read back before it replaces the file.

use super::{Scope, User, hash::to_hex, htdigest, toml};
use crate::config::{Environment, Machine, Problems, Severity};
use bellhop_core::auth::Ha1;
use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

/// What is to be stored.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The user's name.
    pub(crate) name: &'a str,
    /// The realm that the HA1s are made for.
    pub(crate) realm: &'a str,
    /// The AoRs; empty: the default.
    pub(crate) aors: &'a [String],
    /// What proves it.
    pub(crate) stored: Stored<'a>,
}

/// What proves the user to be added.
#[derive(Debug)]
pub(crate) enum Stored<'a> {
    /// The password as it is, `users.toml`.
    Plain(&'a str),
    /// HA1s, `users.toml`.
    Ha1(Ha1),
    /// The MD5 HA1, htdigest.
    Htdigest(Ha1),
}

impl Entry<'_> {
    /// The entry as text, a line break at its end.
    pub(crate) fn text(&self) -> String {
        let proof = match &self.stored {
            Stored::Htdigest(ha1) => {
                let md5 = ha1.md5.map(|md5| to_hex(&md5)).unwrap_or_default();
                return htdigest::line(self.name, self.realm, &md5);
            }
            Stored::Plain(password) => format!("password = {}", quote(password)),
            Stored::Ha1(ha1) => {
                let hashes = [
                    ("md5", ha1.md5.map(|hash| to_hex(&hash))),
                    ("sha256", ha1.sha256.map(|hash| to_hex(&hash))),
                    ("sha512_256", ha1.sha512_256.map(|hash| to_hex(&hash))),
                ];
                let hashes = hashes
                    .into_iter()
                    .filter_map(|(key, hash)| Some(format!("{key} = \"{}\"", hash?)));
                let hashes: Vec<String> = hashes.collect();
                format!("ha1 = {{ {} }}", hashes.join(", "))
            }
        };
        let (name, realm) = (quote(self.name), quote(self.realm));
        let mut text = format!("[[user]]\nname = {name}\n{proof}\nrealm = {realm}\n");
        if !self.aors.is_empty() {
            let aors: Vec<String> = self.aors.iter().map(|aor| quote(aor)).collect();
            text.push_str(&format!("aors = [{}]\n", aors.join(", ")));
        }
        text
    }
}

/// Adds `entry` to `file`, which is made (readable by its owner only) if it is not there.
///
/// # Errors
/// The file cannot be read or written, is wrong, or would be with the entry: the user is in it already.
pub(crate) fn add(file: &Path, entry: &Entry<'_>) -> Result<(), String> {
    let shown = file.display();
    let before = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("{shown} cannot be read: {error}")),
    };
    let mut after = before.clone();
    if !before.is_empty() && !before.ends_with('\n') {
        after.push('\n');
    }
    let htdigest = matches!(entry.stored, Stored::Htdigest(_));
    if !after.is_empty() && !htdigest {
        after.push('\n');
    }
    after.push_str(&entry.text());
    let users = read(file, &after, htdigest, Scope::default(), &Machine)?;
    if !users.iter().any(|user| user.name == entry.name) {
        return Err(format!("{shown} would not hold the new user"));
    }
    replace(file, &after).map_err(|error| format!("{shown} cannot be written: {error}"))
}

/// Reads a file of users, htdigest or TOML.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn read(
    file: &Path,
    text: &str,
    htdigest: bool,
    scope: Scope<'_>,
    environment: &dyn Environment,
) -> Result<Vec<User>, String> {
    let (users, problems) = match htdigest {
        true => htdigest::read(file, text, scope),
        false => toml::read(file, text, scope, environment),
    };
    match problems.iter().any(|p| p.severity == Severity::Error) {
        true => Err(Problems(problems).to_string()),
        false => Ok(users),
    }
}

/// Writes beside the file and renames, so that a reader sees the old text or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let old = fs::metadata(file).ok();
    let mode = old
        .as_ref()
        .map_or(0o600, |old| old.permissions().mode() & 0o7777);
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside: PathBuf = file.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut out = options.open(&beside)?;
    if let Some(old) = &old {
        // Fails for those who own the file and may not give it away; then it is theirs already.
        let _ = chown(&beside, Some(old.uid()), Some(old.gid()));
    }
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| out.sync_all())
        .and_then(|()| fs::set_permissions(&beside, fs::Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&beside, &file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn quote(text: &str) -> String {
    ::toml::Value::String(text.to_owned()).to_string()
}
