//! `bellhop user`: add users to a file, list them, make an entry to paste.

use super::{complain, say};
use crate::{
    config::{Environment, Form, Machine, load},
    users::{
        self, Scope, check_aor, check_name, check_realm,
        edit::{self, Entry, Stored},
        hash,
    },
};
use bellhop_core::auth::{Algorithm, Ha1};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{
    io::{self, BufRead as _},
    net::IpAddr,
    path::{Path, PathBuf},
};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add a user to a file; without --password-stdin a password is made and printed
    Add {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        place: Place,
        /// Store the password as it is (users.toml only)
        #[arg(long, conflicts_with = "htdigest")]
        plain: bool,
    },
    /// List the users of a file
    List {
        #[command(flatten)]
        place: Place,
        /// As a JSON list, for tools
        #[arg(long)]
        json: bool,
    },
    /// Print the entry that `add` would write
    Hash {
        #[command(flatten)]
        who: Who,
        /// The realm that phones are challenged with
        #[arg(long)]
        realm: String,
        /// As a line of an htdigest file
        #[arg(long)]
        htdigest: bool,
    },
}

/// A user to be.
#[derive(Args, Debug)]
pub(super) struct Who {
    /// The user's name
    name: String,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// An AoR the user may register, sip:user@domain (may be repeated); none: its name at each domain
    #[arg(long = "aor", value_name = "AOR")]
    aors: Vec<String>,
}

/// Where users stand.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// The configuration: its [auth] names the file and the realm
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "realm", "htdigest"])]
    config: Option<PathBuf>,
    /// The file of users
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    file: Option<PathBuf>,
    /// The realm that phones are challenged with (needed to add a user)
    #[arg(long)]
    realm: Option<String>,
    /// The file is an htdigest file
    #[arg(long)]
    htdigest: bool,
}

/// A place with its questions answered.
struct Found {
    file: PathBuf,
    realm: Option<String>,
    domains: Option<Vec<String>>,
    htdigest: bool,
}

/// A user as it is listed: nothing that proves it.
#[derive(Serialize)]
struct Listed {
    name: String,
    /// The file holds the password itself, or a reference to it.
    password: bool,
    /// What it can be asked for.
    algorithms: Vec<&'static str>,
    /// None: its name at each domain.
    aors: Vec<String>,
    /// There are credentials for a PBX.
    upstream: bool,
}

/// Does what `command` asks.
///
/// # Errors
/// What is wrong, for the one who typed it.
pub(super) fn user(command: User) -> Result<(), String> {
    match command {
        User::Add { who, place, plain } => add(&who, place, plain),
        User::List { place, json } => list(place, json),
        User::Hash {
            who,
            realm,
            htdigest,
        } => {
            let realm = checked("realm", check_realm(&realm))?;
            let password = who.password()?;
            let text = who.entry(&realm, &password, Scope::default(), htdigest, false)?;
            say(text.text().trim_end());
            who.show(&password);
            Ok(())
        }
    }
}

fn add(who: &Who, place: Place, plain: bool) -> Result<(), String> {
    let found = place.find()?;
    let realm = found.realm.as_deref();
    let realm = realm.ok_or("which realm? give --realm, or --config in place of --file")?;
    let realm = checked("realm", check_realm(realm))?;
    if plain && found.htdigest {
        return Err("an htdigest file holds no plain passwords".to_owned());
    }
    let scope = Scope {
        realm: None,
        domains: found.domains.as_deref(),
    };
    let password = who.password()?;
    let entry = who.entry(&realm, &password, scope, found.htdigest, plain)?;
    edit::add(&found.file, &entry)?;
    who.show(&password);
    let (name, file) = (&who.name, found.file.display());
    say(&format!(
        "{name} is in {file} now; a running bellhop reads it on SIGHUP"
    ));
    Ok(())
}

