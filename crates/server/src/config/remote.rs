//! `[auth] users = { http = .. }` and `{ sqlite = .. }`: users who are kept elsewhere and looked up when
//! they come.

use super::{
    environment::Environment,
    reader::{Field, Section},
    report::Report,
    secret::beside,
    units::show_duration,
    web::{self, Trust, is_url, within},
};
use bellhop_core::auth::Keeping;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where users are looked up, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// The place.
    pub(crate) place: Place,
    /// When an attempt is given up.
    pub(crate) timeout: Duration,
    /// How long what was found counts.
    pub(crate) keeping: Keeping,
}

/// Where users are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A service.
    Http {
        /// What stands before the name in its URL.
        before: String,
        /// What stands behind it.
        after: String,
        /// How we and it know each other.
        trust: Trust,
    },
    /// A data base.
    Sqlite {
        /// Its file.
        file: PathBuf,
        /// Finds the row of the name `?1`.
        query: String,
    },
}

impl Remote {
    /// In a few words, without secrets.
    pub(crate) fn explain(&self) -> String {
        let kept = show_duration(self.keeping.present);
        match &self.place {
            Place::Http { before, after, .. } => {
                format!("looked up at {before}{NAME}{after}, kept for {kept}")
            }
            Place::Sqlite { file, .. } => {
                format!("looked up in {}, kept for {kept}", file.display())
            }
        }
    }
}

/// Reads what stands beside `http` or `sqlite` in `users`.
pub(super) fn read(
    users: &Section<'_>,
    report: &Report,
    file: &Path,
    environment: &dyn Environment,
) -> Option<Remote> {
    let http = users.text("http");
    let sqlite = users.text("sqlite");
    let query = users.text("query");
    let trust = web::trust(users, report, file, environment);
    let seconds = |key, default, least, most| {
        let field = users.duration(key);
        within(field, default, (least, most), report)
    };
    let timeout = seconds(
        "timeout",
        DEFAULT_TIMEOUT,
        Duration::from_millis(50),
        LONGEST_WAIT,
    );
    let present = seconds("cache", DEFAULT_PRESENT, SECOND, DAY);
    let absent = seconds("absent", DEFAULT_ABSENT, SECOND, DAY);
    let grace = seconds(
        "grace",
        DEFAULT_GRACE,
        Duration::ZERO,
        DAY.saturating_mul(30),
    );
    let place = match (http, sqlite) {
        (Some(url), None) => {
            if let Some(query) = query {
                report.error(&query.at, "belongs to sqlite");
            }
            let (before, after) = template(&url, report)?;
            Place::Http {
                before,
                after,
                trust,
            }
        }
        (None, Some(path)) => {
            for key in ["token", "ca"] {
                if users.has(key) {
                    report.error(&users.at_key(key), "belongs to http");
                }
            }
            let query = query.map_or(DEFAULT_QUERY, |query| query.value);
            Place::Sqlite {
                file: beside(file, path.value),
                query: query.to_owned(),
            }
        }
        _ => return None,
    };
    Some(Remote {
        place,
        timeout,
        keeping: Keeping {
            present,
            absent,
            grace,
            capacity: CAPACITY,
        },
    })
}

/// A URL with the place of the name in it.
fn template(url: &Field<&str>, report: &Report) -> Option<(String, String)> {
    let allowed = "allowed: \"https://users.example.org/sip/{user}\"";
    match url.value.split_once(NAME) {
        Some((before, after)) if is_url(url.value) && !after.contains(NAME) => {
            Some((before.to_owned(), after.to_owned()))
        }
        _ => {
            report.error(
                &url.at,
                format!("is no URL with {NAME} in it once; {allowed}"),
            );
            None
        }
    }
}

/// Stands for the user's name in a URL.
const NAME: &str = "{user}";
/// Any row that has the name; its columns are found by theirs.
const DEFAULT_QUERY: &str = "SELECT * FROM users WHERE name = ?1";
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_PRESENT: Duration = Duration::from_secs(300);
const DEFAULT_ABSENT: Duration = Duration::from_secs(30);
const DEFAULT_GRACE: Duration = Duration::from_secs(3_600);
/// Shorter than the core's own patience and than a phone's.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Names that are remembered.
const CAPACITY: NonZeroUsize = match NonZeroUsize::new(100_000) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};
