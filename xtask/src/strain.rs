//! `cargo xtask swaps` and `cargo xtask abuse`: plugins under strain in the program as it is shipped, while
//! storm calls through it.

use crate::tool::{self, Profile};
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// Swaps a plugin a hundred times under 500 calls a second; exit status 1 if one call or one swap failed.
pub(crate) fn swaps(root: &Path, args: &[String]) -> ExitCode {
    let count = match args {
        [] => "100",
        [flag, count] if flag == "--count" => count,
        _ => {
            eprintln!("usage: cargo xtask swaps [--count N]");
            return ExitCode::from(2);
        }
    };
    run(root, &["swaps", CALLS, count])
}

/// Has a plugin misbehave for one peer's messages; exit status 1 if others' calls failed or waited.
pub(crate) fn abuse(root: &Path, args: &[String]) -> ExitCode {
    let mut asked = [
        ("--messages", "500"),
        ("--seconds", "10"),
        ("--cuts", "10000"),
        ("--only", "all"),
    ];
    for pair in args.chunks(2) {
        let place = asked
            .iter_mut()
            .find(|(name, _)| pair.first().is_some_and(|arg| arg == name));
        match (place, pair.get(1)) {
            (Some(place), Some(value)) => place.1 = value,
            _ => {
                eprintln!(
                    "usage: cargo xtask abuse [--messages N] [--seconds N] [--cuts N] [--only MISDEED]"
                );
                return ExitCode::from(2);
            }
        }
    }
    let [messages, seconds, cuts, only] = asked.map(|(_, value)| value);
    run(root, &["abuse", CALLS, messages, seconds, cuts, only])
}

fn run(root: &Path, words: &[&str]) -> ExitCode {
    let storm = match tool::storm(root) {
        Ok(storm) => storm,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut args: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    args.insert(1, storm.as_os_str());
    tool::run(root, "strain", Profile::Release, &args)
}

/// A second, of the callers who do nothing wrong.
const CALLS: &str = "500";
