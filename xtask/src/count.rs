//! `cargo xtask count`: what each micro-benchmark costs in instructions and allocations, counted by
//! callgrind, against the figures in `bench/micro/figures.toml`.
//!
//! Time on a shared machine says little; a count is the same each time, wherever the checkout lies. It
//! changes with the compiler, libc and valgrind, hardly with the processor: valgrind shows every
//! program the same one, without SHA extensions.

use figures::Figures;
use profile::Cost;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

mod figures;
mod profile;

/// Runs `[--bless] [CASE..]`; exit status 1 if a case is over its figure or has none, 2 if there was
/// no count.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    match count(root, args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("count: {error}");
            ExitCode::from(2)
        }
    }
}

fn count(root: &Path, args: &[String]) -> Result<bool, String> {
    let bless = args.iter().any(|arg| arg == "--bless");
    let wanted: Vec<_> = args.iter().filter(|arg| *arg != "--bless").collect();
    build(root)?;
    let names = names(root)?;
    if let Some(stray) = wanted.iter().find(|name| !names.contains(name)) {
        let all = names.join(", ");
        return Err(format!("no case {stray:?}; there are {all}"));
    }
    let path = root.join("bench/micro/figures.toml");
    let mut figures = Figures::read(&std::fs::read_to_string(&path).unwrap_or_default())?;
    figures.keep(&names);
    let mut holds = true;
    println!("{}", figures::HEAD);
    let is_wanted = |name: &&String| wanted.is_empty() || wanted.contains(name);
    for name in names.iter().filter(is_wanted) {
        let cost = cost(root, name)?;
        let row = figures.judge(name, cost);
        println!("{row}");
        holds &= row.holds();
        figures.put(name, cost);
    }
    let tools = tools()?;
    if bless {
        figures.tools = tools;
        std::fs::write(&path, figures.to_string()).map_err(|e| format!("figures.toml: {e}"))?;
        println!("count: these are the figures now");
        return Ok(true);
    }
    if figures.tools != tools {
        let theirs = &figures.tools;
        println!("count: the figures are those of {theirs}; this is {tools}");
    }
    println!("count: {}", if holds { "no case is over" } else { OVER });
    Ok(holds)
}

fn build(root: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "bellhop-micro",
    ]);
    // Where it is built to is asked for below, so it is said here.
    command.arg("--target-dir").arg(root.join("target"));
    let built = command.current_dir(root).stdin(Stdio::null()).status();
    match built {
        Ok(status) if status.success() => Ok(()),
        _ => Err("the cases do not build".to_owned()),
    }
}

fn names(root: &Path) -> Result<Vec<String>, String> {
    let listed = output(Command::new(root.join(FOLDER).join("bellhop-micro")))?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// Counts one case. The profile stays in `target/count` for `callgrind_annotate`.
fn cost(root: &Path, name: &str) -> Result<Cost, String> {
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
    command.args(["./bellhop-micro", name, &ROUNDS.to_string()]);
    output(command)?;
    let text = std::fs::read_to_string(&profile).map_err(|e| format!("{name}: {e}"))?;
    Cost::read(&text, ROUNDS).ok_or(format!("{name}: callgrind counted nothing"))
}

/// What the figures depend on besides the code.
fn tools() -> Result<String, String> {
    let mut names = Vec::new();
    for tool in ["rustc", "valgrind"] {
        let mut command = Command::new(tool);
        command.arg("--version");
        names.push(output(command)?.trim().to_owned());
    }
    Ok(names.join(", "))
}

/// What a command says on its standard output.
fn output(mut command: Command) -> Result<String, String> {
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
const OVER: &str = "FAILED; if it must cost more: cargo xtask count --bless";
