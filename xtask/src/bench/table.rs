//! The results as Markdown: a table for CPU, one for latency and rates, and the facts around them.

use super::results::{Greatest, Measured, Memory, Results, RowResult};
use std::fmt::Write as _;

/// Everything that is printed at the end.
pub(super) fn render(results: &Results) -> String {
    let mut text = facts(results);
    if !results.rows.is_empty() {
        text.push_str(&cpu(&results.rows));
        text.push_str(&latency(&results.rows));
    }
    if let Some(memory) = &results.memory {
        text.push_str(&bindings(memory));
    }
    text.push_str(&remarks(results));
    text
}

fn facts(results: &Results) -> String {
    let m = &results.machine;
    let kind = if m.is_virtual { ", virtual" } else { "" };
    let governor = m.governor.as_deref().unwrap_or("not readable");
    format!(
        "{} ({} cores{kind}), {} MiB, Linux {}, governor {governor}; {}\n\
         {} ({}, {}) and {}, each on one core, storm on another; medians of {} runs of {} s, \
         {}, load {} before and {} after, {} s in all\n",
        m.cpu,
        m.cores,
        m.memory_mb,
        m.kernel,
        m.date,
        m.bellhop,
        m.commit,
        m.rustc,
        m.kamailio,
        results.pairs,
        results.seconds,
        if results.is_logged {
            "a log line for each"
        } else {
            "no log lines"
        },
        m.load,
        results.load_after,
        results.took_s,
    )
}

fn cpu(rows: &[RowResult]) -> String {
    let mut text = "\nCPU microseconds a transaction, user and system (user space's part)\n\n\
        | flow (messages) | rate/s | Bellhop | Kamailio | ratio | floor |\n\
        |---|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for row in rows {
        let _ = writeln!(
            text,
            "| {} ({}) | {} | {} | {} | {} | {} |",
            row.title,
            row.messages,
            thousands(f64::from(row.rate)),
            micros(&row.bellhop),
            micros(&row.kamailio),
            or_dash(row.ratio().map(|r| format!("**{r:.2}**"))),
            micros(&row.floor),
        );
    }
    text
}

fn latency(rows: &[RowResult]) -> String {
    let mut text = "\nLatency p50 / p99 in ms, failures of all runs, greatest resident size in MiB, \
        greatest sustained rate a second\n\n\
        | flow | rate/s | Bellhop ms | Kamailio ms | failed B, K | MiB B, K | greatest B | K | ratio |\n\
        |---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    let greatest = |m: &Measured| or_dash(m.greatest.as_ref().map(rate));
    for row in rows {
        let (b, k) = (&row.bellhop, &row.kamailio);
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} / {:.1} | {:.2} / {:.1} | {}, {} | {:.0}, {:.0} | {} | {} | {} |",
            row.title,
            thousands(f64::from(row.rate)),
            b.p50_ms,
            b.p99_ms,
            k.p50_ms,
            k.p99_ms,
            b.failed,
            k.failed,
            b.rss_peak_mb,
            k.rss_peak_mb,
            greatest(b),
            greatest(k),
            or_dash(row.rate_ratio().map(|r| format!("**{r:.2}**"))),
        );
    }
    text
}

fn bindings(memory: &Memory) -> String {
    let line = |name: &str, growth| {
        let super::results::Growth {
            before_mb,
            after_mb,
        } = growth;
        let each = memory.bytes_each(growth);
        format!("| {name} | {before_mb:.1} | {after_mb:.1} | {each:.0} |\n")
    };
    format!(
        "\nMemory in MiB, proportional: before and after {} bindings\n\n\
         | server | before | after | bytes a binding |\n|---|---:|---:|---:|\n{}{}",
        thousands(f64::from(memory.bindings)),
        line("Bellhop", memory.bellhop),
        line("Kamailio", memory.kamailio),
    )
}

/// What a reader must know before he believes a figure.
fn remarks(results: &Results) -> String {
    let mut text = String::new();
    for row in &results.rows {
        let servers = [
            ("Bellhop", &row.bellhop),
            ("Kamailio", &row.kamailio),
            ("the floor", &row.floor),
        ];
        for (name, measured) in servers {
            let runs = &measured.runs;
            if runs.repeated > 0 {
                let _ = writeln!(
                    text,
                    "- {}: {} run(s) of {name} repeated, storm was kept from its core for more than 10 ms",
                    row.name, runs.repeated
                );
            }
            if runs.disturbed > 0 {
                let _ = writeln!(
                    text,
                    "- {}: {} run(s) of {name} COUNT ALTHOUGH DISTURBED, repetitions were no better",
                    row.name, runs.disturbed
                );
            }
            if measured.failed.saturating_mul(1_000) > measured.started {
                let _ = writeln!(
                    text,
                    "- {}: {name} FAILED {} of {}; its CPU figure is of the rest",
                    row.name, measured.failed, measured.started
                );
            }
        }
    }
    if text.is_empty() {
        return text;
    }
    format!("\n{text}")
}

