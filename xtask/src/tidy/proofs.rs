//! What `docs/*.md` say is proven has its proof: the tests that they name exist.
//!
//! A document names a test as `` `PLACE::NAME` `` in one pair of backticks. NAME is the name of the test
//! function, a sentence of at least three words (`two_underscores_or_more`); PLACE is the end of the path of
//! the file it stands in, with or without `.rs`: `` `forks::a_603_ends_the_search` ``, or longer where that
//! helps the reader, `` `core/src/transaction/tests/timer::..` ``. Anything else in backticks is left alone.
//!
//! In a table whose last column is headed `Proof`, that cell of each row names at least one test or begins
//! with one of the excuses: `not applicable:`, `departs:`, `waits:`, `elsewhere:`, with its reason behind it.

use super::{Source, Tree, Violation, lexer, numbered};

/// Every test that a document names is in the tree.
pub(super) fn every_named_test_exists(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for document in &tree.documents {
        for (line, text) in numbered(&document.text) {
            for (place, name) in references(text) {
                let what = match where_it_is(tree, name).as_slice() {
                    [] => format!("there is no test {name}"),
                    paths if paths.iter().any(|path| ends_with(path, place)) => continue,
                    [path, ..] => format!("the test {name} is in {path}, not in {place}"),
                };
                found.push(Violation::new(&document.path, line, what));
            }
        }
    }
    found
}

/// A row of a table of proofs has a proof, or says why there is none.
pub(super) fn every_row_has_its_proof(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for document in &tree.documents {
        let mut in_proofs = false;
        for (line, text) in numbered(&document.text) {
            let Some(cells) = cells(text) else {
                in_proofs = false;
                continue;
            };
            let last = cells.last().copied().unwrap_or_default();
            if last == "Proof" {
                in_proofs = true;
            } else if in_proofs && !is_rule(last) && !is_proof(last) {
                let what = "no test is named, and no excuse with a reason is given";
                found.push(Violation::new(&document.path, line, what));
            }
        }
    }
    found
}

/// The (place, name) pairs of one line.
fn references(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let spans = line.split('`').skip(1).step_by(2);
    spans
        .filter_map(|span| span.split_once("::"))
        .filter(|(place, name)| is_place(place) && is_sentence(name))
}

fn is_place(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-/.".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

fn is_sentence(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(plain) && text.matches('_').count() >= 2
}

/// The files that have a test of this name.
fn where_it_is<'a>(tree: &'a Tree, name: &str) -> Vec<&'a str> {
    let with_it = tree.sources.iter().filter(|source| has_test(source, name));
    with_it.map(|source| source.path.as_str()).collect()
}

/// Does the source define the function `name` with a `test` attribute before it?
fn has_test(source: &Source, name: &str) -> bool {
    let definition = format!("fn {name}");
    source.code.match_indices(&definition).any(|(at, _)| {
        let (before, after) = source.code.split_at_checked(at).unwrap_or_default();
        let own = before.rsplit(['{', '}', ';']).next().unwrap_or_default();
        let first_line = after.lines().next().unwrap_or_default();
        lexer::names(first_line, &definition) && lexer::names(own, "test")
    })
}

fn ends_with(path: &str, place: &str) -> bool {
    let path = if place.ends_with(".rs") {
        path
    } else {
        path.trim_end_matches(".rs")
    };
    path.strip_suffix(place)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// The cells of a line that is a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// The line under a table's heads.
fn is_rule(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| c == '-' || c == ':')
}

fn is_proof(cell: &str) -> bool {
    let excused = |excuse: &&str| {
        cell.strip_prefix(*excuse)
            .is_some_and(|reason| !reason.trim().is_empty())
    };
    references(cell).next().is_some() || EXCUSES.iter().any(excused)
}

const EXCUSES: &[&str] = &["not applicable:", "departs:", "waits:", "elsewhere:"];

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "#[test]\nfn a_day_is_long() {}\n";

    fn said(path: &str, source: &str, document: &str) -> Vec<String> {
        let tree = Tree::of_source(path, source).with_document("docs/a.md", document);
        let found = every_named_test_exists(&tree);
        found.into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn a_named_test_is_found_by_any_end_of_its_path() {
        for place in ["b", "tests/b", "b.rs", "crates/x/tests/b.rs"] {
            let text = format!("x `{place}::a_day_is_long` y");
            let found = said("crates/x/tests/b.rs", TEST, &text);
            assert!(found.is_empty(), "{place}: {found:?}");
        }
        let marked = "#[tokio::test(flavor = \"multi_thread\")]\n#[cfg(unix)]\nasync fn a_day_is_long() {}\n";
        assert!(said("b.rs", marked, "`b::a_day_is_long`").is_empty());
        let generated = "proptest! {\n    #[test]\n    fn a_day_is_long(x in 0..3) {}\n}\n";
        assert!(said("b.rs", generated, "`b::a_day_is_long`").is_empty());
    }

    #[test]
    fn a_test_that_is_gone_is_found() {
        let gone = ["there is no test a_day_is_long"];
        for source in [
            "",
            "fn a_day_is_long() {}\n",
            "#[test]\nfn b() {}\nfn a_day_is_long() {}\n",
            "// #[test] fn a_day_is_long() {}\n",
            "#[test]\nfn a_day_is_longer() {}\n",
        ] {
            assert_eq!(said("b.rs", source, "`b::a_day_is_long`"), gone, "{source}");
        }
        let found = said("b.rs", "", "`b::a_day_is_long`, `b::b_day_is_long`");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_test_in_another_file_is_found() {
        for place in ["b", "ab", "x/c"] {
            let found = said("tests/c.rs", TEST, &format!("`{place}::a_day_is_long`"));
            let what = format!("the test a_day_is_long is in tests/c.rs, not in {place}");
            assert_eq!(found, [what]);
        }
    }

    #[test]
    fn what_names_no_test_is_left_alone() {
        let text =
            "`Outbox::resolves` `std::thread::sleep` `core::engine` b::a_day_is_long `::` ``";
        assert!(said("b.rs", "", text).is_empty());
    }

    #[test]
    fn a_row_without_a_proof_is_found() {
        let rows = |text: &str| {
            let tree = Tree::default().with_document("docs/a.md", text);
            let found = every_row_has_its_proof(&tree);
            found.iter().map(|v| v.line).collect::<Vec<_>>()
        };
        let head = "| Statement | Proof |\n| --- | --- |\n";
        for good in [
            "| a | `b::a_day_is_long` |",
            "| a | departs: a day is long |",
            "| a | not applicable: no |",
        ] {
            assert!(rows(&format!("{head}{good}\n")).is_empty(), "{good}");
        }
        for bad in [
            "| a | |",
            "| a | yes |",
            "| a | departs: |",
            "| `b::a_day_is_long` | |",
        ] {
            assert_eq!(rows(&format!("{head}{bad}\n")), [3], "{bad}");
        }
        assert!(rows("| Statement | Note |\n| --- | --- |\n| a | |\n").is_empty());
    }
}
