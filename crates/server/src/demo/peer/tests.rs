//! A peer, and a socket in Bellhop's place.

use super::*;
use crate::demo::ua;

/// Bob at his socket, with someone who speaks for Bellhop.
async fn bob() -> (Peer, UdpSocket) {
    let bellhop = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (server, local) = (bellhop.local_addr().unwrap(), socket.local_addr().unwrap());
    let ua = Ua::new("bob", "bellhop.test", "secret", local, 1);
    let trace = Arc::new(Trace::new(vec![(local, Party::Bob)]));
    (Peer::new(Party::Bob, ua, socket, server, trace), bellhop)
}

fn message(start: &str, cseq: &str) -> Vec<u8> {
    format!(
        "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n\
         Call-ID: c\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn bye() -> Vec<u8> {
    message("BYE sip:h SIP/2.0", "7 BYE")
}

async fn read(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; LARGEST];
    let length = socket.recv(&mut buffer).await.unwrap();
    buffer.truncate(length);
    buffer
}

#[tokio::test]
async fn a_repeated_request_is_answered_again_and_told_once() {
    let (mut bob, bellhop) = bob().await;
    let to = bob.ua().local();
    for bytes in [bye(), bye(), message("OPTIONS sip:h SIP/2.0", "8 OPTIONS")] {
        bellhop.send_to(&bytes, to).await.unwrap();
    }
    let first = bob.expect(Want::Request(rsip::Method::Bye)).await.unwrap();
    let nothing = Ask::of(rsip::Method::Bye);
    bob.answer(&first, 200, None, &nothing).await.unwrap();
    bob.expect(Want::Request(rsip::Method::Options))
        .await
        .unwrap();
    let answer = read(&bellhop).await;
    assert!(answer.starts_with(b"SIP/2.0 200 OK\r\n"));
    assert_eq!(answer, read(&bellhop).await);
}

#[tokio::test]
async fn a_strangers_datagram_is_not_heard() {
    let (mut bob, bellhop) = bob().await;
    let to = bob.ua().local();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let odd = message("OPTIONS sip:h SIP/2.0", "8 OPTIONS");
    stranger.send_to(&odd, to).await.unwrap();
    bellhop.send_to(&bye(), to).await.unwrap();
    let heard = bob.expect(Want::Request(rsip::Method::Bye)).await.unwrap();
    assert_eq!(heard.message().bytes(), bye());
}

#[tokio::test]
async fn another_message_than_the_awaited_one_is_told() {
    let (mut bob, bellhop) = bob().await;
    let to = bob.ua().local();
    for (bytes, want, told) in [
        (
            bye(),
            Want::Request(rsip::Method::Invite),
            "bob waited for INVITE, and got: BYE sip:h SIP/2.0",
        ),
        (
            message("SIP/2.0 403 No", "1 INVITE"),
            Want::Answer(200, rsip::Method::Invite),
            "bob waited for 200 to INVITE, and got: SIP/2.0 403 No",
        ),
        (
            message("SIP/2.0 200 OK", "1 BYE"),
            Want::Answer(200, rsip::Method::Invite),
            "bob waited for 200 to INVITE, and got: SIP/2.0 200 OK",
        ),
    ] {
        bellhop.send_to(&bytes, to).await.unwrap();
        assert_eq!(bob.expect(want).await.unwrap_err(), told);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_after_two_seconds() {
    let (mut bob, _bellhop) = bob().await;
    let start = tokio::time::Instant::now();
    let told = bob.expect(Want::Request(rsip::Method::Invite)).await;
    assert_eq!(
        told.unwrap_err(),
        "bob waited 2 s for INVITE, and nothing came"
    );
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn what_nobody_waited_for_is_in_the_trace_all_the_same() {
    let (mut bob, bellhop) = bob().await;
    bellhop.send_to(&bye(), bob.ua().local()).await.unwrap();
    bob.drain().await;
    let steps = bob.trace.steps();
    let lines: Vec<_> = steps.iter().map(|step| step.line.as_str()).collect();
    assert_eq!(lines, ["BYE sip:h SIP/2.0"]);
}

#[tokio::test]
async fn a_challenged_invite_is_acknowledged_before_it_is_sent_again() {
    // RFC 3261 17.1.1.3, 22.2.
    let (mut bob, bellhop) = bob().await;
    let (to, phone) = (ua::address("alice", "h"), bob.ua().local());
    let mut dialog = bob.ua().begin(to.clone(), to);
    let challenger = async {
        let invite = Owned::parse(&read(&bellhop).await, &Limits::default()).unwrap();
        let challenge = "Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"";
        let more = Ask::of(rsip::Method::Invite).line("Proxy-Authenticate", challenge);
        let alice = Ua::new("alice", "h", "", phone, 2);
        let refused = alice.answer(invite.message(), 407, None, &more).unwrap();
        bellhop.send_to(&refused, phone).await.unwrap();
        (read(&bellhop).await, read(&bellhop).await)
    };
    let ask = Ask::of(rsip::Method::Invite);
    let (asked, (ack, invite)) =
        tokio::join!(bob.ask_and_prove(&mut dialog, &ask, 407), challenger);
    assert_eq!(asked, Ok(()));
    assert!(ack.starts_with(b"ACK sip:alice@h SIP/2.0\r\n"));
    let invite = String::from_utf8(invite).unwrap();
    assert!(invite.starts_with("INVITE sip:alice@h SIP/2.0\r\n"));
    assert!(invite.contains("\r\nCSeq: 2 INVITE\r\n"));
    assert!(invite.contains("\r\nProxy-Authorization: Digest username=\"bob\", realm=\"r\""));
}
