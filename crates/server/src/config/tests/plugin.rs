//! `[[plugin]]`: what each key means, and what is said of a wrong one.

use super::pretend;
use bellhop_policy::{Capability, Isolation, OnError, PluginConfig, Quarantine};
use std::{path::Path, time::Duration};

const HEAD: &str = "[[listen]]\nbind = \"udp:127.0.0.1:5060\"\n";
const LEAST: &str = "[[plugin]]\nname = \"p\"\nfile = \"p.wasm\"\n";

fn read(lines: &str) -> PluginConfig {
    let settings = pretend().accepts(&format!("{HEAD}{LEAST}{lines}"));
    settings.plugins[0].clone()
}

fn refused(lines: &str) -> String {
    pretend().refuses(&format!("{HEAD}{lines}"))
}

#[test]
fn a_name_and_a_file_are_enough() {
    let plugin = read("");
    assert_eq!(plugin, PluginConfig::new("p", "/etc/bellhop/p.wasm"));
}

#[test]
fn every_key_is_taken_over() {
    let hash = "00".repeat(31) + "ff";
    let plugin = read(&format!(
        "sha256 = \"{hash}\"\ngrant = [\"edit\", \"upstreams\", \"http\"]\non_error = \"reject\"\n\
         deadline = \"20ms\"\nmemory = \"1MiB\"\nisolation = \"request\"\nshadow = true\ntimer = \"30s\"\n\
         log_lines = 7\nquarantine = {{ failures = 3, within = \"1m\", pause = \"5s\" }}\nstore = {{ keys = 10, bytes = \"1KiB\" }}\n\
         http = {{ hosts = [\"api.example.org\"], timeout = \"2s\", deadline = \"3s\", concurrency = 4, queue = 5, \
         response = \"2KiB\" }}\n"
    ));
    assert_eq!(plugin.sha256.unwrap()[30..], [0, 0xff]);
    let granted: Vec<_> = plugin.grants.iter().collect();
    assert_eq!(
        granted,
        [Capability::Edit, Capability::Upstreams, Capability::Http]
    );
    assert_eq!(plugin.on_error, OnError::Reject);
    assert_eq!(plugin.deadline, Duration::from_millis(20));
    assert_eq!(plugin.memory, 1 << 20);
    assert_eq!(plugin.isolation, Isolation::Request);
    assert!(plugin.shadow);
    assert_eq!(plugin.timer, Some(Duration::from_secs(30)));
    assert_eq!(plugin.log_lines, 7);
    assert_eq!((plugin.store.keys, plugin.store.bytes), (10, 1024));
    let quarantine = Quarantine {
        failures: 3,
        within: Duration::from_secs(60),
        pause: Duration::from_secs(5),
    };
    assert_eq!(plugin.quarantine, quarantine);
    assert_eq!(plugin.http.hosts, ["api.example.org"]);
    assert_eq!(plugin.http.timeout, Duration::from_secs(2));
    assert_eq!(plugin.http.deadline, Duration::from_secs(3));
    assert_eq!((plugin.http.concurrency, plugin.http.queue), (4, 5));
    assert_eq!(plugin.http.response, 2048);
}

#[test]
fn never_to_leave_a_plugin_alone_is_warned_of() {
    let never = format!("{HEAD}{LEAST}quarantine = {{ failures = 0 }}\n");
    let warnings = pretend().warns(&never);
    assert!(
        warnings.contains("plugin[0].quarantine.failures = 0: the plugin is never left alone"),
        "{warnings}"
    );
}

#[test]
fn its_own_configuration_is_handed_on_as_json() {
    let plugin = read(
        "[plugin.config]\nnumbers = [\"+1900*\"]\nfactor = 1.5\non = true\ndeep = { n = 0x10 }\n",
    );
    let json: serde_json::Value = serde_json::from_str(&plugin.config).unwrap();
    let expected =
        serde_json::json!({"numbers": ["+1900*"], "factor": 1.5, "on": true, "deep": {"n": 16}});
    assert_eq!(json, expected);
}

#[test]
fn plugins_keep_their_order() {
    let two = format!("{HEAD}{LEAST}[[plugin]]\nname = \"a\"\nfile = \"/a.wasm\"\n");
    let settings = pretend().accepts(&two);
    let names: Vec<&str> = settings
        .plugins
        .iter()
        .map(|plugin| &*plugin.name)
        .collect();
    assert_eq!(names, ["p", "a"]);
    assert_eq!(settings.plugins[1].file, Path::new("/a.wasm"));
}

#[test]
fn what_is_missing_or_twice_is_said() {
    for (lines, said) in [
        ("[[plugin]]\nfile = \"p.wasm\"\n", "has no name"),
        ("[[plugin]]\nname = \"p\"\n", "has no file"),
        ("[[plugin]]\nname = \"p\"\nfile = \"\"\n", "is empty"),
        (
            "[[plugin]]\nname = \"a b\"\nfile = \"p\"\n",
            "not a plugin's name",
        ),
    ] {
        let problems = refused(lines);
        assert!(problems.contains(said), "{lines}: {problems}");
    }
    let problems = refused(&format!("{LEAST}{LEAST}"));
    assert!(
        problems.contains("a plugin in line 4 has this name too"),
        "{problems}"
    );
}

#[test]
fn a_wrong_value_is_said_with_what_is_allowed() {
    for (line, said) in [
        ("grant = [\"edits\"]", "did you mean \"edit\"?"),
        ("on_error = \"open\"", "allowed: \"continue\", \"reject\""),
        ("deadline = \"0s\"", "allowed: \"1ms\" to \"1s\""),
        ("memory = \"1GiB\"", "allowed: \"64KiB\" to \"256MiB\""),
        ("sha256 = \"abc\"", "not a SHA-256"),
        ("config = \"x\"", "must be a table"),
        ("timer = \"1ms\"", "allowed: \"100ms\" to \"1d\""),
        ("grant = [\"http\"]", "http = { hosts = "),
        ("grant = [\"http\"]\nhttp = { hosts = [] }", "has no hosts"),
        ("isolation = \"none\"", "allowed: \"kept\", \"request\""),
        ("quarantine = { failures = -1 }", "allowed: 0 to 1000000"),
        (
            "quarantine = { pause = \"2d\" }",
            "allowed: \"1ms\" to \"1d\"",
        ),
        ("quarantine = { after = 3 }", "after"),
        ("deadlin = \"1ms\"", "did you mean \"deadline\"?"),
    ] {
        let problems = refused(&format!("{LEAST}{line}\n"));
        assert!(problems.contains(said), "{line}: {problems}");
    }
}
