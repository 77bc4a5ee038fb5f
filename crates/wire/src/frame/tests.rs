//! Datagrams and streams, whole and in pieces.

use super::*;
use crate::tests::samples;

/// What a stream gives when it comes in these pieces: owned frames, then the error that ended it.
fn frames(pieces: &[&[u8]], limits: &Limits) -> (Vec<Vec<u8>>, Option<Error>) {
    let mut framer = Framer::new();
    let mut buffer = Vec::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match framer.next(&buffer, limits) {
                Ok(Some((frame, used))) => {
                    frames.push(match frame {
                        Frame::Message(bytes) => bytes.to_vec(),
                        Frame::Ping => b"ping".to_vec(),
                        Frame::Nothing => b"nothing".to_vec(),
                    });
                    buffer.drain(..used);
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn whole(stream: &[u8], limits: &Limits) -> (Vec<Vec<u8>>, Option<Error>) {
    frames(&[stream], limits)
}

#[test]
fn leading_line_ends_of_a_datagram_are_skipped() {
    assert_eq!(datagram(b"\r\n\r\nOPTIONS"), Frame::Message(b"OPTIONS"));
    assert_eq!(datagram(b"OPTIONS\r\n"), Frame::Message(b"OPTIONS\r\n"));
}

#[test]
fn keep_alive_datagrams_are_no_messages() {
    assert_eq!(datagram(b"\r\n\r\n"), Frame::Ping);
    assert_eq!(datagram(b"\r\n"), Frame::Nothing);
    assert_eq!(datagram(b""), Frame::Nothing);
    assert_eq!(datagram(b"\0\0\0\0"), Frame::Nothing);
    assert_eq!(datagram(b" \t"), Frame::Nothing);
}

#[test]
fn a_stream_gives_messages_and_pings_in_order() {
    let stream = [
        b"\r\n\r\n",
        samples::INVITE,
        samples::RESPONSE,
        b"\r\n\r\n\r\n",
        samples::RESPONSE,
    ]
    .concat();
    let expected: Vec<&[u8]> = vec![
        b"ping",
        samples::INVITE,
        samples::RESPONSE,
        b"ping",
        b"nothing",
        samples::RESPONSE,
    ];
    assert_eq!(
        whole(&stream, &Limits::default()),
        (expected.iter().map(|f| f.to_vec()).collect(), None)
    );
}

#[test]
fn any_cut_of_a_stream_gives_the_same_frames() {
    let good = [
        b"\r\n\r\n",
        samples::INVITE,
        b"\r\n",
        samples::RESPONSE,
        b"\r\n\r\n",
        samples::INVITE,
    ]
    .concat();
    let bad = [
        samples::INVITE,
        b"BYE sip:a SIP/2.0\r\nTo: a\r\n\r\n",
        samples::INVITE,
    ]
    .concat();
    let long = [samples::RESPONSE, &b"x".repeat(600)].concat();
    let heavy = [samples::RESPONSE, b"BYE a SIP/2.0\r\nl: 999\r\n\r\n"].concat();
    let limits = Limits {
        message: 900,
        line: 200,
        ..Limits::default()
    };
    for stream in [good, bad, long, heavy] {
        let expected = whole(&stream, &limits);
        for at in 0..=stream.len() {
            let (a, b) = stream.split_at(at);
            assert_eq!(frames(&[a, b], &limits), expected, "cut at {at}");
        }
        let octets: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames(&octets, &limits), expected);
    }
}

#[test]
fn a_stream_without_a_usable_content_length_cannot_be_followed() {
    let id = HeaderId::ContentLength;
    for (lines, kind) in [
        ("To: a\r\n", Kind::ContentLength),
        ("l: x\r\n", Kind::Number),
        ("l: -1\r\n", Kind::Number),
        ("l: 1\r\nContent-Length: 2\r\n", Kind::Duplicate),
    ] {
        let stream = format!("BYE sip:a@b SIP/2.0\r\n{lines}\r\nabc");
        let (_, error) = whole(stream.as_bytes(), &Limits::default());
        assert_eq!(error, Some(Error::of(kind, id)), "{lines:?}");
    }
}

#[test]
fn a_content_length_may_be_folded_blank_and_compact() {
    for line in ["L :\r\n\t 2 ", "content-length:2", "Content-Length \t: 02"] {
        let message = format!("BYE sip:a@b SIP/2.0\r\n{line}\r\n\r\nab");
        let stream = format!("{message}{message}");
        let expected = vec![message.clone().into_bytes(), message.into_bytes()];
        assert_eq!(
            whole(stream.as_bytes(), &Limits::default()),
            (expected, None)
        );
    }
}

#[test]
fn limits_are_kept_before_the_bytes_are_there() {
    let limits = Limits {
        message: 300,
        line: 60,
        ..Limits::default()
    };
    let too_long = Some(Error::message(Kind::MessageTooLong));
    let claim = b"BYE sip:a@b SIP/2.0\r\nl: 18446744073709551615\r\n\r\n";
    let body = Some(Error::message(Kind::BodyTooLong));
    assert_eq!(whole(claim, &limits).1, body);
    let endless = [&b"BYE sip:a@b SIP/2.0\r\n"[..], &b"a: b\r\n".repeat(60)].concat();
    assert_eq!(whole(&endless, &limits).1, too_long);
    let uri = Some(Error::message(Kind::UriTooLong));
    assert_eq!(whole(&[b'A'; 62], &limits).1, uri);
    assert_eq!(whole(&[b'A'; 61], &limits).1, None);
}

#[test]
fn bytes_that_start_no_message_end_the_stream_at_once() {
    let start = Some(Error::message(Kind::StartLine));
    for stream in [
        &b"\x16\x03\x01"[..],
        b"\n",
        b"\r\rINVITE",
        b" INVITE",
        b"\r\n\rx",
    ] {
        assert_eq!(whole(stream, &Limits::default()).1, start, "{stream:?}");
    }
}
