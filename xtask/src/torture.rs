//! `cargo xtask torture`: builds the program and sends it the torture messages of RFC 4475 and RFC 5118,
//! which are not ours to keep in the repository.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Builds and runs; exit status 1 if a message did not get what its RFC asks.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let folder = match args {
        [] => root.join("../shared/data"),
        [folder] => PathBuf::from(folder),
        _ => return ExitCode::from(2),
    };
    if !folder.join("rfc4475").is_dir() || !folder.join("rfc5118").is_dir() {
        eprintln!("{} has no rfc4475 and rfc5118 in it", folder.display());
        return ExitCode::from(2);
    }
    let build = ["build", "--locked", "--package", "bellhop"];
    let tool = [
        "run",
        "--locked",
        "--package",
        "bellhop-tests",
        "--bin",
        "torture",
    ];
    let program = root.join("target/debug/bellhop");
    let succeeded = cargo(root, &build).status().is_ok_and(|s| s.success())
        && cargo(root, &tool)
            .arg("--")
            .arg(folder)
            .env("BELLHOP_BIN", program)
            .status()
            .is_ok_and(|s| s.success());
    match succeeded {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn cargo(root: &Path, args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root);
    command
}
