//! What is dialled, what the lamp shows, and where calls go.

use bellhop_plugin::testing::{Harness, invite};

use super::*;

const LAMP: &str = "sip:night@example.org";

fn plugin() -> Harness<NightSwitch> {
    let config = r#"{"lamp": "sip:night@example.org", "day": "100", "night": "199"}"#;
    Harness::new(config).unwrap_or_else(|error| unreachable!("{error}"))
}

fn lamp(plugin: &Harness<NightSwitch>) -> Option<bool> {
    let body = plugin.published(LAMP, "dialog")?;
    Some(String::from_utf8_lossy(&body).contains("<state>confirmed</state>"))
}

#[test]
fn the_code_turns_it_and_the_lamp_shows_that() {
    let mut plugin = plugin();
    for (is_night, said) in [(true, "Night"), (false, "Day"), (true, "Night")] {
        let dialled = invite().to("sip:*28@example.org");
        let answer = plugin.on_request(&dialled);
        assert_eq!(answer, Reply::new(480).reason(said).into());
        assert_eq!(lamp(&plugin), Some(is_night));
    }
}

#[test]
fn whoever_subscribes_first_finds_it_dark() {
    let mut plugin = plugin();
    assert_eq!(lamp(&plugin), None);
    let subscribe = format!(
        "SUBSCRIBE {LAMP} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-1\r\nFrom: <sip:a@example.org>;tag=1\r\n\
         To: <{LAMP}>\r\nCall-ID: 1\r\nCSeq: 1 SUBSCRIBE\r\nEvent: dialog\r\n\r\n"
    );
    let subscribe = Message::parse(subscribe);
    assert_eq!(plugin.on_request(&subscribe), Verdict::Continue);
    assert_eq!(lamp(&plugin), Some(false));
}

#[test]
fn by_night_calls_go_elsewhere() {
    let mut plugin = plugin();
    let by_day = invite().to("sip:100@example.org");
    assert_eq!(plugin.on_request(&by_day), Verdict::Continue);
    assert_eq!(by_day.ruri(), "sip:100@example.org");
    plugin.on_request(&invite().to("sip:*28@example.org"));
    let by_night = invite().to("sip:100@example.org");
    plugin.on_request(&by_night);
    assert_eq!(by_night.ruri(), "sip:199@example.org");
    let other = invite().to("sip:101@example.org");
    plugin.on_request(&other);
    assert_eq!(other.ruri(), "sip:101@example.org");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for wrong in [
        "{}",
        r#"{"lamp": "x"}"#,
        r#"{"lamp": "sip:a@b", "day": "1"}"#,
    ] {
        assert!(Harness::<NightSwitch>::new(wrong).is_err(), "{wrong}");
    }
}
