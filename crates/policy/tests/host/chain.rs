//! Several plugins, one after the other, and what each verdict does to those behind.

use crate::kit::{Kit, Outcome, invite, message, orders, probe};
use bellhop_core::policy::{Attempt, Failure, Fork, Hook, NextHop, Reply, Verdict};
use bellhop_policy::{HookName, Isolation, OnError, PluginConfig};
use std::time::Duration;

fn says(lines: &str) -> Outcome {
    Kit::new(vec![probe("p")]).request(lines)
}

fn two() -> Kit {
    let second = PluginConfig {
        config: r#"{"version": "second"}"#.into(),
        ..probe("second")
    };
    Kit::new(vec![probe("first"), second])
}

#[test]
fn after_continue_the_next_plugin_is_asked_and_sees_the_edits() {
    let outcome = two().request(&orders(&["version", "all X-Saw"]));
    assert_eq!(outcome.saw(), "1\n1\nsecond\n1|1|second");
    assert!(matches!(outcome.verdict, Verdict::Continue));
}

#[test]
fn every_other_verdict_ends_the_chain() {
    for (say, last) in [
        ("accept", "1"),
        ("reply 403", "1"),
        ("challenge", "1"),
        ("route sip:b@c", "1"),
        ("drop", "1"),
    ] {
        let outcome = two().request(&format!("X-Say: {say}\r\n{}", orders(&["version"])));
        assert_eq!(outcome.saw(), last, "{say}");
        assert!(!matches!(outcome.verdict, Verdict::Continue), "{say}");
    }
}

#[test]
fn a_reply_carries_its_status_reason_and_headers() {
    let Verdict::Reply(reply) = says("X-Say: reply 302 Contact=<sip:b@c>;q=0.5\r\n").verdict else {
        panic!("no reply");
    };
    assert_eq!(reply.status, 302);
    assert_eq!(
        reply.headers.added(b"Contact").collect::<Vec<_>>(),
        [b"<sip:b@c>;q=0.5"]
    );
}

#[test]
fn a_route_carries_its_targets_in_order() {
    let Verdict::Route(route) =
        says("X-Say: route sip:b@c>group:pbx sip:d@e>sip:192.0.2.1;transport=tcp\r\n").verdict
    else {
        panic!("no route");
    };
    assert_eq!(route.mode, Fork::Serial);
    let hops: Vec<_> = route
        .targets
        .iter()
        .map(|t| (&*t.uri, t.next_hop.clone().unwrap()))
        .collect();
    let uri = NextHop::Uri("sip:192.0.2.1;transport=tcp".into());
    assert_eq!(
        hops,
        [("sip:b@c", NextHop::Group("pbx".into())), ("sip:d@e", uri)]
    );
}

#[test]
fn a_verdict_that_breaks_a_rule_is_a_failure() {
    for say in [
        "reply 100",
        "reply 199",
        "reply 200",
        "reply 299",
        "reply 700",
        "reply 0",
        "reply 403 X-A=evil",
        "reply 403 Via=x",
        "reply 403 Contact=<sip:b@c>",
        "reply 302 Contact=evil",
        "route http://b",
        "route b",
        "route sip:b@c>nowhere",
        "route sip:b@c>tel:+49",
        "route sip:b@c?X=y",
    ] {
        let mut config = probe("p");
        config.on_error = OnError::Reject;
        let mut kit = Kit::new(vec![config]);
        let outcome = kit.request(&format!("X-Say: {say}\r\n{}", orders(&["set X-A 1"])));
        let Verdict::Reply(Reply { status: 500, .. }) = outcome.verdict else {
            panic!("{say}: {:?}", outcome.verdict);
        };
        assert!(outcome.changes.is_empty(), "{say}");
        let hook = &kit.status("p").hooks[0];
        assert!(hook.faults.contains(&("verdict", 1)), "{say}");
    }
}

#[test]
fn a_2xx_answers_a_request_that_makes_no_dialog() {
    let mut kit = Kit::new(vec![probe("p")]);
    let mut reply = |method: &str| {
        let start = format!("{method} sip:7000@example.org SIP/2.0");
        let message = message(&start, method, "X-Say: reply 200\r\n");
        matches!(
            kit.ask(Hook::Request, &message).verdict,
            Verdict::Reply(Reply { status: 200, .. })
        )
    };
    assert!(reply("OPTIONS") && reply("MESSAGE"));
    for method in ["INVITE", "SUBSCRIBE", "REFER", "UPDATE"] {
        assert!(!reply(method), "{method}");
    }
}

