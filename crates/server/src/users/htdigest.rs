//! Apache's htdigest files: one `user:realm:HA1` a line, MD5.

use super::{Scope, User, check_name, hash::from_hex};
use crate::config::{At, Problem, Report};
use bellhop_core::auth::{Algorithm, Ha1};
use std::{collections::HashMap, path::Path};

/// Reads `text`, which stands in `file`. Lines of other realms belong to somebody else and are
/// passed over, with a warning.
pub(crate) fn read(file: &Path, text: &str, scope: Scope<'_>) -> (Vec<User>, Vec<Problem>) {
    let report = Report::new(file);
    let mut users: Vec<User> = Vec::new();
    let mut lines: HashMap<(String, &str), usize> = HashMap::new();
    let mut passed_over = 0_usize;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let at = At {
            line: number,
            ..At::file()
        };
        let (user, realm) = match entry(line) {
            Ok(entry) => entry,
            Err(why) => {
                report.error(&at, why);
                continue;
            }
        };
        if scope.realm.is_some_and(|ours| ours != realm) {
            passed_over = passed_over.saturating_add(1);
            continue;
        }
        if let Some(line) = lines.insert((user.name.clone(), realm), number) {
            let name = &user.name;
            report.error(&at, format!("user {name:?} stands in line {line} too"));
        }
        users.push(user);
    }
    if passed_over > 0 {
        let ours = scope.realm.unwrap_or_default();
        report.warn(
            &At::file(),
            format!("lines of another realm than {ours:?} are passed over ({passed_over})"),
        );
    }
    (users, report.into_problems())
}

/// The line for a user.
pub(crate) fn line(name: &str, realm: &str, md5: &str) -> String {
    format!("{name}:{realm}:{md5}\n")
}

/// The user of a line, and its realm.
fn entry(line: &str) -> Result<(User, &str), String> {
    let mut parts = line.trim_end_matches('\r').split(':');
    let (name, realm, hash) = (parts.next(), parts.next(), parts.next());
    let (Some(name), Some(realm), Some(hash), None) = (name, realm, hash, parts.next()) else {
        return Err("allowed: user:realm:HA1, where HA1 is 32 hex digits".to_owned());
    };
    let name = check_name(name).map_err(|why| format!("user name: {why}"))?;
    let md5 = from_hex(Algorithm::Md5, hash).map_err(|why| format!("the last part {why}"))?;
    let ha1 = Ha1 {
        md5: Some(md5),
        ..Ha1::default()
    };
    let user = User {
        name,
        ha1,
        by_password: false,
        aors: Vec::new(),
        login: None,
    };
    Ok((user, realm))
}
