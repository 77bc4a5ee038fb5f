//! `cargo xtask flood`: memory and an honest phone under ten minutes of REGISTERs and INVITEs of strangers.

use crate::tool::{self, Profile};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// Builds and runs; exit status 1 if memory grew or the phone had to wait for a second.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let seconds = match args {
        [] => "600",
        [flag, seconds] if flag == "--seconds" => seconds,
        _ => {
            eprintln!("usage: cargo xtask flood [--seconds N]");
            return ExitCode::from(2);
        }
    };
    tool::run(
        root,
        "flood",
        Profile::Release,
        &[seconds, RATE].map(OsStr::new),
    )
}

/// Messages a second: half of what one core serves, as the flood and the phone share the other.
const RATE: &str = "10000";
