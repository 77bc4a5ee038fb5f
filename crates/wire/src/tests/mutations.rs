//! Whatever bytes come: nothing panics, nothing is lost, and an edit changes what it says.

use super::samples;
use crate::{
    Credentials, Edit, Frame, Framer, HeaderId, Index, Limits, Message, NameAddr, Reply, UriRef,
    ViaMark, ViaRef, frame,
};
use proptest::{collection::vec, prelude::*, sample::Index as Place};

/// A change at a place: what stands there for this many octets gives way to this.
fn mutation() -> impl Strategy<Value = (Place, usize, Vec<u8>)> {
    let text = prop_oneof![
        vec(any::<u8>(), 0..4),
        proptest::sample::select(PIECES).prop_map(<[u8]>::to_vec),
    ];
    (any::<Place>(), 0..6_usize, text)
}

/// A sample message with some changes.
fn mutant(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let sample = proptest::sample::select(&[samples::INVITE, samples::RESPONSE][..]);
    (sample, vec(mutation(), 0..=most)).prop_map(|(sample, mutations)| {
        let mut bytes = sample.to_vec();
        for (place, cut, text) in mutations {
            let at = place.index(bytes.len() + 1);
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, text);
        }
        bytes
    })
}

/// Reads all there is to read.
fn read_all(message: Message<'_>) {
    let _ = (
        message.start(),
        message.body(),
        message.check(),
        message.cseq(),
    );
    let _ = (message.from_tag(), message.to_tag(), message.call_id());
    let _ = (
        message.top_via(),
        message.from(),
        message.to(),
        message.max_forwards(),
    );
    let _ = UriRef::parse(message.uri());
    for field in message.all_fields() {
        assert!(
            message
                .fields(field.id)
                .any(|other| other.line == field.line)
        );
        let _ = (message.number(field.id), message.lists(field.id, "path"));
        let _ = Credentials::parse(field.value);
        for value in message.values(field.id) {
            assert!(message.bytes()[value.at..].starts_with(value.raw));
            let _ = (ViaRef::parse(value.raw), NameAddr::parse(value.raw));
        }
    }
}

fn mark() -> ViaMark {
    ViaMark {
        received: Some([192, 0, 2, 1].into()),
        rport: Some(5060),
    }
}

