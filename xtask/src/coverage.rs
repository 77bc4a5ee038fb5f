//! `cargo xtask coverage`: which lines of `wire` and `core` the tests run, which the fuzz targets' seeds
//! and corpora do, and which both together. Source-based: the compiler's own counters.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Prints a table; exit status 2 if something is missing or fails.
pub(crate) fn run(root: &Path) -> ExitCode {
    match table(root) {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("coverage: {error}");
            ExitCode::from(2)
        }
    }
}

fn table(root: &Path) -> Result<String, String> {
    let tools = tools()?;
    let tests = [
        "test",
        "-p",
        "bellhop-wire",
        "-p",
        "bellhop-core",
        "-p",
        "bellhop-testkit",
    ];
    let tests = measure(root, &tools, "tests", &tests)?;
    let replay = [
        "run",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--example",
        "replay",
    ];
    let corpora = measure(root, &tools, "corpora", &replay)?;
    let mut both = tests.clone();
    both.add(&corpora);
    let mut table = String::from("lines run      wire                     core\n");
    for (name, lines) in [("tests", &tests), ("corpora", &corpora), ("both", &both)] {
        let [wire, core] = CRATES.map(|at| lines.share(at));
        table.push_str(&format!("{name:<12} {wire:<24} {core}\n"));
    }
    table.push_str("run by neither, most first:\n");
    let mut files: Vec<_> = both
        .0
        .iter()
        .map(|(file, lines)| (lines.missed(), file))
        .collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    for (missed, file) in files.into_iter().filter(|(missed, _)| *missed > 0).take(12) {
        table.push_str(&format!("  {missed:>4} {file}\n"));
    }
    Ok(table)
}

