//! The committed figures: reading, comparing, writing.

use super::profile::Cost;
use std::collections::BTreeMap;
use std::fmt;

/// Above the rows.
pub(super) const HEAD: &str =
    "case                            instructions  committed  allocations  committed";

/// What each case may cost, and with what that was counted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) tools: String,
    cases: BTreeMap<String, Cost>,
}

/// A case beside its figure.
#[derive(Debug)]
pub(super) struct Row<'a> {
    name: &'a str,
    is: Cost,
    may: Option<Cost>,
}

impl Figures {
    /// Reads the file; an empty one has no figures.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|e| format!("figures.toml: {e}"))?;
        let mut figures = Self::default();
        for (name, value) in &table {
            match value {
                toml::Value::String(tools) if name == "tools" => figures.tools.clone_from(tools),
                other => {
                    let cost = read_cost(other).ok_or(format!("figures.toml: {name}"))?;
                    figures.cases.insert(name.clone(), cost);
                }
            }
        }
        Ok(figures)
    }

    /// Forgets cases that there are no more.
    pub(super) fn keep(&mut self, names: &[String]) {
        self.cases.retain(|name, _| names.contains(name));
    }

    pub(super) fn put(&mut self, name: &str, cost: Cost) {
        self.cases.insert(name.to_owned(), cost);
    }

    pub(super) fn judge<'a>(&self, name: &'a str, is: Cost) -> Row<'a> {
        let may = self.cases.get(name).copied();
        Row { name, is, may }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Written by `cargo xtask count --bless`, for one round of each case of bench/micro."
        )?;
        writeln!(f, "tools = {:?}", self.tools)?;
        self.cases.iter().try_for_each(|(name, cost)| {
            let Cost {
                instructions,
                allocations,
            } = cost;
            writeln!(
                f,
                "{name:?} = {{ instructions = {instructions}, allocations = {allocations:.2} }}"
            )
        })
    }
}

impl Row<'_> {
    /// Whether the case has a figure and is not over it.
    pub(super) fn holds(&self) -> bool {
        self.may.is_some_and(|may| {
            self.is.instructions <= part(may.instructions, 103)
                && self.is.allocations <= may.allocations
        })
    }

    fn remark(&self) -> &'static str {
        match self.may {
            None => "NO FIGURE",
            Some(_) if !self.holds() => "OVER",
            Some(may) if self.is.instructions < part(may.instructions, 97) => "cheaper, bless it",
            Some(_) => "",
        }
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, is, may } = self;
        let may = may.unwrap_or_default();
        let text = format!(
            "{name:<30} {:>13} {:>10} {:>12.2} {:>10.2}  {}",
            is.instructions,
            may.instructions,
            is.allocations,
            may.allocations,
            self.remark()
        );
        f.write_str(text.trim_end())
    }
}

/// So many hundredths of a number.
fn part(number: u64, hundredths: u64) -> u64 {
    number.saturating_mul(hundredths) / 100
}

fn read_cost(value: &toml::Value) -> Option<Cost> {
    Some(Cost {
        instructions: u64::try_from(value.get("instructions")?.as_integer()?).ok()?,
        allocations: value.get("allocations")?.as_float()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "tools = \"rustc 1\"\n\"wire/a\" = { instructions = 1000, allocations = 2.53 }\n";

    fn remark(instructions: u64, allocations: f64) -> (bool, &'static str) {
        let figures = Figures::read(TEXT).unwrap();
        let row = figures.judge(
            "wire/a",
            Cost {
                instructions,
                allocations,
            },
        );
        (row.holds(), row.remark())
    }

    #[test]
    fn more_than_three_in_a_hundred_over_the_figure_fails() {
        assert_eq!(remark(1030, 2.53), (true, ""));
        assert_eq!(remark(1031, 2.53), (false, "OVER"));
    }

    #[test]
    fn any_more_allocation_fails() {
        assert_eq!(remark(1000, 2.54), (false, "OVER"));
        assert_eq!(remark(1000, 0.0), (true, ""));
    }

    #[test]
    fn what_has_become_cheaper_is_told() {
        assert_eq!(remark(970, 2.53), (true, ""));
        assert_eq!(remark(969, 2.53), (true, "cheaper, bless it"));
    }

    #[test]
    fn a_case_without_a_figure_fails() {
        let figures = Figures::read("").unwrap();
        let row = figures.judge("wire/a", Cost::default());
        assert_eq!((row.holds(), row.remark()), (false, "NO FIGURE"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let figures = Figures::read(TEXT).unwrap();
        let written = figures.to_string();
        assert!(written.ends_with(TEXT), "{written}");
        assert_eq!(Figures::read(&written).unwrap().to_string(), written);
    }

    #[test]
    fn a_case_that_is_gone_loses_its_figure() {
        let mut figures = Figures::read(TEXT).unwrap();
        figures.keep(&["wire/b".to_owned()]);
        assert!(!figures.to_string().contains("wire/a"));
    }

    #[test]
    fn a_figure_that_is_none_is_refused() {
        for bad in ["a = 1", "a = { instructions = -1, allocations = 0.0 }", "="] {
            assert!(Figures::read(bad).is_err(), "{bad}");
        }
    }
}
