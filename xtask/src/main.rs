//! The project's own chores, run as `cargo xtask NAME`.
//!
//! `tidy` checks the rules of the house that no compiler knows; `test` is the
//! one test command: it brings what the tests need and runs all of them; `fuzz`
//! throws hostile input at the parsers and the engine, `hammer` does so by the
//! million, `coverage` says which lines that reaches; `count` holds the
//! micro-benchmarks to their committed figures; `torture` sends the messages of
//! RFC 4475 and RFC 5118 to the running program; `flood` lets strangers flood it, `kills` kills it
//! under registrations, `calls` under calls of two legs, `lamps` under subscriptions, `swaps` and `abuse` put plugins
//! under strain in it; `timing` asks it for users that are there and that are not; `bench` measures Bellhop beside Kamailio.

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod avalanche;
mod bench;
mod calls;
mod count;
mod coverage;
mod fanout;
mod flood;
mod fuzz;
mod kills;
mod lamps;
mod plugins;
mod strain;
mod test;
mod tidy;
mod timing;
mod tool;
mod torture;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((name, [])) if name == "tidy" => tidy::run(&root()),
        Some((name, filter)) if name == "test" => test::run(&root(), filter),
        Some((name, args)) if name == "count" => count::run(&root(), args),
        Some((name, args)) if name == "torture" => torture::run(&root(), args),
        Some((name, args)) if name == "flood" => flood::run(&root(), args),
        Some((name, args)) if name == "swaps" => strain::swaps(&root(), args),
        Some((name, args)) if name == "abuse" => strain::abuse(&root(), args),
        Some((name, args)) if name == "kills" => kills::run(&root(), args),
        Some((name, args)) if name == "calls" => calls::run(&root(), args),
        Some((name, args)) if name == "lamps" => lamps::run(&root(), args),
        Some((name, args)) if name == "avalanche" => avalanche::run(&root(), args),
        Some((name, args)) if name == "fanout" => fanout::run(&root(), args),
        Some((name, args)) if name == "timing" => timing::run(&root(), args),
        Some((name, args)) if name == "bench" => bench::run(&root(), args),
        Some((name, args)) if name == "fuzz" => fuzz::run(&root(), args),
        Some((name, args)) if name == "hammer" => fuzz::hammer(&root(), args),
        Some((name, args)) if name == "plugins" => plugins::run(&root(), args),
        Some((name, args)) if name == "bindings" => plugins::bindings(&root(), args),
        Some((name, [])) if name == "coverage" => coverage::run(&root()),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The repository's root: the folder above this crate's.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

const USAGE: &str = "\
usage: cargo xtask tidy          check the rules of the house: arrows, file sizes, module docs, ..
       cargo xtask test [ARG..]  bring what the tests need and run all of them; the last line
                                 counts. ARGs are handed to cargo test
       cargo xtask fuzz [--seconds N] [--jobs N] [TARGET..]
                                 run the fuzz targets, 60 s each if not said otherwise
       cargo xtask hammer [--messages N] [--splits N] [--seed N] [--jobs N] [--session K]
                                 messages by the million through framer, index, views, edits and
                                 engine, each timed; streams split anywhere (docs/fuzzing.md)
       cargo xtask coverage      lines of wire and core that tests and fuzz corpora run
       cargo xtask plugins [--check]
                                 build the sample plugins into plugins/built; --check proves that what is
                                 there is what the sources build to
       cargo xtask bindings [--check]
                                 write the SDK's bindings from wit/, or check them
       cargo xtask count [--bless] [CASE..]
                                 count instructions and allocations of the micro-benchmarks; fails
                                 above the committed figures, --bless writes new ones
       cargo xtask torture [DIR] send the messages of RFC 4475 and RFC 5118 (DIR/rfc4475, DIR/rfc5118;
                                 ../shared/data if not said otherwise) to the program
       cargo xtask flood [--seconds N]
                                 strangers' REGISTERs and INVITEs for ten minutes: memory stays flat
       cargo xtask swaps [--count N]
                                 a plugin swapped a hundred times under 500 calls a second
       cargo xtask abuse [--messages N] [--seconds N] [--cuts N]
                                 a plugin that misbehaves for one peer, and what others' calls notice
       cargo xtask kills [--kills N] [--rate N] [--users N]
                                 kill the program under registrations: nothing acknowledged is lost
       cargo xtask calls [--calls N] [--kills N] [--rate N]
                                 kill the program under calls of two legs: their BYEs get through after it
       cargo xtask lamps [--kills N] [--phones N] [--lamps N]
                                 kill the program, and Asterisk, under panels of lamps: right in 10 s
       cargo xtask avalanche [--phones N] [--rate N] [--durable 0|1]
                                 all phones register at once: bound in a minute, in 300 MB
       cargo xtask fanout [--watchers N] [--changes N] [--within MS]
                                 500 watchers of one lamp of Asterisk's: all hear of a change in 200 ms
       cargo xtask timing [--count N]
                                 whether the time to a 401 tells a known user from an unknown one
       cargo xtask bench [--rows A,B] [--pairs N] [--seconds N] [--no-search] [--log] [--out NAME] [--quick]
                                 Bellhop and Kamailio side by side (bench/README.md)";
