//! What a client sends, cut anywhere, and what is made of it.

use super::*;
use proptest::prelude::*;
use tungstenite::{
    Message,
    protocol::{Role, WebSocket as Other, WebSocketConfig},
};

const REQUEST: &str = "GET /any HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Protocol: chat, sip\r\n\r\n";
const MOST: usize = 1000;

fn rules(origins: &[&str]) -> Arc<Rules> {
    Arc::new(Rules {
        origins: origins.iter().map(|o| (*o).to_owned()).collect(),
        ping: Duration::from_secs(30),
    })
}

/// What comes of these octets, and how it ended; an open WebSocket is before them.
fn heard(octets: &[u8]) -> (Vec<String>, Option<Closed>) {
    let mut web = WebSocket::new(rules(&[]));
    assert!(matches!(
        web.next(REQUEST.as_bytes(), MOST),
        Ok(Some((Item::Opened(_), _)))
    ));
    take(&mut web, octets, octets.len().max(1))
}

/// As [`heard`], in pieces of this size.
fn take(web: &mut WebSocket, octets: &[u8], piece: usize) -> (Vec<String>, Option<Closed>) {
    let (mut said, mut rest) = (Vec::new(), Vec::new());
    for piece in octets.chunks(piece) {
        rest.extend_from_slice(piece);
        loop {
            match web.next(&rest, MOST) {
                Ok(None) => break,
                Ok(Some((item, used))) => {
                    match item {
                        Item::Opened(_) => said.push("open".to_owned()),
                        Item::Message(m) => said.push(m.escape_ascii().to_string()),
                        Item::Part => {}
                        Item::Pong(frame) => said.push(format!("pong {}", frame.escape_ascii())),
                        Item::Lives => said.push("lives".to_owned()),
                        Item::Close => return (said, Some(Closed::ByPeer)),
                    }
                    rest.drain(..used);
                }
                Err(why) => return (said, Some(why)),
            }
        }
    }
    (said, None)
}

