//! `[cdr]`.

use super::pretend;
use std::path::Path;

#[test]
fn records_are_written_beside_the_configuration_or_where_an_absolute_path_says() {
    for (named, expected) in [
        ("calls.jsonl", "/etc/bellhop/calls.jsonl"),
        ("/var/log/calls.jsonl", "/var/log/calls.jsonl"),
    ] {
        let text = format!("{BASE}mode = \"b2bua\"\n[cdr]\nfile = \"{named}\"\n");
        let settings = pretend().accepts(&text);
        assert_eq!(settings.cdr.as_deref(), Some(Path::new(expected)));
        let shown = serde_json::to_string(&settings.describe()).unwrap();
        assert!(
            shown.contains(&format!("\"cdr\":\"{expected}\"")),
            "{shown}"
        );
        let told = settings.explain().join("\n");
        assert!(told.contains(expected), "{told}");
    }
    let settings = pretend().accepts(&format!("{BASE}mode = \"b2bua\"\n"));
    assert_eq!(settings.cdr, None);
}

#[test]
fn a_section_without_a_file_and_unknown_keys_are_refused() {
    let mistakes = ["", "file = \"\"\n", "files = \"x\"\n", "file = 7\n"];
    let mistakes = mistakes.map(|keys| {
        let text = format!("{BASE}mode = \"b2bua\"\n[cdr]\n{keys}");
        pretend().refuses(&text)
    });
    insta::assert_snapshot!(mistakes.join("\n"));
}

#[test]
fn records_mean_nothing_where_calls_are_relayed() {
    let text = format!("{BASE}[cdr]\nfile = \"calls.jsonl\"\n");
    let said = pretend().warns(&text);
    assert!(
        said.contains("cdr.file") && said.contains("calls are relayed"),
        "{said}"
    );
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
