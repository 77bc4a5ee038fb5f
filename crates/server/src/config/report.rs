//! What is wrong with a file: every problem with its file, line, key path and value, collected
//! while the file is read so that all of them are shown at once.

use serde::Serialize;
use std::{cell::RefCell, fmt, io, path::Path};

/// One thing wrong, or doubtful, in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Whether it keeps the program from starting.
    #[serde(skip)]
    pub(crate) severity: Severity,
    /// The file as it was named.
    pub(crate) file: String,
    /// Line from 1; 0 where the whole file is meant.
    pub(crate) line: usize,
    /// Dotted key path, empty where no key is concerned.
    pub(crate) key: String,
    /// The value as it stands in the file; `None` where it is absent or secret.
    pub(crate) value: Option<String>,
    /// What is wrong and what is allowed.
    #[serde(rename = "message")]
    pub(crate) text: String,
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The configuration is refused.
    Error,
    /// It works, perhaps not as meant.
    Warning,
}

/// All problems of a refused configuration, errors and warnings, in the order of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

/// A place in a file: where a value stands and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// Line from 1; 0 where the whole file is meant.
    pub(crate) line: usize,
    /// Dotted key path.
    pub(crate) key: String,
    /// The value's text.
    pub(crate) value: Option<String>,
}

/// The problems of one file while it is read.
#[derive(Debug)]
pub(crate) struct Report {
    file: String,
    problems: RefCell<Vec<Problem>>,
}

impl Report {
    /// An empty report on `file`.
    pub(crate) fn new(file: &Path) -> Self {
        Self {
            file: file.display().to_string(),
            problems: RefCell::default(),
        }
    }

    /// Notes an error.
    pub(crate) fn error(&self, at: &At, text: impl Into<String>) {
        self.note(Severity::Error, at, text.into());
    }

    /// Notes a warning.
    pub(crate) fn warn(&self, at: &At, text: impl Into<String>) {
        self.note(Severity::Warning, at, text.into());
    }

    /// Takes over the problems of another file that this one refers to.
    pub(crate) fn absorb(&self, problems: Vec<Problem>) {
        self.problems.borrow_mut().extend(problems);
    }

    /// The problems so far, by file (this one first) and line.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let file = self.file;
        let mut problems = self.problems.into_inner();
        problems.sort_by(|a, b| {
            let place = |p: &Problem| (p.file != file, p.file.clone(), p.line, p.key.clone());
            place(a).cmp(&place(b))
        });
        problems
    }

    fn note(&self, severity: Severity, at: &At, text: String) {
        self.problems.borrow_mut().push(Problem {
            severity,
            file: self.file.clone(),
            line: at.line,
            key: at.key.clone(),
            value: at.value.clone(),
            text: one_line(text),
        });
    }
}

impl At {
    /// The file as a whole.
    pub(crate) fn file() -> Self {
        Self {
            line: 0,
            key: String::new(),
            value: None,
        }
    }

    /// The same place without its value, for secrets.
    pub(crate) fn hidden(mut self) -> Self {
        self.value = None;
        self
    }
}

impl Problem {
    /// Logs it, as bad as it is.
    pub(crate) fn log(&self) {
        match self.severity {
            Severity::Error => tracing::error!(target: "bellhop::config", "{}", Bare(self)),
            Severity::Warning => tracing::warn!(target: "bellhop::config", "{}", Bare(self)),
        }
    }
}

impl Problems {
    /// The one problem of a file that cannot be read.
    pub(crate) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let report = Report::new(file);
        report.error(&At::file(), format!("cannot be read: {error}"));
        Self(report.into_problems())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", Bare(self))
    }
}

/// A problem without its severity.
struct Bare<'a>(&'a Problem);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(problem) = self;
        f.write_str(&problem.file)?;
        if problem.line > 0 {
            write!(f, ":{}", problem.line)?;
        }
        f.write_str(": ")?;
        match (problem.key.as_str(), &problem.value) {
            ("", None) => {}
            ("", Some(value)) => write!(f, "{value}: ")?,
            (key, None) => write!(f, "{key}: ")?,
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
        }
        f.write_str(&problem.text)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index > 0 { "\n" } else { "" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// A text with its control characters escaped: a path or a value that somebody wrote on two lines
/// would make two problems of one.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// The name in `known` nearest to `word`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    let far = (word.chars().count().saturating_add(1) / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|name| (distance(&word, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX);
            let next = j.saturating_add(1);
            let mut cost = at(&last, j)
                .saturating_add(usize::from(x != y))
                .min(at(&last, next).saturating_add(1))
                .min(at(&row, j).saturating_add(1));
            let swapped = i > 0
                && j > 0
                && a.get(i.saturating_sub(1)) == Some(y)
                && b.get(j.saturating_sub(1)) == Some(x);
            if swapped {
                cost = cost.min(at(&before_last, j.saturating_sub(1)).saturating_add(1));
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_name_that_was_meant() {
        let known = ["domains", "data_dir", "workers"];
        assert_eq!(nearest("domian", known), Some("domains"));
        assert_eq!(nearest("data-dir", known), Some("data_dir"));
        assert_eq!(nearest("Workers", known), Some("workers"));
        assert_eq!(nearest("woker", known), Some("workers"));
    }

    #[test]
    fn a_name_that_is_far_from_all_gets_no_suggestion() {
        assert_eq!(nearest("threads", ["domains", "workers"]), None);
        assert_eq!(nearest("x", ["name", "bind"]), None);
    }

    #[test]
    fn a_problem_with_a_path_on_two_lines_is_told_on_one() {
        let report = Report::new(Path::new("/etc/bellhop.toml"));
        report.error(&At::file(), "a\r\nb\u{7} cannot be read: no such file");
        let problems = report.into_problems();
        assert_eq!(
            problems[0].to_string(),
            "error: /etc/bellhop.toml: a\\r\\nb\\u{7} cannot be read: no such file"
        );
    }

    #[test]
    fn neighbours_swapped_are_one_edit() {
        assert_eq!(distance("bnid", "bind"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
