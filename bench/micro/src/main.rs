//! Cases for `cargo xtask count`: `bellhop-micro` names them all, `bellhop-micro CASE ROUNDS` runs one.
//! Callgrind counts what happens inside [`counted`] and nothing else.

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use std::process::ExitCode;

mod engine;
mod messages;
mod wire;

/// One thing whose cost is counted, and what must stand before it can be done again.
trait Case {
    /// Gets everything ready for the next [`Case::run`]; not counted.
    fn prepare(&mut self) {}

    /// What is counted.
    fn run(&mut self);
}

/// The name of a case and how to set it up.
type Entry = (&'static str, fn() -> Box<dyn Case>);

fn main() -> ExitCode {
    let all = || [engine::CASES, wire::CASES].into_iter().flatten();
    let mut args = std::env::args().skip(1);
    let Some(wanted) = args.next() else {
        for (name, _) in all() {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    let case = all().find(|(name, _)| *name == wanted);
    let rounds = args.next().and_then(|rounds| rounds.parse::<usize>().ok());
    let (Some((_, set_up)), Some(rounds)) = (case, rounds) else {
        eprintln!("usage: bellhop-micro [CASE ROUNDS]");
        return ExitCode::from(2);
    };
    let mut case = set_up();
    for _ in 0..WARM_UP {
        case.prepare();
        case.run();
    }
    for _ in 0..rounds {
        case.prepare();
        counted(case.as_mut());
    }
    ExitCode::SUCCESS
}

/// Its name is what `xtask` tells callgrind, so it must stay a function of its own.
#[inline(never)]
fn counted(case: &mut dyn Case) {
    case.run();
}

/// Rounds before the count, so that buffers have grown and caches of the case are warm.
const WARM_UP: usize = 16;
