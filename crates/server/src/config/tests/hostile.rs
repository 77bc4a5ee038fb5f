//! Whatever stands in the files: it is read or refused, with every problem's place, and never a panic.

use super::pretend;
use proptest::{collection::vec, prelude::*, sample::Index as Place, sample::select};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_spoilt_configuration_is_read_or_refused(text in spoilt(GOOD), users in spoilt(USERS)) {
        hold(&text, &users);
    }

    #[test]
    fn any_toml_is_read_or_refused(sections in vec((select(SECTIONS), vec(entry(), 0..5)), 0..5)) {
        let mut text = String::new();
        for (section, entries) in sections {
            text.push_str(section);
            for (key, value) in entries {
                text.push_str(&format!("\n{key} = {value}"));
            }
            text.push('\n');
        }
        hold(&text, USERS);
    }

    #[test]
    fn bytes_that_are_no_toml_at_all_are_refused_or_mean_nothing(text in ".{0,80}") {
        hold(&text, &text);
    }
}

/// Holds a configuration and its users to the rules, on a machine that has both.
fn hold(text: &str, users: &str) {
    let machine = pretend()
        .file("/etc/bellhop/users.toml", users)
        .file("/etc/bellhop/users.htdigest", users)
        .variable("SIP_PASSWORD", "x")
        .address("10.0.0.2");
    super::hold::hold(text, users, &machine);
}

/// A good text with some changes.
fn spoilt(good: &'static str) -> impl Strategy<Value = String> {
    let change = (any::<Place>(), 0..12_usize, piece());
    vec(change, 0..4).prop_map(move |changes| {
        let mut text: Vec<char> = good.chars().collect();
        for (place, cut, new) in changes {
            let at = place.index(text.len().saturating_add(1));
            let end = at.saturating_add(cut).min(text.len());
            text.splice(at..end, new.chars());
        }
        text.into_iter().collect()
    })
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        select(PIECES).prop_map(str::to_owned),
        value(),
        select(SECTIONS).prop_map(|section| format!("\n{section}\n")),
        ".{0,3}",
    ]
}

fn entry() -> impl Strategy<Value = (&'static str, String)> {
    (select(KEYS), value())
}

/// A TOML value of any kind.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => select(TEXTS).prop_map(|text| format!("{text:?}")),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => (0..100_i64).prop_map(|number| number.to_string()),
        1 => select(&["true", "false", "1.5", "nan", "1979-05-27", "0x10", "''", "'''\na'''"][..])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            (select(KEYS), inner).prop_map(|(key, value)| format!("{{ {key} = {value} }}")),
        ]
    })
}

const GOOD: &str = r#"
[server]
domains = ["PBX.example.org", "[::1]"]
data_dir = "/var/lib/bellhop"
workers = 2

[[listen]]
name = "phones"
bind = "udp:0.0.0.0:5060"
advertise = "203.0.113.5"

[[listen]]
name = "lan"
bind = "tcp:[::1]:0"
zone = "inside"

[[upstream]]
name = "pbx"
targets = ["sip:10.0.0.10", "sip:pbx.example.org:5070;transport=tcp"]
trusted = true

[auth]
realm = "example.org"
algorithms = ["SHA-512-256", "MD5"]
users = { file = "users.toml" }
nonce_lifetime = "90s"
strip_headers = ["X-Account"]

[registrar]
min_expires = "30s"
max_expires = "2h"
max_contacts = 3

[route]
default = "pbx"

[limits]
message = "32KiB"
transactions = "64MiB"
rate = { per_source = 50, burst = 80 }

[log]
level = "debug"
format = "json"
"#;

const USERS: &str = r#"
[[user]]
name = "6001"
password = "geheim"
aors = ["sip:6001@example.org", "sip:Sales@[::1]"]

[[user]]
name = "a b"
password = "${SIP_PASSWORD}"

[[user]]
name = "6003"
ha1 = { md5 = "0123456789abcdef0123456789abcdef" }
"#;

const SECTIONS: &[&str] = &[
    "[server]",
    "[[listen]]",
    "[listen]",
    "[[upstream]]",
    "[auth]",
    "[registrar]",
    "[route]",
    "[limits]",
    "[subscriptions]",
    "[log]",
    "[[plugin]]",
    "[admin]",
    "[[user]]",
    "[a.b]",
];

const KEYS: &[&str] = &[
    "domains",
    "data_dir",
    "workers",
    "name",
    "bind",
    "advertise",
    "zone",
    "targets",
    "profile",
    "probe",
    "trusted",
    "realm",
    "algorithms",
    "users",
    "file",
    "htdigest",
    "nonce_lifetime",
    "strip_headers",
    "mode",
    "min_expires",
    "max_expires",
    "max_contacts",
    "upstream_expires",
    "default",
    "message",
    "transactions",
    "most",
    "share",
    "reg",
    "linger",
    "origins",
    "ping",
    "rate",
    "per_source",
    "burst",
    "level",
    "format",
    "password",
    "ha1",
    "md5",
    "aors",
    "user",
    "\"\"",
    "a.b",
];

const TEXTS: &[&str] = &[
    "",
    "udp:127.0.0.1:5060",
    "tcp:[::]:0",
    "udp:0.0.0.0:5060",
    "tls:1.2.3.4:5061",
    "ws:1.2.3.4:5066",
    "https://phone.example.org:8443",
    "udp::",
    "udp:[::1",
    "sip:10.0.0.10:5060;transport=tcp",
    "sip:pbx.example.org:5070",
    "sip:a@b",
    "sip:[::1]:70000",
    "sips:x",
    "example.org",
    "[::1]",
    "*.example.org",
    "users.toml",
    "users.htdigest",
    "../../x",
    "30s",
    "0s",
    "1h30m",
    "99999999999999999999h",
    "18446744073709551615s",
    "64KiB",
    "0",
    "17179869184GiB",
    "-1s",
    "SHA-256",
    "MD5",
    "pbx",
    "inside",
    "outside",
    "info",
    "json",
    "terminate",
    "${SIP_PASSWORD}",
    "${",
    "${}",
    "X-Account",
    "Via",
    "a\r\nb",
    "\u{fc}\u{1F600}",
    "\0",
];

const PIECES: &[&str] = &[
    "",
    "\n",
    "\r",
    "\"",
    "'",
    "=",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    ",",
    ".",
    "#",
    "\\",
    "\\u0000",
    "\"\"\"",
    "= ",
    " = 1\n",
    "\u{feff}",
    "\0",
    "9",
    "-",
    "5m",
    "KiB",
    "${SIP_PASSWORD}",
];
