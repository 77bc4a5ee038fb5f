//! Bodies as the other side gets them.

use super::Hider;
use super::sdp;
use super::text::{Kind, put_dialogs};
use bellhop_wire::{HeaderId, Message};
use memchr::memmem;

/// Appends the body of a message.
pub(in crate::b2bua) fn put(source: Message<'_>, hider: &Hider<'_>, out: &mut Vec<u8>) {
    let kind = source
        .first(HeaderId::ContentType)
        .map(|field| field.value)
        .unwrap_or_default();
    if source.first(HeaderId::ContentEncoding).is_none() {
        return put_kind(kind, source.body(), hider, out);
    }
    // What is packed cannot be looked into.
    let is_of_session = is(kind, b"application/sdp") || is(kind, b"multipart/");
    if !is_of_session && !hider.tells(source.body()) {
        out.extend_from_slice(source.body());
    }
}

/// Appends a body of this Content-Type.
pub(in crate::b2bua) fn put_kind(kind: &[u8], body: &[u8], hider: &Hider<'_>, out: &mut Vec<u8>) {
    let form = Kind::of(kind);
    let is_mixed = is(kind, b"multipart/");
    if is(kind, b"application/sdp") || (is_mixed && memmem::find(body, b"\nv=0").is_some()) {
        sdp::hide(body, out);
    } else if is(kind, b"message/sipfrag") {
        // Of a message that somebody else got, how it went is enough (RFC 3515 2.4.5).
        let end = memchr::memchr2(b'\r', b'\n', body).unwrap_or(body.len());
        out.extend_from_slice(body.get(..end).unwrap_or_default());
        out.extend_from_slice(b"\r\n");
    } else if form == Kind::Binary {
        if !hider.tells(body) {
            out.extend_from_slice(body);
        }
    } else if memmem::find(body, b"dialog-info").is_some() {
        let mut text = Vec::with_capacity(body.len());
        put_dialogs(body, &mut text);
        hider.put_text(&text, true, out);
    } else {
        hider.put_text(body, form == Kind::Structured, out);
    }
}

fn is(kind: &[u8], name: &[u8]) -> bool {
    let head = kind.get(..name.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::super::tests::hider;
    use super::*;

    fn body(kind: &str, body: &str) -> String {
        let inside = ["10.0.0.5".to_owned(), "pbx.inside".to_owned()];
        let mut out = Vec::new();
        let hider = hider(&inside, &[]);
        put_kind(kind.as_bytes(), body.as_bytes(), &hider, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_lamps_and_mailboxes_are_told_names_no_place_of_the_inside() {
        for (kind, text) in [
            (
                "application/dialog-info+xml",
                "<dialog-info entity=\"sip:2@10.0.0.5\"><dialog id=\"x@pbx.inside\" call-id=\"y@10.0.0.5\"><remote>\
                 <target uri=\"sip:2@10.0.0.5:5060\"/></remote></dialog></dialog-info>",
            ),
            (
                "application/pidf+xml",
                "<presence entity=\"pres:2@pbx.inside\"><tuple><contact>sip:2@10.0.0.9</contact></tuple></presence>",
            ),
            (
                "application/simple-message-summary",
                "Messages-Waiting: yes\r\nMessage-Account: sip:2@pbx.inside\r\n",
            ),
            (
                "multipart/related;boundary=b",
                "--b\r\nContent-ID: <1@10.0.0.5>\r\n\r\n<list uri=\"sip:l@pbx.inside\"/>\r\n--b--\r\n",
            ),
            ("text/plain", "I am at 10.0.0.5"),
            ("application/octet-stream", "\u{1}10.0.0.5\u{2}"),
        ] {
            let shown = body(kind, text);
            for word in ["10.0.0.", "pbx.inside"] {
                assert!(!shown.contains(word), "{word} in {shown}");
            }
        }
    }

    #[test]
    fn where_media_goes_stays_also_in_a_body_of_several_parts() {
        let sdp = "v=0\r\no=root 1 2 IN IP4 10.0.0.5\r\nc=IN IP4 10.0.0.5\r\n";
        let mixed = format!("--b\r\nContent-Type: application/sdp\r\n\r\n{sdp}--b--\r\n");
        for shown in [
            body("application/sdp", sdp),
            body("multipart/mixed;boundary=b", &mixed),
        ] {
            assert!(shown.contains("c=IN IP4 10.0.0.5\r\n"), "{shown}");
            assert!(!shown.contains("root"), "{shown}");
        }
    }

    #[test]
    fn what_is_not_read_goes_on_as_it_is_unless_it_tells_of_the_inside() {
        assert_eq!(body("application/octet-stream", "\u{1}\u{2}"), "\u{1}\u{2}");
        assert_eq!(body("text/plain", "hello"), "hello");
        assert_eq!(
            body(
                "message/sipfrag;version=2.0",
                "SIP/2.0 200 OK\r\nVia: x\r\n"
            ),
            "SIP/2.0 200 OK\r\n"
        );
    }
}
