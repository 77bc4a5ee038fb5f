//! The Prometheus text format 0.0.4: families, each with what it means, its kind and its samples.

use std::fmt::{Display, Write as _};

/// A text in the making.
#[derive(Debug, Default)]
pub(super) struct Text {
    text: String,
    family: String,
}

/// A label and its value.
pub(super) type Label<'a> = (&'a str, &'a str);

impl Text {
    /// Begins a family of numbers that only grow; its name ends in `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str) {
        self.family(name, "counter", help);
    }

    /// Begins a family of numbers that go up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str) {
        self.family(name, "gauge", help);
    }

    /// Begins a family of histograms.
    pub(super) fn histogram(&mut self, name: &str, help: &str) {
        self.family(name, "histogram", help);
    }

    /// A sample of the family.
    pub(super) fn sample(&mut self, labels: &[Label<'_>], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// A histogram of the family: upper bounds, each with how many values were no larger; the sum of all
    /// values, and how many there were.
    pub(super) fn buckets(
        &mut self,
        labels: &[Label<'_>],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        sum: f64,
        count: u64,
    ) {
        for (most, below) in buckets {
            self.line("_bucket", labels, Some(&most.to_string()), below);
        }
        self.line("_bucket", labels, Some("+Inf"), count);
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, count);
    }

    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        name.clone_into(&mut self.family);
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: &[Label<'_>],
        most: Option<&str>,
        value: impl Display,
    ) {
        let _ = write!(self.text, "{}{suffix}", self.family);
        let most = most.map(|most| ("le", most));
        for (n, (label, value)) in labels.iter().chain(most.as_ref()).enumerate() {
            let before = if n == 0 { '{' } else { ',' };
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = write!(self.text, "{before}{label}=\"{value}\"");
        }
        if !labels.is_empty() || most.is_some() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_label_or_line() {
        let mut text = Text::default();
        text.counter("x_total", "Two\nlines, one \\ each.");
        text.sample(&[("a", "q\"} 1\nforged 1"), ("b", "\\")], 3);
        let expected = "# HELP x_total Two\\nlines, one \\\\ each.\n# TYPE x_total counter\n\
                        x_total{a=\"q\\\"} 1\\nforged 1\",b=\"\\\\\"} 3\n";
        assert_eq!(text.into_text(), expected);
    }

    #[test]
    fn a_histogram_ends_with_all_values_their_sum_and_their_count() {
        let mut text = Text::default();
        text.histogram("t_seconds", "Times.");
        text.buckets(&[("p", "a")], [(0.001, 1), (2.0, 3)], 7.5, 4);
        let expected = "# HELP t_seconds Times.\n# TYPE t_seconds histogram\n\
                        t_seconds_bucket{p=\"a\",le=\"0.001\"} 1\nt_seconds_bucket{p=\"a\",le=\"2\"} 3\n\
                        t_seconds_bucket{p=\"a\",le=\"+Inf\"} 4\nt_seconds_sum{p=\"a\"} 7.5\n\
                        t_seconds_count{p=\"a\"} 4\n";
        assert_eq!(text.into_text(), expected);
    }
}
