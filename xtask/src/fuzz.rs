//! `cargo xtask fuzz`: builds the targets of `fuzz/` and runs each for a while; a line of figures for
//! each. An input that breaks a target is kept in `fuzz/artifacts`.

use std::fmt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Runs `[--seconds N] [--jobs N] [TARGET..]`; exit status 1 if an input broke a target, 2 if there was no run.
pub(crate) fn run(root: &Path, args: &[String]) -> ExitCode {
    let plan = match Plan::read(args) {
        Ok(plan) => plan,
        Err(error) => return no_run(&error),
    };
    if !cargo_fuzz(root, &["--version"])
        .status()
        .is_ok_and(|s| s.success())
    {
        return no_run("cargo-fuzz is missing: cargo install cargo-fuzz --locked");
    }
    let built = cargo_fuzz(root, &["build", "--sanitizer", "none"]).status();
    if !built.is_ok_and(|status| status.success()) {
        return no_run("the targets do not build");
    }
    let queue = Mutex::new(plan.targets.iter());
    let next = || queue.lock().ok()?.next();
    let broken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.min(plan.targets.len()) {
            scope.spawn(|| {
                while let Some(target) = next() {
                    let found = run_target(root, target, plan.seconds);
                    println!("fuzz {target}, {} s: {found}", plan.seconds);
                    if found.is_broken {
                        println!(
                            "  again: cargo fuzz run -s none {target} fuzz/artifacts/{target}/NAME"
                        );
                        broken.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner();
    println!("fuzz: {} targets, {broken} broken", plan.targets.len());
    if broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs `fuzz/examples/hammer.rs`, as it is delivered: in a release build.
pub(crate) fn hammer(root: &Path, args: &[String]) -> ExitCode {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["run", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
    command.args(["--example", "hammer", "--"]).args(args);
    match command.current_dir(root).stdin(Stdio::null()).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => no_run(&error.to_string()),
    }
}

/// What is to be run.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    seconds: u32,
    /// How many targets run at once.
    jobs: usize,
    targets: Vec<String>,
}

impl Plan {
    fn read(args: &[String]) -> Result<Self, String> {
        let mut seconds = SECONDS;
        let mut jobs = 1;
        let mut targets = Vec::new();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut number = || {
                let given = args.next().and_then(|n| n.parse::<u32>().ok());
                let wants = || format!("{arg} wants a number above 0");
                given.filter(|n| *n > 0).ok_or_else(wants)
            };
            if arg == "--seconds" {
                seconds = number()?;
            } else if arg == "--jobs" {
                jobs = usize::try_from(number()?).map_err(|error| error.to_string())?;
            } else if TARGETS.contains(&arg.as_str()) {
                targets.push(arg.clone());
            } else {
                return Err(format!(
                    "no target {arg:?}; there are {}",
                    TARGETS.join(", ")
                ));
            }
        }
        if targets.is_empty() {
            targets = TARGETS.map(str::to_owned).to_vec();
        }
        Ok(Self {
            seconds,
            jobs,
            targets,
        })
    }
}

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    executions: u64,
    edges: u64,
    features: u64,
    is_broken: bool,
    /// Lines that say what broke.
    why: Vec<String>,
}

impl Figures {
    /// Reads a line of libFuzzer's report.
    fn take(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            let slot = match word {
                "stat::number_of_executed_units:" => &mut self.executions,
                "cov:" => &mut self.edges,
                "ft:" => &mut self.features,
                _ => continue,
            };
            *slot = words.next().and_then(|n| n.parse().ok()).unwrap_or(*slot);
        }
        let says_why = ["panicked at", "ERROR: libFuzzer", "Test unit written to"];
        let follows_panic = self
            .why
            .last()
            .is_some_and(|last| last.contains("panicked at"));
        if follows_panic || says_why.iter().any(|mark| line.contains(mark)) {
            self.why.push(line.to_owned());
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            executions,
            edges,
            features,
            ..
        } = self;
        write!(
            f,
            "{executions} executions, {edges} edges, {features} features"
        )?;
        if !self.is_broken {
            return f.write_str(", no crash");
        }
        f.write_str(", CRASH")?;
        self.why.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// The seeds are read only; what is found beyond them goes to `fuzz/corpus`.
fn run_target(root: &Path, target: &str, seconds: u32) -> Figures {
    use std::io::{BufRead, BufReader};
    let corpus = format!("fuzz/corpus/{target}");
    let _ = std::fs::create_dir_all(root.join(&corpus));
    let seeds = format!("fuzz/seeds/{target}");
    let time = format!("-max_total_time={seconds}");
    let mut command = cargo_fuzz(
        root,
        &[
            "run",
            "--sanitizer",
            "none",
            target,
            &corpus,
            &seeds,
            "--",
            &time,
        ],
    );
    command.arg(match target {
        "config" => "-dict=fuzz/config.dict",
        _ => "-dict=fuzz/sip.dict",
    });
    command.args(LIBFUZZER);
    let mut figures = Figures::default();
    let mut child = match command.stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            figures.is_broken = true;
            figures.why.push(error.to_string());
            return figures;
        }
    };
    let lines = child.stderr.take().map(BufReader::new);
    for line in lines
        .into_iter()
        .flat_map(|lines| lines.split(b'\n'))
        .map_while(Result::ok)
    {
        figures.take(&String::from_utf8_lossy(&line));
    }
    figures.is_broken = !child.wait().is_ok_and(|status| status.success());
    figures
}

/// Without a sanitizer, which the stable toolchain does not have: the code is free of `unsafe`, a
/// panic is what is looked for.
fn cargo_fuzz(root: &Path, args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg("fuzz").args(args);
    command.current_dir(root).stdin(Stdio::null());
    command
}

fn no_run(why: &str) -> ExitCode {
    eprintln!("fuzz: {why}");
    ExitCode::from(2)
}

/// As in `fuzz/Cargo.toml`.
const TARGETS: [&str; 6] = ["framer", "index", "edits", "config", "digest", "engine"];
const SECONDS: u32 = 60;
const LIBFUZZER: [&str; 4] = [
    "-max_len=4096",
    // Seconds that one input may take, and MiB that all may.
    "-timeout=10",
    "-rss_limit_mb=2048",
    "-print_final_stats=1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(args: &[&str]) -> Result<Plan, String> {
        Plan::read(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn without_arguments_every_target_runs_a_minute() {
        let plan = plan(&[]).unwrap();
        assert_eq!((plan.seconds, plan.jobs, plan.targets.len()), (60, 1, 6));
    }

    #[test]
    fn time_and_targets_may_be_named() {
        let plan = plan(&["--jobs", "2", "--seconds", "5", "edits", "engine"]).unwrap();
        assert_eq!(
            (plan.seconds, plan.jobs, plan.targets),
            (5, 2, vec!["edits".to_owned(), "engine".to_owned()])
        );
    }

    #[test]
    fn what_is_no_target_or_no_time_is_refused() {
        for wrong in [
            &["confi"][..],
            &["--jobs", "0"],
            &["--seconds"],
            &["--seconds", "0"],
            &["--seconds", "x"],
        ] {
            assert!(plan(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_targets_are_those_of_the_fuzz_crate() {
        let manifest = crate::root().join("fuzz/Cargo.toml");
        let table: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
        let bins = table.get("bin").and_then(toml::Value::as_array).unwrap();
        let names: Vec<_> = bins
            .iter()
            .filter_map(|b| b.get("name")?.as_str())
            .collect();
        assert_eq!(names, TARGETS);
    }

    #[test]
    fn libfuzzers_report_becomes_figures() {
        let mut figures = Figures::default();
        figures.take(
            "#214030\tDONE   cov: 1462 ft: 2988 corp: 994/32Kb lim: 146 exec/s: 8231 rss: 29Mb",
        );
        figures.take("stat::number_of_executed_units: 214030");
        assert_eq!(
            figures.to_string(),
            "214030 executions, 1462 edges, 2988 features, no crash"
        );
    }

    #[test]
    fn a_crash_is_told_with_its_cause_and_its_input() {
        let mut figures = Figures {
            is_broken: true,
            ..Figures::default()
        };
        figures.take("thread '<unnamed>' (5) panicked at src/index.rs:85:9:");
        figures.take("assertion failed: a <= b");
        figures.take("stack backtrace:");
        figures.take("Test unit written to fuzz/artifacts/index/crash-6b");
        let text = figures.to_string();
        assert!(
            text.contains("assertion failed") && text.contains("crash-6b"),
            "{text}"
        );
        assert!(!text.contains("backtrace"));
    }
}
