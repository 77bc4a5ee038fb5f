//! The shell over real loopback sockets, with a scripted core.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]

mod ends;
mod rig;
mod unreachable;

use crate::transport::StreamLimits;
use rig::{Heard, PATIENCE, Rig, echo, eventually, message, read, udp};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

const UDP: &str = "udp:127.0.0.1:0";
const TCP: &str = "tcp:127.0.0.1:0";

fn failed(heard: &Heard) -> bool {
    matches!(heard, Heard::Failed(..))
}

fn closed(heard: &Heard) -> bool {
    matches!(heard, Heard::Closed(..))
}

#[test]
fn answers_to_one_peer_keep_the_order_of_its_requests_over_all_shards() {
    let rig = Rig::start(4, &[UDP], StreamLimits::default());
    let phone = udp();
    let mut buffer = [0; 2048];
    for burst in 0..50 {
        let sent: Vec<_> = (0..40)
            .map(|n| message("echo", &"c".repeat(1 + n % 4), burst * 40 + n as u32))
            .collect();
        for m in &sent {
            phone.send_to(m, rig.at[0]).unwrap();
        }
        for m in &sent {
            let length = phone.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], m);
        }
    }
}

#[test]
fn no_reaction_to_a_message_overtakes_what_was_decided_before_it() {
    // A phone's 100 over UDP, then the INVITE over TCP, whose 180 another worker relays.
    let rig = Rig::start(4, &[UDP, TCP], StreamLimits::default());
    let pbx = TcpListener::bind("127.0.0.1:0").unwrap();
    // Several sources, so that some are another worker's than the connection to the PBX.
    let phones: Vec<UdpSocket> = (0..8).map(|_| udp()).collect();
    let order = format!("both;1;tcp;{}", pbx.local_addr().unwrap());
    let mut buffer = [0; 2048];
    let mut stream = None;
    for (n, phone) in (0..).zip(phones.iter().cycle().take(400)) {
        phone.send_to(&message(&order, "c", n), rig.at[0]).unwrap();
        let stream = stream.get_or_insert_with(|| pbx.accept().unwrap().0);
        assert!(read(stream, rig::RELAYED.len()) == rig::RELAYED);
        let order = format!("send;0;udp;{}", phone.local_addr().unwrap());
        let reaction = message(&order, "c", n);
        stream.write_all(&reaction).unwrap();
        for _ in 0..rig::FIRST {
            let length = phone.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"first", "in round {n}");
        }
        assert_eq!(phone.recv(&mut buffer).unwrap(), reaction.len());
    }
}

#[test]
fn each_listener_answers_from_its_own_address() {
    let listen = ["udp:127.0.0.1:0", "udp:127.0.0.2:0", "udp:[::1]:0"];
    let rig = Rig::start(2, &listen, StreamLimits::default());
    let v4 = UdpSocket::bind("0.0.0.0:0").unwrap();
    let v6 = UdpSocket::bind("[::]:0").unwrap();
    for (socket, at) in [(&v4, rig.at[0]), (&v4, rig.at[1]), (&v6, rig.at[2])] {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&message("echo", "c", 1), at).unwrap();
        let (_, from) = socket.recv_from(&mut [0; 2048]).unwrap();
        assert_eq!(from, at);
    }
}

#[test]
fn a_peer_that_never_reads_is_shed_and_delays_nobody() {
    let limits = StreamLimits {
        queue: 128 * 1024,
        ..StreamLimits::default()
    };
    let rig = Rig::start(1, &[TCP], limits);
    let mut deaf = rig.tcp(0);
    let mut other = rig.tcp(0);
    let counters = rig.driver.as_ref().unwrap().counters().clone();
    let mut asked = 0;
    while counters.closed_unread.value() == 0 && asked < 1000 {
        // The write fails once we have been shed.
        let _ = deaf.write_all(&message("blob;60000", "c", 1));
        echo(&mut other);
        asked += 1;
    }
    eventually("the deaf peer is shed", || rig.heard(closed) == 1);
    assert_eq!(counters.closed_unread.value(), 1);
    echo(&mut other);
    echo(&mut rig.tcp(0));
}

#[test]
fn half_a_message_is_given_up_at_its_deadline() {
    let limits = StreamLimits {
        half_message: Duration::from_millis(50),
        ..StreamLimits::default()
    };
    let rig = Rig::start(1, &[TCP], limits);
    let mut slow = rig.tcp(0);
    echo(&mut slow);
    let whole = message("echo", "c", 1);
    slow.write_all(&whole[..40]).unwrap();
    assert_eq!(slow.read(&mut [0; 64]).unwrap(), 0);
    eventually("the core hears of it", || rig.heard(closed) == 1);
}

