//! All phones register at once (`cargo xtask avalanche`).

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::avalanche::{self, Plan};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Option<Vec<u32>> = std::env::args().skip(1).map(|a| a.parse().ok()).collect();
    let Some(&[phones, rate, durable]) = args.as_deref() else {
        eprintln!("usage: avalanche PHONES RATE DURABLE(0|1)");
        return ExitCode::from(2);
    };
    let plan = Plan {
        phones,
        rate,
        is_durable: durable > 0,
        within: Duration::from_secs(120),
    };
    let found = avalanche::run(plan, |line| println!("{line}"));
    let [half, most, nearly, all] = found.bound;
    println!(
        "{phones} phones at once: half bound after {half:.1?}, 90 % {most:.1?}, 99 % {nearly:.1?}, all {all:.1?}; \
         {} not; {} bindings",
        found.unbound, found.bindings
    );
    let [challenged, bound, others] = found.answers;
    println!(
        "{} REGISTERs sent, {} of them copies; answered 401 {challenged}, 200 {bound}, otherwise {others}",
        found.sent, found.copies
    );
    println!(
        "the PBX heard {} REGISTERs, {} in its busiest second (configured: {rate})",
        found.heard, found.fastest
    );
    println!("{} kB resident at most", found.memory);
    let most = usize::try_from(rate).unwrap_or(usize::MAX);
    let is_good = found.unbound == 0
        && all < Duration::from_secs(60)
        && found.bindings == u64::from(phones)
        && found.fastest <= most
        && found.memory < 300_000;
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
