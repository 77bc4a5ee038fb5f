//! The ladder as it is drawn.

use super::*;
use std::time::Duration;

const PLAIN: Look = Look {
    unicode: false,
    colour: false,
};
const DRAWN: Look = Look {
    unicode: true,
    colour: false,
};

fn step(at: u64, from: Party, to: Party, line: &str) -> Step {
    let mut words = line.split(' ');
    let (label, kind) = match (words.next().unwrap(), words.next()) {
        ("SIP/2.0", Some(status)) => {
            let kind = match status.as_bytes()[0] {
                b'1' => Kind::Provisional,
                b'2' => Kind::Success,
                _ => Kind::Refusal,
            };
            (status, kind)
        }
        (method, _) => (method, Kind::Request),
    };
    Step {
        scene: None,
        at: Duration::from_micros(at),
        from,
        to,
        label: label.to_owned(),
        kind,
        line: line.to_owned(),
        decisions: Vec::new(),
        crossed: true,
        again: false,
    }
}

fn story() -> Vec<Step> {
    use Party::{Alice, Bellhop, Bob, Pbx};
    let mut steps = vec![
        step(0, Alice, Bellhop, "REGISTER sip:bellhop.test SIP/2.0"),
        step(420, Bellhop, Alice, "SIP/2.0 401 Unauthorized"),
        step(
            1_234,
            Bellhop,
            Pbx,
            "SUBSCRIBE sip:700@127.0.0.1:54321 SIP/2.0",
        ),
        step(99_999, Pbx, Bellhop, "SIP/2.0 200 OK"),
        step(
            1_234_567,
            Bellhop,
            Bob,
            "INVITE sip:bob@127.0.0.1:54321;a-long-parameter SIP/2.0",
        ),
        step(1_234_999, Bob, Bellhop, "SIP/2.0 180 Ringing"),
    ];
    steps[0].scene = Some("alice registers".to_owned());
    steps[0].decisions = vec!["challenged: no credentials".to_owned()];
    steps[2].scene = Some("alice watches 700".to_owned());
    let long = "registered: sip:bob@bellhop.test: added sip:bob@127.0.0.1:54321 (bindings: 1)";
    steps[4].decisions = vec![long.to_owned()];
    steps[4].again = true;
    steps[5].crossed = false;
    steps
}

#[test]
fn a_ladder_in_unicode() {
    insta::assert_snapshot!(draw(&story(), DRAWN));
}

#[test]
fn a_ladder_in_ascii() {
    let drawn = draw(&story(), PLAIN);
    assert!(drawn.is_ascii());
    insta::assert_snapshot!(drawn);
}

#[test]
fn no_line_is_wider_than_a_hundred_columns() {
    let mut steps = story();
    for step in &mut steps {
        step.line = "x".repeat(300);
        step.label = "A-VERY-LONG-EXTENSION-METHOD".to_owned();
        step.decisions = vec!["y".repeat(300)];
    }
    for look in [PLAIN, DRAWN] {
        let drawn = draw(&steps, look);
        let widest = drawn.lines().map(|line| line.chars().count()).max();
        assert_eq!(widest, Some(WIDTH), "{drawn}");
    }
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let coloured = Look {
        colour: true,
        ..DRAWN
    };
    let drawn = draw(&story(), coloured);
    let mut bare = String::new();
    for (number, part) in drawn.split('\x1b').enumerate() {
        let behind = part.split_once('m').map_or(part, |(_, text)| text);
        bare.push_str(if number == 0 { part } else { behind });
    }
    assert_ne!(drawn, bare);
    assert_eq!(bare, draw(&story(), DRAWN));
}

#[test]
fn a_locale_is_read_for_its_encoding() {
    for (locale, utf8) in [
        ("en_US.UTF-8", true),
        ("C.utf8", true),
        ("C", false),
        ("de_DE.ISO-8859-1", false),
    ] {
        assert_eq!(is_utf8(locale), utf8, "{locale}");
    }
}

#[test]
fn words_are_kept_whole_where_they_fit() {
    assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    assert_eq!(wrapped("abcdefgh ij", 5), ["abcde", "fgh", "ij"]);
    assert_eq!(wrapped("", 5), [""]);
}
