//! `[[listen]]` by `ws:`.

use super::pretend;
use std::time::Duration;

#[test]
fn a_websocket_is_for_pages_of_anybody_unless_they_are_named() {
    let settings = pretend().accepts(&text("name = \"web\"\n"));
    let rules = settings.listeners[1].web.clone().unwrap();
    assert_eq!(rules.origins, Vec::<String>::new());
    assert_eq!(rules.ping, Duration::from_secs(30));
    assert_eq!(settings.listeners[0].web, None);
    let said = settings.explain();
    assert!(said[1].ends_with(", for pages of any origin"), "{said:?}");

    let named =
        "origins = [\"https://Phone.example.org\", \"http://localhost:8080\"]\nping = \"5s\"\n";
    let settings = pretend().accepts(&text(named));
    let rules = settings.listeners[1].web.clone().unwrap();
    let origins = ["https://phone.example.org", "http://localhost:8080"];
    assert_eq!(rules.origins, origins);
    assert_eq!(rules.ping, Duration::from_secs(5));
    let json = serde_json::to_value(settings.describe()).unwrap();
    let shown = &json["listeners"][1];
    assert_eq!(shown["transport"], "ws");
    assert_eq!(shown["websocket"]["origins"][1], origins[1]);
    assert_eq!(shown["websocket"]["ping"], 5);
    assert!(json["listeners"][0].get("websocket").is_none());
}

#[test]
fn what_makes_no_sense_of_a_websocket_is_refused() {
    let text = r#"
[[listen]]
bind = "udp:127.0.0.1:5060"
origins = ["https://phone.example.org"]
ping = "30s"
[[listen]]
bind = "tcp:127.0.0.1:5066"
[[listen]]
bind = "ws:0.0.0.0:5066"
origins = []
ping = "1s"
[[listen]]
bind = "ws:127.0.0.1:5067"
zone = "inside"
[[listen]]
bind = "ws:127.0.0.1:5068"
origins = ["*", "https://phone.example.org/", "phone.example.org", "null", "https://a.example:443", "https://b.example", "https://B.example"]
[[listen]]
bind = "wss:127.0.0.1:5069"
[[listen]]
bind = "ws:127.0.0.1"
"#;
    insta::assert_snapshot!(pretend().refuses(text));
}

#[test]
fn browsers_alone_are_no_pbx() {
    let text = "[[listen]]\nbind = \"ws:127.0.0.1:5066\"\n";
    insta::assert_snapshot!(pretend().refuses(text));
}

#[test]
fn pages_that_may_open_one_are_changed_by_a_reload() {
    let old = pretend().accepts(&text(""));
    let new = pretend().accepts(&text("origins = [\"https://phone.example.org\"]\n"));
    assert_eq!(old.restart_needed(&new), Vec::<String>::new());
    let rules = old.reloaded(new).web_rules();
    assert_eq!(rules[0], None);
    let origins = &rules[1].as_ref().unwrap().origins;
    assert_eq!(origins, &["https://phone.example.org"]);
}

fn text(more: &str) -> String {
    format!(
        "[[listen]]\nbind = \"tcp:127.0.0.1:5060\"\n[[listen]]\nbind = \"ws:127.0.0.1:5066\"\n{more}"
    )
}
