//! What an edit changes and that it changes nothing else.

use super::*;
use crate::{Index, Limits, Owned, tests::samples};

fn owned(bytes: impl AsRef<[u8]>) -> Owned {
    Owned::parse(bytes.as_ref(), &Limits::default()).unwrap()
}

fn written(edit: &Edit<'_>) -> String {
    let mut out = b"before ".to_vec();
    edit.write(&mut out).unwrap();
    let text = String::from_utf8_lossy(&out).into_owned();
    text.strip_prefix("before ").unwrap().to_owned()
}

/// The message with these edits, and a check that it can be read again.
fn edited(bytes: impl AsRef<[u8]>, edits: impl FnOnce(&mut Edit<'_>)) -> String {
    let message = owned(bytes);
    let mut edit = Edit::new(message.message());
    edits(&mut edit);
    let mut out = Vec::new();
    edit.write(&mut out).unwrap();
    assert!(Index::new().parse(&out, &Limits::default()).is_ok());
    written(&edit)
}

/// `OPTIONS` with these header lines.
fn options(lines: &str) -> String {
    format!("OPTIONS sip:a@b SIP/2.0\r\n{lines}\r\n")
}

#[test]
fn no_edit_gives_the_bytes_that_came_without_what_lies_behind_the_body() {
    for bytes in [samples::INVITE, samples::RESPONSE] {
        let longer = [bytes, b"trailing"].concat();
        let mut out = Vec::new();
        Edit::new(owned(&longer).message()).write(&mut out).unwrap();
        assert_eq!(out, bytes);
    }
}

#[test]
fn a_forwarded_request_differs_only_where_it_must() {
    let message = owned(samples::INVITE);
    let mut edit = Edit::new(message.message());
    edit.pop_route().unwrap();
    edit.push(HeaderId::Via, b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnew");
    edit.push(HeaderId::RecordRoute, b"<sip:192.0.2.1;lr>");
    edit.mark_via(ViaMark {
        received: Some("192.0.2.4".parse().unwrap()),
        rport: Some(5062),
    });
    edit.request_uri(b"sip:bob@192.0.2.99:5070");
    assert_eq!(edit.decrement_max_forwards(), Ok(69));
    let expected = String::from_utf8_lossy(samples::INVITE)
        .replace(
            "INVITE sip:bob@example.com",
            "INVITE sip:bob@192.0.2.99:5070",
        )
        .replace(
            "Via: ",
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnew\r\nVia: ",
        )
        .replace(";rport,", ";rport=5062;received=192.0.2.4,")
        .replace("<sip:a.example.com;lr>, ", "")
        .replace(
            "Record-Route: ",
            "Record-Route: <sip:192.0.2.1;lr>\r\nRecord-Route: ",
        )
        .replace("Forwards: 70", "Forwards: 69");
    assert_eq!(written(&edit), expected);
}

#[test]
fn a_forwarded_response_loses_its_top_via() {
    let expected = String::from_utf8_lossy(samples::RESPONSE)
        .replace("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours\r\n", "");
    let popped = edited(samples::RESPONSE, |edit| {
        edit.pop_via().unwrap();
    });
    assert_eq!(popped, expected);
}

#[test]
fn a_change_before_the_top_via_is_made() {
    let text = options("Max-Forwards: 7\r\nX: 1\r\nRoute: <sip:r;lr>\r\nVia: SIP/2.0/UDP h\r\n");
    let out = edited(&text, |edit| {
        edit.push(HeaderId::Via, b"SIP/2.0/UDP p");
        edit.pop_route().unwrap();
        edit.decrement_max_forwards().unwrap();
    });
    assert_eq!(
        out,
        options("Max-Forwards: 6\r\nX: 1\r\nVia: SIP/2.0/UDP p\r\nVia: SIP/2.0/UDP h\r\n")
    );
}

#[test]
fn a_header_that_is_new_is_pushed_before_all_lines_and_appended_behind_them() {
    let out = edited(options("To: x\r\n"), |edit| {
        edit.push(HeaderId::RecordRoute, b"<sip:1>");
        edit.append("X-Last", b"1");
        edit.push(HeaderId::RecordRoute, b"<sip:2>");
        edit.append("X-Last", b"2");
    });
    let expected =
        "Record-Route: <sip:1>\r\nRecord-Route: <sip:2>\r\nTo: x\r\nX-Last: 1\r\nX-Last: 2\r\n";
    assert_eq!(out, options(expected));
    let out = edited(options(""), |edit| {
        edit.push(HeaderId::Via, b"v").append("To", b"x");
    });
    assert_eq!(out, options("Via: v\r\nTo: x\r\n"));
}

#[test]
fn any_elements_of_a_comma_list_can_be_removed() {
    let line = "Route:  <sip:a>,<sip:b> ,\r\n  <sip:c> \r\n";
    for (removed, left) in [
        (&[0][..], "Route:  <sip:b> ,\r\n  <sip:c> \r\n"),
        (&[1], "Route:  <sip:a>,<sip:c> \r\n"),
        (&[2], "Route:  <sip:a>,<sip:b> \r\n"),
        (&[0, 1], "Route:  <sip:c> \r\n"),
        (&[1, 0], "Route:  <sip:c> \r\n"),
        (&[0, 2], "Route:  <sip:b> \r\n"),
        (&[2, 1], "Route:  <sip:a> \r\n"),
        (&[1, 2, 0], ""),
        (&[1, 1], "Route:  <sip:a>,<sip:c> \r\n"),
    ] {
        let message = owned(options(&format!("To: x\r\n{line}X: 1\r\n")));
        let mut edit = Edit::new(message.message());
        for nth in removed {
            let value = message.message().values(HeaderId::Route).nth(*nth).unwrap();
            edit.remove_value(value);
        }
        assert_eq!(
            written(&edit),
            options(&format!("To: x\r\n{left}X: 1\r\n")),
            "{removed:?}"
        );
    }
}

#[test]
fn popping_again_takes_the_next_across_lines() {
    let text = options("Route: <sip:a>, <sip:b>\r\nX: 1\r\nRoute: <sip:c>\r\n");
    let lefts = [
        "Route: <sip:b>\r\nX: 1\r\nRoute: <sip:c>\r\n",
        "X: 1\r\nRoute: <sip:c>\r\n",
        "X: 1\r\n",
    ];
    for (more, left) in lefts.into_iter().enumerate() {
        let out = edited(&text, |edit| {
            for _ in 0..=more {
                edit.pop_route().unwrap();
            }
        });
        assert_eq!(out, options(left));
    }
    let message = owned(&text);
    let mut edit = Edit::new(message.message());
    let popped = (0..4).map(|_| edit.pop_route().err()).collect::<Vec<_>>();
    assert_eq!(
        popped,
        [
            None,
            None,
            None,
            Some(Error::of(Kind::Missing, HeaderId::Route))
        ]
    );
    assert_eq!(
        edit.pop_via().err(),
        Some(Error::of(Kind::Missing, HeaderId::Via))
    );
}

#[test]
fn an_element_can_be_replaced_beside_one_that_is_removed() {
    let text = options("Contact: <sip:a>, \"x, y\" <sip:b>\r\n");
    let message = owned(&text);
    let values: Vec<_> = message.message().values(HeaderId::Contact).collect();
    let mut edit = Edit::new(message.message());
    edit.replace_value(values[1], b"<sip:new>")
        .remove_value(values[0]);
    assert_eq!(written(&edit), options("Contact: <sip:new>\r\n"));
}

#[test]
fn setting_a_header_replaces_its_lines_by_one_where_the_first_stood() {
    let text = options("m: <sip:a>\r\nX: 1\r\nContact: <sip:b>,\r\n <sip:c>\r\nY: 2\r\n");
    let out = edited(&text, |edit| {
        edit.set(HeaderId::Contact, b"*");
        edit.set(HeaderId::Expires, b"0");
    });
    assert_eq!(out, options("m: *\r\nX: 1\r\nY: 2\r\nExpires: 0\r\n"));
}

#[test]
fn a_folded_line_is_removed_whole() {
    let message = owned(samples::INVITE);
    let mut edit = Edit::new(message.message());
    edit.remove(message.message().first(HeaderId::Supported).unwrap());
    let expected = String::from_utf8_lossy(samples::INVITE)
        .replace("Supported: 100rel,\r\n  path,\r\n\ttimer\r\n", "");
    assert_eq!(written(&edit), expected);
}

#[test]
fn a_mark_replaces_what_the_client_claims() {
    let text = options(
        "v: SIP/2.0/UDP h;received=\"10.9.9.9\";rport=1;branch=b , SIP/2.0/UDP g;rport=2\r\n",
    );
    let out = edited(&text, |edit| {
        edit.mark_via(ViaMark {
            received: Some("2001:db8::1".parse().unwrap()),
            rport: Some(7),
        });
    });
    let expected =
        "v: SIP/2.0/UDP h;rport=7;branch=b;received=2001:db8::1 , SIP/2.0/UDP g;rport=2\r\n";
    assert_eq!(out, options(expected));
}

#[test]
fn an_empty_mark_changes_nothing_that_was_not_claimed() {
    let out = edited(samples::INVITE, |edit| {
        edit.mark_via(ViaMark::default());
    });
    assert_eq!(out, String::from_utf8_lossy(samples::INVITE));
}

#[test]
fn hops_end_at_zero_and_start_at_seventy() {
    let hops = |lines: &str| {
        let message = owned(options(lines));
        let mut edit = Edit::new(message.message());
        let hops = edit.decrement_max_forwards();
        (hops, written(&edit))
    };
    let id = HeaderId::MaxForwards;
    assert_eq!(
        hops("Max-Forwards: 0\r\n").0,
        Err(Error::of(Kind::TooManyHops, id))
    );
    assert_eq!(
        hops("Max-Forwards: 256\r\n").0,
        Err(Error::of(Kind::Number, id))
    );
    assert_eq!(
        hops("To: x\r\n"),
        (Ok(70), options("To: x\r\nMax-Forwards: 70\r\n"))
    );
    assert_eq!(
        hops("Max-Forwards: 255\r\n"),
        (Ok(254), options("Max-Forwards: 254\r\n"))
    );
}

#[test]
fn a_new_body_brings_its_length_and_type() {
    let out = edited(samples::INVITE, |edit| {
        edit.body(Some("text/plain"), b"hello world");
    });
    assert!(out.ends_with("Content-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"));
    let out = edited(options("To: x\r\n"), |edit| {
        edit.body(Some("text/plain"), b"a\r\nb").append("X", b"1");
    });
    let lines = "To: x\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nX: 1\r\n";
    assert_eq!(out, format!("{}a\r\nb", options(lines)));
}

#[test]
fn values_and_names_that_would_break_their_line_are_refused() {
    let message = owned(samples::INVITE);
    let contact = message.message().values(HeaderId::Contact).next().unwrap();
    type Change = fn(&mut Edit<'_>, &[u8]);
    let changes: [Change; 4] = [
        |edit, bad| {
            edit.push(HeaderId::Via, bad);
        },
        |edit, bad| {
            edit.append("X", bad);
        },
        |edit, bad| {
            edit.set(HeaderId::Contact, bad);
        },
        |edit, bad| {
            edit.request_uri(bad);
        },
    ];
    for bad in [&b"a\r\nX: b"[..], b"a\nb", b"a\rb", b"a\0b"] {
        for change in changes {
            let mut edit = Edit::new(message.message());
            change(&mut edit, bad);
            let mut out = b"kept".to_vec();
            assert_eq!(edit.write(&mut out), Err(EditError::Unsafe));
            assert_eq!(out, b"kept");
        }
        let mut edit = Edit::new(message.message());
        edit.replace_value(contact, bad);
        assert_eq!(edit.write(&mut Vec::new()), Err(EditError::Unsafe));
    }
    for name in ["", "X Y", "X:", "X\r\n"] {
        let mut edit = Edit::new(message.message());
        edit.append(name, b"1").append("Good", b"1");
        assert_eq!(edit.write(&mut Vec::new()), Err(EditError::Unsafe));
    }
    for uri in [&b""[..], b"sip:a b", b"sip:a\tb"] {
        let mut edit = Edit::new(message.message());
        edit.request_uri(uri);
        assert_eq!(edit.write(&mut Vec::new()), Err(EditError::Unsafe));
    }
}

#[test]
fn two_changes_of_the_same_bytes_are_refused() {
    let message = owned(samples::INVITE);
    let mut edit = Edit::new(message.message());
    edit.set(HeaderId::CallId, b"x")
        .remove(message.message().first(HeaderId::CallId).unwrap());
    let mut out = b"kept".to_vec();
    assert_eq!(edit.write(&mut out), Err(EditError::Overlap));
    assert_eq!(out, b"kept");
}

#[test]
fn a_line_that_is_removed_twice_is_gone_once() {
    let text = edited(options("A: 1\r\nB: 2\r\nC: 3\r\n"), |edit| {
        for field in edit.message.named("b").chain(edit.message.named("B")) {
            edit.remove(field);
        }
    });
    assert_eq!(text, options("A: 1\r\nC: 3\r\n"));
}