#[test]
fn a_plugin_that_fails_is_passed_over_or_answers_500_as_configured() {
    let failing = orders(&["version", "trap"]);
    let outcome = Kit::new(vec![probe("p")]).request(&failing);
    assert!(matches!(outcome.verdict, Verdict::Continue) && outcome.changes.is_empty());
    let reject = || PluginConfig {
        on_error: OnError::Reject,
        ..probe("p")
    };
    let mut kit = Kit::new(vec![reject()]);
    assert!(matches!(
        kit.request(&failing).verdict,
        Verdict::Reply(Reply { status: 500, .. })
    ));
    let response = message("SIP/2.0 200 OK", "INVITE", &failing);
    assert!(matches!(
        kit.ask(Hook::Response, &response).verdict,
        Verdict::Continue
    ));
}

#[test]
fn a_register_may_be_accepted_for_a_time() {
    let register = message(
        "REGISTER sip:example.org SIP/2.0",
        "REGISTER",
        "X-Say: accept 90\r\n",
    );
    let outcome = Kit::new(vec![probe("p")]).ask(Hook::Register, &register);
    assert!(matches!(
        outcome.verdict,
        Verdict::Accept { expires: Some(90) }
    ));
}

#[test]
fn after_a_failure_a_plugin_may_try_more_or_give_up() {
    let failure = Failure {
        status: 503,
        reason: "Service Unavailable".into(),
        is_local: true,
        attempts: vec![Attempt {
            uri: "sip:b@c".into(),
            tag: "first".into(),
            status: 503,
            elapsed: Duration::from_secs(1),
        }],
        elapsed: Duration::from_secs(1),
    };
    let mut kit = two();
    let mut fails = |say: &str| {
        let message = invite(&format!("X-Say: {say}\r\n"));
        kit.ask_after(
            Hook::Failure,
            &message,
            Default::default(),
            Default::default(),
            Some(&failure),
        )
    };
    let outcome = fails("retry");
    assert!(matches!(outcome.verdict, Verdict::Route(_)));
    assert_eq!(outcome.saw(), "503 true first");
    assert!(matches!(fails("give-up").verdict, Verdict::Accept { .. }));
    assert_eq!(fails("-").saw().lines().count(), 2);
}

#[test]
fn on_route_names_a_way_only_when_it_has_one() {
    let mut kit = Kit::new(vec![probe("p")]);
    assert!(matches!(
        kit.ask(Hook::Route, &invite("")).verdict,
        Verdict::Continue
    ));
    let outcome = kit.ask(Hook::Route, &invite("X-Route: sip:b@c\r\n"));
    assert!(matches!(outcome.verdict, Verdict::Route(_)));
}

#[test]
fn an_instance_is_kept_or_made_for_each_call_as_configured() {
    let calls = |isolation| {
        let mut kit = Kit::new(vec![PluginConfig {
            isolation,
            ..probe("p")
        }]);
        (0..3)
            .map(|_| kit.request(&orders(&["calls"])).saw())
            .collect::<Vec<_>>()
    };
    assert_eq!(calls(Isolation::Kept), ["1", "2", "3"]);
    assert_eq!(calls(Isolation::Request), ["1", "1", "1"]);
}

#[test]
fn calls_are_counted_by_hook_and_verdict() {
    let mut kit = Kit::new(vec![probe("p")]);
    kit.request(&orders(&["add X-A 1", "add X-B 2"]));
    kit.request("X-Say: drop\r\n");
    kit.request(&orders(&["trap"]));
    let hooks = kit.status("p").hooks;
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0].hook, HookName::Request);
    assert_eq!(hooks[0].latency.count, 3);
    // Two headers, and what the probe said to each.
    assert_eq!(hooks[0].edits, 4);
    for expected in [("continue", 1), ("drop", 1), ("reply", 0)] {
        assert!(hooks[0].verdicts.contains(&expected), "{expected:?}");
    }
    assert!(hooks[0].faults.contains(&("trap", 1)));
}
