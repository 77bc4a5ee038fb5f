//! `cargo xtask tidy`: the rules that matter are checked by machine.
//!
//! Each rule is a function from the repository's files to violations, and has
//! a test with a sample that breaks it. How `docs/*.md` name tests, so that tidy
//! finds one that is gone, is written down in `proofs`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod arrows;
mod lexer;
mod proofs;
mod purity;
mod shape;
mod tests_only;

/// Checks every rule and prints what breaks one; exit status 1 if anything does.
pub(crate) fn run(root: &Path) -> ExitCode {
    let tree = match Tree::read(root) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("tidy: {error}");
            return ExitCode::from(2);
        }
    };
    let violations = check(&tree);
    for violation in &violations {
        println!("{violation}");
    }
    println!(
        "tidy: {} sources, {} manifests and {} documents, {} violations",
        tree.sources.len(),
        tree.manifests.len(),
        tree.documents.len(),
        violations.len()
    );
    if violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One place that breaks one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    what: String,
}

impl Violation {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The repository's Rust sources, manifests and documents (`docs/*.md`), in memory.
#[derive(Default)]
pub(crate) struct Tree {
    sources: Vec<Source>,
    manifests: Vec<Text>,
    documents: Vec<Text>,
}

/// One Rust source, its path relative to the root, with `/`.
struct Source {
    path: String,
    text: String,
    /// The text with comments and the insides of literals blanked, line for line.
    code: String,
    /// The comments alone, line for line.
    comments: String,
}

/// One `Cargo.toml` or one document.
struct Text {
    path: String,
    text: String,
}

impl Tree {
    fn read(root: &Path) -> Result<Self, String> {
        let mut tree = Self::default();
        for file in files_below(root)? {
            let path = relative(root, &file);
            let is_manifest = path.rsplit('/').next() == Some("Cargo.toml");
            let is_source = file.extension().is_some_and(|ext| ext == "rs");
            let is_document =
                path.starts_with("docs/") && file.extension().is_some_and(|ext| ext == "md");
            if !is_manifest && !is_source && !is_document {
                continue;
            }
            let text = std::fs::read_to_string(&file).map_err(|e| format!("{path}: {e}"))?;
            if is_manifest {
                tree.manifests.push(Text { path, text });
            } else if is_document {
                tree.documents.push(Text { path, text });
            } else {
                tree.sources.push(Source::new(path, text));
            }
        }
        Ok(tree)
    }

    #[cfg(test)]
    fn of_source(path: &str, text: &str) -> Self {
        let source = Source::new(path.to_owned(), text.to_owned());
        Self {
            sources: vec![source],
            ..Self::default()
        }
    }

    #[cfg(test)]
    fn of_manifest(path: &str, text: &str) -> Self {
        let manifest = Text {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        Self {
            manifests: vec![manifest],
            ..Self::default()
        }
    }

    #[cfg(test)]
    fn with_document(mut self, path: &str, text: &str) -> Self {
        self.documents.push(Text {
            path: path.to_owned(),
            text: text.to_owned(),
        });
        self
    }
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let (code, comments) = lexer::split(&text);
        Self {
            path,
            text,
            code,
            comments,
        }
    }

    /// The lines of the code that name `word`, numbered from 1.
    fn code_lines_with(&self, word: &str) -> Vec<usize> {
        numbered(&self.code)
            .filter(|(_, line)| lexer::names(line, word))
            .map(|(n, _)| n)
            .collect()
    }
}

fn check(tree: &Tree) -> Vec<Violation> {
    RULES.iter().flat_map(|rule| rule(tree)).collect()
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

fn relative(root: &Path, file: &Path) -> String {
    file.strip_prefix(root)
        .unwrap_or(file)
        .to_string_lossy()
        .replace('\\', "/")
}

/// Every file below `root`, sorted, without build output and hidden folders.
fn files_below(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(dir) = open.pop() {
        let entries = std::fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        for entry in entries {
            let entry = entry.map_err(|e| format!("{}: {e}", dir.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry
                .file_type()
                .map_err(|e| format!("{}: {e}", dir.display()))?;
            if kind.is_dir() && name != "target" && !name.starts_with('.') {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

const RULES: &[fn(&Tree) -> Vec<Violation>] = &[
    arrows::only_allowed_dependencies,
    arrows::only_wire_names_rsip,
    arrows::every_member_inherits_the_lints,
    shape::no_file_is_too_long,
    shape::every_module_has_a_doc,
    shape::nothing_is_left_open,
    purity::core_touches_no_world,
    purity::core_depends_on_no_world,
    tests_only::no_test_is_ignored,
    tests_only::no_test_sleeps,
    proofs::every_named_test_exists,
    proofs::every_row_has_its_proof,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_read_without_what_was_built_from_it() {
        let tree = Tree::read(&crate::root()).unwrap();
        let read = |path: &str| tree.sources.iter().any(|source| source.path == path);
        assert!(read("xtask/src/tidy.rs") && read("crates/core/src/lib.rs"));
        assert!(
            !tree
                .sources
                .iter()
                .any(|source| source.path.starts_with("target/"))
        );
        assert!(
            tree.manifests
                .iter()
                .any(|manifest| manifest.path == "crates/core/Cargo.toml")
        );
    }
}
