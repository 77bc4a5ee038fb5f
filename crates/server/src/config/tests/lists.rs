//! `[[subscriptions.list]]` (RFC 4662).

use super::pretend;
use bellhop_core::registrar::Aor;

#[test]
fn a_list_reaches_the_core_under_what_it_is_subscribed_to_as() {
    let text = format!(
        "{BASE}[[subscriptions.list]]\nuri = \"sip:desk@Example.org\"\nname = \"Front desk\"\n\
         members = [\"sip:6001@example.org\", \"sip:6002@example.org;user=phone\"]\n"
    );
    let settings = pretend().accepts(&text);
    let config = settings.core_config(&[], &[Vec::new()]);
    let aor = |text| Aor::parse_text(text).unwrap();
    let list = &config.subscriptions.lists[&aor("sip:desk@example.org")];
    assert_eq!(list.name.as_deref(), Some("Front desk"));
    let expected = [
        ("sip:6001@example.org", aor("sip:6001@example.org")),
        (
            "sip:6002@example.org;user=phone",
            aor("sip:6002@example.org"),
        ),
    ];
    let expected = expected.map(|(uri, aor)| (uri.to_owned(), aor));
    assert_eq!(list.members, expected);
    let shown = serde_json::to_string(&settings.describe()).unwrap();
    assert!(
        shown.contains("\"lists\":[{\"uri\":\"desk@example.org\""),
        "{shown}"
    );
}

#[test]
fn what_is_no_list_is_refused_with_its_place_and_what_is_allowed() {
    let many: Vec<String> = (0..65)
        .map(|n| format!("\"sip:{n}@example.org\""))
        .collect();
    let text = format!(
        "{BASE}[[subscriptions.list]]\nuri = \"sip:desk@elsewhere.example\"\nmembers = []\n\
         [[subscriptions.list]]\nuri = \"tel:+49\"\n\
         [[subscriptions.list]]\nuri = \"sip:a@example.org\"\nmember = \"x\"\n\
         members = [\"sip:6001@example.org\", \"sip:6001@EXAMPLE.ORG\", \"sip:b@example.org\", \"sip:example.org\"]\n\
         [[subscriptions.list]]\nuri = \"sip:b@example.org\"\nmembers = [{}]\n\
         [[subscriptions.list]]\nuri = \"sip:b@example.org\"\nmembers = [\"sip:1@example.org\"]\n\
         [[subscriptions.list]]\nmembers = [\"sip:1@example.org\"]\n",
        many.join(", ")
    );
    insta::assert_snapshot!(pretend().refuses(&text));
}

#[test]
fn a_list_without_anything_that_is_shared_is_refused() {
    let text = format!(
        "{}[[subscriptions.list]]\nuri = \"sip:a@example.org\"\nmembers = [\"sip:1@example.org\"]\n",
        BASE.replace("[subscriptions]\nshare = [\"dialog\"]\n", "")
    );
    insta::assert_snapshot!(pretend().refuses(&text));
}

const BASE: &str = r#"
[server]
domains = ["example.org"]
[[listen]]
bind = "udp:127.0.0.1:5060"
[[upstream]]
name = "pbx"
targets = ["sip:10.0.0.10:5060"]
[route]
default = "pbx"
[subscriptions]
share = ["dialog"]
"#;
