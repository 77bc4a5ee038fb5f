//! `bellhop check`: what a configuration means, or all that is wrong with it.

use super::{complain, refused, say, say_json};
use crate::{
    config::{Machine, Severity, load},
    plugins,
};
use std::{path::Path, process::ExitCode};

/// As [`check`], with one JSON object on standard output, whatever the result.
pub(super) fn check_json(file: &Path) -> ExitCode {
    match load(file, &Machine) {
        Ok(settings) => say_json(&settings.describe(), ExitCode::SUCCESS),
        Err(problems) => say_json(&problems.describe(), ExitCode::from(2)),
    }
}

/// Checks `file`: 0 if `run` would start with it, else 2. Warnings are those that `run` logs.
pub(super) fn check(file: &Path) -> ExitCode {
    match load(file, &Machine) {
        Ok(settings) => {
            if let Err(error) = plugins::check(settings.plugins.clone()) {
                return refused(&format!("{}: {error}", file.display()));
            }
            for line in settings.explain() {
                say(&line);
            }
            for warning in &settings.warnings {
                complain(&warning.to_string());
            }
            let (file, warnings) = (file.display(), settings.warnings.len());
            say(&format!("{file} is good ({})", count(warnings, "warning")));
            ExitCode::SUCCESS
        }
        Err(problems) => {
            let errors = problems.0.iter().filter(|p| p.severity == Severity::Error);
            let errors = count(errors.count(), "error");
            refused(&format!(
                "{problems}\n{} is refused ({errors})",
                file.display()
            ))
        }
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
