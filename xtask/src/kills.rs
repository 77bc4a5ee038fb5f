//! `cargo xtask kills`: the program is killed under registrations, and must have what it acknowledged.

use crate::tool;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if anything was lost or a start took two seconds.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let options = [("--kills", "20"), ("--rate", "2000"), ("--users", "20000")];
    tool::measure(root, "kills", options, args)
}
