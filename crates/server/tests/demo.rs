//! `bellhop demo` as a user runs it: what stands in the terminal, in order, and that it is told to have
//! passed.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test's harness may fail loudly"
)]

use std::process::{Command, Output};

/// The demo in a locale, its output no terminal.
fn demo(locale: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bellhop"))
        .arg("demo")
        .args(arguments)
        .env_remove("LC_CTYPE")
        .env_remove("LANG")
        .env("LC_ALL", locale)
        .output()
        .unwrap()
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// Who sent what to whom, read off an ASCII ladder: `alice>bellhop REGISTER`.
fn arrows(ladder: &str) -> Vec<String> {
    const PARTIES: [(usize, &str); 4] = [(11, "alice"), (25, "bellhop"), (39, "bob"), (53, "pbx")];
    let party = |at: usize| PARTIES.iter().find(|(column, _)| *column == at).unwrap().1;
    let mut found = Vec::new();
    for line in ladder.lines().filter_map(|line| line.get(..54)) {
        let head = line.find(['<', '>']);
        let Some(head) = head.filter(|_| line.starts_with(' ')) else {
            continue;
        };
        let is_rightward = line.get(head..).unwrap().starts_with('>');
        let shaft_ends = |c: char| c == '|';
        let (to, from) = if is_rightward {
            (
                head + 1,
                line.get(..head).unwrap().rfind(shaft_ends).unwrap(),
            )
        } else {
            let rest = line.get(head..).unwrap();
            (head - 1, head + rest.find(shaft_ends).unwrap())
        };
        let low = from.min(to) + 1;
        let drawn = line.get(low..from.max(to)).unwrap();
        let label = drawn.trim_matches(['<', '>', '-', ' ']);
        found.push(format!("{}>{} {label}", party(from), party(to)));
    }
    found
}

#[test]
fn it_shows_registration_subscription_and_call_in_order_and_passes() {
    let output = demo("C", &[]);
    let shown = text(&output);
    assert!(output.status.success(), "{output:?}");
    let all = arrows(shown);
    let mut rest = all.iter();
    for expected in EXPECTED {
        assert!(
            rest.any(|arrow| arrow == expected),
            "{expected} is missing or out of order in:\n{shown}"
        );
    }
    assert!(shown.contains("= challenged: no credentials"), "{shown}");
    assert!(shown.contains("= registered: "), "{shown}");
    assert!(shown.contains("= relayed: "), "{shown}");
    let last = shown.lines().last().unwrap();
    assert!(last.starts_with("bellhop demo passed in "), "{shown}");
}

#[test]
fn it_draws_in_unicode_where_the_locale_can_and_in_ascii_where_it_is_asked_to() {
    let drawn = demo("C.UTF-8", &[]);
    assert!(text(&drawn).contains("│─ REGISTER ─▶│"), "{drawn:?}");
    for (locale, arguments) in [("C.UTF-8", &["--ascii"][..]), ("C", &[]), ("", &[])] {
        let plain = demo(locale, arguments);
        assert!(text(&plain).is_ascii(), "{plain:?}");
        assert!(text(&plain).contains("|- REGISTER ->|"), "{plain:?}");
    }
}

#[test]
fn it_fits_a_hundred_columns_and_has_no_colours_where_there_is_no_terminal() {
    let drawn = demo("C.UTF-8", &[]);
    let shown = text(&drawn);
    assert!(!shown.contains('\x1b'), "{shown}");
    let widest = shown.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 100), "{shown}");
}

const EXPECTED: [&str; 44] = [
    "alice>bellhop REGISTER",
    "bellhop>alice 401",
    "alice>bellhop REGISTER",
    "bellhop>alice 200",
    "bob>bellhop REGISTER",
    "bellhop>bob 401",
    "bob>bellhop REGISTER",
    "bellhop>bob 200",
    "alice>bellhop SUBSCRIBE",
    "bellhop>alice 407",
    "alice>bellhop SUBSCRIBE",
    "bellhop>pbx SUBSCRIBE",
    "pbx>bellhop 200",
    "bellhop>alice 200",
    "pbx>bellhop NOTIFY",
    "bellhop>alice NOTIFY",
    "alice>bellhop 200",
    "bellhop>pbx 200",
    "pbx>bellhop NOTIFY",
    "bellhop>alice NOTIFY",
    "alice>bellhop 200",
    "bellhop>pbx 200",
    "alice>bellhop SUBSCRIBE",
    "bellhop>pbx SUBSCRIBE",
    "pbx>bellhop 200",
    "bellhop>alice 200",
    "pbx>bellhop NOTIFY",
    "bellhop>alice NOTIFY",
    "alice>bellhop INVITE",
    "bellhop>alice 407",
    "alice>bellhop ACK",
    "alice>bellhop INVITE",
    "bellhop>alice 100",
    "bellhop>bob INVITE",
    "bob>bellhop 180",
    "bellhop>alice 180",
    "bob>bellhop 200",
    "bellhop>alice 200",
    "alice>bellhop ACK",
    "bellhop>bob ACK",
    "bob>bellhop BYE",
    "bellhop>alice BYE",
    "alice>bellhop 200",
    "bellhop>bob 200",
];
