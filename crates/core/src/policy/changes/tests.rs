//! What is refused, what is staged, and that no list of edits breaks a message.

use super::*;
use bellhop_wire::{Limits, Owned};
use proptest::prelude::*;

const INVITE: &str = "INVITE sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
    From: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
    s: old\r\nX-One: 1\r\nx-one: 2\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody";

fn applied(changes: &Changes) -> String {
    let message = Owned::parse(INVITE.as_bytes(), &Limits::default()).unwrap();
    let mut edit = Edit::new(message.message());
    changes.apply(message.message(), &mut edit);
    let mut out = Vec::new();
    edit.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_set_header_takes_the_place_of_all_its_lines_in_every_form() {
    let mut changes = Changes::default();
    changes.set_header("Subject", b"new").unwrap();
    changes.set_header("X-ONE", b"3").unwrap();
    let text = applied(&changes);
    assert!(!text.contains("old") && !text.contains("X-One") && !text.contains("x-one"));
    assert!(text.contains("\r\nSubject: new\r\n") && text.contains("\r\nX-ONE: 3\r\n"));
}

#[test]
fn a_set_header_takes_the_place_of_a_compact_form_that_only_its_own_rfc_knows() {
    // RFC 3892 3: b is Referred-By.
    let text = INVITE.replace("s: old", "b: <sip:old@example.org>");
    let message = Owned::parse(text.as_bytes(), &Limits::default()).unwrap();
    let mut changes = Changes::default();
    changes
        .set_header("Referred-By", b"<sip:new@example.org>")
        .unwrap();
    let mut edit = Edit::new(message.message());
    changes.apply(message.message(), &mut edit);
    let mut out = Vec::new();
    edit.write(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\r\nReferred-By: <sip:new@example.org>\r\n") && !text.contains("old"));
}

#[test]
fn the_last_step_of_a_name_has_the_last_word() {
    let mut changes = Changes::default();
    changes.add_header("X-One", b"early").unwrap();
    changes.remove_header("x-one").unwrap();
    changes.add_header("X-One", b"late").unwrap();
    let text = applied(&changes);
    assert!(!text.contains("early") && text.contains("X-One: late"));
    assert_eq!(changes.added(b"X-One").collect::<Vec<_>>(), [b"late"]);
    assert!(!changes.keeps(b"x-one") && changes.keeps(b"Subject"));
}

#[test]
fn a_body_comes_with_its_type_and_length() {
    let mut changes = Changes::default();
    let body = Body {
        content_type: "application/sdp".into(),
        data: b"v=0\r\n".as_slice().into(),
    };
    changes.set_body(Some(body)).unwrap();
    let text = applied(&changes);
    assert!(text.contains("\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n"));
    assert!(text.ends_with("\r\n\r\nv=0\r\n"));
}

#[test]
fn a_body_taken_off_takes_its_type_along() {
    let mut changes = Changes::default();
    changes.set_body(None).unwrap();
    let text = applied(&changes);
    assert!(!text.contains("Content-Type") && text.ends_with("Content-Length: 0\r\n\r\n"));
}

#[test]
fn what_is_rolled_back_leaves_no_trace() {
    let mut changes = Changes::default();
    changes.add_header("X-Two", b"2").unwrap();
    let (before, mark) = (changes.clone(), changes.mark());
    changes.set_uri("sip:c@example.org").unwrap();
    changes.remove_header("X-Two").unwrap();
    changes.set_body(None).unwrap();
    changes.roll_back(mark);
    assert_eq!(changes, before);
}

#[test]
fn the_engine_s_own_headers_are_protected_in_every_form() {
    for name in [
        "Via",
        "v",
        "CALL-ID",
        "i",
        "cseq",
        "From",
        "f",
        "To",
        "t",
        "Contact",
        "m",
        "Record-Route",
        "Route",
        "Content-Length",
        "l",
        "Content-Type",
        "c",
        "Max-Forwards",
        "Authorization",
        "Proxy-Authorization",
        "WWW-Authenticate",
        "Proxy-Authenticate",
    ] {
        let mut changes = Changes::default();
        assert_eq!(changes.set_header(name, b"x"), Err(Protected), "{name}");
        assert_eq!(changes.add_header(name, b"x"), Err(Protected), "{name}");
        assert_eq!(changes.remove_header(name), Err(Protected), "{name}");
        assert!(changes.is_empty());
    }
}

#[test]
fn a_request_uri_is_one_that_can_be_routed() {
    let mut changes = Changes::default();
    for uri in [
        "",
        "b",
        "http://b",
        "sip:b@c d",
        "sip:b@c\r\nX: y",
        "sip:b@c?X=y",
        "<sip:b@c>",
    ] {
        assert!(changes.set_uri(uri).is_err(), "{uri}");
    }
    for uri in ["sip:b@c", "sips:b@c;transport=tcp", "tel:+4930"] {
        assert_eq!(changes.set_uri(uri), Ok(()), "{uri}");
        assert_eq!(changes.uri(), Some(uri.as_bytes()));
    }
}

#[test]
fn a_contact_is_one_address_and_one_line() {
    let mut changes = Changes::default();
    for value in [
        "",
        "b",
        "<http://b>",
        "<sip:b@c>\r\nX: y",
        "<sip:b@c",
        "<sip:b@c>, <sip:d@e>",
    ] {
        assert!(changes.add_contact(value).is_err(), "{value}");
    }
    assert_eq!(changes.add_contact("\"B\" <sip:b@c>;q=0.5"), Ok(()));
    assert_eq!(changes.add_contact("sips:b@c"), Ok(()));
    assert_eq!(changes.steps().count(), 2);
}

#[test]
fn edits_of_one_message_have_a_bound() {
    let mut changes = Changes::default();
    let taken = (0..1_000)
        .take_while(|_| changes.add_header("X", b"y").is_ok())
        .count();
    assert_eq!(taken, MOST_STEPS);
}

proptest! {
    /// Whatever is asked for, the message stays one message, with as many lines as edits explain.
    #[test]
    fn no_edit_breaks_the_message(
        edits in proptest::collection::vec((0..4_u8, "\\PC{0,8}|[A-Za-z-]{1,8}", any::<Vec<u8>>()), 0..8),
    ) {
        let mut changes = Changes::default();
        for (kind, name, value) in &edits {
            let _ = match kind {
                0 => changes.set_header(name, value),
                1 => changes.add_header(name, value),
                2 => changes.remove_header(name),
                _ => changes.set_uri(&String::from_utf8_lossy(value)),
            };
        }
        let message = Owned::parse(INVITE.as_bytes(), &Limits::default()).unwrap();
        let own = message.message().all_fields().filter(|field| changes.keeps(field.name)).count();
        let mut names: Vec<&[u8]> = Vec::new();
        for step in changes.steps() {
            if let Step::Set(name, _) | Step::Add(name, _) = step
                && !names.iter().any(|other| is_same(name, other))
            {
                names.push(name);
            }
        }
        let added: usize = names.iter().map(|name| changes.added(name).count()).sum();
        let text = applied(&changes);
        let after = Owned::parse(text.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(after.message().all_fields().count(), own.saturating_add(added));
        prop_assert_eq!(after.message().body(), b"body");
    }

    /// A value with CR, LF or NUL is never taken.
    #[test]
    fn a_value_with_a_line_end_or_nul_is_refused(
        head in "[ -~]{0,10}", evil in prop_oneof![Just('\r'), Just('\n'), Just('\0')], tail in "[ -~]{0,10}",
    ) {
        let value = format!("{head}{evil}{tail}");
        let mut changes = Changes::default();
        prop_assert!(changes.set_header("X", value.as_bytes()).is_err());
        prop_assert!(changes.add_header("X", value.as_bytes()).is_err());
        prop_assert!(changes.set_header(&value, b"x").is_err());
        let uri = format!("sip:{value}@h");
        prop_assert!(changes.set_uri(&uri).is_err());
        let body = Body { content_type: format!("a/{value}").into(), data: Box::default() };
        prop_assert!(changes.set_body(Some(body)).is_err());
        prop_assert!(changes.is_empty());
    }
}
