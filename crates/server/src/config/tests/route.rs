//! `[route]`: what is done with calls.

use super::pretend;
use bellhop_core::b2bua::B2buaConfig;
use std::time::Duration;

#[test]
fn calls_of_two_legs_reach_the_core_and_are_shared_out_among_the_workers() {
    let text = format!(
        "{BASE}mode = \"b2bua\"\nmax_calls = 500\nmax_duration = \"4h\"\nhide_headers = [\"X-Node\"]\n\
         [server]\nworkers = 2\n"
    );
    let config = pretend().accepts(&text).core_config(&[], &[Vec::new()]);
    let expected = B2buaConfig {
        most: 250,
        longest: Some(Duration::from_secs(14_400)),
        hide: vec!["X-Node".to_owned()],
    };
    assert_eq!(config.b2bua, Some(expected));
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
        "{BASE}mode = \"b2bua\"\nmax_calls = 0\nmax_duration = \"10s\"\nhide_headers = [\"X Node\"]\n\
         [registrar]\nmode = \"passthrough\"\n"
    );
    insta::assert_snapshot!(pretend().refuses(&text));
}

#[test]
fn keys_of_calls_mean_nothing_where_calls_are_relayed() {
    let text = format!("{BASE}max_calls = 5\nmax_duration = \"1h\"\nhide_headers = [\"X-Node\"]\n");
    let settings = pretend().accepts(&text);
    let said = settings
        .warnings
        .iter()
        .filter(|problem| problem.to_string().contains("calls are relayed"));
    assert_eq!(said.count(), 3);
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
