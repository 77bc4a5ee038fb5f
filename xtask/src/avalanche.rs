//! `cargo xtask avalanche`: the power comes back, and all phones register at once.

use crate::tool::{self, Profile};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if a phone waited for a minute, the memory grew beyond 300 MB, or the PBX heard more than
/// it was to.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let mut plan = [("--phones", "50000"), ("--rate", "50"), ("--durable", "1")];
    let mut rest = args;
    while let [flag, value, more @ ..] = rest {
        let Some(known) = plan.iter_mut().find(|(name, _)| name == flag) else {
            break;
        };
        known.1 = value;
        rest = more;
    }
    if !rest.is_empty() {
        eprintln!("usage: cargo xtask avalanche [--phones N] [--rate N] [--durable 0|1]");
        return ExitCode::from(2);
    }
    let args = plan.map(|(_, value)| OsStr::new(value));
    tool::run(root, "avalanche", Profile::Release, &args)
}
