//! `cargo xtask test`: the one test command. It brings what the tests need,
//! builds, runs everything, and closes with one line of counts.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use tally::Tally;

mod lab;
mod tally;

/// Prepares, builds and runs; exit status 1 if anything failed.
pub(crate) fn run(root: &Path, filter: &[String]) -> ExitCode {
    let lab = lab::prepare(root);
    let skips = lab.dir.join("skips");
    let _ = std::fs::remove_file(&skips);

    let mut tally = Tally::default();
    let one_package = filter.iter().any(|arg| arg == "-p" || arg == "--package");
    if !one_package || is_built(root) {
        let mut tests = cargo(root, &["test", "--locked", "--no-fail-fast"]);
        tests
            .args((!one_package).then_some("--workspace"))
            .args(filter);
        tests
            .env("BELLHOP_LAB_DIR", &lab.dir)
            .env("BELLHOP_SKIPS", &skips);
        tests.env("RUST_TEST_THREADS", THREADS);
        watch(tests, &mut tally);
    } else {
        println!("the program does not build");
        tally.failed = 1;
    }

    let skipped = std::fs::read_to_string(&skips).unwrap_or_default();
    tally.take_skips(&skipped);
    for line in lab
        .missing
        .iter()
        .map(String::as_str)
        .chain(skipped.lines())
    {
        println!("{line}");
    }
    for name in &tally.failures {
        println!("FAILED {name}");
    }
    println!("{tally}");
    if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The program, for a package that runs it. Tests of all packages bring it themselves: cargo builds it for those of
/// its own, with the features that all have together. Built alone it would have others, and wasmtime with it, twice.
fn is_built(root: &Path) -> bool {
    let built = cargo(root, &["build", "--locked", "--package", "bellhop"]).status();
    built.is_ok_and(|status| status.success())
}

/// Runs the tests, passing their output on line by line and counting.
fn watch(mut tests: Command, tally: &mut Tally) {
    use std::io::{BufRead, BufReader};
    let mut child = match tests.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("cargo test: {error}");
            tally.failed = 1;
            return;
        }
    };
    let out = child.stdout.take().map(BufReader::new);
    for line in out
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok)
    {
        tally.take(&line);
        println!("{line}");
    }
    let succeeded = child.wait().is_ok_and(|status| status.success());
    if !succeeded && tally.failed == 0 {
        // A test that does not build, or a test program that crashed.
        println!("cargo test ended with an error");
        tally.failed = 1;
    }
}

fn cargo(root: &Path, args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root).stdin(Stdio::null());
    command
}

/// More than the cores: tests with real peers mostly wait for them.
const THREADS: &str = "6";
