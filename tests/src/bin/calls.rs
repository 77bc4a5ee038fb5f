//! Kills the running program under calls of two legs, again and again (`cargo xtask calls`).

#![allow(
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::outlive::{self, Plan};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Option<Vec<u64>> = std::env::args().skip(1).map(|a| a.parse().ok()).collect();
    let Some(&[calls, kills, rate]) = args.as_deref() else {
        eprintln!("usage: calls CALLS KILLS RATE");
        return ExitCode::from(2);
    };
    let plan = Plan {
        calls: usize::try_from(calls).unwrap_or(usize::MAX),
        kills: u32::try_from(kills).unwrap_or(u32::MAX),
        rate,
        standing: Duration::from_secs(1),
    };
    let outlived = outlive::run(plan, |line| println!("{line}"));
    for failed in &outlived.failed {
        println!("failed: {failed}");
    }
    let (with, without) = outlived.memory;
    println!(
        "{} kB resident with {calls} calls, {without} kB before; {} short calls beside them",
        with, outlived.short
    );
    let slowest = outlived.ready.iter().max().copied().unwrap_or_default();
    println!(
        "killed {kills} times under {calls} calls: {} of {} BYEs, half from each side, were answered 200 and reached \
         the other end ({:.2} %); slowest start {slowest:.0?}",
        outlived.ended,
        outlived.calls,
        outlived.percent()
    );
    match outlived.percent() >= 99.9 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
