//! Bodies that are text, as the other side gets them: places of the inside are called by our own name, and the
//! identifiers of dialogs, which are of one side, are left out or given other names.

use super::{Hider, is_at_or_below, is_part};
use crate::hex;
use ahash::RandomState;
use bellhop_wire::UriRef;

/// What a kind of body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Written by people or by nobody knows what: only words of the inside are changed.
    Plain,
    /// Written for programs: an address in it is a place.
    Structured,
    /// Not text: it goes on as it is, or not at all.
    Binary,
}

impl Kind {
    /// Of this Content-Type.
    pub(super) fn of(content_type: &[u8]) -> Self {
        let end = content_type.iter().position(|b| *b == b';');
        let kind = content_type
            .get(..end.unwrap_or(content_type.len()))
            .unwrap_or_default()
            .trim_ascii()
            .to_ascii_lowercase();
        let is_structured = kind.starts_with(b"multipart/")
            || kind.ends_with(b"xml")
            || kind.ends_with(b"json")
            || kind == b"application/simple-message-summary";
        if is_structured {
            Self::Structured
        } else if kind.starts_with(b"text/") {
            Self::Plain
        } else {
            Self::Binary
        }
    }
}

impl Hider<'_> {
    /// Appends a text with our name for each place of the inside; `has_places`: for each address in a URI, too.
    pub(in crate::b2bua) fn put_text(&self, text: &[u8], has_places: bool, out: &mut Vec<u8>) {
        let mut at = 0_usize;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            let taken = match is_part(before) {
                true => None,
                false => self.put_place(rest, has_places, out),
            };
            if taken.is_none() {
                out.extend_from_slice(rest.get(..1).unwrap_or_default());
            }
            at = at.saturating_add(taken.unwrap_or(1));
        }
    }

    /// Appends what stands for the word at the start of a text, if it tells of the inside; gives its length.
    fn put_place(&self, text: &[u8], has_places: bool, out: &mut Vec<u8>) -> Option<usize> {
        if text.first().is_some_and(|byte| matches!(byte, b's' | b'S'))
            && let Some(uri) = uri_at(text)
            && self.hides(&uri, has_places)
        {
            let mut hidden = Vec::with_capacity(uri.raw.len());
            self.put_uri(&uri, &mut hidden);
            // Its user may be called as its host was.
            match self.tells(&hidden) {
                true => self.put_text(&hidden, false, out),
                false => out.extend_from_slice(&hidden),
            }
            return Some(uri.raw.len());
        }
        let name = name_at(text);
        let mut hosts = self.inside.iter().map(String::as_bytes);
        if hosts.any(|host| is_at_or_below(name, host)) {
            out.extend_from_slice(self.domain.as_bytes());
            let port = text.get(name.len()..).unwrap_or_default();
            return Some(name.len().saturating_add(port_at(port)));
        }
        let starts = |word: &&[u8]| {
            let start = text.get(..word.len());
            !word.is_empty()
                && start.is_some_and(|start| start.eq_ignore_ascii_case(word))
                && !is_part(text.get(word.len()))
        };
        if let Some(host) = self.inside.iter().map(String::as_bytes).find(starts) {
            out.extend_from_slice(self.domain.as_bytes());
            let port = text.get(host.len()..).unwrap_or_default();
            return Some(host.len().saturating_add(port_at(port)));
        }
        let id = self.ids.into_iter().find(starts)?;
        out.push(b'-');
        Some(id.len())
    }
}

/// The SIP URI at the start of a text.
fn uri_at(text: &[u8]) -> Option<UriRef<'_>> {
    let scheme = text.get(..5)?;
    let is_sip = scheme.get(..4)?.eq_ignore_ascii_case(b"sip:");
    if !is_sip && !scheme.eq_ignore_ascii_case(b"sips:") {
        return None;
    }
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>,{}\\".contains(byte);
    let end = text.iter().position(is_end).unwrap_or(text.len());
    UriRef::parse(text.get(..end)?).ok()
}

/// The host name that a text may begin with, the labels in front of a domain's included.
fn name_at(text: &[u8]) -> &[u8] {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let end = text.iter().position(|byte| !is_of_name(byte));
    let mut name = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    while let Some(rest) = name.strip_suffix(b".").or_else(|| name.strip_suffix(b"-")) {
        name = rest;
    }
    name
}

/// How long a port is that a text begins with, its colon included.
fn port_at(text: &[u8]) -> usize {
    let Some([b':', digits @ ..]) = Some(text) else {
        return 0;
    };
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if count == 0 {
        0
    } else {
        count.saturating_add(1)
    }
}