/// The greatest rate; with what came of it when it was to last, if it does not.
fn rate(greatest: &Greatest) -> String {
    let found = thousands(greatest.step.offered);
    if greatest.lasts() {
        return found;
    }
    let ok = thousands(greatest.held.achieved);
    format!("{found} for 2 s, then {ok} OK")
}

fn micros(measured: &Measured) -> String {
    if measured.runs.samples.is_empty() {
        return DASH.to_owned();
    }
    let share = measured.user_share * 100.0;
    format!("{:.1} ({share:.0} %)", measured.cpu_us)
}

/// A whole number with commas between its thousands.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (left, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        text.push(digit);
        if left > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
    }
    text
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| DASH.to_owned())
}

const DASH: &str = "-";

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests")]
mod tests {
    use super::super::figures::{Runs, Sample};
    use super::super::results::Growth;
    use super::super::rows::ROWS;
    use super::*;

    fn measured(cpu_us: f64, failed: u64, greatest: Option<f64>) -> Measured {
        let sample = Sample {
            cpu_us_transaction: cpu_us,
            user_share: 0.25,
            p50_ms: 0.5,
            p99_ms: 2.0,
            started: 1_000,
            failed,
            rss_peak_mb: 12.0,
            ..Sample::default()
        };
        let runs = Runs {
            samples: vec![sample],
            ..Runs::default()
        };
        let at = |offered| Greatest {
            step: Sample {
                offered,
                ..Sample::default()
            },
            held: Sample {
                started: 1_000,
                failed,
                achieved: 1_554.0,
                ..Sample::default()
            },
        };
        Measured::of(runs, greatest.map(at))
    }

    fn results() -> Results {
        let mut row = RowResult::of(&ROWS[1]);
        row.bellhop = measured(26.0, 0, Some(46_000.0));
        row.kamailio = measured(52.0, 0, Some(23_000.0));
        row.floor = measured(19.0, 0, None);
        Results {
            rows: vec![row],
            ..Results::default()
        }
    }

    #[test]
    fn a_row_shows_both_servers_their_ratio_and_the_floor() {
        let text = render(&results());
        let cpu = "| REGISTER, 401, REGISTER, 200 (4) | 12,000 | 26.0 (25 %) | 52.0 (25 %) | **0.50** | 19.0 (25 %) |";
        assert!(text.contains(cpu), "{text}");
        let latency = "| REGISTER, 401, REGISTER, 200 | 12,000 | 0.50 / 2.0 | 0.50 / 2.0 | 0, 0 | 12, 12 | 46,000 | 23,000 | **2.00** |";
        assert!(text.contains(latency), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let mut results = results();
        results.rows[0].floor = Measured::default();
        results.rows[0].kamailio.greatest = None;
        let text = render(&results);
        assert!(text.contains("| **0.50** | - |"), "{text}");
        assert!(text.contains("| 46,000 | - | - |"), "{text}");
    }

    #[test]
    fn repeated_disturbed_and_failing_runs_are_said() {
        let mut results = results();
        assert!(!render(&results).contains("\n- "));
        results.rows[0].kamailio = measured(52.0, 5, None);
        results.rows[0].bellhop.runs.repeated = 2;
        results.rows[0].floor.runs.disturbed = 1;
        let text = render(&results);
        assert!(
            text.contains("register-12000: Kamailio FAILED 5 of 1000"),
            "{text}"
        );
        assert!(text.contains("2 run(s) of Bellhop repeated"), "{text}");
        assert!(
            text.contains("1 run(s) of the floor COUNT ALTHOUGH"),
            "{text}"
        );
    }

    #[test]
    fn a_rate_that_does_not_last_is_no_greatest_rate() {
        let mut results = results();
        results.rows[0].bellhop = measured(26.0, 2, Some(7_125.0));
        let text = render(&results);
        assert!(
            text.contains("| 7,125 for 2 s, then 1,554 OK | 23,000 | - |"),
            "{text}"
        );
    }

    #[test]
    fn memory_is_told_in_bytes_a_binding() {
        let growth = |after_mb| Growth {
            before_mb: 10.0,
            after_mb,
        };
        let results = Results {
            memory: Some(Memory {
                bindings: 102_400,
                bellhop: growth(60.0),
                kamailio: growth(110.0),
            }),
            ..Results::default()
        };
        let text = render(&results);
        assert!(text.contains("| Bellhop | 10.0 | 60.0 | 512 |"), "{text}");
        assert!(
            text.contains("| Kamailio | 10.0 | 110.0 | 1024 |"),
            "{text}"
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        let shown: Vec<String> = [0.0, 999.0, 1_000.0, 12_345.6, 1_234_567.0]
            .map(thousands)
            .into();
        assert_eq!(shown, ["0", "999", "1,000", "12,346", "1,234,567"]);
    }
}
