//! Connections that end or never begin: all who wait are told, and each place is given back.

use super::{
    TCP, UDP, closed, failed,
    rig::{Rig, echo, eventually, message, read, udp},
};
use crate::transport::StreamLimits;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    time::Duration,
};

#[test]
fn a_hundred_first_messages_to_a_peer_that_refuses_are_all_told() {
    let rig = Rig::start(4, &[UDP, TCP], StreamLimits::default());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let order = format!("send;1;tcp;{}", free.local_addr().unwrap());
    drop(free);
    for n in 0..100 {
        // Several sources, so several workers.
        let m = message(&order, &"c".repeat(4 + n % 4), 100 + n as u32);
        udp().send_to(&m, rig.at[0]).unwrap();
    }
    eventually("all are told", || rig.heard(failed) == 100);
    assert_eq!(rig.driver.as_ref().unwrap().counters().opened.value(), 0);
}

/// How a peer ends its connection.
const ENDS: [fn(TcpStream); 5] = [
    drop,
    // With a reset.
    |stream| {
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    },
    // One half only.
    |mut stream| {
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    },
    // In the middle of a message, and stays.
    |mut stream| {
        stream.write_all(b"OPTIONS sip:echo").unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    },
    // With what cannot be followed.
    |mut stream| {
        let whole = String::from_utf8(message("echo", "c", 1)).unwrap();
        let endless = whole.replace("Content-Length: 0", "Content-Length: x");
        stream.write_all(endless.as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    },
];

#[test]
fn however_a_connection_ends_its_place_is_free_again() {
    let limits = StreamLimits {
        connections: 3,
        per_source: 3,
        half_message: Duration::from_millis(20),
        ..StreamLimits::default()
    };
    let rig = Rig::start(1, &[TCP], limits);
    for (n, end) in (1..).zip(ENDS.iter().cycle().take(60)) {
        let mut stream = rig.tcp(0);
        echo(&mut stream);
        end(stream);
        eventually("the core hears of it", || rig.heard(closed) == n);
    }
    let counters = rig.driver.as_ref().unwrap().counters().clone();
    assert_eq!((counters.opened.value(), counters.refused.value()), (60, 0));
    let mut three = [rig.tcp(0), rig.tcp(0), rig.tcp(0)];
    three.iter_mut().for_each(echo);
}

#[test]
fn a_message_to_a_peer_that_closed_its_half_goes_by_a_new_connection() {
    let rig = Rig::start(1, &[UDP, TCP], StreamLimits::default());
    let pbx = TcpListener::bind("127.0.0.1:0").unwrap();
    let order = format!("send;1;tcp;{}", pbx.local_addr().unwrap());
    let m = message(&order, "c", 1);
    let mut old = Vec::new();
    for n in 0..20 {
        udp().send_to(&m, rig.at[0]).unwrap();
        let (mut stream, _) = pbx.accept().unwrap();
        assert_eq!(read(&mut stream, m.len()), m);
        // The peer's FIN, and it reads on: as a PBX that restarts behind a balancer.
        stream.shutdown(Shutdown::Write).unwrap();
        eventually("the core hears of it", || rig.heard(closed) == n + 1);
        old.push(stream);
    }
}
