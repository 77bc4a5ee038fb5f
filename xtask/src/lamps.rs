//! `cargo xtask lamps`: the program, and the Asterisk behind it, are killed under panels of lamps.

use crate::tool;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if a lamp was wrong for ten seconds after a start, or a phone had to ask.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let options = [("--kills", "3"), ("--phones", "40"), ("--lamps", "50")];
    tool::measure(root, "lamps", options, args)
}
