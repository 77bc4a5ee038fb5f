//! Floods the running program and prints what its memory does (`cargo xtask flood`).

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::flood;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Option<Vec<u64>> = std::env::args().skip(1).map(|a| a.parse().ok()).collect();
    let Some(&[seconds, rate]) = args.as_deref() else {
        eprintln!("usage: flood SECONDS RATE");
        return ExitCode::from(2);
    };
    let flood = flood::run(rate, Duration::from_secs(seconds), |at, kb| {
        println!("{:>4} s  {kb} kB resident", at.as_secs());
    });
    let slowest = flood.honest.iter().max().copied().unwrap_or_default();
    println!(
        "{} messages sent, {} answers; an honest phone registered {} times, the slowest in {slowest:.1?}",
        flood.sent,
        flood.answered,
        flood.honest.len(),
    );
    let (warm, most) = flood.warm_and_most().unwrap_or_default();
    println!("memory: {warm} kB when warm, {most} kB at most");
    match flood.is_flat() && slowest < Duration::from_secs(1) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
