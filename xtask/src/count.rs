//! `cargo xtask count`: what each micro-benchmark costs in instructions and allocations, counted by
//! callgrind, against the figures in `bench/micro/figures.toml`.
//!
//! Time on a shared machine says little; a count is the same each time, wherever the checkout lies. It
//! changes with the compiler, libc and valgrind, hardly with the processor: valgrind shows every
//! program the same one, without SHA extensions.

use figures::Figures;
use program::{Program, output};
use std::path::Path;
use std::process::{Command, ExitCode};

mod figures;
mod profile;
mod program;

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
    let programs = Program::ALL
        .iter()
        .filter(|program| program.is_wanted(&wanted));
    let programs: Vec<_> = programs.collect();
    let mut names = Vec::new();
    for program in &programs {
        program.build(root)?;
        let listed = program.names(root)?;
        names.extend(listed.into_iter().map(|name| (name, *program)));
    }
    let is_known = |wanted: &String| names.iter().any(|(name, _)| name == wanted);
    if let Some(stray) = wanted.iter().find(|name| !is_known(name)) {
        let all: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
        return Err(format!("no case {stray:?}; there are {}", all.join(", ")));
    }
    let path = root.join("bench/micro/figures.toml");
    let mut figures = Figures::read(&std::fs::read_to_string(&path).unwrap_or_default())?;
    if programs.len() == Program::ALL.len() {
        let all: Vec<_> = names.iter().map(|(name, _)| name.clone()).collect();
        figures.keep(&all);
    }
    let mut holds = true;
    println!("{}", figures::HEAD);
    let is_wanted = |name: &String| wanted.is_empty() || wanted.contains(&name);
    for (name, program) in names.iter().filter(|(name, _)| is_wanted(name)) {
        let cost = program.cost(root, name)?;
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

const OVER: &str = "FAILED; if it must cost more: cargo xtask count --bless";
