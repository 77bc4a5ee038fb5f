//! Tests are all run, and wait for what they want to see, not for a time.

use super::{Source, Tree, Violation, numbered};

/// A test that is switched off tells nobody anything.
pub(super) fn no_test_is_ignored(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in &tree.sources {
        for (line, code) in numbered(&source.code) {
            let squeezed: String = code.split_whitespace().collect();
            if squeezed.contains("#[ignore")
                || squeezed.contains(",ignore]")
                || squeezed.contains(",ignore)]")
            {
                found.push(Violation::new(&source.path, line, "a test is ignored"));
            }
        }
    }
    found
}

/// A test that sleeps is slow where it works and fails where it matters. One
/// file may sleep: the helper that polls until a deadline.
pub(super) fn no_test_sleeps(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in tree
        .sources
        .iter()
        .filter(|source| source.path != POLLING_HELPER)
    {
        let first = first_line_of_tests(source);
        for line in source.code_lines_with("sleep") {
            if first.is_some_and(|first| line >= first) {
                let what = format!("a test sleeps; wait for a condition with {POLLING_HELPER}");
                found.push(Violation::new(&source.path, line, what));
            }
        }
    }
    found
}

/// Where the tests begin in a source: at its top in a file of tests, at the
/// attribute of its module of tests elsewhere.
fn first_line_of_tests(source: &Source) -> Option<usize> {
    let path = &source.path;
    if path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.contains("testkit/")
    {
        return Some(1);
    }
    numbered(&source.code)
        .find(|(_, line)| line.contains("#[cfg(test)]"))
        .map(|(n, _)| n)
}

const POLLING_HELPER: &str = "tests/src/deadline.rs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_test_is_found() {
        for off in [
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "# [ ignore ]",
            "#[cfg_attr(unix, ignore)]",
        ] {
            let text = format!("#[test]\n{off}\nfn a() {{}}\n");
            let found = no_test_is_ignored(&Tree::of_source("a.rs", &text));
            assert_eq!(
                found,
                [Violation::new("a.rs", 2, "a test is ignored")],
                "{off}"
            );
        }
    }

    #[test]
    fn a_sleeping_test_is_found() {
        let sleeps = "fn a() { std::thread::sleep(d); }\n";
        for path in [
            "tests/tests/a.rs",
            "crates/core/tests/a.rs",
            "crates/core/src/a/tests.rs",
            "tests/src/a.rs",
        ] {
            assert_eq!(
                no_test_sleeps(&Tree::of_source(path, sleeps)).len(),
                1,
                "{path}"
            );
        }
        let inline = "fn a() {}\n#[cfg(test)]\nmod tests {\n    async fn b() { tokio::time::sleep(d).await }\n}\n";
        let found = no_test_sleeps(&Tree::of_source("crates/server/src/a.rs", inline));
        assert_eq!(found.iter().map(|v| v.line).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn the_shell_and_the_polling_helper_may_sleep() {
        let sleeps = "fn a() { std::thread::sleep(d); }\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(
            no_test_sleeps(&Tree::of_source("crates/server/src/a.rs", sleeps)),
            []
        );
        assert_eq!(no_test_sleeps(&Tree::of_source(POLLING_HELPER, sleeps)), []);
    }
}
