//! Each limit of a message through the whole engine: as much as may be is served, one more is refused with the
//! status that says so, and neither costs memory out of proportion (docs/security.md 8 and 9).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly"
)]

mod common;

use bellhop_core::config::{Config, Rate};
use bellhop_testkit::{World, header_of, status_of};
use bellhop_wire::Limits;
use common::*;
use std::time::Duration;

/// Whether a message is relayed (200), or the status it is refused with.
fn verdict_under(limits: Limits, message: &str) -> u16 {
    let config = Config { limits, ..config() };
    let (answer, relayed) = verdict_of(config, message);
    match answer {
        None => {
            assert_eq!(relayed.len(), 1, "{message}");
            200
        }
        Some(answer) => {
            assert!(relayed.is_empty(), "{message}");
            status_of(&answer)
        }
    }
}

/// The good request with a header line or body that makes the whole this long.
fn of_length(length: usize, in_body: bool) -> String {
    if in_body {
        let with = |body: usize| {
            let text = spoiled("Content-Length: 0", &format!("Content-Length: {body:06}"));
            text + &"y".repeat(body)
        };
        let body = length - with(0).len();
        return with(body);
    }
    let with = |rest: usize| {
        spoiled(
            "Call-ID: bad",
            &format!("Call-ID: bad\r\nX: {}", "y".repeat(rest)),
        )
    };
    let message = with(length - with(0).len());
    assert_eq!(message.len(), length);
    message
}

#[test]
fn a_message_as_long_as_may_be_is_served_and_one_octet_more_is_not() {
    for most in [1_500, 4_000, 60_000] {
        let limits = || Limits {
            message: most,
            line: 70_000,
            ..Limits::default()
        };
        for (in_body, status) in [(true, 413), (false, 513)] {
            assert_eq!(
                verdict_under(limits(), &of_length(most, in_body)),
                200,
                "{most}"
            );
            assert_eq!(
                verdict_under(limits(), &of_length(most + 1, in_body)),
                status,
                "{most}"
            );
        }
    }
}

#[test]
fn as_many_header_lines_as_may_be_are_served_and_one_more_is_not() {
    let own = GOOD.matches("\r\n").count() - 2;
    for most in [20, 64, 128] {
        let with = |lines: usize| {
            let more = "\r\nX: y".repeat(lines - own);
            let limits = Limits {
                headers: most,
                ..Limits::default()
            };
            verdict_under(
                limits,
                &spoiled("Call-ID: bad", &format!("Call-ID: bad{more}")),
            )
        };
        assert_eq!((with(most), with(most + 1)), (200, 400), "{most}");
    }
}

#[test]
fn lines_as_long_as_may_be_are_served_and_one_octet_more_is_not() {
    for most in [256, 8_192] {
        let limits = || Limits {
            line: most,
            ..Limits::default()
        };
        let header = |length: usize| {
            let value = "y".repeat(length - "Subject: ".len());
            spoiled("Call-ID: bad", &format!("Call-ID: bad\r\nSubject: {value}"))
        };
        // A line with its folds is one line.
        let folded = |length: usize| {
            let value = "y".repeat(length - "Subject: a\r\n b".len());
            spoiled(
                "Call-ID: bad",
                &format!("Call-ID: bad\r\nSubject: a\r\n {value}b"),
            )
        };
        let start = |length: usize| {
            let user = "y".repeat(length - "MESSAGE sip:6002@example.org;x= SIP/2.0".len());
            spoiled(
                "sip:6002@example.org SIP",
                &format!("sip:6002@example.org;x={user} SIP"),
            )
        };
        for (of, status) in [
            (&header as &dyn Fn(usize) -> String, 400),
            (&folded, 400),
            (&start, 414),
        ] {
            let (at, beyond) = (of(most), of(most + 1));
            assert_eq!(verdict_under(limits(), &at), 200, "{most}: {at}");
            assert_eq!(verdict_under(limits(), &beyond), status, "{most}: {beyond}");
        }
    }
}

