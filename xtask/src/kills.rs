//! `cargo xtask kills`: the program is killed under registrations, and must have what it acknowledged.

use crate::tool::{self, Profile};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if anything was lost or a start took two seconds.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let mut plan = [("--kills", "20"), ("--rate", "2000"), ("--users", "20000")];
    let mut rest = args;
    while let [flag, value, more @ ..] = rest {
        let Some(known) = plan.iter_mut().find(|(name, _)| name == flag) else {
            break;
        };
        known.1 = value;
        rest = more;
    }
    if !rest.is_empty() {
        eprintln!("usage: cargo xtask kills [--kills N] [--rate N] [--users N]");
        return ExitCode::from(2);
    }
    let args = plan.map(|(_, value)| OsStr::new(value));
    tool::run(root, "kills", Profile::Release, &args)
}