/// A client's frame: first octet, data.
fn frame(first: u8, data: &[u8]) -> Vec<u8> {
    let mask = [7, 99, 3, 200];
    let mut out = vec![first];
    match data.len() {
        n @ 0..126 => out.push(0x80 | n as u8),
        n @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(data.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    out
}

fn refusal(request: &str, origins: &[&str]) -> String {
    let mut web = WebSocket::new(rules(origins));
    match web.next(request.as_bytes(), MOST) {
        Err(Closed::Handshake(answer, _)) => String::from_utf8(answer).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn opening(request: &str, origins: &[&str]) -> String {
    let mut web = WebSocket::new(rules(origins));
    match web.next(request.as_bytes(), MOST) {
        Ok(Some((Item::Opened(answer), used))) => {
            assert_eq!(used, request.len());
            String::from_utf8(answer).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

/// RFC 6455 1.3 has the key and what it comes to.
#[test]
fn a_handshake_for_sip_is_answered_with_its_key_and_subprotocol() {
    let answer = opening(REQUEST, &[]).to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    for line in [
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n",
        "sec-websocket-protocol: sip\r\n",
        "upgrade: websocket\r\n",
    ] {
        assert!(answer.contains(line), "{line} {answer}");
    }
    assert!(!answer.contains("extensions"), "{answer}");
    let shouting = opening(&REQUEST.replace("chat, sip", "SIP"), &[]);
    assert!(shouting.contains(": SIP\r\n"), "{shouting}");
}

#[test]
fn a_handshake_that_is_none_is_told_what_is_missing() {
    for (was, is, status, why) in [
        ("chat, sip", "chat, sipx", "400", "subprotocol sip"),
        ("Sec-WebSocket-Protocol", "X", "400", "subprotocol sip"),
        ("Version: 13", "Version: 8", "426", "version 13"),
        ("Upgrade: websocket", "X: y", "426", "over WebSocket"),
        ("keep-alive, Upgrade", "close", "400", "no handshake"),
        ("Sec-WebSocket-Key", "X", "400", "no handshake"),
        ("GET", "POST", "405", "GET"),
        ("GET /any HTTP/1.1", "GET /any HTTP/1.0", "400", "HTTP/1.1"),
        ("GET /any HTTP/1.1", "REGISTER sip:a SIP/2.0", "400", "SIP"),
        ("Host: a", "Host: a\r\n bad", "400", "HTTP/1.1"),
    ] {
        assert!(REQUEST.contains(was));
        let answer = refusal(&REQUEST.replace(was, is), &[]);
        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{is}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.contains(why), "{is}: {answer}");
        let length = format!("Content-Length: {}", body.len());
        assert!(head.contains(&length) && head.contains("Connection: close"));
    }
}

#[test]
fn a_request_without_an_end_is_given_up_at_8_kib() {
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(9_000));
    assert!(refusal(&long, &[]).starts_with("HTTP/1.1 431 "));
    let mut web = WebSocket::new(rules(&[]));
    let short = long.get(..8_000).unwrap();
    assert!(matches!(web.next(short.as_bytes(), MOST), Ok(None)));
    let whole = format!("{short}\r\n\r\n");
    assert!(whole.len() < 8_192);
    assert!(refusal(&whole, &[]).starts_with("HTTP/1.1 426 "));
}

#[test]
fn of_named_pages_others_are_refused_and_who_is_no_page_is_not() {
    let named = ["https://phone.example.org"];
    let from = |origin: &str| REQUEST.replace("Host: a", &format!("Host: a\r\nOrigin: {origin}"));
    opening(REQUEST, &named);
    opening(&from("https://phone.example.org"), &named);
    opening(&from("HTTPS://PHONE.example.org"), &named);
    opening(&from("https://anybody.example"), &[]);
    for other in [
        "null",
        "http://phone.example.org",
        "https://phone.example.org.evil.example",
        "https://phone.example.org:8443",
        "https://phone.example.org\r\nOrigin: https://evil.example",
    ] {
        let answer = refusal(&from(other), &named);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{other}: {answer}");
    }
}

#[test]
fn a_message_is_heard_in_text_octets_and_fragments_with_pings_between() {
    let stream = [
        frame(0x81, b"one"),
        frame(0x82, b"t\xffo"),
        frame(0x01, b"th"),
        frame(0x89, b"?"),
        frame(0x00, b""),
        frame(0x80, b"ree"),
        frame(0x8a, b""),
    ]
    .concat();
    let expected = ["one", "t\\xffo", "pong \\x8a\\x01?", "three", "lives"];
    assert_eq!(heard(&stream).0, expected);
    for piece in 1..stream.len() {
        let mut web = WebSocket::new(rules(&[]));
        let all = [REQUEST.as_bytes(), &stream].concat();
        let (said, end) = take(&mut web, &all, piece);
        assert_eq!(said[1..], expected, "{piece}");
        assert!(end.is_none() && !web.is_amid());
    }
}

#[test]
fn what_breaks_the_protocol_is_told_so_and_ends_it() {
    let unmasked = vec![0x81, 1, b'x'];
    let huge = [&[0x81, 0xff][..], &(1_u64 << 63).to_be_bytes(), &[0; 4]].concat();
    let ping_126 = [&[0x89, 0x80 | 126, 0, 126][..], &[0; 130]].concat();
    for (what, octets, code) in [
        ("unmasked", unmasked, 1002),
        ("2^63 octets", huge, 1009),
        ("more than a message", frame(0x81, &[b'x'; MOST + 1]), 1009),
        (
            "more in fragments",
            [frame(0x01, &[b'x'; 600]), frame(0x80, &[b'x'; 600])].concat(),
            1009,
        ),
        ("a ping of 126", ping_126, 1002),
        ("half a ping", frame(0x09, b""), 1002),
        (
            "a message in a message",
            [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
            1002,
        ),
        ("a continuation of nothing", frame(0x80, b"a"), 1002),
        ("a reserved bit", frame(0xc1, b"a"), 1002),
        ("a reserved opcode", frame(0x83, b"a"), 1002),
        ("a reserved control", frame(0x8b, b"a"), 1002),
        ("text that is none", frame(0x81, b"\xff"), 1007),
        ("half a code", frame(0x88, b"\x03"), 1002),
        (
            "a code that is none",
            frame(0x88, &1005_u16.to_be_bytes()),
            1002,
        ),
    ] {
        let mut web = WebSocket::new(rules(&[]));
        web.next(REQUEST.as_bytes(), MOST).unwrap();
        let (_, end) = take(&mut web, &octets, octets.len());
        let end = end.unwrap_or_else(|| panic!("{what} is let pass"));
        let mut last = Vec::new();
        web.farewell(&end, &mut last);
        let code = u16::to_be_bytes(code);
        assert_eq!(last, [0x88, 2, code[0], code[1]], "{what}");
    }
}

/// By its head alone, so that nobody waits for it or keeps room for it.
#[test]
fn what_claims_too_much_is_refused_before_it_comes() {
    let claim = [&[0x82, 0xff][..], &1_001_u64.to_be_bytes(), &[0; 4]].concat();
    assert_eq!(heard(&claim).1, Some(Closed::WebSocket(Fault::TooLong)));
    assert_eq!(heard(&claim[..9]), (vec![], None));
}

#[test]
fn a_close_is_answered_with_its_code_and_none_with_none() {
    for (said, answered) in [
        (vec![3, 232], vec![0x88, 2, 3, 232]),
        (vec![], vec![0x88, 0]),
        (b"\x03\xe9bye".to_vec(), vec![0x88, 2, 3, 233]),
    ] {
        let mut web = WebSocket::new(rules(&[]));
        web.next(REQUEST.as_bytes(), MOST).unwrap();
        let octets = frame(0x88, &said);
        assert_eq!(take(&mut web, &octets, 1), (vec![], Some(Closed::ByPeer)));
        let mut last = Vec::new();
        web.farewell(&Closed::ByPeer, &mut last);
        assert_eq!(last, answered);
    }
}

#[test]
fn before_the_handshake_is_over_nothing_of_a_websocket_is_said() {
    let web = WebSocket::new(rules(&[]));
    let mut last = Vec::new();
    web.farewell(&Closed::Deadline("no message in time"), &mut last);
    assert_eq!((last, web.ping()), (vec![], None));
}

#[test]
fn text_goes_out_as_text_and_anything_else_as_octets() {
    for (message, first) in [(&b"caf\xc3\xa9"[..], 0x81), (b"caf\xe9", 0x82)] {
        let mut out = Vec::new();
        write(message, &mut out);
        assert_eq!(out[..2], [first, message.len() as u8]);
        assert_eq!(&out[2..], message);
    }
    let mut out = Vec::new();
    write(&[b'x'; 70_000], &mut out);
    assert_eq!(out[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
}

/// As a whole WebSocket of others hears the same octets.
fn as_tungstenite(octets: &[u8]) -> Vec<String> {
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MOST);
    config.max_frame_size = Some(MOST);
    let stream = std::io::Cursor::new(octets.to_vec());
    let mut other = Other::from_raw_socket(OneWay(stream), Role::Server, Some(config));
    let mut said = Vec::new();
    loop {
        match other.read() {
            Ok(Message::Text(text)) => said.push(text.as_bytes().escape_ascii().to_string()),
            Ok(Message::Binary(data)) => said.push(data.escape_ascii().to_string()),
            Ok(Message::Ping(data)) => {
                let mut frame = vec![0x8a, data.len() as u8];
                frame.extend_from_slice(&data);
                said.push(format!("pong {}", frame.escape_ascii()));
            }
            Ok(Message::Pong(_)) => said.push("lives".to_owned()),
            Ok(Message::Close(_) | Message::Frame(_)) | Err(_) => return said,
        }
    }
}

/// What is written there is not looked at.
struct OneWay(std::io::Cursor<Vec<u8>>);

impl std::io::Read for OneWay {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(into)
    }
}

impl std::io::Write for OneWay {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

proptest! {
    #[test]
    fn any_frames_cut_anywhere_are_heard_as_another_hears_them(
        frames in prop::collection::vec((0_u8..=255, prop::collection::vec(0_u8..128, 0..200)), 0..12),
        usual in any::<bool>(),
        piece in 1_usize..40,
    ) {
        let plain = [0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a];
        let first = |first: u8| if usual { plain[usize::from(first) % plain.len()] } else { first };
        let stream: Vec<u8> = frames.iter().flat_map(|(f, data)| frame(first(*f), data)).collect();
        let mut web = WebSocket::new(rules(&[]));
        web.next(REQUEST.as_bytes(), MOST).unwrap();
        let (said, _) = take(&mut web, &stream, piece);
        prop_assert_eq!(said, as_tungstenite(&stream));
    }

    #[test]
    fn any_octets_are_taken_or_refused_and_little_is_held(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut web = WebSocket::new(rules(&[]));
        web.next(REQUEST.as_bytes(), MOST).unwrap();
        take(&mut web, &octets, 7);
        prop_assert!(web.held() <= 2 * MOST);
    }
}
