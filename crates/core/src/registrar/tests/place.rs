//! The location service by itself: look-up by contact, sweeping, bounds.

use super::*;
use bellhop_wire::UriRef;

fn find(site: &Site, uri: &str) -> Option<String> {
    let uri = UriRef::parse(uri.as_bytes()).unwrap();
    let found = site.location.by_contact(site.now, &uri, None)?;
    Some(text(found.contact()))
}

#[test]
fn a_binding_is_found_by_its_contact() {
    // RFC 3261 19.1.4.
    let site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@10.0.0.1:5070;ob>, <sips:b%6fb@Host>"],
    ));
    let first = Some("sip:bob@10.0.0.1:5070;ob".to_owned());
    assert_eq!(find(&site, "sip:bob@10.0.0.1:5070;ob"), first);
    assert_eq!(find(&site, "sip:%62ob@10.0.0.1:5070;x=y"), first);
    assert_eq!(
        find(&site, "sips:bob@hOST;x"),
        Some("sips:b%6fb@Host".to_owned())
    );
    for other in [
        "sip:bob@10.0.0.1",
        "sip:bob@10.0.0.1:5060",
        "sip:Bob@10.0.0.1:5070",
        "sips:bob@10.0.0.1:5070",
        "sip:10.0.0.1:5070",
        "sip:bob@10.0.0.1:5070;transport=udp",
        "sip:bob@10.0.0.1:5070;user=phone",
        "tel:+15551234",
    ] {
        assert_eq!(find(&site, other), None, "{other}");
    }
}

#[test]
fn an_ipv6_contact_is_found_however_it_is_written() {
    let site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@[2001:db8:0:0::1]:5060>"],
    ));
    assert!(find(&site, "sip:bob@[2001:DB8::1]:5060").is_some());
}

#[test]
fn of_two_phones_with_one_contact_the_newest_is_found() {
    let mut site = Site::new();
    let alice = Aor::parse_text("sip:alice@example.org").unwrap();
    let line = ["Contact: <sip:x@192.168.1.2>;expires=600"];
    site.apply_to(&alice, &Register::by("a", 1, &line)).unwrap();
    site.pass(10);
    site.flow = udp(7777);
    site.bind(&Register::by("b", 1, &line));
    let uri = UriRef::parse(b"sip:x@192.168.1.2").unwrap();
    let found = site.location.by_contact(site.now, &uri, None).unwrap();
    assert_eq!(found.flow, udp(7777));
    site.bind(&Register::by("b", 2, &["Contact: *", "Expires: 0"]));
    let found = site.location.by_contact(site.now, &uri, None).unwrap();
    assert_eq!(found.flow, udp(5060));
}

#[test]
fn an_expired_or_removed_contact_is_not_found() {
    let mut site = Site::new();
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@h>;expires=60, <sip:bob@g>;expires=60"],
    ));
    site.bind(&Register::new(2, &["Contact: <sip:bob@g>;expires=0"]));
    assert_eq!(find(&site, "sip:bob@g"), None);
    site.pass(60);
    assert_eq!(find(&site, "sip:bob@h"), None);
}

#[test]
fn a_refreshed_contact_is_found_with_its_new_flow() {
    let mut site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sip:bob@h>"]));
    site.flow = udp(9999);
    site.bind(&Register::new(2, &["Contact: <sip:bob@H;x>"]));
    let uri = UriRef::parse(b"sip:bob@h").unwrap();
    let found = site.location.by_contact(site.now, &uri, None).unwrap();
    assert_eq!(found.flow, udp(9999));
    assert_eq!(site.location.indexed(), (1, 0, 1));
}

#[test]
fn an_empty_place_has_nothing_to_sweep() {
    let site = Site::new();
    assert_eq!(site.location.next_expiry(), None);
    assert_eq!(site.location.sweep(site.now), 0);
    assert!(site.location.is_empty());
}

#[test]
fn a_sweep_at_the_time_it_names_forgets_what_has_ended() {
    let mut site = Site::new();
    site.flow = tcp(1);
    site.bind(&Register::new(
        1,
        &["Contact: <sip:bob@a>;expires=60, <sip:bob@b>;expires=120"],
    ));
    let next = site.location.next_expiry().unwrap();
    assert_eq!(next, site.now.after(Duration::from_secs(60)));
    site.pass(59);
    assert_eq!(site.location.sweep(site.now), 0);
    site.now = next;
    assert_eq!(site.location.sweep(site.now), 1);
    assert_eq!(site.location.len(), 1);
    assert_eq!(site.location.indexed(), (1, 1, 1));
    site.now = site.location.next_expiry().unwrap();
    assert_eq!(site.location.sweep(site.now), 1);
    assert_eq!(site.location.next_expiry(), None);
    assert_eq!(site.location.indexed(), (0, 0, 0));
}

#[test]
fn a_refresh_moves_the_next_sweep_once_it_has_looked() {
    let mut site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sip:bob@a>;expires=60"]));
    site.pass(50);
    site.bind(&Register::new(2, &["Contact: <sip:bob@a>;expires=60"]));
    site.pass(10);
    assert_eq!(site.location.sweep(site.now), 0, "refreshed");
    let next = site.location.next_expiry().unwrap();
    assert_eq!(next, site.now.after(Duration::from_secs(50)));
}

#[test]
fn endings_within_a_second_are_swept_at_once() {
    let mut site = Site::new();
    for n in 0..10_u64 {
        site.now = Instant::from_micros(7_000_000 + n * 100_000);
        let (call_id, line) = (
            format!("c{n}"),
            format!("Contact: <sip:bob@h{n}>;expires=60"),
        );
        site.bind(&Register::by(&call_id, 1, &[&line]));
    }
    let next = site.location.next_expiry().unwrap();
    assert_eq!(next, Instant::from_micros(67_000_000));
    assert_eq!(site.location.sweep(next), 1);
    let next = site.location.next_expiry().unwrap();
    assert_eq!(next, Instant::from_micros(68_000_000));
    assert_eq!(site.location.sweep(next), 9);
}

#[test]
fn debug_tells_how_full_it_is() {
    let site = Site::sized(7);
    site.bind(&Register::new(1, &["Contact: <sip:bob@h>"]));
    let shown = format!("{:?}", site.location);
    assert_eq!(shown, "Location { bindings: 1, capacity: 7 }");
}
