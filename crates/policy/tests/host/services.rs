//! What a plugin is lent: store, dialogs, locations, upstreams, random, clock, metrics; and its timer.

use crate::kit::{Kit, ask, invite, orders, probe};
use bellhop_core::flow::{Flow, ListenerId, Transport};
use bellhop_core::outbox::Ticket;
use bellhop_core::policy::{DialogEvent, Hook, Phase, Policy};
use bellhop_policy::{MeterValue, PluginConfig, StoreLimits};
use std::time::{Duration, Instant};

#[test]
fn what_is_stored_is_there_for_all_workers_and_for_no_other_plugin() {
    let mut kit = Kit::new(vec![probe("p"), probe("q")]);
    assert_eq!(kit.request(&orders(&["count n"])).saw(), "Ok(1)\nOk(1)");
    kit.shard = kit.registry.shard(kit.woken.clone());
    assert_eq!(kit.request(&orders(&["count n"])).saw(), "Ok(2)\nOk(2)");
    let status = kit.status("p");
    assert_eq!((status.store_keys, status.store_bytes), (1, 2));
}

#[test]
fn a_store_is_bounded_for_each_plugin() {
    let store = StoreLimits {
        keys: 2,
        bytes: 1_000,
    };
    let mut kit = Kit::new(vec![PluginConfig {
        store,
        ..probe("p")
    }]);
    let saw = kit
        .request(&orders(&["keep a 1", "keep b 2", "keep c 3", "kept b"]))
        .saw();
    let saw: Vec<&str> = saw.lines().collect();
    assert!(saw[2].contains("\"full\""), "{saw:?}");
    assert_eq!(
        [saw[0], saw[1], saw[3]],
        ["Ok(())", "Ok(())", "Some(\"2\")"]
    );
}

#[test]
fn the_world_is_seen_through_the_services() {
    let mut kit = Kit::new(vec![probe("p")]);
    let saw = kit.request(&orders(&[
        "lookup sip:6001@example.org",
        "lookup sip:x@y",
        "members pbx",
        "members no",
        "random",
        "end",
    ]));
    let expected = "Some(\"sip:phone@192.0.2.9\")\nNone\nSome(1)\nNone\n1024\n\
                    Err(\"a proxy cannot end the calls of others; this takes B2BUA mode\")";
    assert_eq!(saw.saw(), expected);
}

#[test]
fn time_is_the_engine_s() {
    let mut kit = Kit::new(vec![probe("p")]);
    assert_eq!(
        kit.request(&orders(&["time"])).saw(),
        "1700000100000 100000000"
    );
    kit.world.pass(Duration::from_millis(1));
    assert_eq!(
        kit.request(&orders(&["time"])).saw(),
        "1700000100001 100001000"
    );
}

#[test]
fn a_plugin_s_own_measures_are_told() {
    let mut kit = Kit::new(vec![probe("p")]);
    kit.request(&orders(&["measure hits", "measure hits"]));
    let meters = kit.status("p").meters;
    assert_eq!(meters[0].name, "hits");
    assert_eq!(meters[0].value, MeterValue::Counter(4));
    assert!(matches!(&meters[1].value, MeterValue::Histogram { count: 2, sum, .. } if *sum == 1.0));
}

#[test]
fn log_lines_have_a_rate() {
    let mut kit = Kit::new(vec![PluginConfig {
        log_lines: 3,
        ..probe("p")
    }]);
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::sink)
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..10 {
            kit.request(&orders(&["log hello"]));
        }
    });
    assert_eq!(kit.status("p").log_dropped, 7);
}

#[test]
fn dialogs_are_counted_and_told_of_with_the_notes_of_their_invite() {
    let mut kit = Kit::new(vec![probe("p")]);
    let message = invite(&orders(&["note plan gold", "dialogs user 6001"]));
    assert_eq!(
        kit.ask(Hook::Request, &message).saw().lines().last(),
        Some("0")
    );
    tell(&mut kit, Phase::Tried);
    tell(&mut kit, Phase::Confirmed);
    assert_eq!(kit.request(&orders(&["dialogs user 6001"])).saw(), "1");
    tell(&mut kit, Phase::Ended);
    assert_eq!(kit.request(&orders(&["dialogs user 6001"])).saw(), "0");
    let kept = until(&mut kit, "kept dialog-call-1@host", |saw| {
        saw.contains("Ended")
    });
    assert_eq!(
        kept,
        "Some(\"DialogPhase::Ended sip:6001@example.org 192.0.2.7 Some(\\\"caller\\\") plan=gold\")"
    );
}

#[test]
fn a_group_s_members_are_seen_with_their_health_latency_and_calls() {
    let mut kit = Kit::new(vec![probe("p")]);
    let order = orders(&["member pbx"]);
    let seen =
        |calls| format!("pbx.example sip:192.0.2.9:5060 up false, {calls} calls, 12 ms, weight 1");
    assert_eq!(kit.request(&order).saw(), seen(0));
    tell(&mut kit, Phase::Tried);
    assert_eq!(kit.request(&order).saw(), seen(0));
    tell_of(&mut kit, Phase::Early, "192.0.2.8:5060");
    assert_eq!(kit.request(&order).saw(), seen(0));
    tell_of(&mut kit, Phase::Confirmed, "192.0.2.9:5060");
    tell_of(&mut kit, Phase::Refreshed, "192.0.2.7:5061");
    assert_eq!(kit.request(&order).saw(), seen(1));
    tell(&mut kit, Phase::Ended);
    assert_eq!(kit.request(&order).saw(), seen(0));
}

#[test]
fn a_timer_turns_on_a_thread_of_its_own() {
    let timer = Some(Duration::from_millis(10));
    let mut kit = Kit::new(vec![PluginConfig {
        timer,
        ..probe("p")
    }]);
    until(&mut kit, "kept turns", |saw| {
        saw.starts_with("Some(\"") && saw != "Some(\"1\")"
    });
}

fn tell(kit: &mut Kit, phase: Phase) {
    tell_by(kit, phase, None);
}

fn tell_of(kit: &mut Kit, phase: Phase, callee: &str) {
    let flow = Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: callee.parse().unwrap(),
        connection: None,
    };
    tell_by(kit, phase, Some(flow));
}

fn tell_by(kit: &mut Kit, phase: Phase, answered_by: Option<Flow>) {
    let message = invite("");
    let (mut notes, mut changes) = Default::default();
    let source = ask(
        Hook::Request,
        Ticket(1),
        &message,
        &mut notes,
        &mut changes,
        None,
    )
    .source;
    let event = DialogEvent {
        phase,
        call_id: b"call-1@host",
        from_tag: b"f1",
        from_uri: b"sip:6001@example.org",
        to_uri: b"sip:7000@example.org",
        source,
        answered_by,
        status: 0,
    };
    kit.shard.observe(kit_now(kit), &event);
}

fn kit_now(kit: &Kit) -> bellhop_core::time::Now {
    use bellhop_policy::Services;
    kit.world.now()
}

/// Asks again and again until what the probe sees is as it should be.
fn until(kit: &mut Kit, order: &str, is_it: impl Fn(&str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let saw = kit.request(&orders(&[order])).saw();
        if is_it(&saw) {
            return saw;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "still {saw}");
        std::thread::yield_now();
    }
}
