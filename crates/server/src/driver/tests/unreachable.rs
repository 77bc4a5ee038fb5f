//! Datagrams to where nobody listens.

use super::{
    UDP,
    rig::{Heard, Rig, eventually, message, udp},
};
use crate::transport::StreamLimits;
use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

fn nobody() -> SocketAddr {
    udp().local_addr().unwrap()
}

fn unreachable(heard: &Heard) -> bool {
    matches!(heard, Heard::Unreachable(..))
}

/// The processor time of the one worker, in nanoseconds.
fn spent(rig: &Rig, phone: &UdpSocket) -> u64 {
    phone.send_to(&message("cpu", "c", 1), rig.at[0]).unwrap();
    let mut buffer = [0; 128];
    let length = phone.recv(&mut buffer).unwrap();
    let text = std::str::from_utf8(&buffer[..length]).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_request_to_a_closed_port_comes_back_to_the_shard_that_sent_it() {
    let rig = Rig::start(3, &[UDP], StreamLimits::default());
    let order = format!("send;0;udp;{}", nobody());
    let sent: Vec<_> = (0..3)
        .map(|n| message(&order, &"c".repeat(3 + n), 1))
        .collect();
    let phone = udp();
    for m in &sent {
        phone.send_to(m, rig.at[0]).unwrap();
    }
    eventually("all come back", || rig.heard(unreachable) == 3);
    for (shard, m) in sent.into_iter().enumerate() {
        let back = Heard::Unreachable(shard, m);
        assert_eq!(rig.heard(|heard| *heard == back), 1, "{back:?}");
    }
}

#[test]
fn a_socket_goes_on_serving_while_datagrams_come_back() {
    let rig = Rig::start(1, &[UDP], StreamLimits::default());
    let (phone, peer, nobody) = (udp(), udp(), nobody());
    let peer_at = peer.local_addr().unwrap();
    for n in 0..200 {
        for to in [nobody, peer_at] {
            let m = message(&format!("send;0;udp;{to}"), "c", n);
            phone.send_to(&m, rig.at[0]).unwrap();
        }
        peer.recv(&mut [0; 2048]).unwrap();
    }
    eventually("all others come back", || rig.heard(unreachable) == 200);
    assert_eq!(rig.heard(|heard| matches!(heard, Heard::Failed(..))), 0);
}

#[test]
fn a_worker_whose_datagrams_came_back_is_idle_afterwards() {
    let rig = Rig::start(1, &[UDP], StreamLimits::default());
    let phone = udp();
    for n in 0..8 {
        let m = message(&format!("send;0;udp;{}", nobody()), "c", n);
        phone.send_to(&m, rig.at[0]).unwrap();
    }
    eventually("all come back", || rig.heard(unreachable) == 8);
    let before = spent(&rig, &phone);
    let window = Duration::from_millis(500);
    phone.set_read_timeout(Some(window)).unwrap();
    assert!(phone.recv(&mut [0; 16]).is_err());
    let busy = Duration::from_nanos(spent(&rig, &phone) - before);
    assert!(busy < Duration::from_millis(20), "{busy:?} of {window:?}");
}
