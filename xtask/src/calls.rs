//! `cargo xtask calls`: the program is killed under calls of two legs, and their BYEs must get through when it is back.

use crate::tool;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if less than 99.9 % of them did.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let options = [("--calls", "1000"), ("--kills", "10"), ("--rate", "500")];
    tool::measure(root, "calls", options, args)
}
