//! Puts plugins under strain in the running program (`cargo xtask swaps`, `cargo xtask abuse`).

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::storm::Calls;
use bellhop_tests::strain::abuse::{self, Load, MISDEEDS, Outcome};
use bellhop_tests::strain::swaps;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n > 0);
    let done = match args[..] {
        ["swaps", storm, rate, count] => number(rate)
            .zip(count.parse().ok())
            .map(|(rate, count)| swap(Path::new(storm), rate, count)),
        ["abuse", storm, calls, messages, seconds, rounds] => {
            let all = [calls, messages, seconds, rounds].map(number);
            match all {
                [Some(calls), Some(messages), Some(seconds), Some(rounds)] => {
                    let load = Load {
                        calls,
                        messages,
                        seconds,
                    };
                    Some(abused(Path::new(storm), load, rounds))
                }
                _ => None,
            }
        }
        _ => None,
    };
    match done {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprintln!(
                "usage: strain swaps STORM CALLS/S COUNT\n       strain abuse STORM CALLS/S MESSAGES/S SECONDS ROUNDS"
            );
            ExitCode::from(2)
        }
    }
}

fn swap(storm: &Path, rate: u64, count: u32) -> bool {
    let swaps = swaps::run(storm, rate, count, |version, took| {
        if version % 10 == 0 {
            println!("{version:>4} swaps, the last in {took:.1?}");
        }
    });
    println!(
        "{} versions compiled and taken over under {rate} calls a second, the slowest in {:.1?}",
        swaps.swapped, swaps.longest
    );
    println!(
        "the plugin was asked {} times and failed {} times",
        swaps.asked, swaps.faults
    );
    told("calls", &swaps.calls);
    swaps.swapped == u64::from(count)
        && swaps.faults == 0
        && swaps.calls.failed == 0
        && swaps.asked >= swaps.calls.started
}

fn abused(storm: &Path, load: Load, rounds: u64) -> bool {
    let mut all: Vec<Vec<Outcome>> = vec![Vec::new(); MISDEEDS.len()];
    for _ in 0..rounds {
        for (misdeed, outcomes) in MISDEEDS.into_iter().zip(&mut all) {
            let outcome = abuse::run(storm, load, misdeed);
            println!(
                "{:<10}  {} messages, {} answered, {} calls cut, {} not begun; {} kB, {} kB at the end",
                misdeed.name,
                outcome.sent,
                outcome.answered,
                outcome.cut,
                outcome.spared,
                outcome.memory.0,
                outcome.memory.1,
            );
            told(misdeed.name, &outcome.calls);
            outcomes.push(outcome);
        }
    }
    let quiet = all
        .first()
        .map(|outcomes| middle(outcomes))
        .unwrap_or_default();
    let mut is_good = true;
    println!(
        "\nmedians of {rounds}; the others' 99th percentile beside that of a plugin that behaves:"
    );
    for (misdeed, outcomes) in MISDEEDS.iter().zip(&all) {
        let (p99, failed) = (
            middle(outcomes),
            outcomes.iter().map(|o| o.calls.failed).sum::<u64>(),
        );
        let ratio = p99 / quiet;
        println!(
            "{:<10}  p99 {p99:.3} ms, {ratio:.2} times; {failed} calls failed",
            misdeed.name
        );
        let grew = outcomes
            .iter()
            .any(|o| o.memory.1.saturating_sub(o.memory.0) > MOST_GROWTH_KB);
        is_good &= failed == 0 && ratio < 1.2 && !grew;
    }
    is_good
}

fn middle(outcomes: &[Outcome]) -> f64 {
    let mut all: Vec<f64> = outcomes.iter().map(|o| o.calls.p99_ms).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn told(what: &str, calls: &Calls) {
    println!(
        "{what:<10}  {} calls, {} failed, {} messages sent again, p50 {:.2} ms, p99 {:.2} ms (storm late by {:.1} ms at most)",
        calls.started, calls.failed, calls.retransmits, calls.p50_ms, calls.p99_ms, calls.lag_ms
    );
}

/// What the calls themselves keep goes on growing until the first transactions are over: 32 s.
const MOST_GROWTH_KB: u64 = 32 << 10;
