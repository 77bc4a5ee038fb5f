//! What peers write does not shape the log, and what they prove themselves with is not in it: the program
//! at its most talkative level, in both forms (GHSA-2grh-7mhv-fcfw).

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

use bellhop_tests::bellhop::Setup;
use bellhop_tests::{Bellhop, Lane, Message, digest, until};
use sha2::{Digest, Sha256};
use std::net::UdpSocket;
use std::time::Duration;

/// What a peer writes where a name should stand: the ends of lines, of quotes, of fields, and of everything.
const HOSTILE: [&[u8]; 9] = [
    b"\x1b[31mred\x1b[2J",
    b"a\r2026-01-01T00:00:00.000000Z ERROR forged: x",
    b"a\n2026-01-01T00:00:00.000000Z ERROR forged: x",
    b"a\r\n2026-01-01T00:00:00.000000Z ERROR forged: x",
    b"\",\"forged\":\"1",
    b"x forged=1 ",
    "\u{202e}drow\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}\u{2028}\u{85}".as_bytes(),
    b"\xff\xfe\xc3\x28\xed\xa0\x80",
    b"\x00\x07\x7f\x9b31m",
];

/// Where it stands in a message. Of refusals only the first of each second are logged: the places that the
/// log names come first.
const PLACES: [(&str, &str); 11] = [
    ("Call-ID: ", "Call-ID: {}"),
    ("From: <sip:6001@", "From: \"{}\" <sip:6001@"),
    ("From: <sip:6001@", "From: <sip:{}@"),
    ("User-Agent: kept", "User-Agent: {}"),
    ("REGISTER sip:", "{} sip:"),
    ("REGISTER sip:", "REGISTER sip:{}@"),
    ("To: <sip:6001@", "To: <sip:{}@"),
    ("Contact: <sip:6001@", "Contact: <sip:{}@"),
    (";branch=z9hG4bK", ";{}branch=z9hG4bK"),
    ("Expires: ", "Require: {}\r\nExpires: "),
    (
        "Expires: ",
        "Authorization: Digest username=\"{}\", realm=\"bellhop.test\"\r\nExpires: ",
    ),
];

#[test]
fn nothing_that_peers_write_breaks_or_forges_a_line_of_text() {
    let log = hostile_log("text");
    for line in log.lines().filter(|line| !line.trim().is_empty()) {
        let (time, rest) = line.split_at_checked(27).unwrap_or((line, ""));
        let is_time =
            time.starts_with("20") && time.ends_with('Z') && !time.starts_with("2026-01-01T");
        let is_level = [" ERROR ", "  WARN ", "  INFO ", " DEBUG ", " TRACE "]
            .iter()
            .any(|level| rest.starts_with(level));
        assert!(is_time && is_level || is_greeting(line), "{line:?}");
        assert!(
            !line.contains(" forged=") && !line.contains(" ERROR "),
            "{line:?}"
        );
    }
    assert!(log.contains("\\x1b[31mred"), "{log}");
}

#[test]
fn nothing_that_peers_write_breaks_or_forges_a_line_of_json() {
    let log = hostile_log("json");
    let mut lines = 0;
    for line in log
        .lines()
        .filter(|line| !line.trim().is_empty() && !is_greeting(line))
    {
        let value: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        assert!(
            value.get("forged").is_none() && value["level"] != "ERROR",
            "{line:?}"
        );
        assert!(
            value["timestamp"]
                .as_str()
                .is_some_and(|t| !t.starts_with("2026-01-01T")),
            "{line:?}"
        );
        // A field said twice would be read once.
        assert_eq!(
            line.matches("\"call_id\":").count(),
            usize::from(value.get("call_id").is_some()),
            "{line:?}"
        );
        lines += 1;
    }
    assert!(lines > 40 && log.contains("\\\\x1b[31mred"), "{log}");
}

