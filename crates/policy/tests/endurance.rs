//! What a plugin does that should not: cut off in time, thousands of times, without a trace. One test in a program of
//! its own, for it looks at the memory of the whole process.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout
)]

#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "host/kit.rs"]
mod kit;

use bellhop_core::policy::Verdict;
use bellhop_policy::{PluginConfig, Quarantine};
use kit::{Kit, orders, probe};
use std::time::{Duration, Instant};

/// How often each misdeed is done. A program that is not optimized takes ten times as long for each.
const ROUNDS: usize = if cfg!(debug_assertions) { 200 } else { 10_000 };
const DEADLINE: Duration = Duration::from_millis(2);

/// Does a misdeed again and again, and something good after each.
fn endures(misdeed: &str, kind: &'static str) {
    let never = Quarantine {
        failures: 0,
        ..Quarantine::default()
    };
    let config = PluginConfig {
        deadline: DEADLINE,
        quarantine: never,
        ..probe("p")
    };
    let mut kit = Kit::new(vec![config]);
    let (bad, good) = (orders(&["version", misdeed]), orders(&["calls"]));
    let (mut late, mut longest, mut resident) = (0, Duration::ZERO, 0);
    for round in 0..ROUNDS {
        // Longer than the longest pause after a failure, and than the time in which they are counted.
        kit.world.pass(Duration::from_secs(11));
        let (began, own) = (Instant::now(), thread_time());
        let outcome = kit.request(&bad);
        longest = longest.max(began.elapsed());
        // Its own time: how long the system lets others run is not the plugin's.
        let took = thread_time().saturating_sub(own);
        late += usize::from(took > DEADLINE + Duration::from_millis(10));
        assert!(matches!(outcome.verdict, Verdict::Continue) && outcome.changes.is_empty());
        assert_eq!(
            kit.request(&good).saw(),
            "1",
            "an instance of its own in round {round}"
        );
        if round == ROUNDS / 4 {
            resident = pages();
        }
    }
    let grown = pages().saturating_sub(resident);
    println!("{misdeed}: {ROUNDS} times, the longest {longest:?}, {late} late, {grown} pages more");
    let status = kit.status("p");
    let faults = &status.hooks[0].faults;
    assert!(faults.contains(&(kind, ROUNDS as u64)), "{faults:?}");
    assert_eq!((status.instances, status.replaced), (1, ROUNDS as u64));
    // What the machine does at that moment is not ours: one in twenty may be late.
    assert!(
        late * 20 <= ROUNDS,
        "{late} of {ROUNDS} late, the longest {longest:?}"
    );
    assert!(grown < 4_096, "{grown} pages more than after a quarter");
}

fn thread_time() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

/// Resident pages of this process.
fn pages() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn loops_traps_allocations_and_recursions_are_cut_off_in_time_and_leave_nothing_behind() {
    endures("loop", "deadline");
    endures("trap", "trap");
    endures("grow 2147483647", "memory");
    endures("stack", "stack");
}
