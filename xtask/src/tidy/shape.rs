//! The shape of a file: short enough to be read, introduced, finished.

use super::{Tree, Violation, lexer, numbered};

/// A file that is longer has more than one reason.
pub(super) fn no_file_is_too_long(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in &tree.sources {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            let what = format!("{lines} lines; the most is {MOST_LINES}: split by reason");
            found.push(Violation::new(&source.path, lines, what));
        }
    }
    found
}

/// A module opens with a `//!` doc that says what it is for. Attributes of the
/// crate may stand before it.
pub(super) fn every_module_has_a_doc(tree: &Tree) -> Vec<Violation> {
    let opening = |text: &str| {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines
            .find(|line| !line.starts_with("#!["))
            .map(str::to_owned)
    };
    let has_doc = |text: &str| {
        let first = opening(text).unwrap_or_default();
        first
            .strip_prefix("//!")
            .is_some_and(|doc| !doc.trim().is_empty())
    };
    let bare = tree.sources.iter().filter(|source| !has_doc(&source.text));
    bare.map(|s| Violation::new(&s.path, 1, "the module does not begin with a //! doc"))
        .collect()
}

/// Nothing is delivered with a hole in it.
pub(super) fn nothing_is_left_open(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in &tree.sources {
        for word in HOLES {
            for line in source.code_lines_with(word) {
                found.push(Violation::new(
                    &source.path,
                    line,
                    format!("{word} is left open"),
                ));
            }
        }
        for (line, comment) in numbered(&source.comments) {
            if let Some(mark) = MARKS.iter().find(|mark| lexer::names(comment, mark)) {
                found.push(Violation::new(
                    &source.path,
                    line,
                    format!("a {mark} is left open"),
                ));
            }
        }
    }
    found
}

const MOST_LINES: usize = 400;
const HOLES: &[&str] = &["todo!", "unimplemented!"];
const MARKS: &[&str] = &["TODO", "FIXME", "XXX"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_401_lines_is_found_and_one_of_400_passes() {
        let found = no_file_is_too_long(&Tree::of_source("a.rs", &"//! x\n".repeat(401)));
        assert_eq!(found.len(), 1);
        assert_eq!(
            no_file_is_too_long(&Tree::of_source("a.rs", &"//! x\n".repeat(400))),
            []
        );
    }

    #[test]
    fn a_module_without_a_doc_is_found() {
        for bare in [
            "use std::fmt;\n",
            "",
            "/// An item's doc.\nstruct A;\n",
            "//!\nuse std::fmt;\n",
        ] {
            assert_eq!(
                every_module_has_a_doc(&Tree::of_source("a.rs", bare)).len(),
                1,
                "{bare:?}"
            );
        }
        for good in [
            "//! What it is for.\n",
            "#![allow(x)]\n\n//! What it is for.\n",
        ] {
            assert_eq!(
                every_module_has_a_doc(&Tree::of_source("a.rs", good)),
                [],
                "{good:?}"
            );
        }
    }

    #[test]
    fn a_hole_in_the_code_is_found() {
        let found = nothing_is_left_open(&Tree::of_source("a.rs", "fn f() {\n    todo!()\n}\n"));
        assert_eq!(found, [Violation::new("a.rs", 2, "todo! is left open")]);
        let found =
            nothing_is_left_open(&Tree::of_source("a.rs", "fn f() { unimplemented!(\"x\") }"));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_mark_in_a_comment_is_found_and_one_in_a_string_passes() {
        let found = nothing_is_left_open(&Tree::of_source("a.rs", "fn f() {} // TODO: g\n"));
        assert_eq!(found, [Violation::new("a.rs", 1, "a TODO is left open")]);
        assert_eq!(
            nothing_is_left_open(&Tree::of_source("a.rs", "const A: &str = \"TODO\";\n")),
            []
        );
    }
}
