//! What a plugin does that should not, beside what `endurance.rs` has of it.

use crate::kit::{Kit, orders, probe};
use bellhop_core::policy::{Reply, Verdict};
use bellhop_policy::{OnError, PluginConfig, Quarantine};
use std::time::Duration;

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
