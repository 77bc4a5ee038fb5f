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

/// As [`run`], as it is shipped, with one value for each option in their order: the default, or what follows the option in
/// `args`. Exit status 2, and how it is used, where `args` are anything else.
pub(crate) fn measure<const N: usize>(
    root: &Path,
    name: &str,
    options: [(&str, &str); N],
    args: &[String],
) -> ExitCode {
    match chosen(options, args) {
        Some(values) => run(root, name, Profile::Release, &values.map(OsStr::new)),
        None => {
            let usage = options.map(|(option, _)| format!(" [{option} N]")).concat();
            eprintln!("usage: cargo xtask {name}{usage}");
            ExitCode::from(2)
        }
    }
}

fn chosen<'a, const N: usize>(
    mut options: [(&str, &'a str); N],
    args: &'a [String],
) -> Option<[&'a str; N]> {
    for pair in args.chunks(2) {
        let [option, value] = pair else {
            return None;
        };
        options.iter_mut().find(|(name, _)| name == option)?.1 = value;
    }
    Some(options.map(|(_, value)| value))
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

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [(&str, &str); 2] = [("--kills", "20"), ("--rate", "2000")];

    #[test]
    fn an_option_changes_its_own_value_and_leaves_the_others() {
        let args = ["--rate", "5"].map(str::to_owned);
        assert_eq!(chosen(OPTIONS, &args), Some(["20", "5"]));
        assert_eq!(chosen(OPTIONS, &[]), Some(["20", "2000"]));
    }

    #[test]
    fn an_option_that_is_unknown_or_without_a_value_is_refused() {
        for args in [
            &["--users", "5"][..],
            &["--rate"],
            &["--rate", "5", "--kills"],
        ] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert_eq!(chosen(OPTIONS, &args), None, "{args:?}");
        }
    }
}
