//! `cargo xtask lamps`: the program, and the Asterisk behind it, are killed under panels of lamps.

use crate::tool::{self, Profile};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if a lamp was wrong for ten seconds after a start, or a phone had to ask.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let mut plan = [("--kills", "3"), ("--phones", "40"), ("--lamps", "50")];
    let mut rest = args;
    while let [flag, value, more @ ..] = rest {
        let Some(known) = plan.iter_mut().find(|(name, _)| name == flag) else {
            break;
        };
        known.1 = value;
        rest = more;
    }
    if !rest.is_empty() {
        eprintln!("usage: cargo xtask lamps [--kills N] [--phones N] [--lamps N]");
        return ExitCode::from(2);
    }
    let args = plan.map(|(_, value)| OsStr::new(value));
    tool::run(root, "lamps", Profile::Release, &args)
}
