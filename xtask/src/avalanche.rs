//! `cargo xtask avalanche`: the power comes back, and all phones register at once.

use crate::tool;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if a phone waited for a minute, the memory grew beyond 300 MB, or the PBX heard more than
/// it was to.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let options = [("--phones", "50000"), ("--rate", "50"), ("--durable", "1")];
    tool::measure(root, "avalanche", options, args)
}
