//! The configuration of `bellhop` without arguments.

use crate::config::embedded;

#[test]
fn it_goes_through_the_parser_without_a_warning() {
    let settings = embedded(5070).unwrap().settings;
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    let binds: Vec<String> = settings
        .listeners
        .iter()
        .map(|l| l.bind.to_string())
        .collect();
    assert_eq!(binds, ["udp:127.0.0.1:5070", "tcp:127.0.0.1:5070"]);
    assert!(settings.upstreams.is_empty());
    assert!(
        ["1001", "1002"]
            .iter()
            .all(|name| settings.auth.users.find(name).is_some())
    );
}

#[test]
fn passwords_are_new_each_time_and_shown_in_the_greeting_alone() {
    let (a, b) = (embedded(5060).unwrap(), embedded(5060).unwrap());
    let password = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with("1001 "));
        line.unwrap().split_whitespace().last().unwrap().to_owned()
    };
    let (first, second) = (
        password(&a.greeting.to_string()),
        password(&b.greeting.to_string()),
    );
    assert_eq!(first.len(), 20);
    assert_ne!(first, second);
    assert!(!format!("{a:?}").contains(&first));
}

#[test]
fn the_greeting_says_what_to_type() {
    let greeting = embedded(5070).unwrap().greeting.to_string();
    for word in ["127.0.0.1:5070", "1001", "1002", "sip:1002@127.0.0.1:5070"] {
        assert!(greeting.contains(word), "{word}: {greeting}");
    }
}