#[test]
fn halves_of_messages_cannot_fill_the_memory() {
    let limits = StreamLimits {
        held: 100_000,
        ..StreamLimits::default()
    };
    let rig = Rig::start(1, &[TCP], limits);
    let head = String::from_utf8(message("echo", "c", 1)).unwrap();
    let half = head.replace("Content-Length: 0", "Content-Length: 60000") + &"x".repeat(40_000);
    let mut slow: Vec<_> = (0..8).map(|_| rig.tcp(0)).collect();
    for stream in &mut slow {
        // One that has been shed already does not take it.
        let _ = stream.write_all(half.as_bytes());
    }
    eventually("the last ones are shed", || rig.heard(closed) >= 5);
    echo(&mut rig.tcp(0));
    assert!(rig.heard(closed) < 8, "those within the budget stay");
}

#[test]
fn a_connection_without_a_message_is_given_up_and_one_with_a_message_stays() {
    let limits = StreamLimits {
        first_message: Duration::from_millis(50),
        ..StreamLimits::default()
    };
    let rig = Rig::start(1, &[TCP], limits);
    let mut good = rig.tcp(0);
    echo(&mut good);
    let mut silent = rig.tcp(0);
    assert_eq!(silent.read(&mut [0; 64]).unwrap(), 0);
    echo(&mut good);
}

#[test]
fn a_keep_alive_is_answered_and_leaves_the_framing_whole() {
    // RFC 5626 4.4.1.
    let rig = Rig::start(1, &[TCP], StreamLimits::default());
    let mut phone = rig.tcp(0);
    phone.write_all(b"\r\n\r\n").unwrap();
    assert_eq!(read(&mut phone, 2), b"\r\n");
    echo(&mut phone);
}

#[test]
fn a_stream_cut_at_every_byte_gives_the_same_messages() {
    let rig = Rig::start(1, &[TCP], StreamLimits::default());
    let mut phone = rig.tcp(0);
    phone.set_nodelay(true).unwrap();
    let two = [message("echo", "c", 1), message("echo", "c", 2)].concat();
    for cut in 1..two.len() {
        phone.write_all(&two[..cut]).unwrap();
        phone.write_all(&two[cut..]).unwrap();
        assert_eq!(read(&mut phone, two.len()), two, "cut at {cut}");
    }
}

#[test]
fn a_message_without_content_length_on_a_stream_gets_400_and_the_end() {
    // RFC 3261 18.3.
    let rig = Rig::start(1, &[TCP], StreamLimits::default());
    let mut phone = rig.tcp(0);
    let whole = String::from_utf8(message("echo", "c", 1)).unwrap();
    let cut = whole.replace("Content-Length: 0\r\n", "");
    phone.write_all(cut.as_bytes()).unwrap();
    let mut answer = String::new();
    phone.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("SIP/2.0 400 "), "{answer}");
    assert!(answer.contains("received=127.0.0.1"), "{answer}");
}

#[test]
fn a_refused_connect_is_told_to_the_shard_that_sent() {
    let rig = Rig::start(2, &[UDP, TCP], StreamLimits::default());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let phone = udp();
    for call_id in ["c", "cc"] {
        let m = message(&format!("send;1;tcp;{nobody}"), call_id, 1);
        phone.send_to(&m, rig.at[0]).unwrap();
    }
    eventually("both shards hear of it", || rig.heard(failed) == 2);
    for heard in rig.heard.lock().unwrap().iter() {
        if let Heard::Failed(shard, token) = heard {
            assert_eq!(token.0 >> 48, *shard as u64);
        }
    }
}

#[test]
fn a_connect_that_nobody_answers_is_given_up_in_time() {
    // A full backlog drops what comes, as a firewall does.
    let deaf = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    deaf.bind(&any.into()).unwrap();
    deaf.listen(0).unwrap();
    let at = deaf.local_addr().unwrap().as_socket().unwrap();
    let soon = Duration::from_millis(50);
    let full: Vec<_> = std::iter::from_fn(|| TcpStream::connect_timeout(&at, soon).ok()).collect();
    assert!(!full.is_empty());
    let limits = StreamLimits {
        connect: soon,
        ..StreamLimits::default()
    };
    let rig = Rig::start(1, &[UDP, TCP], limits);
    let m = message(&format!("send;1;tcp;{at}"), "c", 1);
    udp().send_to(&m, rig.at[0]).unwrap();
    eventually("the core hears of it", || rig.heard(failed) == 1);
    echo(&mut rig.tcp(1));
}

