//! Brings what the bench needs: Kamailio in the lab, our program and the load generator, optimised.

use super::server::Ground;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Provisions and builds what is not there yet.
///
/// # Errors
/// What could not be had.
pub(super) fn ground(root: &Path) -> Result<Ground, String> {
    for tool in ["setsid", "setpriv", "taskset", "nice"] {
        let found = Command::new(tool).arg("--version").output();
        found.map_err(|e| format!("{tool}: {e} (packages util-linux and coreutils have it)"))?;
    }
    if std::thread::available_parallelism().map_or(1, std::num::NonZero::get) < 2 {
        return Err("one core is the server's and one storm's: there must be two".to_owned());
    }
    let lab = std::env::var_os("BELLHOP_LAB_DIR").map_or_else(|| root.join(".lab"), PathBuf::from);
    let dir = lab.join("run/bench");
    std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut provision = Command::new(root.join("tests/lab/provision.sh"));
    run(provision.arg("kamailio").env("BELLHOP_LAB_DIR", &lab))?;
    let storm = root.join("bench/storm");
    let build = ["build", "--release", "--locked"];
    run(cargo(root).args(build).args(["--package", "bellhop"]))?;
    run(cargo(&storm).args(build))?;
    Ok(Ground {
        root: root.to_path_buf(),
        dir,
        lab,
        storm: built(&storm, "storm"),
        bellhop: built(root, "bellhop"),
    })
}

/// Where cargo puts a workspace's optimised program.
fn built(workspace: &Path, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    workspace.join(target).join("release").join(name)
}

fn cargo(dir: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(dir);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
