//! What a plugin does that should not: cut off in time, thousands of times, without a trace.

use crate::kit::{Kit, orders, probe};
use bellhop_core::policy::{Reply, Verdict};
use bellhop_policy::{OnError, PluginConfig, Quarantine};
use std::time::{Duration, Instant};

/// How often each misdeed is done. A program that is not optimized takes ten times as long for each.
const ROUNDS: usize = if cfg!(debug_assertions) { 200 } else { 10_000 };
const DEADLINE: Duration = Duration::from_millis(2);

/// Does a misdeed again and again, and something good after each.
fn endures(misdeed: &str, kind: &'static str) {
    let never = Quarantine {
        failures: u32::MAX,
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
fn a_loop_is_cut_off_at_the_deadline() {
    endures("loop", "deadline");
}

#[test]
fn a_trap_costs_its_instance_and_nothing_else() {
    endures("trap", "trap");
}

#[test]
fn an_allocation_of_all_there_is_is_denied() {
    endures("grow 2147483647", "memory");
}

#[test]
fn a_bottomless_recursion_ends_at_the_stack_s_bound() {
    endures("stack", "stack");
}

#[test]
fn memory_up_to_the_bound_is_had_and_above_it_is_not() {
    let mut kit = Kit::new(vec![PluginConfig {
        memory: 8 << 20,
        ..probe("p")
    }]);
    assert_eq!(
        kit.request(&orders(&["grow 4000000", "version"])).saw(),
        "1"
    );
    let outcome = kit.request(&orders(&["grow 8000000", "version"]));
    assert!(outcome.changes.is_empty());
    assert!(kit.status("p").hooks[0].faults.contains(&("memory", 1)));
}

#[test]
fn repeated_failures_end_in_quarantine_and_the_plugin_comes_back() {
    let quarantine = Quarantine {
        failures: 3,
        within: Duration::from_secs(10),
        pause: Duration::from_secs(30),
    };
    let config = PluginConfig {
        quarantine,
        on_error: OnError::Reject,
        ..probe("p")
    };
    let mut kit = Kit::new(vec![config]);
    for _ in 0..3 {
        assert!(!kit.status("p").is_quarantined);
        kit.request(&orders(&["trap"]));
    }
    let status = kit.status("p");
    assert!(status.is_quarantined);
    assert_eq!((status.quarantines, status.instances), (1, 0));
    let outcome = kit.request(&orders(&["version"]));
    assert!(matches!(
        outcome.verdict,
        Verdict::Reply(Reply { status: 500, .. })
    ));
    assert!(
        kit.status("p").hooks[0]
            .faults
            .contains(&("quarantined", 1))
    );

    kit.world.pass(Duration::from_secs(31));
    assert_eq!(kit.request(&orders(&["version"])).saw(), "1");
    assert!(!kit.status("p").is_quarantined);
}

#[test]
fn a_message_of_death_makes_no_storm_of_instances() {
    let never = Quarantine {
        failures: u32::MAX,
        ..Quarantine::default()
    };
    let mut kit = Kit::new(vec![PluginConfig {
        quarantine: never,
        ..probe("p")
    }]);
    for _ in 0..1_000 {
        kit.world.pass(Duration::from_millis(1));
        kit.request(&orders(&["trap"]));
    }
    // In a second: some at once, then with pauses of 1, 2, 4 .. ms.
    let replaced = kit.status("p").replaced;
    assert!((5..30).contains(&replaced), "{replaced}");
}

#[test]
fn a_new_version_is_not_held_to_what_the_old_one_did() {
    let quarantine = Quarantine {
        failures: 1,
        ..Quarantine::default()
    };
    let mut kit = Kit::new(vec![PluginConfig {
        quarantine,
        ..probe("p")
    }]);
    kit.request(&orders(&["trap"]));
    assert!(kit.status("p").is_quarantined);
    let better = PluginConfig {
        quarantine,
        config: r#"{"version": "2"}"#.into(),
        ..probe("p")
    };
    kit.registry.swap(vec![better]).unwrap();
    assert_eq!(kit.request(&orders(&["version"])).saw(), "2");
}