#[test]
fn a_datagram_too_long_to_send_is_told() {
    let rig = Rig::start(1, &[UDP], StreamLimits::default());
    let phone = udp();
    let to = phone.local_addr().unwrap();
    let m = message(&format!("send;0;udp;{to};70000"), "c", 1);
    phone.send_to(&m, rig.at[0]).unwrap();
    eventually("the core hears of it", || rig.heard(failed) == 1);
}

#[test]
fn concurrent_first_messages_to_a_peer_share_one_connection() {
    let rig = Rig::start(4, &[UDP, TCP], StreamLimits::default());
    let pbx = TcpListener::bind("127.0.0.1:0").unwrap();
    let order = format!("send;1;tcp;{}", pbx.local_addr().unwrap());
    let length = message(&order, "cccc", 100).len();
    for n in 0..100 {
        // Several sources, so several workers.
        let m = message(&order, &"c".repeat(4 + n % 4), 100 + n as u32);
        udp().send_to(&m, rig.at[0]).unwrap();
    }
    let (mut stream, from) = pbx.accept().unwrap();
    assert_ne!(from.port(), rig.at[1].port());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A Call-ID longer by one makes the message longer by one.
    read(&mut stream, (0..100).map(|n| length + n % 4).sum());
    let counters = rig.driver.as_ref().unwrap().counters().clone();
    assert_eq!(counters.opened.value(), 1);
    assert_eq!(rig.heard(failed), 0);
}

#[test]
fn a_connection_that_dies_after_a_send_is_told_to_sender_and_shards() {
    let rig = Rig::start(2, &[UDP, TCP], StreamLimits::default());
    let pbx = TcpListener::bind("127.0.0.1:0").unwrap();
    let m = message(&format!("send;1;tcp;{}", pbx.local_addr().unwrap()), "c", 1);
    udp().send_to(&m, rig.at[0]).unwrap();
    let (mut stream, _) = pbx.accept().unwrap();
    assert_eq!(read(&mut stream, m.len()), m);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    eventually("the sender hears", || rig.heard(failed) == 1);
    eventually("every shard hears", || rig.heard(closed) == 2);
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_flow_whose_connection_is_gone_fails_or_is_opened_anew_as_asked() {
    let rig = Rig::start(1, &[TCP], StreamLimits::default());
    let mut watch = rig.tcp(0);
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let order = format!("send;0;tcp;{}", peer.local_addr().unwrap());
    watch.write_all(&message(&order, "c", 1)).unwrap();
    let (mut stream, _) = peer.accept().unwrap();
    stream.write_all(&message("remember", "c", 1)).unwrap();
    echo(&mut stream_after(&mut stream, &message(&order, "c", 1)));
    drop(stream);
    eventually("it is gone", || rig.heard(closed) == 1);
    let before = rig.heard(failed);
    watch.write_all(&message("again;no", "c", 2)).unwrap();
    eventually("it fails", || rig.heard(failed) == before + 1);
    // RFC 3261 18.2.2: at the port that the peer says it listens on, not at the one it came from.
    let listens = TcpListener::bind("127.0.0.1:0").unwrap();
    let order = format!("again;{}", listens.local_addr().unwrap().port());
    let again = message(&order, "c", 3);
    watch.write_all(&again).unwrap();
    let (mut stream, _) = listens.accept().unwrap();
    assert_eq!(read(&mut stream, again.len()), again);
}

/// The stream after a message that it must deliver first.
fn stream_after(stream: &mut std::net::TcpStream, first: &[u8]) -> std::net::TcpStream {
    assert_eq!(read(stream, first.len()), first);
    stream.try_clone().unwrap()
}

#[test]
fn a_deadline_set_by_another_worker_wakes_its_home() {
    let rig = Rig::start(4, &[UDP], StreamLimits::default());
    for n in 0..16 {
        // The source port chooses the worker, the Call-ID the shard.
        let phone = udp();
        let m = message("alarm;1", &"c".repeat(1 + n % 4), 1);
        phone.send_to(&m, rig.at[0]).unwrap();
        let mut buffer = [0; 16];
        let length = phone.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"ring");
    }
}

#[test]
fn a_message_that_makes_the_core_panic_takes_nobody_down() {
    let rig = Rig::start(1, &[UDP, TCP], StreamLimits::default());
    let phone = udp();
    let mut other = rig.tcp(1);
    for _ in 0..3 {
        phone.send_to(&message("panic", "c", 1), rig.at[0]).unwrap();
        let m = message("echo", "c", 2);
        phone.send_to(&m, rig.at[0]).unwrap();
        assert_eq!(phone.recv(&mut [0; 2048]).unwrap(), m.len());
        echo(&mut other);
    }
    let counters = rig.driver.as_ref().unwrap().counters().clone();
    assert_eq!(counters.panics.value(), 3);
}