/// Appends a document of dialogs (RFC 4235) without what identifies them at whoever has them: call-id and tags are
/// left out, and an id becomes another one, always the same.
pub(super) fn put_dialogs(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(start) = memchr::memchr(b'<', rest) {
        let (before, tag) = rest.split_at(start);
        let end = tag_end(tag);
        let (tag, after) = tag.split_at(end);
        out.extend_from_slice(before);
        put_tag(tag, out);
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// Where the tag ends that a text begins with: a `>` between quotes is none.
fn tag_end(text: &[u8]) -> usize {
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at.saturating_add(1),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn put_tag(tag: &[u8], out: &mut Vec<u8>) {
    let name = tag.get(1..).unwrap_or_default();
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    let name = name.get(..name.iter().position(is_blank).unwrap_or(name.len()));
    let name = name.unwrap_or_default();
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
    let mut rest = tag;
    while let Some(attribute) = next_attribute(rest) {
        let (before, after) = (rest.get(..attribute.start), rest.get(attribute.end..));
        out.extend_from_slice(before.unwrap_or_default());
        let is = |name: &[u8]| attribute.name == name;
        if is(b"id") && local == b"dialog" {
            let name = RandomState::with_seeds(1, 2, 3, 4).hash_one(attribute.value);
            out.extend_from_slice(b" id=\"");
            out.extend_from_slice(&hex::of_u64(name));
            out.push(b'"');
        } else if !(is(b"call-id") || is(b"local-tag") || is(b"remote-tag")) {
            let kept = rest.get(attribute.start..attribute.end);
            out.extend_from_slice(kept.unwrap_or_default());
        }
        rest = after.unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// An attribute in a tag: from the blank before it to behind its second quote.
struct Attribute<'t> {
    start: usize,
    end: usize,
    name: &'t [u8],
    value: &'t [u8],
}

fn next_attribute(tag: &[u8]) -> Option<Attribute<'_>> {
    let quote = memchr::memchr2(b'"', b'\'', tag)?;
    let open = *tag.get(quote)?;
    let value_start = quote.checked_add(1)?;
    let length = memchr::memchr(open, tag.get(value_start..)?)?;
    let value_end = value_start.checked_add(length)?;
    let equals = memchr::memrchr(b'=', tag.get(..quote)?)?;
    let before = tag.get(..equals)?.trim_ascii_end();
    let start = before.iter().rposition(u8::is_ascii_whitespace)?;
    Some(Attribute {
        start,
        end: value_end.checked_add(1)?,
        name: before.get(start..)?.trim_ascii_start(),
        value: tag.get(value_start..value_end)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::hider;
    use super::*;
    use proptest::prelude::*;

    fn text(body: &str, has_places: bool) -> String {
        let inside = ["10.0.0.5".to_owned(), "pbx.inside".to_owned()];
        let mut out = Vec::new();
        hider(&inside, &[]).put_text(body.as_bytes(), has_places, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn dialogs(body: &str) -> String {
        let mut out = Vec::new();
        put_dialogs(body.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_place_of_the_inside_is_called_by_our_name_wherever_it_stands() {
        for (body, shown) in [
            (
                "<target uri=\"sip:102@10.0.0.5:5060;transport=tcp\"/>",
                "<target uri=\"sip:102@example.org\"/>",
            ),
            (
                "Message-Account: sip:6001@PBX.inside\r\n",
                "Message-Account: sip:6001@example.org\r\n",
            ),
            ("see http://pbx.inside:8088/x", "see http://example.org/x"),
            ("on node7.pbx.inside.", "on example.org."),
            ("cid=\"abc@10.0.0.5\"", "cid=\"abc@example.org\""),
            ("call-of-b is mine", "- is mine"),
            (
                "<sip:10.0.0.5@10.0.0.5:5060>",
                "<sip:example.org@example.org>",
            ),
            (
                "at 110.0.0.5 and mypbx.inside2",
                "at 110.0.0.5 and mypbx.inside2",
            ),
            ("sip:7@example.com, sip:", "sip:7@example.com, sip:"),
        ] {
            assert_eq!(text(body, true), shown);
        }
    }

    #[test]
    fn an_address_that_is_not_known_to_be_inside_stays_in_what_people_write() {
        let body = "call sip:bob@192.0.2.9 now";
        assert_eq!(text(body, false), body);
        assert_eq!(text(body, true), "call sip:bob@example.org now");
    }

    proptest! {
        #[test]
        fn whatever_stands_around_it_no_name_of_the_inside_is_told(
            parts in prop::collection::vec("[ -~]{0,12}|sip:|10\\.0\\.0\\.5|pbx\\.inside|call-of-b|<a b=\"", 0..12),
            has_places: bool,
        ) {
            let body = parts.concat();
            let inside = ["10.0.0.5".to_owned(), "pbx.inside".to_owned()];
            let hider = hider(&inside, &[]);
            let (mut dialogs, mut shown) = (Vec::new(), Vec::new());
            put_dialogs(body.as_bytes(), &mut dialogs);
            hider.put_text(&dialogs, has_places, &mut shown);
            prop_assert!(!hider.tells(&shown), "{:?}", String::from_utf8_lossy(&shown));
        }
    }

    #[test]
    fn a_document_of_dialogs_names_none_of_them() {
        let body = "<?xml version=\"1.0\"?><d:dialog-info version='1' state=\"full\">\
                    <d:dialog id=\"a>1\" call-id=\"c1@pbx\" local-tag='t1' remote-tag = \"t2\" \
                    direction=\"initiator\"><state>early</state><replaces call-id=\"c2\" local-tag=\"a\" \
                    remote-tag=\"b\"/></d:dialog></d:dialog-info> <";
        let shown = dialogs(body);
        for word in ["c1", "t1", "t2", "c2", "a>1", "call-id", "-tag"] {
            assert!(!shown.contains(word), "{word} in {shown}");
        }
        assert!(shown.contains("version='1' state=\"full\""), "{shown}");
        assert!(shown.contains(" direction=\"initiator\">"), "{shown}");
        assert!(shown.contains("<replaces/>"), "{shown}");
        // Always the same, so that what is told of a dialog later can be told apart.
        assert_eq!(shown, dialogs(body));
        let other = dialogs("<dialog id=\"x\"/>");
        assert_ne!(other, dialogs("<dialog id=\"y\"/>"));
        assert_eq!(dialogs("<tuple id=\"x\"/>"), "<tuple id=\"x\"/>");
    }

    #[test]
    fn what_is_no_document_comes_out_as_it_went_in() {
        for body in [
            "",
            "<",
            "<a",
            "a < b",
            "<a b=\"c",
            "<dialog id=x>",
            "<a ='x'>",
        ] {
            assert_eq!(dialogs(body), body);
        }
    }
}
