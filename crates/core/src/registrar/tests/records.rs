//! Bindings that are kept and put back by the next program.

use super::*;
use crate::time::Now;
use bellhop_wire::UriRef;

/// The wall clock when the site's own clock stands at `instant`.
fn now(instant: Instant) -> Now {
    Now {
        instant,
        unix: Duration::from_micros(START.saturating_add(instant.as_micros())),
    }
}

/// A program that was started so long after the first one, with what that kept.
fn next(site: &Site, later: u64) -> (Site, Now) {
    let mut next = Site::new();
    next.now = Instant::from_micros(20);
    let held = site.held();
    let then = now(site.now);
    let records: Vec<_> = held.iter().map(|binding| binding.record(then)).collect();
    let today = Now {
        instant: next.now,
        unix: then.unix + Duration::from_secs(later),
    };
    next.location.restore(today, &bob(), &records).unwrap();
    (next, today)
}

#[test]
fn what_is_put_back_is_what_was_kept_but_for_the_connection() {
    let mut site = Site::new();
    site.bind(&Register::by(
        "a",
        1,
        &[
            "Contact: <sip:bob@192.0.2.9;ob>;q=0.5;x=\"y z\";expires=600",
            "Path: <sip:edge.example.org;lr>",
            "Supported: path",
        ],
    ));
    site.pass(1);
    site.flow = tcp(7);
    site.bind(&Register::by(
        "b",
        4,
        &["Contact: <sip:bob@192.0.2.8;transport=tcp>;reg-id=3;+sip.instance=\"<urn:uuid:1>\""],
    ));
    site.pass(1);
    let (next, _) = next(&site, 10);
    let (before, after) = (site.held(), next.held());
    assert_eq!(before.len(), 2);
    for (old, new) in before.iter().zip(&after) {
        let left = old.remaining(site.now) - Duration::from_secs(10);
        assert_eq!(new.remaining(next.now), left);
        let expected = Binding {
            flow: Flow {
                connection: None,
                ..old.flow
            },
            expires: new.expires,
            updated: new.updated,
            ..(**old).clone()
        };
        assert_eq!(**new, expected);
    }
    assert_eq!(after.len(), 2);
    assert_eq!(next.location.len(), 2);
    // It is found by contact and by device too.
    let uri = UriRef::parse(b"sip:bob@192.0.2.9;ob").unwrap();
    assert!(next.location.by_contact(next.now, &uri, None).is_some());
    let device = before[0].device();
    assert!(next.location.of_device(next.now, device).is_some());
}

#[test]
fn what_has_ended_while_nothing_ran_is_not_put_back() {
    let site = Site::new();
    site.bind(&Register::by(
        "a",
        1,
        &["Contact: <sip:bob@192.0.2.9>;expires=60"],
    ));
    site.bind(&Register::by(
        "b",
        1,
        &["Contact: <sip:bob@192.0.2.8>;expires=61"],
    ));
    let (next, _) = next(&site, 60);
    assert_eq!(next.contacts(), ["sip:bob@192.0.2.8"]);
}

#[test]
fn the_newest_is_still_the_first_after_a_restart() {
    let mut site = Site::new();
    for contact in ["1", "2", "3"] {
        let line = format!("Contact: <sip:bob@192.0.2.{contact}>");
        site.bind(&Register::by(contact, 1, &[&line]));
        site.pass(1);
    }
    let before = site.contacts();
    let (next, _) = next(&site, 5);
    assert_eq!(next.contacts(), before);
    next.bind(&Register::by("4", 1, &["Contact: <sip:bob@192.0.2.4>"]));
    assert_eq!(next.contacts()[0], "sip:bob@192.0.2.4");
    assert_eq!(next.contacts()[1..], before);
}

#[test]
fn a_phone_goes_on_where_it_was_with_its_next_register_and_not_with_an_old_one() {
    let site = Site::new();
    site.bind(&Register::new(7, &["Contact: <sip:bob@192.0.2.9>"]));
    let (next, _) = next(&site, 5);
    let refused = next.refused(&Register::new(6, &["Contact: <sip:bob@192.0.2.9>"]));
    assert_eq!(refused.0, 500);
    next.bind(&Register::new(8, &["Contact: <sip:bob@192.0.2.9>"]));
    assert_eq!(next.contacts().len(), 1);
}

#[test]
fn a_wall_clock_that_was_set_back_gives_nobody_more_than_he_was_granted() {
    let site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@192.0.2.9>;expires=600"],
    ));
    let held = site.held();
    let record = held[0].record(now(site.now));
    let back = Now {
        instant: Instant::from_micros(5),
        unix: Duration::from_secs(1000),
    };
    let next = Site::new();
    next.location.restore(back, &bob(), &[record]).unwrap();
    let mut found = Bindings::new();
    next.location.lookup(back.instant, &bob(), &mut found);
    assert_eq!(found[0].remaining(back.instant), Duration::from_secs(600));
}

#[test]
fn what_is_no_contact_is_left_out_and_no_room_is_told() {
    let site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sip:bob@192.0.2.9>"]));
    let held = site.held();
    let record = held[0].record(now(site.now));
    let bad = Record {
        contact: b"nonsense",
        ..record
    };
    let next = Site::sized(1);
    let put =
        |aor: &Aor, records: &[Record<'_>]| next.location.restore(now(site.now), aor, records);
    assert_eq!(put(&bob(), &[bad, record]), Some(1));
    let alice = Aor::parse_text("sip:alice@example.org").unwrap();
    assert_eq!(put(&alice, &[record]), None);
}

#[test]
fn an_aor_is_known_again_by_its_text_and_by_no_other() {
    for text in ["sip:bob@example.org", "sip:a%40b@[2001:db8::1]", "sip:x.y"] {
        let aor = Aor::parse_text(text).unwrap();
        assert_eq!(Aor::of_canonical(aor.as_str()), Some(aor));
    }
    assert_eq!(Aor::of_canonical("bob@Example.org"), None);
    assert_eq!(Aor::of_canonical("bob@example.org;x"), None);
}

const START: u64 = 1_800_000_000_000_000;