fn list(place: Place, json: bool) -> Result<(), String> {
    let Found {
        file,
        realm,
        htdigest,
        ..
    } = place.find()?;
    let shown = file.display();
    let text = Machine
        .read(&file)
        .map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let scope = Scope {
        realm: realm.as_deref(),
        domains: None,
    };
    let users = edit::read(&file, &text, htdigest, scope, &Machine)?;
    let users: Vec<Listed> = users.into_iter().map(Listed::of).collect();
    if json {
        let list = serde_json::to_string_pretty(&users);
        say(&list.map_err(|error| format!("no JSON: {error}"))?);
        return Ok(());
    }
    for user in users {
        let proof = match user.password {
            true => "password".to_owned(),
            false => format!("HA1 {}", user.algorithms.join(" ")),
        };
        let line = format!("{}\t{proof}\t{}", user.name, user.aors.join(" "));
        say(line.trim_end());
    }
    Ok(())
}

impl Listed {
    fn of(user: users::User) -> Self {
        let has = |algorithm: &Algorithm| user.ha1.has(*algorithm);
        let algorithms = Algorithm::ALL.into_iter().filter(has);
        Self {
            algorithms: algorithms.map(Algorithm::token).collect(),
            aors: user.aors.iter().map(|aor| format!("sip:{aor}")).collect(),
            password: user.by_password,
            upstream: user.login.is_some(),
            name: user.name,
        }
    }
}

impl Place {
    fn find(self) -> Result<Found, String> {
        let Some(config) = self.config else {
            return Ok(Found {
                file: self.file.ok_or("which file? give --file or --config")?,
                realm: self.realm,
                domains: None,
                htdigest: self.htdigest,
            });
        };
        if !config.exists() {
            return Err(format!("{} is not there", config.display()));
        }
        let settings = load(&config, &NoUsersYet).map_err(|problems| problems.to_string())?;
        let source = settings.auth.source;
        let source = source.ok_or("[auth] users of this configuration names no file")?;
        Ok(Found {
            file: source.file,
            realm: Some(settings.auth.realm),
            domains: Some(settings.server.domains),
            htdigest: source.form == Form::Htdigest,
        })
    }
}

impl Who {
    /// The password from standard input, or a fresh one.
    fn password(&self) -> Result<String, String> {
        if !self.password_stdin {
            return hash::fresh_password();
        }
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        read.map_err(|error| format!("standard input: {error}"))?;
        let password = line.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err("standard input has no password in its first line".to_owned());
        }
        Ok(password.to_owned())
    }

    /// Shows a password that was made here; not one that came from standard input.
    fn show(&self, password: &str) {
        if !self.password_stdin {
            complain(&format!("password of {}: {password}", self.name));
        }
    }

    fn entry<'a>(
        &'a self,
        realm: &'a str,
        password: &'a str,
        scope: Scope<'_>,
        htdigest: bool,
        plain: bool,
    ) -> Result<Entry<'a>, String> {
        checked("user name", check_name(&self.name))?;
        for aor in &self.aors {
            checked("--aor", check_aor(aor, scope))?;
        }
        if htdigest && !self.aors.is_empty() {
            return Err("an htdigest file holds no AoRs".to_owned());
        }
        let ha1 = Ha1::of_password(&self.name, realm, password);
        Ok(Entry {
            name: &self.name,
            realm,
            aors: &self.aors,
            stored: match (htdigest, plain) {
                (true, _) => Stored::Htdigest(ha1),
                (false, true) => Stored::Plain(password),
                (false, false) => Stored::Ha1(ha1),
            },
        })
    }
}

/// The machine as it will be once the file of users is made: to add the first one.
struct NoUsersYet;

impl Environment for NoUsersYet {
    fn read(&self, path: &Path) -> io::Result<String> {
        match Machine.read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => read,
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        Machine.variable(name)
    }

    fn addresses(&self) -> Vec<IpAddr> {
        Machine.addresses()
    }
}

fn checked<T>(what: &str, result: Result<T, String>) -> Result<T, String> {
    result.map_err(|why| format!("{what}: {why}"))
}
