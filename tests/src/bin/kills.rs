//! Kills the running program under registrations, again and again (`cargo xtask kills`).

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::kills::{self, Plan};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Option<Vec<u64>> = std::env::args().skip(1).map(|a| a.parse().ok()).collect();
    let Some(&[kills, rate, users]) = args.as_deref() else {
        eprintln!("usage: kills KILLS RATE USERS");
        return ExitCode::from(2);
    };
    let plan = Plan {
        kills: u32::try_from(kills).unwrap_or(u32::MAX),
        rate,
        users: usize::try_from(users).unwrap_or(usize::MAX),
        between: Duration::from_millis(1500),
    };
    let kills = kills::run(plan, |line| println!("{line}"));
    for lost in &kills.lost {
        println!("lost: {lost}");
    }
    println!(
        "{} REGISTERs sent, {} answered 200 (p50 {:.1?}, p99 {:.1?}); {} kB resident with {users} users",
        kills.sent,
        kills.acknowledged,
        kills.percentile(50),
        kills.percentile(99),
        kills.memory
    );
    println!(
        "killed {} times: {} acknowledged bindings lost; slowest start {:.0?}",
        kills.ready.len(),
        kills.lost.len(),
        kills.slowest()
    );
    match kills.lost.is_empty() && kills.slowest() < Duration::from_secs(2) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
