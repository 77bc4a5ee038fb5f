//! The command line of the bench: which rows, how often, how long.

use super::rows::{MEMORY, ROWS, Row, means};

/// What is to be measured.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The rows, in the table's order.
    pub(super) rows: Vec<&'static Row>,
    /// Runs of each server and row; the table shows medians.
    pub(super) pairs: u32,
    /// Measured seconds of one run.
    pub(super) seconds: u32,
    /// Whether each flow's greatest sustained rate is searched.
    pub(super) searches: bool,
    /// Bindings whose memory is measured; `None`: it is not.
    pub(super) bindings: Option<u32>,
    /// Whether this only shows that the bench works: its figures are not kept in `bench/results`.
    pub(super) is_quick: bool,
    /// Whether both servers write a line for each registration, call and subscription.
    pub(super) is_logged: bool,
    /// The name of the results' files; `None`: the day.
    pub(super) out: Option<String>,
}

impl Plan {
    /// Reads the arguments after `bench`.
    ///
    /// # Errors
    /// What is wrong, and what is allowed.
    pub(super) fn read(args: &[String]) -> Result<Self, String> {
        let is_quick = args.iter().any(|arg| arg == "--quick");
        let mut plan = Self {
            rows: ROWS.iter().collect(),
            pairs: if is_quick { 1 } else { 3 },
            seconds: if is_quick { 2 } else { 5 },
            searches: !is_quick,
            bindings: Some(if is_quick { 10_000 } else { 100_000 }),
            is_quick,
            is_logged: false,
            out: None,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
            match arg.as_str() {
                "--quick" => {}
                "--log" => plan.is_logged = true,
                "--no-search" => plan.searches = false,
                "--rows" => plan.choose(value()?)?,
                "--pairs" => plan.pairs = whole(arg, value()?)?,
                "--seconds" => plan.seconds = whole(arg, value()?)?,
                "--out" => plan.out = Some(file_name(value()?)?),
                _ => return Err(format!("no option {arg:?}\n{USAGE}")),
            }
        }
        Ok(plan)
    }

    fn choose(&mut self, words: &str) -> Result<(), String> {
        let words: Vec<&str> = words.split(',').map(str::trim).collect();
        let is_meant = |name: &str| words.iter().any(|word| means(word, name));
        let is_known = |word: &&&str| {
            let mut names = ROWS.iter().map(|row| row.name).chain([MEMORY]);
            names.any(|name| means(word, name))
        };
        if let Some(unknown) = words.iter().find(|word| !is_known(word)) {
            let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            return Err(format!(
                "no row {unknown:?}; there are {}, {MEMORY}",
                names.join(", ")
            ));
        }
        self.rows.retain(|row| is_meant(row.name));
        if !is_meant(MEMORY) {
            self.bindings = None;
        }
        Ok(())
    }
}

fn whole(option: &str, text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| (1..=1_000).contains(n));
    number.ok_or_else(|| format!("{option} wants a number from 1 to 1000, not {text:?}"))
}

fn file_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "--out wants letters, digits, - and _, not {text:?}"
    ))
}

const USAGE: &str = "options: --rows A,B  --pairs N (3)  --seconds N (5)  --no-search  --log  --out NAME (the day)  \
                     --quick (one short pair, no search, nothing kept)";

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Plan::read(&args)
    }

    #[test]
    fn without_arguments_every_row_is_measured_in_three_pairs() {
        let plan = plan("").unwrap();
        assert_eq!((plan.rows.len(), plan.pairs, plan.seconds), (15, 3, 5));
        assert!(plan.searches && !plan.is_quick);
        assert_eq!(plan.bindings, Some(100_000));
    }

    #[test]
    fn quick_is_one_short_pair_wherever_it_stands_and_yields_to_what_is_named() {
        let plan = plan("--seconds 4 --quick --rows register").unwrap();
        assert_eq!((plan.rows.len(), plan.pairs, plan.seconds), (2, 1, 4));
        assert!(!plan.searches && plan.is_quick);
        assert_eq!(plan.bindings, None);
    }

    #[test]
    fn rows_keep_the_tables_order_and_memory_is_one_of_them() {
        let plan = plan("--rows options,memory,call").unwrap();
        let names: Vec<&str> = plan.rows.iter().map(|row| row.name).collect();
        assert_eq!(names, ["call", "options"]);
        assert_eq!(plan.bindings, Some(100_000));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in [
            "--rows",
            "--rows cal",
            "--pairs 0",
            "--seconds x",
            "--out ../x",
            "call",
        ] {
            assert!(plan(wrong).is_err(), "{wrong}");
        }
    }
}
