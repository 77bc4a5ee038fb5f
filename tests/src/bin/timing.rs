//! Measures whether answers tell by their time which users there are (`cargo xtask timing`).

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::timing;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|arg| arg.parse().ok()) else {
        eprintln!("usage: timing COUNT");
        return ExitCode::from(2);
    };
    let timing = timing::run(count);
    let (known, unknown) = timing.medians();
    let difference = timing.difference();
    println!(
        "{count} REGISTERs of either kind, taking turns; their answers differ in the nonce alone"
    );
    println!(
        "median to the 401: a known user's {known:.2?}, an unknown user's {unknown:.2?}, {difference:.2} % apart"
    );
    match difference < 5.0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
