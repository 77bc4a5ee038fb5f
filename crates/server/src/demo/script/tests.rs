//! The play without Bellhop: what it says when a step fails.

use super::*;
use crate::demo::{trace::Party, ua::Ua};
use bellhop_wire::{Limits, Owned};
use std::net::SocketAddr;
use tokio::net::UdpSocket;

async fn seat(party: Party, server: SocketAddr, trace: &Arc<Trace>) -> Peer {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let local = socket.local_addr().unwrap();
    let ua = Ua::new(party.name(), DOMAIN, "secret", local, 1);
    Peer::new(party, ua, socket, server, Arc::clone(trace))
}

/// The players before a socket that is not Bellhop's.
async fn play() -> (Play, UdpSocket) {
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = other.local_addr().unwrap();
    let trace = Arc::new(Trace::new(Vec::new()));
    let play = Play {
        alice: seat(Party::Alice, server, &trace).await,
        bob: seat(Party::Bob, server, &trace).await,
        pbx: seat(Party::Pbx, server, &trace).await,
        trace,
    };
    (play, other)
}

#[tokio::test]
async fn a_step_that_gets_another_answer_is_named_with_both() {
    let (mut play, other) = play().await;
    let refuser = async {
        let mut buffer = vec![0; 65_535];
        let (length, from) = other.recv_from(&mut buffer).await.unwrap();
        let request = Owned::parse(&buffer[..length], &Limits::default()).unwrap();
        let nobody = Ua::new("nobody", DOMAIN, "", from, 2);
        let answer = nobody.answer(request.message(), 403, None, &Ask::of(Register));
        other.send_to(&answer.unwrap(), from).await.unwrap();
    };
    let (played, ()) = tokio::join!(play.perform(), refuser);
    assert_eq!(
        played.unwrap_err(),
        "REGISTER of alice failed: alice waited for 401 to REGISTER, and got: SIP/2.0 403 Forbidden"
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_gets_no_answer_is_named_with_what_was_awaited() {
    let (mut play, _other) = play().await;
    assert_eq!(
        play.perform().await.unwrap_err(),
        "REGISTER of alice failed: alice waited 2 s for 401 to REGISTER, and nothing came"
    );
}
