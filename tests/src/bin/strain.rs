//! Puts plugins under strain in the running program (`cargo xtask swaps`, `cargo xtask abuse`).

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::storm::Calls;
use bellhop_tests::strain::abuse::{Abuse, Load, MISDEEDS, Slice};
use bellhop_tests::strain::swaps;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n > 0);
    let done = match args[..] {
        ["swaps", storm, rate, count] => number(rate)
            .zip(count.parse().ok())
            .map(|(rate, count)| swap(Path::new(storm), rate, count)),
        ["abuse", storm, calls, messages, seconds, cuts, only] => {
            let misdeeds: Vec<&str> = MISDEEDS
                .into_iter()
                .filter(|one| only == "all" || only == *one)
                .collect();
            let all = [calls, messages, seconds, cuts].map(number);
            match all {
                [Some(calls), Some(messages), Some(seconds), Some(cuts)]
                    if !misdeeds.is_empty() =>
                {
                    let load = Load {
                        calls,
                        messages,
                        seconds,
                        cuts,
                    };
                    Some(abused(Path::new(storm), load, &misdeeds))
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
                "usage: strain swaps STORM CALLS/S COUNT\n       strain abuse STORM CALLS/S MESSAGES/S SECONDS CUTS all|{}",
                MISDEEDS.join("|")
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

fn abused(storm: &Path, load: Load, misdeeds: &[&str]) -> bool {
    let all: Vec<_> = misdeeds
        .iter()
        .map(|misdeed| (misdeed, endured(storm, load, misdeed)))
        .collect();
    println!(
        "\nthe others' 99th percentile while the plugin misbehaves, beside that of the same time before it:"
    );
    let mut is_good = true;
    for (misdeed, (line, good)) in all {
        println!("{misdeed:<10}  {line}");
        is_good &= good;
    }
    is_good
}

/// One misdeed, a slice with it after each slice without it, until it was done often enough.
fn endured(storm: &Path, load: Load, misdeed: &str) -> (String, bool) {
    let mut abuse = Abuse::start(storm, load);
    let (mut quiet, mut bad) = (Vec::new(), Vec::new());
    let began = Instant::now();
    // What the calls keep grows until the first transactions are over: 32 s.
    let mut warm = None;
    while bad.len() < LEAST_PAIRS || bad.iter().map(|one: &Slice| one.cut).sum::<u64>() < load.cuts
    {
        for (order, slices) in [("nothing", &mut quiet), (misdeed, &mut bad)] {
            let slice = abuse.slice(order);
            println!(
                "{order:<10}  {} messages, {} answered, {} calls cut, {} not begun; {} kB",
                slice.sent, slice.answered, slice.cut, slice.spared, slice.memory,
            );
            told(order, &slice.calls);
            slices.push(slice);
        }
        if warm.is_none() && began.elapsed() > WARM {
            warm = bad.last().map(|slice| slice.memory);
        }
        if bad.len() >= MOST_PAIRS {
            break;
        }
    }
    let cut: u64 = bad.iter().map(|one| one.cut).sum();
    let failed: u64 = quiet.iter().chain(&bad).map(|one| one.calls.failed).sum();
    let memory = bad.last().map_or(0, |slice| slice.memory);
    let warm = warm.unwrap_or(memory);
    let ratio = middle(&bad) / middle(&quiet);
    let line = format!(
        "{:.2} ms, {:.2} ms before, {ratio:.2} times; {cut} calls cut, each after {:.1} ms by the clock; {failed} calls \
         failed; {warm} kB when warm, {memory} kB at the end",
        middle(&bad),
        middle(&quiet),
        abuse.cut_after_ms(),
    );
    let good = cut >= load.cuts
        && failed == 0
        && ratio < 1.2
        && memory.saturating_sub(warm) < MOST_GROWTH_KB;
    (line, good)
}

fn middle(slices: &[Slice]) -> f64 {
    let mut all: Vec<f64> = slices.iter().map(|one| one.calls.p99_ms).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn told(what: &str, calls: &Calls) {
    println!(
        "{what:<10}  {} calls, {} failed, {} messages sent again, p50 {:.2} ms, p99 {:.2} ms (storm late by {:.1} ms at most)",
        calls.started, calls.failed, calls.retransmits, calls.p50_ms, calls.p99_ms, calls.lag_ms
    );
}

const LEAST_PAIRS: usize = 5;
/// A machine that has no time for the misdeeds of so many slices is too busy to tell anything.
const MOST_PAIRS: usize = 60;
const WARM: Duration = Duration::from_secs(60);
/// What an allocator keeps, more or less.
const MOST_GROWTH_KB: u64 = 8 << 10;
