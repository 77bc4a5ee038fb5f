//! WebSockets (RFC 6455, RFC 7118) at the real program: handshakes, frames that break the rules, one who never reads, and
//! calls of a phone in a browser.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

use bellhop_tests::admin::Admin;
use bellhop_tests::bellhop::Setup;
use bellhop_tests::websocket::{BINARY, CLOSE, Frame, PING, PONG, TEXT, frame, request};
use bellhop_tests::{Bellhop, Lane, Phone, Site, WebSocket, until};
use std::time::{Duration, Instant};

#[test]
fn a_handshake_for_anything_but_sip_is_told_what_is_missing() {
    let (lane, _bellhop) = alone("");
    for (lines, status, words) in [
        ("", "400", "subprotocol sip"),
        ("Sec-WebSocket-Protocol: chat\r\n", "400", "RFC 7118"),
    ] {
        let answer = WebSocket::ask(lane.web(), &request(lines)).expect_err("a refusal");
        let start = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(&start) && answer.contains(words),
            "{answer}"
        );
    }
    let plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = WebSocket::ask(lane.web(), plain).expect_err("a refusal");
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    let sip = stranger(0);
    let answer = WebSocket::ask(lane.web(), &sip).expect_err("a refusal");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    WebSocket::open(lane.web());
}

#[test]
fn of_named_pages_others_are_refused_until_a_reload_names_them() {
    let (lane, bellhop) = alone("origins = [\"https://phone.example.org\"]\n");
    let from = |origin: &str| {
        let lines = format!("Origin: {origin}\r\nSec-WebSocket-Protocol: sip\r\n");
        WebSocket::ask(lane.web(), &request(&lines))
    };
    from("https://phone.example.org").expect("a WebSocket");
    let answer = from("https://evil.example").expect_err("a refusal");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let config = std::fs::read_to_string(bellhop.config()).expect("the configuration");
    let config = config.replace("phone.example.org", "evil.example");
    std::fs::write(bellhop.config(), config).expect("the configuration");
    bellhop.reload();
    until("the new pages are known", PATIENCE, || {
        from("https://evil.example").ok().map(|_| ())
    });
    assert!(from("https://phone.example.org").is_err());
}

/// RFC 7118 5: text or octets, one message in each, with a length or without one.
#[test]
fn one_message_of_a_websocket_is_one_of_sip_and_needs_no_length() {
    let (lane, _bellhop) = alone("");
    let mut web = WebSocket::open(lane.web());
    let bare = |n| stranger(n).replace("Content-Length: 0\r\n", "");
    for (n, kind) in [(1, TEXT), (2, BINARY)] {
        web.send_octets(&frame(kind, bare(n).as_bytes()));
        let answer = answer(&mut web);
        assert!(answer.starts_with("SIP/2.0 401 "), "{answer}");
        assert!(answer.contains(&format!("stranger-{n}\r\n")), "{answer}");
    }
    // What stands behind a message in one frame is not another one.
    let two = stranger(3) + &stranger(4);
    web.send(two.as_bytes());
    web.send(stranger(5).as_bytes());
    assert!(answer(&mut web).contains("stranger-3\r\n"));
    assert!(answer(&mut web).contains("stranger-5\r\n"));
    // In fragments, with a Ping between them.
    let text = stranger(6);
    let (head, tail) = text.as_bytes().split_at(50);
    web.send_octets(&frame(0x01, head));
    web.send_octets(&frame(PING, b"alive?"));
    web.send_octets(&frame(0x80, tail));
    let pong = next(&mut web);
    assert_eq!((pong.first, &pong.data[..]), (PONG, &b"alive?"[..]));
    assert!(answer(&mut web).contains("stranger-6\r\n"));
}

/// RFC 7118 6: the empty lines of RFC 5626 are of use here, too.
#[test]
fn empty_lines_are_answered_as_over_tcp_and_disturb_nothing() {
    let (lane, _bellhop) = alone("");
    let mut web = WebSocket::open(lane.web());
    web.send(b"\r\n\r\n");
    let pong = next(&mut web);
    assert_eq!((pong.first, &pong.data[..]), (TEXT, &b"\r\n"[..]));
    web.send(b"\r\n");
    web.send(b"");
    web.send(stranger(1).as_bytes());
    assert!(answer(&mut web).starts_with("SIP/2.0 401 "));
}

