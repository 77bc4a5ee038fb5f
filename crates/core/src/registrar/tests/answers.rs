//! What the 200 says (RFC 3261 10.3 step 8).

use super::*;

#[test]
fn every_binding_is_listed_with_the_time_it_has_left() {
    let mut site = Site::new();
    site.bind(&Register::by(
        "a",
        1,
        &["Contact: <sip:bob@h1;x=y>;q=0.5;expires=600;+sip.ice"],
    ));
    site.pass(100);
    let answer = site.answer(&Register::by("b", 1, &["Contact: <sip:bob@h2>"]));
    assert_eq!(
        lines(&answer, "Contact"),
        [
            "<sip:bob@h2>;expires=3600",
            "<sip:bob@h1;x=y>;expires=500;q=0.500;+sip.ice"
        ]
    );
}

#[test]
fn the_time_left_is_in_whole_seconds_and_never_more_than_there_is() {
    let mut site = Site::new();
    site.bind(&Register::new(1, &["Contact: <sip:bob@h>;expires=60"]));
    site.now = site.now.after(Duration::from_millis(1));
    let left = |site: &Site| text(site.answer(&Register::new(2, &[])).as_bytes());
    assert_eq!(lines(&left(&site), "Contact"), ["<sip:bob@h>;expires=59"]);
    site.now = site.now.after(Duration::from_millis(59_500));
    assert_eq!(
        lines(&left(&site), "Contact"),
        ["<sip:bob@h>;expires=1"],
        "0 would mean gone"
    );
}

#[test]
fn an_empty_aor_is_answered_without_contact() {
    let site = Site::new();
    assert!(lines(&site.answer(&Register::new(1, &[])), "Contact").is_empty());
}

#[test]
fn extensions_are_announced() {
    let site = Site::new();
    let answer = site.answer(&Register::new(1, &[]));
    assert_eq!(lines(&answer, "Supported"), ["path, outbound"]);
    assert!(lines(&answer, "Require").is_empty());
}

#[test]
fn path_is_stored_and_given_back_to_who_supports_it() {
    // RFC 3327 5.3.
    let site = Site::new();
    let path = [
        "Path: <sip:p2.example.org;lr>",
        "Path: <sip:p1.example.org;lr>,<sip:p0;lr>",
    ];
    let supporting = [path[0], path[1], "Contact: <sip:bob@h>", "k: 100rel, path"];
    let answer = site.answer(&Register::new(1, &supporting));
    assert_eq!(
        lines(&answer, "Path"),
        [
            "<sip:p2.example.org;lr>",
            "<sip:p1.example.org;lr>,<sip:p0;lr>"
        ]
    );
    assert_eq!(
        text(site.held()[0].path()),
        "<sip:p2.example.org;lr>, <sip:p1.example.org;lr>, <sip:p0;lr>"
    );
}

#[test]
fn who_requires_path_supports_it() {
    let site = Site::new();
    let lines_sent = ["Path: <sip:p;lr>", "Contact: <sip:bob@h>", "Require: path"];
    let answer = site.answer(&Register::new(1, &lines_sent));
    assert_eq!(lines(&answer, "Path"), ["<sip:p;lr>"]);
    assert_eq!(text(site.held()[0].path()), "<sip:p;lr>");
}

#[test]
fn path_is_ignored_for_who_does_not_support_it() {
    let site = Site::new();
    let lines_sent = ["Path: <sip:p2.example.org;lr>", "Contact: <sip:bob@h>"];
    let answer = site.answer(&Register::new(1, &lines_sent));
    assert!(lines(&answer, "Path").is_empty());
    assert!(site.held()[0].path().is_empty());
}
