//! `[route]`: what is done with calls.

use super::pretend;
use bellhop_core::b2bua::{B2buaConfig, CallLimits, Prack, SessionConfig};
use std::time::Duration;

#[test]
fn calls_of_two_legs_reach_the_core_and_are_shared_out_among_the_workers() {
    let limited = BASE.replace("trusted = true\n", "trusted = true\nmax_calls = 60\n");
    let text = format!(
        "{limited}mode = \"b2bua\"\nmax_calls = 500\nmax_calls_per_user = 4\nmax_calls_per_source = 30\n\
         max_duration = \"4h\"\nhide_headers = [\"X-Node\"]\n\
         hide_hosts = [\"pbx.local\", \"10.0.0.9\"]\n\
         session_expires = \"30m\"\nmin_se = \"2m\"\nkeepalive = \"45s\"\n\
         prack = \"each-leg\"\n[server]\nworkers = 2\n"
    );
    let config = pretend().accepts(&text).core_config(&[], &[Vec::new()]);
    let expected = B2buaConfig {
        is_usual: true,
        most: 250,
        longest: Some(Duration::from_secs(14_400)),
        hide: vec!["X-Node".to_owned()],
        hosts: vec!["pbx.local".to_owned(), "10.0.0.9".to_owned()],
        session: Some(SessionConfig {
            interval: 1_800,
            least: 120,
        }),
        keepalive: Some(Duration::from_secs(45)),
        prack: Prack::EachLeg,
        limits: CallLimits {
            per_user: Some(4),
            per_source: Some(30),
            per_upstream: vec![("pbx".to_owned(), 60)],
        },
    };
    assert_eq!(config.b2bua, Some(expected));
}

#[test]
fn a_session_timer_is_as_short_as_the_rfc_lets_it_be_unless_more_is_said() {
    let text = format!("{BASE}mode = \"b2bua\"\nsession_expires = \"90s\"\n");
    let config = pretend().accepts(&text).core_config(&[], &[Vec::new()]);
    let session = config.b2bua.and_then(|b2bua| b2bua.session);
    // RFC 4028 4: 90 s is the least that anybody may ask for.
    let expected = SessionConfig {
        interval: 90,
        least: 90,
    };
    assert_eq!(session, Some(expected));
}

#[test]
fn a_session_timer_or_keepalive_that_cannot_be_is_refused() {
    for keys in [
        "session_expires = \"60s\"\nmin_se = \"2d\"\nkeepalive = \"5s\"\nprack = \"always\"\n",
        "session_expires = \"5m\"\nmin_se = \"10m\"\n",
        "min_se = \"2m\"\n",
    ] {
        let text = format!("{BASE}mode = \"b2bua\"\n{keys}");
        insta::assert_snapshot!(pretend().refuses(&text));
    }
}

#[test]
fn calls_are_relayed_unless_two_legs_are_asked_for() {
    for mode in ["", "mode = \"proxy\"\n"] {
        let text = format!("{BASE}{mode}");
        let config = pretend().accepts(&text).core_config(&[], &[Vec::new()]);
        assert_eq!(config.b2bua, None);
    }
}

#[test]
fn wrong_values_and_a_pbx_that_challenges_phones_itself_are_refused() {
    let text = format!(
        "{BASE}mode = \"b2bua\"\nmax_calls = 0\nmax_calls_per_user = 0\nmax_calls_per_source = \"many\"\nmax_duration = \"10s\"\nhide_headers = [\"X Node\"]\nhide_hosts = [\"a b\", \"\", \"a..b\"]\n\
         [registrar]\nmode = \"passthrough\"\n"
    );
    insta::assert_snapshot!(pretend().refuses(&text));
}

#[test]
fn keys_of_calls_mean_nothing_where_calls_are_relayed() {
    let limited = BASE.replace("trusted = true\n", "trusted = true\nmax_calls = 60\n");
    let text = format!(
        "{limited}max_calls = 5\nmax_calls_per_user = 2\nmax_duration = \"1h\"\nhide_headers = [\"X-Node\"]\n\
         hide_hosts = [\"pbx.local\"]\nsession_expires = \"1h\"\nkeepalive = \"1m\"\n"
    );
    let settings = pretend().accepts(&text);
    let said = settings
        .warnings
        .iter()
        .filter(|problem| problem.to_string().contains("calls are relayed"));
    assert_eq!(said.count(), 8);
}

#[test]
fn where_a_plugin_may_choose_calls_are_relayed_of_which_none_says_otherwise() {
    let plugin = "[[plugin]]\nname = \"chooser\"\nfile = \"chooser.wasm\"\ngrant = [\"call\"]\n";
    let text = format!("{BASE}max_calls = 500\n{plugin}");
    let settings = pretend().accepts(&text);
    let said = settings.warnings.iter().map(ToString::to_string);
    assert_eq!(said.filter(|said| said.contains("relayed")).count(), 0);
    let b2bua = settings.b2bua.as_ref().unwrap();
    assert_eq!((b2bua.is_usual, b2bua.most), (false, 500));
    let shown = serde_json::to_string(&settings.describe()).unwrap();
    assert!(shown.contains("\"mode\":\"proxy\""), "{shown}");
    let passthrough = format!("{text}[registrar]\nmode = \"passthrough\"\n");
    assert_eq!(pretend().accepts(&passthrough).b2bua, None);
}

#[test]
fn what_is_limited_hidden_and_acknowledged_apart_is_said_in_words() {
    let base = BASE.replace("[route]", "max_calls = 30\n[route]");
    let text = format!(
        "{base}mode = \"b2bua\"\nmax_calls_per_user = 2\nmax_calls_per_source = 5\nprack = \"each-leg\"\n\
         hide_headers = [\"X-Node\"]\nhide_hosts = [\"pbx.internal\"]\n"
    );
    let said = pretend().accepts(&text).explain();
    for words in [
        "30 calls of two legs at most",
        "2 calls at most of one user",
        "5 calls at most of one outside address",
        "each leg of a call has its PRACK for itself",
        "headers that neither side is shown besides: X-Node",
        "hosts that neither side is shown besides: pbx.internal",
    ] {
        assert!(
            said.iter().any(|line| line.ends_with(words)),
            "{words}: {said:#?}"
        );
    }
    let plain = pretend()
        .accepts(&format!("{BASE}mode = \"b2bua\"\n"))
        .explain();
    let told = |line: &&String| line.contains("at most of") || line.contains("besides");
    assert_eq!(plain.iter().find(told), None);
}

const BASE: &str = r#"
[[listen]]
bind = "udp:127.0.0.1:5060"
[[upstream]]
name = "pbx"
targets = ["sip:10.0.0.10:5060"]
trusted = true
[route]
default = "pbx"
"#;
