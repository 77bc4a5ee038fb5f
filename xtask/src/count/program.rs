//! The programs that hold the cases, each built for itself.

use super::profile::Cost;
use std::path::Path;
use std::process::{Command, Stdio};

/// One of them.
#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    /// What it is built with.
    packages: &'static [&'static str],
    /// Its cases are those with a plugin.
    has_plugins: bool,
}

impl Program {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [
        Self {
            name: "bellhop-micro",
            packages: &["bellhop-micro"],
            has_plugins: false,
        },
        Self {
            name: "bellhop-micro-plugins",
            // With the server, so that wasmtime need not be compiled once more for it.
            packages: &["bellhop-micro-plugins", "bellhop"],
            has_plugins: true,
        },
    ];

    /// Whether one of these cases, or of all if none is named, is in it.
    pub(super) fn is_wanted(&self, names: &[&String]) -> bool {
        let is_here = |name: &&String| name.starts_with("plugin/") == self.has_plugins;
        names.is_empty() || names.iter().any(is_here)
    }

    pub(super) fn build(&self, root: &Path) -> Result<(), String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--release", "--locked"]);
        for package in self.packages {
            command.args(["--package", package]);
        }
        // Where it is built to is asked for below, so it is said here.
        command.arg("--target-dir").arg(root.join("target"));
        let built = command.current_dir(root).stdin(Stdio::null()).status();
        match built {
            Ok(status) if status.success() => Ok(()),
            _ => Err("the cases do not build".to_owned()),
        }
    }

    /// The names of its cases.
    pub(super) fn names(&self, root: &Path) -> Result<Vec<String>, String> {
        let listed = output(Command::new(root.join(FOLDER).join(self.name)))?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Counts one case. The profile stays in `target/count` for `callgrind_annotate`.
    pub(super) fn cost(&self, root: &Path, name: &str) -> Result<Cost, String> {
        let profiles = root.join("target/count");
        std::fs::create_dir_all(&profiles).map_err(|e| format!("target/count: {e}"))?;
        let profile = profiles.join(name.replace('/', "-"));
        let mut command = Command::new("valgrind");
        // Environment and arguments lie on the program's stack and would move it: no variable, no path.
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .current_dir(root.join(FOLDER));
        let mut out = std::ffi::OsString::from("--callgrind-out-file=");
        out.push(&profile);
        command.args(CALLGRIND).arg(out);
        command.args([&format!("./{}", self.name), name, &ROUNDS.to_string()]);
        output(command)?;
        let text = std::fs::read_to_string(&profile).map_err(|e| format!("{name}: {e}"))?;
        Cost::read(&text, ROUNDS).ok_or(format!("{name}: callgrind counted nothing"))
    }
}

/// What a command says on its standard output.
pub(super) fn output(mut command: Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{name}: {}\n{said}", done.status));
    }
    String::from_utf8(done.stdout).map_err(|error| format!("{name}: {error}"))
}

const FOLDER: &str = "target/release";
/// How often a case is done for one count.
const ROUNDS: u64 = 100;
const CALLGRIND: [&str; 5] = [
    "--tool=callgrind",
    // Counting is switched on by entering this function and off by leaving it.
    "--toggle-collect=*bellhop_micro*counted*",
    "--dump-instr=yes",
    // Names in full, so that they need not be looked up.
    "--compress-strings=no",
    "--compress-pos=no",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_built_only_for_cases_that_are_in_it() {
        let built = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let names: Vec<&String> = names.iter().collect();
            Program::ALL.map(|program| program.is_wanted(&names))
        };
        assert_eq!(built(&[]), [true, true]);
        assert_eq!(built(&["engine/call"]), [true, false]);
        assert_eq!(built(&["plugin/call"]), [false, true]);
        assert_eq!(built(&["plugin/call", "wire/index-invite"]), [true, true]);
    }
}
