//! Shadows: asked about the same messages, compared, and without effect.

use crate::kit::{Kit, orders, probe};
use bellhop_core::policy::Verdict;
use bellhop_policy::{PluginConfig, PluginStatus};
use std::time::{Duration, Instant};

fn shadow() -> PluginConfig {
    PluginConfig {
        shadow: true,
        config: r#"{"version": "next"}"#.into(),
        ..probe("shadow")
    }
}

fn compared(kit: &Kit, n: u64) -> PluginStatus {
    let began = Instant::now();
    loop {
        let status = kit.status("shadow");
        if status.compared == n {
            return status;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{} compared",
            status.compared
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_shadow_that_decides_as_the_real_plugin_is_counted_and_no_more() {
    let mut kit = Kit::new(vec![probe("p"), shadow()]);
    kit.request("X-Say: reply 403\r\n");
    kit.request(&orders(&["set X-A 1"]));
    let status = compared(&kit, 2);
    assert_eq!((status.differed, status.is_shadow), (0, true));
}

#[test]
fn a_difference_is_told_with_both_sides_and_the_call_id() {
    let mut kit = Kit::new(vec![probe("p"), shadow()]);
    let outcome = kit.request(&orders(&["version"]));
    assert_eq!(outcome.saw(), "1");
    let differences = compared(&kit, 1).differences;
    assert_eq!(differences[0].call_id, "call-1@host");
    assert_eq!(differences[0].hook, "on-request");
    assert_eq!(differences[0].real, "continue; add X-Saw: 1");
    assert_eq!(differences[0].shadow, "continue; add X-Saw: next");
}

#[test]
fn a_shadow_has_no_effect_on_the_message_nor_on_the_real_one_s_store() {
    let mut kit = Kit::new(vec![probe("p"), shadow()]);
    kit.request(&orders(&["count n"]));
    compared(&kit, 1);
    assert_eq!(kit.request(&orders(&["kept n"])).saw(), "Some(\"1\")");
    assert_eq!(compared(&kit, 2).store_keys, 1);
}

#[test]
fn a_shadow_that_fails_hurts_nobody() {
    let hungry = PluginConfig {
        memory: 2 << 20,
        ..shadow()
    };
    let mut kit = Kit::new(vec![probe("p"), hungry]);
    let outcome = kit.request(&format!("X-Say: accept\r\n{}", orders(&["grow 4000000"])));
    assert!(matches!(outcome.verdict, Verdict::Accept { .. }));
    let differences = compared(&kit, 1).differences;
    assert_eq!(differences[0].real, "accept");
    assert!(
        differences[0]
            .shadow
            .starts_with("failure: wants 5 MiB of memory and may have 2"),
        "{}",
        differences[0].shadow
    );
}

#[test]
fn a_shadow_alone_is_compared_with_nothing() {
    let mut kit = Kit::new(vec![shadow()]);
    assert!(matches!(
        kit.request("X-Say: drop\r\n").verdict,
        Verdict::Continue
    ));
    let differences = compared(&kit, 1).differences;
    assert_eq!(
        (differences[0].real.as_str(), differences[0].shadow.as_str()),
        ("continue", "drop")
    );
}
