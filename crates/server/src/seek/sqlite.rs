//! Users of a data base: one query for each name, on a connection of its own, so that a file that is replaced
//! is seen at once.

use super::told::Told;
use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Whether the file can be read and the query makes sense there.
///
/// # Errors
/// What does not, for the operator.
pub(super) fn check(file: &Path, query: &str) -> Result<(), String> {
    let shown = file.display();
    let connection = open(file).map_err(|error| format!("users: {shown}: {error}"))?;
    let statement = connection
        .prepare(query)
        .map_err(|error| format!("users: {shown}: the query {query:?}: {error}"))?;
    let count = statement.parameter_count();
    if count != 1 {
        return Err(format!(
            "users: the query {query:?} has {count} parameters; allowed: one, ?1, the user's name"
        ));
    }
    let known = |name: &str| COLUMNS.contains(&name.to_ascii_lowercase().as_str());
    if !statement.column_names().any(known) {
        return Err(format!(
            "users: {shown}: the query {query:?} gives no column that is known; allowed: {}",
            COLUMNS.join(", ")
        ));
    }
    Ok(())
}

/// Asks for a name.
///
/// # Errors
/// Why it cannot be found out, for the operator.
pub(super) fn ask(
    file: &Path,
    query: &str,
    name: &str,
    patience: Duration,
) -> Result<Option<Told>, String> {
    read(file, query, name, patience).map_err(|error| error.to_string())
}

fn read(
    file: &Path,
    query: &str,
    name: &str,
    patience: Duration,
) -> rusqlite::Result<Option<Told>> {
    let mut connection = open(file)?;
    connection.busy_timeout(patience)?;
    let began = Instant::now();
    connection.progress_handler(STEPS, Some(move || began.elapsed() > patience))?;
    let mut statement = connection.prepare(query)?;
    let columns: Vec<String> = statement
        .column_names()
        .map(str::to_ascii_lowercase)
        .collect();
    let mut rows = statement.query([name])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let text = |column: &str| of(row, &columns, column);
    let mut told = Told {
        password: text("password")?,
        ..Told::default()
    };
    told.ha1.md5 = text("md5")?;
    told.ha1.sha256 = text("sha256")?;
    told.ha1.sha512_256 = text("sha512_256")?;
    let aors = text("aors")?.unwrap_or_default();
    let separators = |c: char| c == ',' || c.is_whitespace();
    let listed = aors.split(separators).filter(|aor| !aor.is_empty());
    told.aors = listed.map(str::to_owned).collect();
    Ok(Some(told))
}

/// A column's text; `None` where there is no such column, or nothing in it.
fn of(row: &Row<'_>, columns: &[String], name: &str) -> rusqlite::Result<Option<String>> {
    let Some(at) = columns.iter().position(|column| column == name) else {
        return Ok(None);
    };
    Ok(match row.get_ref(at)? {
        ValueRef::Null => None,
        // A password of digits may have been stored as a number.
        ValueRef::Integer(number) => Some(number.to_string()),
        _ => Some(row.get::<_, String>(at)?),
    }
    .filter(|text| !text.is_empty()))
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file, flags)
}

/// Steps of SQLite's machine between two looks at the time.
const STEPS: i32 = 10_000;
/// What is read of a row.
const COLUMNS: [&str; 5] = ["password", "md5", "sha256", "sha512_256", "aors"];
