//! Every key of the contract is applied or refused, never passed over in silence.

use super::pretend;
use crate::config::Settings;
use std::collections::BTreeSet;
use toml::Value;

#[test]
fn a_key_that_is_applied_changes_the_settings() {
    for (section, line) in APPLIED {
        let machine = pretend().file("/etc/bellhop/users.toml", "");
        let plain = machine.accepts(BASE);
        let changed = machine.accepts(&with(section, line));
        assert_ne!(
            shown(&plain),
            shown(&changed),
            "{section} {line} changes nothing"
        );
    }
}

#[test]
fn a_value_that_is_the_only_one_is_accepted() {
    for (section, line) in ONLY {
        pretend().accepts(&with(section, line));
    }
}

#[test]
fn a_key_or_value_of_a_later_version_is_refused_in_so_many_words() {
    for (section, line) in LATER {
        let problems = pretend().refuses(&with(section, line));
        let key = line.split(' ').next().unwrap_or_default();
        let said = problems
            .lines()
            .any(|problem| problem.contains("not in this version"));
        assert!(said, "{section} {key}: {problems}");
        assert_eq!(
            problems.lines().filter(|p| p.starts_with("error")).count(),
            1,
            "{problems}"
        );
    }
}

#[test]
fn the_cases_here_cover_the_whole_contract() {
    let contract: toml::Table = CONTRACT.parse().unwrap();
    let mut wanted = BTreeSet::new();
    for (section, value) in &contract {
        // Those of a plugin are in plugin.rs.
        if section == "plugin" {
            continue;
        }
        let tables = match value {
            Value::Array(tables) => tables.clone(),
            table => vec![table.clone()],
        };
        for table in tables.iter().filter_map(Value::as_table) {
            wanted.extend(table.keys().map(|key| format!("{section}.{key}")));
        }
    }
    let cases = APPLIED.iter().chain(&ONLY).chain(&LATER);
    let covered: BTreeSet<String> = cases
        .map(|(section, line)| {
            let key = line.split(' ').next().unwrap_or_default();
            format!("{}.{key}", section.trim_matches(['[', ']']))
        })
        .collect();
    let missing: Vec<_> = wanted.difference(&covered).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// [`BASE`] with `line` in `section`, in place of the line for the same key.
fn with(section: &str, line: &str) -> String {
    let key = line.split(' ').next().unwrap_or_default();
    let mut text = String::new();
    let mut inside = false;
    for old in BASE.lines() {
        if old.starts_with('[') {
            inside = old == section;
        }
        if !(inside && old.split(' ').next() == Some(key)) {
            text.push_str(old);
            text.push('\n');
        }
        if old == section {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn shown(settings: &Settings) -> String {
    let settings = Settings {
        warnings: Vec::new(),
        ..settings.clone()
    };
    format!("{settings:?}")
}

const APPLIED: [(&str, &str); 46] = [
    ("[admin]", "bind = \"127.0.0.1:8061\""),
    ("[admin]", "token = \"0123456789abcdef\""),
    ("[auth]", "strip_headers = [\"X-Account\"]"),
    ("[server]", "data_dir = \"/var/lib/bellhop\""),
    ("[server]", "domains = [\"pbx.example.org\"]"),
    ("[server]", "workers = 3"),
    ("[[listen]]", "name = \"phones\""),
    ("[[listen]]", "bind = \"tcp:127.0.0.1:5062\""),
    ("[[listen]]", "advertise = \"203.0.113.5:5060\""),
    ("[[listen]]", "zone = \"inside\""),
    ("[[upstream]]", "name = \"asterisk\""),
    (
        "[[upstream]]",
        "targets = [\"sip:10.0.0.11:5060;transport=tcp\"]",
    ),
    ("[[upstream]]", "targets = [\"sip:pbx.example.org:5060\"]"),
    ("[[upstream]]", "targets = [\"sip:pbx.example.org\"]"),
    ("[[upstream]]", "trusted = true"),
    ("[[upstream]]", "probe = \"10s\""),
    (
        "[[upstream]]",
        "credentials = { username = \"bellhop\", password = \"geheim\" }",
    ),
    ("[auth]", "realm = \"example.org\""),
    ("[auth]", "algorithms = [\"MD5\"]"),
    ("[auth]", "users = { file = \"users.toml\" }"),
    ("[auth]", "users = { htdigest = \"users.toml\" }"),
    (
        "[auth]",
        "users = { http = \"https://example.org/{user}\" }",
    ),
    (
        "[auth]",
        "users = { http = \"https://example.org/{user}\", token = \"geheim\" }",
    ),
    (
        "[auth]",
        "users = { http = \"https://example.org/{user}\", ca = \"users.toml\" }",
    ),
    ("[auth]", "users = { sqlite = \"users.db\" }"),
    (
        "[auth]",
        "users = { sqlite = \"users.db\", query = \"SELECT md5 FROM u WHERE n = ?1\" }",
    ),
    (
        "[auth]",
        "users = { sqlite = \"users.db\", cache = \"1m\", absent = \"5s\" }",
    ),
    (
        "[auth]",
        "users = { sqlite = \"users.db\", grace = \"0s\" }",
    ),
    (
        "[auth]",
        "users = { sqlite = \"users.db\", timeout = \"1s\" }",
    ),
    ("[auth]", "nonce_lifetime = \"1m\""),
    ("[registrar]", "min_expires = \"2m\""),
    ("[registrar]", "max_expires = \"30m\""),
    ("[registrar]", "max_contacts = 3"),
    ("[registrar]", "upstream_expires = \"30m\""),
    ("[registrar]", "resync_rate = 20"),
    ("[registrar]", "udp_nat_expires = \"90s\""),
    ("[[upstream]]", "profile = \"path\""),
    ("[registrar]", "grace = \"7s\""),
    ("[registrar]", "nat_keepalive = \"25s\""),
    ("[route]", "default = \"pbx\""),
    ("[limits]", "message = \"32KiB\""),
    ("[limits]", "transactions = \"64MiB\""),
    ("[limits]", "rate = { per_source = 100 }"),
    ("[limits]", "rate = { per_source = 100, burst = 500 }"),
    ("[log]", "level = \"debug\""),
    ("[log]", "format = \"json\""),
];
/// What has one value in this version, which is what is done without it too.
const ONLY: [(&str, &str); 3] = [
    ("[registrar]", "mode = \"terminate\""),
    ("[route]", "mode = \"b2bua\""),
    ("[[upstream]]", "profile = \"asterisk\""),
];
const LATER: [(&str, &str); 4] = [
    ("[[listen]]", "bind = \"tls:127.0.0.1:5061\""),
    ("[[listen]]", "bind = \"wss:127.0.0.1:8081\""),
    (
        "[[upstream]]",
        "targets = [\"sip:10.0.0.10;transport=tls\"]",
    ),
    ("[[upstream]]", "targets = [\"sips:10.0.0.10\"]"),
];
const BASE: &str = r#"
[server]
[[listen]]
bind = "udp:127.0.0.1:5060"
[[upstream]]
name = "pbx"
targets = ["sip:10.0.0.10:5060"]
[auth]
[registrar]
[route]
[limits]
[admin]
[log]
"#;
/// The keys of the contract, each once.
const CONTRACT: &str = r#"
[server]
domains  = ["pbx.example.org"]
data_dir = "/var/lib/bellhop"
workers  = 0

[[listen]]
name = "phones"
bind = "udp:0.0.0.0:5060"
advertise = "203.0.113.5:5060"
zone = "outside"

[[upstream]]
name    = "pbx"
targets = ["sip:10.0.0.10:5060;transport=tcp"]
profile = "asterisk"
probe   = "10s"
trusted = true

[auth]
realm      = "pbx.example.org"
algorithms = ["SHA-256", "MD5"]
users      = { file = "users.toml" }
nonce_lifetime = "5m"

[registrar]
mode = "terminate"
min_expires = "60s"
max_expires = "1h"
max_contacts = 10
upstream_expires = "1h"
resync_rate = 50

[route]
default = "pbx"
mode    = "proxy"

[[plugin]]
name   = "block-list"

[limits]
message = "64KiB"
transactions = "1GiB"
rate    = { per_source = 100, burst = 200 }

[admin]
bind  = "127.0.0.1:8060"
token = { env = "BELLHOP_ADMIN_TOKEN" }

[log]
level  = "info"
format = "text"
"#;
