//! `cargo xtask fanout`: how soon all watchers of a lamp of Asterisk's hear that it has changed.

use crate::tool;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if one watcher heard too late, or Asterisk had more than one subscription.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let options = [
        ("--watchers", "500"),
        ("--changes", "20"),
        ("--within", "200"),
    ];
    tool::measure(root, "fanout", options, args)
}
