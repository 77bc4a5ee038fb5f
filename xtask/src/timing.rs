//! `cargo xtask timing`: whether the time to an answer tells a stranger which users there are.

use crate::tool::{self, Profile};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if the medians are 5 % apart or more.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let count = match args {
        [] => "10000",
        [flag, count] if flag == "--count" => count,
        _ => {
            eprintln!("usage: cargo xtask timing [--count N]");
            return ExitCode::from(2);
        }
    };
    tool::run(root, "timing", Profile::Release, &[OsStr::new(count)])
}
