//! What a plugin does that should not, beside what `endurance.rs` has of it.

use crate::kit::{Kit, message, orders, probe};
use bellhop_core::policy::{Hook, Reply, Verdict};
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
    for user in ["1", "2", "3"] {
        assert!(!kit.status("p").is_quarantined);
        kit.request_of(user, &orders(&["trap"]));
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
    let mut kit = Kit::new(vec![PluginConfig {
        quarantine: NEVER,
        ..probe("p")
    }]);
    for n in 0..1_000 {
        kit.world.pass(Duration::from_millis(1));
        kit.request_of(&format!("user-{n}"), &orders(&["trap"]));
    }
    // In a second: some at once, then with pauses of 1, 2, 4 .. ms.
    let replaced = kit.status("p").replaced;
    assert!((5..30).contains(&replaced), "{replaced}");
}

#[test]
fn a_source_that_makes_a_plugin_fail_is_asked_about_beside_the_worker_and_others_are_not() {
    let mut kit = Kit::new(vec![PluginConfig {
        quarantine: NEVER,
        ..probe("p")
    }]);
    let (bad, good) = (orders(&["version", "trap"]), orders(&["version"]));
    let at_once: Vec<bool> = (0..40).map(|_| kit.request_of("bad", &bad).1).collect();
    assert_eq!(at_once.iter().filter(|is| **is).count(), 3, "{at_once:?}");
    let (outcome, is_now) = kit.request_of("bad", &good);
    assert_eq!((outcome.saw().as_str(), is_now), ("1", false));
    let (outcome, is_now) = kit.request_of("good", &good);
    assert_eq!((outcome.saw().as_str(), is_now), ("1", true));
    let status = kit.status("p");
    assert_eq!((status.suspects, status.is_quarantined), (1, false));
    assert!(status.hooks[0].faults.contains(&("trap", 40)));
    // All is forgiven in time.
    kit.world.pass(Duration::from_secs(11));
    assert!(kit.request_of("bad", &good).1);
    assert_eq!(kit.status("p").suspects, 0);
}

#[test]
fn one_source_does_not_keep_others_from_calling_where_failures_reject() {
    let mut kit = Kit::new(vec![PluginConfig {
        on_error: OnError::Reject,
        ..probe("p")
    }]);
    let (bad, good) = (orders(&["trap"]), orders(&["version"]));
    let rejected = |outcome: &Verdict| matches!(outcome, Verdict::Reply(Reply { status: 500, .. }));
    for _ in 0..50 {
        assert!(rejected(&kit.request_of("bad", &bad).0.verdict));
        assert_eq!(kit.request_of("good", &good).0.saw(), "1");
    }
    // Twenty failures, then it was not asked any more: at once.
    let status = kit.status("p");
    assert!(status.hooks[0].faults.contains(&("trap", 20)), "{status:?}");
    assert!(status.hooks[0].faults.contains(&("quarantined", 30)));
    assert!(!status.is_quarantined);
    let (outcome, is_now) = kit.request_of("bad", &good);
    assert!(rejected(&outcome.verdict) && is_now);
    kit.world.pass(Duration::from_secs(31));
    let (outcome, is_now) = kit.request_of("bad", &good);
    assert_eq!((outcome.saw().as_str(), is_now), ("1", false));
}

#[test]
fn a_response_of_a_source_that_makes_a_plugin_fail_is_not_shown_to_it() {
    let mut kit = Kit::new(vec![PluginConfig {
        quarantine: NEVER,
        ..probe("p")
    }]);
    let lines = orders(&["version", "trap"]);
    let response = message("SIP/2.0 200 OK", "INVITE", &lines);
    for _ in 0..5 {
        assert!(kit.ask(Hook::Response, &response).changes.is_empty());
    }
    let faults = &kit.status("p").hooks[0].faults;
    assert!(faults.contains(&("trap", 3)) && faults.contains(&("quarantined", 2)));
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

const NEVER: Quarantine = Quarantine {
    failures: 0,
    within: Duration::from_secs(10),
    pause: Duration::from_secs(30),
};