/// Where `llvm-profdata` and `llvm-cov` of this compiler are.
fn tools() -> Result<PathBuf, String> {
    let say = |args: &[&str]| {
        let out = Command::new("rustc")
            .args(args)
            .output()
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let verbose = say(&["-vV"])?;
    let host = verbose.lines().find_map(|line| line.strip_prefix("host: "));
    let folder = PathBuf::from(say(&["--print", "sysroot"])?)
        .join("lib/rustlib")
        .join(host.unwrap_or_default())
        .join("bin");
    if folder.join("llvm-cov").exists() {
        return Ok(folder);
    }
    Err("llvm-cov is missing: rustup component add llvm-tools".to_owned())
}

/// Builds and runs something with counters, and reads them.
fn measure(root: &Path, tools: &Path, name: &str, args: &[&str]) -> Result<Lines, String> {
    let folder = root.join("target/coverage").join(name);
    let profiles = folder.join("profiles");
    let _ = std::fs::remove_dir_all(&profiles);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(args)
        .arg("--message-format=json-render-diagnostics");
    cargo.env("RUSTFLAGS", "-C instrument-coverage");
    cargo.env("CARGO_TARGET_DIR", &folder);
    cargo.env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
    cargo
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let said = output(&mut cargo)?;
    let programs: BTreeSet<_> = said.lines().filter_map(program).collect();
    for line in said.lines().filter(|line| line.starts_with("replay ")) {
        println!("{line}");
    }

    let merged = folder.join("all.profdata");
    let mut merge = Command::new(tools.join("llvm-profdata"));
    merge
        .arg("merge")
        .arg("-sparse")
        .arg(&profiles)
        .arg("-o")
        .arg(&merged);
    output(&mut merge)?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export
        .args(["export", "-format=lcov", "-instr-profile"])
        .arg(&merged);
    // The first stands alone; behind it come more, and then the sources.
    for (nth, program) in programs.iter().enumerate() {
        if nth > 0 {
            export.arg("-object");
        }
        export.arg(program);
    }
    for sources in CRATES {
        export.arg(root.join(sources));
    }
    let mut lines = Lines::default();
    lines.read(&output(&mut export)?, root);
    Ok(lines)
}

/// The program that a line of cargo's messages says was built.
fn program(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("\"executable\":\"")?;
    Some(rest.split('"').next()?.to_owned())
}

fn output(command: &mut Command) -> Result<String, String> {
    let out = command
        .stdout(Stdio::piped())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !out.status.success() {
        let why = String::from_utf8_lossy(&out.stderr);
        return Err(format!("{:?}: {} {why}", command.get_program(), out.status));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Lines that have code, by file, and whether each was run. Code of tests is not among them.
#[derive(Clone, Debug, Default)]
struct Lines(BTreeMap<String, File>);

#[derive(Clone, Debug, Default)]
struct File(BTreeMap<usize, bool>);

impl File {
    fn missed(&self) -> usize {
        self.0.values().filter(|is_run| !**is_run).count()
    }
}

impl Lines {
    /// Reads `llvm-cov export -format=lcov`.
    fn read(&mut self, lcov: &str, root: &Path) {
        let mut file = None;
        for line in lcov.lines() {
            if let Some(path) = line.strip_prefix("SF:") {
                let name = Path::new(path)
                    .strip_prefix(root)
                    .ok()
                    .and_then(Path::to_str);
                let text = std::fs::read_to_string(path).unwrap_or_default();
                file = name
                    .filter(|name| !name.contains("/tests/") && !name.ends_with("/tests.rs"))
                    .map(|name| (name.to_owned(), tests_begin(&text)));
            } else if let (Some(data), Some((name, tests))) = (line.strip_prefix("DA:"), &file) {
                let mut numbers = data.split(',').map(str::parse::<usize>);
                if let (Some(Ok(at)), Some(Ok(count))) = (numbers.next(), numbers.next())
                    && at < *tests
                {
                    self.note(name, at, count > 0);
                }
            }
        }
    }

    fn note(&mut self, file: &str, at: usize, is_run: bool) {
        let lines = self.0.entry(file.to_owned()).or_default();
        *lines.0.entry(at).or_default() |= is_run;
    }

    fn add(&mut self, other: &Self) {
        for (file, lines) in &other.0 {
            for (at, is_run) in &lines.0 {
                self.note(file, *at, *is_run);
            }
        }
    }

    /// How many of the lines below this folder were run.
    fn share(&self, folder: &str) -> String {
        let files = self.0.iter().filter(|(file, _)| file.starts_with(folder));
        let (mut run, mut all) = (0_usize, 0_usize);
        for (_, lines) in files {
            all = all.saturating_add(lines.0.len());
            run = run.saturating_add(lines.0.len().saturating_sub(lines.missed()));
        }
        let share = f64::from(u32::try_from(run).unwrap_or(u32::MAX)) * 100.0
            / f64::from(u32::try_from(all.max(1)).unwrap_or(u32::MAX));
        format!("{run} of {all} ({share:.1} %)")
    }
}

/// The first line of a file's own module of tests; behind it there is nothing else.
fn tests_begin(text: &str) -> usize {
    let lines: Vec<_> = text.lines().collect();
    let begins = lines
        .iter()
        .zip(1_usize..)
        .filter(|(line, _)| **line == "#[cfg(test)]");
    let mut modules = begins.filter(|(_, at)| {
        let rest = lines.iter().skip(*at).find(|line| !line.starts_with("#["));
        rest.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    modules.next().map_or(usize::MAX, |(_, at)| at)
}

const CRATES: [&str; 2] = ["crates/wire/src", "crates/core/src"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_run_is_read_without_the_code_of_tests() {
        let lcov = "SF:/r/crates/wire/src/a.rs\nDA:1,5\nDA:2,0\nend_of_record\n\
                    SF:/r/crates/wire/src/a/tests.rs\nDA:1,0\nend_of_record\n\
                    SF:/r/crates/core/src/b.rs\nDA:7,0\nend_of_record\n";
        let mut lines = Lines::default();
        lines.read(lcov, Path::new("/r"));
        assert_eq!(lines.share("crates/wire/src"), "1 of 2 (50.0 %)");
        let mut other = Lines::default();
        other.note("crates/wire/src/a.rs", 2, true);
        lines.add(&other);
        assert_eq!(lines.share("crates/wire/src"), "2 of 2 (100.0 %)");
        assert_eq!(lines.share("crates/core/src"), "0 of 1 (0.0 %)");
    }

    #[test]
    fn a_module_of_tests_ends_what_counts_and_a_declared_one_does_not() {
        let inline = "fn a() {}\n\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n}\n";
        assert_eq!(tests_begin(inline), 3);
        assert_eq!(
            tests_begin("#[cfg(test)]\nmod tests;\nfn a() {}\n"),
            usize::MAX
        );
    }

    #[test]
    fn cargo_says_which_programs_it_built() {
        let line = r#"{"reason":"compiler-artifact","executable":"/t/deps/wire-1","fresh":true}"#;
        assert_eq!(program(line).as_deref(), Some("/t/deps/wire-1"));
        assert_eq!(program(r#"{"executable":null}"#), None);
    }
}