/// Changes all there is to change, as long as it may.
fn edit_all(message: Message<'_>) {
    let mut edit = Edit::new(message);
    edit.request_uri(b"sip:new@example.com").mark_via(mark());
    while edit.pop_route().is_ok() {}
    let _ = edit.decrement_max_forwards();
    edit.push(HeaderId::Via, b"SIP/2.0/UDP p;branch=z9hG4bKx");
    edit.append("X-New", b"1").set(HeaderId::Supported, b"path");
    edit.body(None, b"new");
    let mut out = Vec::new();
    edit.write(&mut out).unwrap();
    let mut index = Index::new();
    let changed = index.parse(&out, &Limits::default()).unwrap();
    assert_eq!(changed.body(), b"new");
    assert!(changed.first(HeaderId::Route).is_none_or(|route| {
        message
            .fields(HeaderId::Route)
            .any(|old| old.value == route.value)
    }));
    assert_eq!(changed.fields(HeaderId::Supported).count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_panic_and_what_can_be_read_can_be_answered(bytes in mutant(8)) {
        let _ = frame::datagram(&bytes);
        let mut index = Index::new();
        let message = match index.parse(&bytes, &Limits::default()) {
            Ok(message) => {
                edit_all(message);
                Some(message)
            }
            Err(rejected) => rejected.partial,
        };
        if let Some(message) = message {
            read_all(message);
            let mut out = Vec::new();
            let mut reply = Reply::new(&mut out, message, mark(), 100, "Trying", b"t");
            reply.record_routes(message);
            reply.end();
            prop_assert!(out.ends_with(b"Content-Length: 0\r\n\r\n"));
        }
    }

    #[test]
    fn bytes_that_are_no_message_at_all_do_not_panic(bytes in vec(any::<u8>(), 0..200)) {
        let mut index = Index::new();
        if let Ok(message) = index.parse(&bytes, &Limits::default()) {
            read_all(message);
        }
    }

    #[test]
    fn no_edit_gives_the_bytes_that_came(bytes in mutant(3)) {
        let mut index = Index::new();
        if let Ok(message) = index.parse(&bytes, &Limits::default()) {
            let mut out = Vec::new();
            Edit::new(message).write(&mut out).unwrap();
            prop_assert_eq!(&out[..], message.bytes());
            prop_assert!(bytes.starts_with(&out));
        }
    }

    #[test]
    fn one_edit_leaves_all_other_lines_alone(bytes in mutant(2), place in any::<Place>(), which in 0..4) {
        let mut index = Index::new();
        let Ok(message) = index.parse(&bytes, &Limits::default()) else {
            return Ok(());
        };
        let lines: Vec<_> = message.all_fields().collect();
        let at = place.index(lines.len().max(1));
        // Without its Content-Length the rest of the bytes would be another body.
        if lines.get(at).is_none_or(|line| line.id == HeaderId::ContentLength) {
            return Ok(());
        }
        let mut expected: Vec<(Vec<u8>, Vec<u8>)> =
            lines.iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
        let mut edit = Edit::new(message);
        match which {
            0 => {
                edit.remove(lines[at]);
                expected.remove(at);
            }
            1 => {
                edit.push(HeaderId::Via, b"new");
                let via = lines.iter().position(|f| f.id == HeaderId::Via);
                expected.insert(via.unwrap_or(0), (b"Via".to_vec(), b"new".to_vec()));
            }
            2 => {
                edit.append("X-New", b"new");
                expected.push((b"X-New".to_vec(), b"new".to_vec()));
            }
            _ => {
                let value = message.values(lines[at].id).find(|value| value.field.line == at);
                let Some(value) = value else { return Ok(()) };
                let from = value.at - offset_of(message, lines[at].value);
                edit.replace_value(value, b"new");
                expected[at].1.splice(from..from + value.raw.len(), *b"new");
            }
        }
        let mut out = Vec::new();
        edit.write(&mut out).unwrap();
        let mut index = Index::new();
        let changed = index.parse(&out, &Limits::default()).unwrap();
        let found: Vec<_> =
            changed.all_fields().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(changed.start(), message.start());
        prop_assert_eq!(changed.body(), message.body());
    }

    #[test]
    fn a_stream_gives_the_same_frames_however_it_is_cut(
        bytes in mutant(2), more in mutant(2), cuts in vec(any::<Place>(), 0..6),
    ) {
        let stream = [&b"\r\n"[..], &bytes, b"\r\n\r\n", &more].concat();
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        ends.push(stream.len());
        ends.sort_unstable();
        prop_assert_eq!(frames(&stream, &ends), frames(&stream, &[stream.len()]));
    }
}

/// The frames of a stream that has come up to these places, one after the other, and its error.
fn frames(stream: &[u8], ends: &[usize]) -> (Vec<(usize, bool)>, Option<crate::Error>) {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    let mut at = 0;
    for end in ends {
        loop {
            match framer.next(&stream[at..*end], &Limits::default()) {
                Ok(Some((frame, used))) => {
                    frames.push((at, matches!(frame, Frame::Message(_))));
                    at += used;
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Where a part of the message stands in it.
fn offset_of(message: Message<'_>, part: &[u8]) -> usize {
    part.as_ptr().addr() - message.bytes().as_ptr().addr()
}

/// What mutants are made with beside random octets.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"\r\n ",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b",",
    b";",
    b"\"",
    b"\\",
    b"<",
    b">",
    b":",
    b"=",
    b"@",
    b"[",
    b"]",
    b"%",
    b"l: 0\r\n",
    b"v: ",
    b"Route: <sip:x>,",
    b"SIP/2.0",
    b"4294967296",
    b"\xc3\xbc",
];