#[test]
fn what_breaks_the_protocol_is_closed_with_its_code_and_nothing_grows() {
    let (lane, bellhop) = alone("");
    let mut phone = Phone::in_browser("6001", lane.web());
    phone.register();
    let claim = |length: u64| [&[0x82, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    let text = stranger(1);
    let cases = [
        ("unmasked", [&[TEXT, 5][..], b"hello"].concat(), Some(1002)),
        ("2^63 octets", claim(1 << 63), Some(1009)),
        ("2 GiB", claim(1 << 31), Some(1009)),
        (
            "more than a message may have",
            frame(TEXT, &vec![b'x'; 70_000]),
            Some(1009),
        ),
        (
            "more in fragments",
            [frame(0x01, &[b'x'; 60_000]), frame(0x00, &[b'x'; 10_000])].concat(),
            Some(1009),
        ),
        (
            "a Ping of 126",
            [&[PING, 0x80 | 126, 0, 126][..], &[0; 130]].concat(),
            Some(1002),
        ),
        (
            "a message within a message",
            [frame(0x01, text.as_bytes()), frame(TEXT, text.as_bytes())].concat(),
            Some(1002),
        ),
        ("text that is none", frame(TEXT, b"\xff\xfe"), Some(1007)),
        ("a Close", frame(CLOSE, &1000_u16.to_be_bytes()), Some(1000)),
    ];
    let mut first = 0;
    for round in 0..60 {
        for (what, octets, code) in &cases {
            let mut web = WebSocket::open(lane.web());
            web.send_octets(octets);
            assert_eq!(web.end(), *code, "{what}");
        }
        if round == 9 {
            first = bellhop.resident_kb();
        }
    }
    let last = bellhop.resident_kb();
    assert!(last < first + 4_096, "{first} kB, then {last} kB");
    phone.register();
}

/// The first of the pitfalls that others paid for.
#[test]
fn of_fifty_browsers_one_that_never_reads_delays_no_other() {
    let (lane, bellhop) = alone("");
    let user = |n: usize| format!("60{:02}", n % 10 + 1);
    let mut phones: Vec<Phone> = (0..49)
        .map(|n| Phone::in_browser(&user(n), lane.web()))
        .collect();
    phones.iter_mut().for_each(|phone| drop(phone.register()));
    let mut deaf = WebSocket::open(lane.web());
    deaf.never_wait();
    let batch: Vec<u8> = (0..100)
        .flat_map(|n| frame(TEXT, stranger(n).as_bytes()))
        .collect();
    let mut rest: Vec<u8> = Vec::new();
    let (start, mut slowest) = (Instant::now(), Duration::ZERO);
    for round in 0.. {
        assert!(start.elapsed() < 3 * PATIENCE, "it is never shed");
        if rest.is_empty() {
            rest.clone_from(&batch);
        }
        match deaf.try_send(&rest) {
            Some(sent) => drop(rest.drain(..sent)),
            None => break,
        }
        let began = Instant::now();
        phones[round % 49].register();
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    until("it is told", PATIENCE, || {
        let log = bellhop.log();
        let told = ["it does not read", "the peer reads nothing"];
        told.iter().any(|text| log.contains(text)).then_some(())
    });
}

#[test]
fn the_end_of_the_program_is_said_to_browsers() {
    let (lane, mut bellhop) = alone("");
    let mut phone = Phone::in_browser("6001", lane.web());
    phone.register();
    let mut web = WebSocket::open(lane.web());
    assert_eq!(bellhop.stop(), Some(0));
    assert_eq!(web.end(), Some(1001));
}

/// However they end, no place, binding or gauge stays behind.
#[test]
fn a_thousand_websockets_that_come_and_go_are_counted_and_leave_nothing() {
    let lane = Lane::take();
    let admin = Admin::of(&lane);
    let mut setup = Setup::new(&lane).alone().log("info").with_web("");
    setup.more += &format!("[admin]\nbind = \"{}\"\n", admin.address());
    let bellhop = setup.start();
    let open = "bellhop_connections{by=\"peer\",transport=\"ws\"}";
    let whole = |name: &str| admin.metrics().value(name) as u64;
    let mut stays = Phone::in_browser("6001", lane.web());
    stays.register();
    let mut first = 0;
    for round in 0..10 {
        let phones: Vec<Phone> = (0..50)
            .map(|_| {
                let mut phone = Phone::in_browser("6002", lane.web());
                phone.send(&stranger(round));
                phone
            })
            .collect();
        let webs: Vec<WebSocket> = (0..50)
            .map(|n| {
                let mut web = WebSocket::open(lane.web());
                if n % 2 == 0 {
                    web.send_octets(&frame(CLOSE, b""));
                }
                web
            })
            .collect();
        drop((phones, webs));
        let what = "all but one are gone";
        until(what, PATIENCE, || (whole(open) == 1).then_some(()));
        if round == 4 {
            first = bellhop.resident_kb();
        }
    }
    let last = bellhop.resident_kb();
    assert!(last < first + 2_048, "{first} kB, then {last} kB");
    assert_eq!(
        whole("bellhop_connections_opened_total{transport=\"ws\"}"),
        1_001
    );
    let heard = "bellhop_requests_total{direction=\"in\",transport=\"ws\",method=\"REGISTER\"}";
    assert!(whole(heard) >= 502, "{}", whole(heard));
    assert_eq!(whole("bellhop_bindings"), 1);
    stays.register();
}

/// In proxy mode and as two legs; media is not looked at.
#[test]
fn a_phone_in_a_browser_calls_an_asterisk_and_is_called_by_it() {
    for route in ["", "mode = \"b2bua\"\n"] {
        let Some(site) = site(route) else {
            return;
        };
        let mut phone = Phone::in_browser("6001", site.lane.web());
        phone.register();
        let ok = phone.invite("600", PATIENCE);
        assert_eq!(ok.status(), Some(200), "{}", ok.text());
        phone.acknowledge(&ok);
        let again = phone.offer_again(&ok);
        assert_eq!(again.status(), Some(200), "{}", again.text());
        phone.hang_up(&ok);

        let call = "channel originate PJSIP/6001 application Milliwatt";
        site.asterisk.cli(call);
        let invite = phone.expect("INVITE ");
        let via = invite.header("Via");
        assert!(via.starts_with("SIP/2.0/WS "), "{}", invite.text());
        phone.answer(&invite, "200 OK");
        phone.expect("ACK ");
        site.asterisk.cli("channel request hangup all");
        let bye = phone.expect("BYE ");
        phone.answer(&bye, "200 OK");
        let log = site.bellhop.log();
        assert!(!log.contains("panic"), "{log}");
    }
}

/// A dead flow is a quick final answer: no name of a browser's is looked up, nothing is opened to it.
#[test]
fn who_calls_a_browser_that_is_gone_is_told_so_at_once() {
    let (lane, bellhop) = alone("");
    let mut caller = Phone::in_browser("6001", lane.web());
    caller.register();
    let mut phone = Phone::in_browser("6002", lane.web());
    phone.register();
    drop(phone);
    until("its connection is closed", PATIENCE, || {
        bellhop
            .log()
            .contains("connection closed: by the peer")
            .then_some(())
    });
    let start = Instant::now();
    let answer = caller.invite("6002", PATIENCE);
    assert_eq!(answer.status(), Some(480), "{}", answer.text());
    assert!(start.elapsed() < Duration::from_secs(2));
}

/// A Bellhop without a PBX; these are the keys of its listener.
fn alone(lines: &str) -> (Lane, Bellhop) {
    let lane = Lane::take();
    let bellhop = Setup::new(&lane).alone().with_web(lines).start();
    (lane, bellhop)
}

fn site(route: &str) -> Option<Site> {
    Site::with(bellhop_tests::Transport::Udp, |mut setup| {
        setup.route = route.to_owned();
        setup.with_web("")
    })
}

fn next(web: &mut WebSocket) -> Frame {
    until("a frame", PATIENCE, || web.frame())
}

/// The next message.
fn answer(web: &mut WebSocket) -> String {
    String::from_utf8_lossy(&next(web).data).into_owned()
}

/// A request that is answered with a challenge.
fn stranger(n: usize) -> String {
    format!(
        "REGISTER sip:bellhop.test SIP/2.0\r\nVia: SIP/2.0/WS stranger.invalid;branch=z9hG4bKs{n}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:s@bellhop.test>;tag=s\r\nTo: <sip:s@bellhop.test>\r\n\
         Call-ID: stranger-{n}\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
    )
}

const PATIENCE: Duration = Duration::from_secs(20);
