//! What becomes of dialled numbers.

use bellhop_plugin::testing::{Harness, bye, invite};

use super::*;

const BERLIN: &str = r#"{"country": "49", "area": "30", "national": "0", "keep": ["1??"],
    "short": {"110": "sip:police@pbx.example", "*97": "sip:voicemail@pbx.example"},
    "deny": ["49900", "88"], "allow": ["49", "43", "1"]}"#;

fn plugin(config: &str) -> Harness<NumberPlan> {
    Harness::new(config).unwrap_or_else(|error| unreachable!("{error}"))
}

/// The Request-URI after the plugin, and its verdict.
fn dial(plugin: &mut Harness<NumberPlan>, user: &str) -> (String, Verdict) {
    let call = invite().to(&format!("sip:{user}@example.com;user=phone"));
    let verdict = plugin.on_request(&call);
    (call.ruri(), verdict)
}

#[test]
fn every_way_to_dial_a_number_becomes_one() {
    let mut plugin = plugin(BERLIN);
    for user in [
        "+493012345",
        "00493012345",
        "03012345",
        "12345",
        "+49(0)30-12345",
        "030/12345",
    ] {
        let (uri, verdict) = dial(&mut plugin, user);
        assert_eq!(verdict, Verdict::Continue);
        match user.contains('/') {
            // No visual separator of RFC 3966: it is no number, and left alone.
            true => assert_eq!(uri, "sip:030/12345@example.com;user=phone"),
            false => assert_eq!(uri, "sip:+493012345@example.com;user=phone", "{user}"),
        }
    }
}

#[test]
fn a_tel_uri_stays_one() {
    let mut plugin = plugin(BERLIN);
    let call = invite().to("tel:030-12345");
    plugin.on_request(&call);
    assert_eq!(call.ruri(), "tel:+493012345");
    assert_eq!(
        call.note("number-plan.number").as_deref(),
        Some("+493012345")
    );
    assert_eq!(call.note("number-plan.country").as_deref(), Some("49"));
}

#[test]
fn short_codes_go_where_the_plan_says_and_extensions_stay() {
    let mut plugin = plugin(BERLIN);
    assert_eq!(dial(&mut plugin, "110").0, "sip:police@pbx.example");
    assert_eq!(dial(&mut plugin, "*97").0, "sip:voicemail@pbx.example");
    assert_eq!(dial(&mut plugin, "123").0, "sip:123@example.com;user=phone");
    assert_eq!(
        dial(&mut plugin, "alice").0,
        "sip:alice@example.com;user=phone"
    );
}

#[test]
fn calls_stay_within_the_countries_and_the_longest_prefix_decides() {
    let mut plugin = plugin(BERLIN);
    assert_eq!(dial(&mut plugin, "+49900123456").1.status(), Some(403));
    assert_eq!(dial(&mut plugin, "+882123456789").1.status(), Some(403));
    assert_eq!(dial(&mut plugin, "+33123456789").1.status(), Some(403));
    assert_eq!(dial(&mut plugin, "+12125551234").1, Verdict::Continue);
    let mut open = self::plugin(r#"{"country": "1", "deny": ["1900"]}"#);
    assert_eq!(dial(&mut open, "+33123456789").1, Verdict::Continue);
    assert_eq!(dial(&mut open, "9005551234").1.status(), Some(403));
    assert_eq!(
        dial(&mut open, "2125551234").0,
        "sip:+12125551234@example.com;user=phone"
    );
}

#[test]
fn a_number_that_cannot_be_gets_404() {
    let mut plugin = plugin(BERLIN);
    for user in ["+4930", "+4930123456789012", "+0123456789"] {
        assert_eq!(dial(&mut plugin, user).1.status(), Some(404), "{user}");
    }
}

#[test]
fn a_local_number_without_a_known_area_is_left_alone() {
    let mut plugin = plugin(r#"{"country": "49", "national": "0"}"#);
    assert_eq!(
        dial(&mut plugin, "12345").0,
        "sip:12345@example.com;user=phone"
    );
}

#[test]
fn requests_of_a_dialog_are_left_alone() {
    let mut plugin = plugin(BERLIN);
    let bye = bye()
        .to("sip:030123456@192.0.2.20")
        .replacing("To", "<sip:b@x>;tag=t");
    assert_eq!(plugin.on_request(&bye), Verdict::Continue);
    assert_eq!(bye.edits(), []);
}

#[test]
fn a_country_that_is_none_is_refused() {
    let said = |config: &str| Harness::<NumberPlan>::new(config).err().unwrap_or_default();
    assert_eq!(said("{}"), "country: is missing");
    assert_eq!(
        said(r#"{"country": "0"}"#),
        "country: 0 is no country code (E.164)"
    );
    let short = r#"{"country": "49", "short": {"1": "x"}}"#;
    assert_eq!(said(short), "short.1: expected a sip, sips or tel URI");
}
