//! `cargo xtask fanout`: how soon all watchers of a lamp of Asterisk's hear that it has changed.

use crate::tool::{self, Profile};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if one watcher heard too late, or Asterisk had more than one subscription.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let mut plan = [
        ("--watchers", "500"),
        ("--changes", "20"),
        ("--within", "200"),
    ];
    let mut rest = args;
    while let [flag, value, more @ ..] = rest {
        let Some(known) = plan.iter_mut().find(|(name, _)| name == flag) else {
            break;
        };
        known.1 = value;
        rest = more;
    }
    if !rest.is_empty() {
        eprintln!("usage: cargo xtask fanout [--watchers N] [--changes N] [--within MS]");
        return ExitCode::from(2);
    }
    let args = plan.map(|(_, value)| OsStr::new(value));
    tool::run(root, "fanout", Profile::Release, &args)
}
