//! What is refused, and that nothing changes then (RFC 3261 10.3).

use super::*;

fn refused(lines: &[&str]) -> (u16, String) {
    let site = Site::new();
    site.bind(&Register::by("before", 1, &["Contact: <sip:bob@before>"]));
    site.refused(&Register::new(1, lines))
}

#[test]
fn star_must_stand_alone_and_with_expires_0() {
    for lines in [
        &["Contact: *"] as &[&str],
        &["Contact: *", "Expires: 60"],
        &["Contact: *;expires=0"],
        &["Contact: *, <sip:bob@h>", "Expires: 0"],
        &["Contact: <sip:bob@h>", "Contact: *", "Expires: 0"],
        &["Contact: *", "Contact: *", "Expires: 0"],
    ] {
        assert_eq!(refused(lines).0, 400, "{lines:?}");
    }
}

#[test]
fn a_contact_that_cannot_be_read_is_named() {
    let (status, reason) = refused(&["Contact: <sip:bob@h>, <sip:bo b@h>"]);
    assert_eq!(
        (status, reason.as_str()),
        (400, "Bad Contact: <sip:bo b@h>")
    );
    for contact in [
        "",
        "<>",
        "None",
        "<sip:>",
        "<sip:bob@h",
        "<sip:bob@h>;q=2",
        "<sip:bob@h>;q",
    ] {
        let line = format!("Contact: {contact}");
        let (status, reason) = refused(&[&line]);
        assert_eq!(status, 400, "{contact}");
        assert!(reason.contains("Contact"), "{reason}");
    }
}

#[test]
fn a_contact_with_headers_needs_angle_brackets() {
    // RFC 4475 3.1.2.13 (regbadct).
    let (status, _) = refused(&["Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"]);
    assert_eq!(status, 400);
}

#[test]
fn the_reason_shows_only_printable_characters_and_not_too_many() {
    let line = format!(
        "Contact: <mailto:{}\u{e9}\t{}>",
        "a".repeat(20),
        "b".repeat(500)
    );
    let (_, reason) = refused(&[&line]);
    assert!(reason.is_ascii() && reason.len() < 120, "{reason}");
    assert!(reason.starts_with("Bad Contact: <mailto:aaa"), "{reason}");
}

#[test]
fn other_schemes_are_no_contact() {
    for uri in [
        "tel:+15551234",
        "mailto:bob@h",
        "http://h/",
        "urn:service:sos",
    ] {
        let line = format!("Contact: <{uri}>");
        assert_eq!(refused(&[&line]).0, 400, "{uri}");
    }
    let site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sips:bob@h>"]));
}

#[test]
fn too_short_is_423_with_min_expires() {
    for lines in [
        &["Contact: <sip:bob@h>;expires=59"] as &[&str],
        &["Contact: <sip:bob@h>", "Expires: 1"],
        &["Contact: <sip:bob@h1>, <sip:bob@h2>;expires=30"],
    ] {
        let site = Site::new();
        let refusal = site.apply(&Register::new(1, lines)).unwrap_err();
        assert_eq!((refusal.status, refusal.min_expires), (423, Some(60)));
        assert!(site.held().is_empty());
        let mut out = Vec::new();
        parsed(&Register::new(1, lines).text(), |request| {
            let mark = ViaMark::default();
            let mut reply = Reply::new(&mut out, request, mark, 423, &refusal.reason, b"t");
            refusal.write(&mut reply);
            reply.end();
        });
        assert_eq!(lines_of(&out, "Min-Expires"), ["60"]);
    }
}

#[test]
fn an_hour_is_never_too_brief() {
    // RFC 3261 10.3 step 7.
    let mut site = Site::new();
    site.config.min_expires = Duration::from_secs(7200);
    site.config.max_expires = Duration::from_secs(86400);
    site.bind(&Register::new(1, &["Contact: <sip:bob@h>;expires=3600"]));
    let refusal = site.apply(&Register::new(2, &["Contact: <sip:bob@h>;expires=3599"]));
    assert_eq!(refusal.unwrap_err().min_expires, Some(3600));
}

#[test]
fn an_expires_that_is_no_number_is_refused() {
    for value in ["soon", "-1", "1.5", ""] {
        let line = format!("Expires: {value}");
        assert_eq!(refused(&["Contact: <sip:bob@h>", &line]).0, 400, "{value}");
    }
}

#[test]
fn more_contacts_than_allowed_are_403_and_none_is_bound() {
    let site = Site::new();
    for n in 0..9 {
        let (call_id, line) = (format!("c{n}"), format!("Contact: <sip:bob@h{n}>"));
        site.bind(&Register::by(&call_id, 1, &[&line]));
    }
    let two = Register::new(1, &["Contact: <sip:bob@a>, <sip:bob@b>"]);
    assert_eq!(site.refused(&two), (403, "Too many contacts".to_owned()));
    site.bind(&Register::new(1, &["Contact: <sip:bob@a>"]));
    assert_eq!(site.held().len(), 10);
    site.bind(&Register::by("c3", 2, &["Contact: <sip:bob@h3>"]));
    site.bind(&Register::by(
        "c4",
        2,
        &["Contact: <sip:bob@h4>;expires=0, <sip:bob@h44>"],
    ));
    assert_eq!(
        site.held().len(),
        10,
        "a refresh and an exchange pass at the limit"
    );
}

#[test]
fn five_hundred_contacts_in_one_request_are_refused() {
    for expires in [0, 600] {
        let contact = |n| format!("<sip:bob@h{n}>;expires={expires}");
        let all: Vec<_> = (0..200).map(contact).collect();
        let line = format!("Contact: {}", all.join(","));
        let (status, _) = refused(&[&line, &line, &line]);
        assert_eq!(status, 403);
    }
}

#[test]
fn a_lowered_limit_lets_phones_refresh() {
    let mut site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sip:bob@a>, <sip:bob@b>"]));
    site.config.max_contacts = 1;
    site.bind(&Register::new(2, &["Contact: <sip:bob@a>"]));
    assert_eq!(
        site.refused(&Register::new(3, &["Contact: <sip:bob@c>"])).0,
        403
    );
}

#[test]
fn one_contact_twice_is_refused() {
    let lines = ["Contact: <sip:bob@h>;expires=600, <sip:bob@H>;expires=0"];
    assert_eq!(refused(&lines).0, 400);
}

#[test]
fn when_there_is_no_room_it_is_503_with_retry_after() {
    let site = Site::sized(2);
    site.bind(&Register::new(1, &["Contact: <sip:bob@a>"]));
    let two = Register::new(2, &["Contact: <sip:bob@b>, <sip:bob@c>"]);
    let refusal = site.apply(&two).unwrap_err();
    assert_eq!((refusal.status, refusal.retry_after), (503, Some(60)));
    assert_eq!(site.location.len(), 1);
    site.bind(&Register::new(3, &["Contact: <sip:bob@b>"]));
    assert_eq!(
        site.refused(&Register::new(4, &["Contact: <sip:bob@c>"])).0,
        503
    );
    site.bind(&Register::new(5, &["Contact: <sip:bob@a>"]));
    site.bind(&Register::new(
        6,
        &["Contact: <sip:bob@a>;expires=0, <sip:bob@c>"],
    ));
    assert_eq!(site.location.len(), 2);
}

fn lines_of(out: &[u8], name: &str) -> Vec<String> {
    lines(&text(out), name)
        .into_iter()
        .map(str::to_owned)
        .collect()
}
