//! The deadlines of a WebSocket: those of a stream, its handshake being a message, and Pings.

use super::*;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: sip\r\n\r\n";

/// As [`cut_after`], of a WebSocket that is asked every 30 s whether it lives.
fn cut<F: Future<Output = ()> + 'static>(peer: impl FnOnce(Arc<TcpStream>) -> F) -> (u64, u64) {
    let rules = Rules {
        origins: Vec::new(),
        ping: Duration::from_secs(30),
    };
    cut_as(Some(Arc::new(rules)), peer)
}

/// A frame that is masked with nothing.
fn frame(first: u8, data: &[u8]) -> Vec<u8> {
    let head = [first, 0x80 | data.len() as u8, 0, 0, 0, 0];
    [&head[..], data].concat()
}

async fn seconds(seconds: u64) {
    sleep_until(Instant::now() + Duration::from_secs(seconds)).await;
}

fn send(stream: &TcpStream, octets: &[u8]) {
    let _ = stream.try_write(octets);
}

#[test]
fn one_who_never_asks_for_a_websocket_is_cut_off_as_one_who_says_nothing() {
    assert_eq!(cut(|_| async {}), (30, 1));
}

#[test]
fn a_handshake_that_drips_has_the_time_of_a_message() {
    let slow = |stream: Arc<TcpStream>| async move {
        drip(&stream, REQUEST.iter().copied()).await;
    };
    assert_eq!(cut(slow), (10, 1));
}

#[test]
fn an_open_websocket_without_a_message_is_cut_off_after_30_s() {
    let silent = |stream: Arc<TcpStream>| async move { send(&stream, REQUEST) };
    assert_eq!(cut(silent), (30, 1));
    let pinging = |stream: Arc<TcpStream>| async move {
        send(&stream, REQUEST);
        for _ in 0..40 {
            send(&stream, &frame(0x89, b"x"));
            seconds(1).await;
        }
    };
    assert_eq!(cut(pinging), (30, 1));
}

#[test]
fn pings_between_fragments_do_not_put_the_end_off() {
    let slow = |stream: Arc<TcpStream>| async move {
        send(&stream, REQUEST);
        send(&stream, &frame(0x01, b"OPTIONS"));
        for _ in 0..40 {
            send(&stream, &frame(0x89, b"x"));
            send(&stream, &frame(0x00, b"x"));
            seconds(1).await;
        }
    };
    assert_eq!(cut(slow), (10, 1));
}

#[test]
fn a_frame_that_drips_has_the_time_of_a_message() {
    let slow = |stream: Arc<TcpStream>| async move {
        send(&stream, REQUEST);
        send(&stream, &frame(0x81, MESSAGE));
        seconds(20).await;
        drip(&stream, frame(0x81, MESSAGE)).await;
    };
    assert_eq!(cut(slow), (30, 1));
}

/// As pitfall 77 has it: ten times the idle time, and only then silence.
#[test]
fn one_who_answers_pings_and_says_nothing_else_stays_until_he_answers_no_more() {
    let alive = |stream: Arc<TcpStream>| async move {
        send(&stream, REQUEST);
        send(&stream, &frame(0x81, MESSAGE));
        for _ in 0..10 {
            seconds(31).await;
            send(&stream, &frame(0x8a, b""));
        }
    };
    assert_eq!(cut(alive), (310 + 90, 1));
}

#[test]
fn one_who_has_never_answered_a_ping_is_left_alone_for_two_hours() {
    let once = |stream: Arc<TcpStream>| async move {
        send(&stream, REQUEST);
        send(&stream, &frame(0x81, MESSAGE));
    };
    assert_eq!(cut(once), (7_200, 1));
}

#[test]
fn what_breaks_the_protocol_ends_it_at_once_and_is_no_deadline() {
    let unmasked = |stream: Arc<TcpStream>| async move {
        send(&stream, REQUEST);
        send(&stream, b"\x81\x01x");
    };
    assert_eq!(cut(unmasked), (0, 0));
    let none = |stream: Arc<TcpStream>| async move { send(&stream, b"GET / HTTP/1.1\r\n\r\n") };
    assert_eq!(cut(none), (0, 0));
}