/// AST-2017-009: each number as large as it may be, and one more.
#[test]
fn each_number_as_large_as_may_be_is_taken_and_one_more_is_refused_or_taken_for_the_largest() {
    for (kept, place, most, beyond, status) in [
        ("Max-Forwards: 70", "Max-Forwards: {}", 255, 256, 400),
        ("CSeq: 7 ", "CSeq: {} ", (1 << 31) - 1, 1 << 31, 400),
        (
            "198.51.100.5:5060;branch",
            "198.51.100.5:{};branch",
            65_535,
            65_536,
            400,
        ),
        ("example.org SIP", "example.org:{} SIP", 65_535, 65_536, 400),
        (
            "sip:pbx@198.51.100.5>",
            "sip:pbx@198.51.100.5:{}>",
            65_535,
            65_536,
            400,
        ),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nMax-Breadth: {}",
            4_294_967_295,
            4_294_967_296,
            200,
        ),
        (
            "Call-ID: bad",
            "Call-ID: bad\r\nExpires: {}",
            4_294_967_295,
            4_294_967_296,
            200,
        ),
        ("Content-Length: 0", "Content-Length: {}", 0, 1, 400),
    ] {
        let with = |number: u64| spoiled(kept, &place.replace("{}", &number.to_string()));
        // A port that is not ours makes the Request-URI another one, whose name stands for nothing here.
        let at = if place.starts_with("example.org:") {
            500
        } else {
            200
        };
        let (got, over) = (
            verdict_under(Limits::default(), &with(most)),
            verdict_under(Limits::default(), &with(beyond)),
        );
        assert_eq!((got, over), (at, status), "{place}");
        let endless = spoiled(kept, &place.replace("{}", &"9".repeat(200)));
        assert_eq!(
            verdict_under(Limits::default(), &endless),
            status,
            "{place}"
        );
    }
}

#[test]
fn as_many_requests_as_a_source_may_send_are_answered_and_one_more_is_not() {
    for burst in [1, 10, 100] {
        let mut world = World::new(1);
        let rate = Some(Rate {
            per_source: 1,
            burst,
        });
        world.start(Config { rate, ..config() }, auth());
        let mut a = phone("6001", "203.0.113.1:5060");
        for n in 0..=burst {
            let request = a.request("OPTIONS", "sip:example.org", &format!("rate-{n}"), "");
            say(&mut world, &a, &request);
        }
        world.pass(Duration::from_millis(50));
        assert_eq!(
            world.drain(a.address).len(),
            usize::try_from(burst).unwrap()
        );
    }
}

#[test]
fn as_many_contacts_as_a_user_may_have_are_bound_and_one_more_is_not() {
    for most in [1, 3, 20] {
        let mut config = config();
        config.registrar.max_contacts = most;
        let mut world = World::new(1);
        world.start(config, auth());
        let mut a = tcp_phone("6001", "203.0.113.1:40000");
        for (count, status) in [(most, 200), (most + 1, 403)] {
            let lines: String = (0..count)
                .map(|n| format!("m: <sip:{n}@203.0.113.1>\r\n"))
                .collect();
            let request = register_of(&mut a, AOR, "most", &lines, "");
            let answer = answered(&mut world, &mut a, &request);
            assert_eq!(status_of(&answer), status, "{count}: {answer}");
            assert_eq!(world.nodes[0].shared.location.len(), most);
        }
    }
}

/// What is kept for a request that waits for its answer: it, what was sent on, and less than 2 kB besides.
#[test]
fn a_message_in_flight_holds_at_most_three_times_its_length() {
    for length in [4_000, 20_000, 60_000] {
        for method in ["MESSAGE", "INVITE"] {
            let mut world = world();
            let (_, b) = pair(&mut world);
            let p = pbx();
            let message = of_length(length, true).replace("MESSAGE", method);
            say(&mut world, &p, &message);
            let at_b = world.expect(b.address).unwrap();
            assert_eq!(header_of(&at_b, "Call-ID"), "bad");
            let held = world.nodes[0].engine.held();
            assert!(
                held > length && held <= 3 * length,
                "{method} of {length}: {held}"
            );
        }
    }
}
