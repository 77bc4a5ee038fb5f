//! How soon all watchers of a lamp hear that it has changed (`cargo xtask fanout`).

#![allow(
    clippy::print_stdout,
    reason = "a command line tool speaks on standard output"
)]

use bellhop_tests::fanout::Fanout;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Option<Vec<u32>> = std::env::args().skip(1).map(|a| a.parse().ok()).collect();
    let Some(&[watchers, changes, within]) = args.as_deref() else {
        eprintln!("usage: fanout WATCHERS CHANGES WITHIN_MS");
        return ExitCode::from(2);
    };
    let count = usize::try_from(watchers).unwrap_or(usize::MAX);
    let Some(mut scene) = Fanout::or_skip(count, "warn") else {
        return ExitCode::FAILURE;
    };
    let mut all = Vec::new();
    let before = scene.told();
    for n in 0..changes {
        let spread = scene.change(n.is_multiple_of(2));
        println!(
            "change {}: half of {watchers} watchers have heard after {:.1?}, all after {:.1?}",
            n.saturating_add(1),
            spread.half,
            spread.all
        );
        all.push(spread.all);
    }
    all.sort();
    let told = scene.told().saturating_sub(before);
    let (inbound, worst) = (scene.inbound(), all.last().copied().unwrap_or_default());
    println!(
        "{watchers} watchers, {changes} changes: from Asterisk's NOTIFY to the last watcher's {:.1?} (median), \
         {worst:.1?} (worst); Asterisk has {inbound} subscription(s) and sent {told} NOTIFYs",
        all.get(all.len() / 2).copied().unwrap_or_default(),
    );
    let is_good = worst < Duration::from_millis(within.into()) && inbound == 1;
    match is_good && u32::try_from(told) == Ok(changes) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
