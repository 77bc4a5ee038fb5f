//! Runs a tool of `bellhop-tests` against the program, which is built first.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// How the program under test is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// With checks for overflow.
    Debug,
    /// As it is shipped.
    Release,
}

/// Builds the program and the tool of this name, and hands it the program; exit status 1 if any of that fails.
pub(crate) fn run(root: &Path, name: &str, profile: Profile, args: &[&OsStr]) -> ExitCode {
    let (release, folder) = match profile {
        Profile::Debug => (None, "debug"),
        Profile::Release => (Some("--release"), "release"),
    };
    let mut build = cargo(root);
    build.args(["build", "--locked", "--package", "bellhop"]);
    build.args(release);
    let mut tool = cargo(root);
    tool.args([
        "run",
        "--locked",
        "--package",
        "bellhop-tests",
        "--bin",
        name,
    ]);
    tool.args(release).arg("--").args(args);
    tool.env(
        "BELLHOP_BIN",
        root.join("target").join(folder).join("bellhop"),
    );
    let is_done = |command: &mut Command| command.status().is_ok_and(|s| s.success());
    match is_done(&mut build) && is_done(&mut tool) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Builds the load generator, a workspace of its own; where it is.
///
/// # Errors
/// It cannot be built.
pub(crate) fn storm(root: &Path) -> Result<PathBuf, String> {
    let folder = root.join("bench/storm");
    let mut build = cargo(&folder);
    build.args(["build", "--release", "--locked"]);
    if !build.status().is_ok_and(|status| status.success()) {
        return Err("storm cannot be built".to_owned());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    Ok(folder.join(target).join("release/storm"))
}

fn cargo(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root);
    command
}
