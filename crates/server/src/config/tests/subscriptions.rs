//! `[subscriptions]`.

use super::pretend;
use bellhop_core::subscription::{Reg, SubscriptionConfig};
use std::time::Duration;

#[test]
fn what_is_shared_and_for_how_long_reaches_the_core() {
    let text = format!(
        "{BASE}[subscriptions]\nmost = 500\nshare = [\"dialog\", \"presence\", \"message-summary\"]\n\
         min_expires = \"30s\"\nmax_expires = \"10m\"\nupstream_expires = \"2h\"\nlinger = \"5s\"\n\
         resync_rate = 400\n"
    );
    let config = pretend().accepts(&text).core_config(&[], &[Vec::new()]);
    let share = ["dialog", "presence", "message-summary"];
    let expected = SubscriptionConfig {
        most: 500,
        share: share.map(str::to_owned).into(),
        reg: Reg::Off,
        lists: Default::default(),
        min_expires: 30,
        max_expires: 600,
        upstream_expires: 7_200,
        resync_rate: 400,
        linger: Duration::from_secs(5),
    };
    assert_eq!(config.subscriptions, expected);
}

#[test]
fn nothing_is_shared_unless_it_is_asked_for() {
    let config = pretend().accepts(BASE).core_config(&[], &[Vec::new()]);
    assert_eq!(config.subscriptions, SubscriptionConfig::default());
    assert!(config.subscriptions.share.is_empty());
}

#[test]
fn what_cannot_be_shared_and_times_that_contradict_are_refused() {
    let text = "[[listen]]\nbind = \"udp:127.0.0.1:5060\"\n\
        [subscriptions]\nmost = -1\nshare = [\"dialog\", \"reg\", \"dialog\"]\n\
        min_expires = \"2h\"\nmax_expires = \"1h\"\nupstream_expires = \"2d\"\nlinger = \"10ms\"\n\
        resync_rate = 0\n";
    insta::assert_snapshot!(pretend().refuses(text));
}

#[test]
fn whose_bindings_may_be_watched_needs_no_pbx() {
    let listen = "[[listen]]\nbind = \"udp:127.0.0.1:5060\"\n";
    for (word, reg) in [("off", Reg::Off), ("own", Reg::Own), ("any", Reg::Any)] {
        let text = format!("{listen}[subscriptions]\nreg = \"{word}\"\nmin_expires = \"1m\"\n");
        let settings = pretend().accepts(&text);
        assert_eq!(settings.subscriptions.reg, reg);
        // Times are for these watchers, too.
        let is_idle = settings
            .warnings
            .iter()
            .any(|said| said.to_string().contains("nothing is shared"));
        assert_eq!(is_idle, reg == Reg::Off);
        let core = settings.core_config(&[], &[]);
        assert_eq!(core.subscriptions.reg, reg);
    }
    insta::assert_snapshot!(
        pretend().refuses(&format!("{listen}[subscriptions]\nreg = \"mine\"\n"))
    );
}

#[test]
fn times_of_what_is_shared_mean_nothing_where_nothing_is() {
    let text = format!("{BASE}[subscriptions]\nlinger = \"5s\"\nmin_expires = \"1m\"\n");
    let settings = pretend().accepts(&text);
    let said = settings
        .warnings
        .iter()
        .filter(|problem| problem.to_string().contains("nothing is shared"));
    assert_eq!(said.count(), 2);
}

const BASE: &str = r#"
[[listen]]
bind = "udp:127.0.0.1:5060"
[[upstream]]
name = "pbx"
targets = ["sip:10.0.0.10:5060"]
[route]
default = "pbx"
"#;
