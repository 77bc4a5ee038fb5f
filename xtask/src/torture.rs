//! `cargo xtask torture`: builds the program and sends it the torture messages of RFC 4475 and RFC 5118,
//! which are not ours to keep in the repository.

use crate::tool::{self, Profile};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Builds and runs; exit status 1 if a message did not get what its RFC asks.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let folder = match args {
        [] => root.join("../shared/data"),
        [folder] => PathBuf::from(folder),
        _ => return ExitCode::from(2),
    };
    if !folder.join("rfc4475").is_dir() || !folder.join("rfc5118").is_dir() {
        eprintln!("{} has no rfc4475 and rfc5118 in it", folder.display());
        return ExitCode::from(2);
    }
    tool::run(root, "torture", Profile::Debug, &[folder.as_os_str()])
}
