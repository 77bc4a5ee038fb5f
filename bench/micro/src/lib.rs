//! Cases for `cargo xtask count`, and what runs them: the program without arguments names them all,
//! `PROGRAM CASE ROUNDS` runs one. Callgrind counts what happens inside [`counted`] and nothing else.

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use std::process::ExitCode;

pub mod engine;
mod messages;
pub mod wire;

/// One thing whose cost is counted, and what must stand before it can be done again.
pub trait Case {
    /// How often it is prepared and run in one round.
    fn steps(&self) -> usize {
        1
    }

    /// Gets everything ready for the next [`Case::run`]; not counted.
    fn prepare(&mut self) {}

    /// What is counted.
    fn run(&mut self);
}

/// The name of a case and how to set it up.
pub type Entry = (&'static str, fn() -> Box<dyn Case>);

/// Does what the command line says with these cases.
pub fn main_of(cases: &[&[Entry]]) -> ExitCode {
    let all = || cases.iter().copied().flatten();
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
        eprintln!("usage: [CASE ROUNDS]");
        return ExitCode::from(2);
    };
    let mut case = set_up();
    let steps = case.steps();
    for _ in 0..WARM_UP.saturating_mul(steps) {
        case.prepare();
        case.run();
    }
    for _ in 0..rounds.saturating_mul(steps) {
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