/// What the program says when hostile messages have been thrown at it, and when somebody has proved who he is
/// and somebody else has tried. It holds no control character and no secret.
fn hostile_log(form: &str) -> String {
    let lane = Lane::take();
    let mut setup = Setup::new(&lane).alone().log("trace");
    setup.more = format!("format = \"{form}\"\n");
    let mut bellhop = setup.start();
    let socket = UdpSocket::bind(lane.phone(1)).expect("the phone's address");
    socket.connect(lane.bellhop()).expect("Bellhop's address");
    socket
        .set_read_timeout(Some(Duration::from_millis(50)))
        .expect("a time-out");
    let mut number = 0;
    for (kept, place) in PLACES {
        for hostile in HOSTILE {
            number += 1;
            let text = register(&lane, number, "");
            let (before, after) = text.split_once(kept).expect("the place");
            let (left, right) = place.split_once("{}").expect("a gap");
            let bytes = [
                before.as_bytes(),
                left.as_bytes(),
                hostile,
                right.as_bytes(),
                after.as_bytes(),
            ];
            socket.send(&bytes.concat()).expect("sent");
        }
    }
    let mut secrets = prove(&lane, &socket, number, &bellhop);
    assert_eq!(bellhop.stop(), Some(0));
    let log = bellhop.log();
    secrets.extend(
        [
            "secret6001",
            "response=",
            "Authorization:",
            "username=",
            "Digest username",
            "cnonce",
        ]
        .map(str::to_owned),
    );
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "{secret} is told:\n{log}");
    }
    let harmful = |c: &char| {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        *c != '\n' && (c.is_control() || turns)
    };
    let found: String = log.chars().filter(harmful).collect();
    assert!(found.is_empty(), "{found:?}");
    log
}

/// A REGISTER with a right digest and one with a wrong one; what of both must not be told.
fn prove(lane: &Lane, socket: &UdpSocket, number: u32, bellhop: &Bellhop) -> Vec<String> {
    let uri = format!("sip:{}", lane.bellhop());
    let mut secrets = Vec::new();
    for (n, (password, status)) in [("secret6001", 200), ("a wrong one", 401)]
        .into_iter()
        .enumerate()
    {
        let number = number + 2 * u32::try_from(n).expect("a small number") + 1;
        let challenge = exchange(socket, &register(lane, number, ""), bellhop);
        let asked = challenge.header("WWW-Authenticate");
        let answer = digest::answer(asked, "6001", password, "REGISTER", &uri, 1);
        let proof = format!("Authorization: {answer}\r\n");
        let result = exchange(socket, &register(lane, number + 1, &proof), bellhop);
        assert_eq!(result.status(), Some(status), "{}", result.text());
        for part in ["response", "nonce"] {
            secrets.push(digest::parameter(&answer, part).expect("a part").to_owned());
        }
    }
    let ha1 = "6001:bellhop.test:secret6001";
    secrets.push(format!("{:x}", md5::compute(ha1)));
    secrets.push(
        Sha256::digest(ha1)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    );
    secrets
}

/// Sends a request; its answer, by its CSeq.
fn exchange(socket: &UdpSocket, request: &str, bellhop: &Bellhop) -> Message {
    socket.send(request.as_bytes()).expect("sent");
    let asked = Message::new(request.to_owned());
    until("an answer", Duration::from_secs(10), || {
        let mut buffer = vec![0; 65_536];
        let length = socket.recv(&mut buffer).ok()?;
        let answer = Message::new(String::from_utf8_lossy(&buffer[..length]).into_owned());
        assert!(!bellhop.log().contains("panicked"), "{}", bellhop.log());
        (answer.header("CSeq") == asked.header("CSeq")).then_some(answer)
    })
}

fn register(lane: &Lane, number: u32, more: &str) -> String {
    let (server, local) = (lane.bellhop(), lane.phone(1));
    format!(
        "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKlog{number};rport\r\n\
         Max-Forwards: 70\r\nUser-Agent: kept short by no phone that is in use anywhere, and long enough to be answered\r\n\
         From: <sip:6001@{server}>;tag=log{number}\r\nTo: <sip:6001@{server}>\r\nCall-ID: log{number}\r\n\
         CSeq: {number} REGISTER\r\nContact: <sip:6001@{local}>\r\nExpires: 60\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// Lines that are not the log's: what the program says to who has started it.
fn is_greeting(line: &str) -> bool {
    line.starts_with("bellhop ready")
}
