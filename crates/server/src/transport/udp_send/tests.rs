//! What leaves, in what groups, and what becomes of refusals.

use super::*;
use crate::transport::udp::Inbox;
use proptest::prelude::*;
use std::net::UdpSocket;

fn peer(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 5060))
}

/// A system that records what it is handed, cut up as Linux does.
#[derive(Default)]
struct Fake {
    /// Groups of each call.
    calls: Vec<Vec<usize>>,
    left: Vec<(SocketAddr, Vec<u8>)>,
    cuts_nothing: bool,
    /// Cannot be sent to.
    bad: Option<SocketAddr>,
}

impl Fake {
    fn call(&mut self, call: &Call<'_, '_>) -> Result<usize, Errno> {
        if call.segment.is_some() && self.cuts_nothing {
            return Err(Errno::EIO);
        }
        self.calls
            .push(call.groups.iter().map(|g| g.len()).collect());
        let pairs = call.groups.iter().zip(call.addresses);
        for (sent, (group, to)) in pairs.enumerate() {
            let to = SocketAddr::from(*to.as_ref().unwrap().as_sockaddr_in().unwrap());
            if self.bad == Some(to) {
                return if sent == 0 {
                    Err(Errno::EPERM)
                } else {
                    Ok(sent)
                };
            }
            let bytes: Vec<u8> = group.iter().flat_map(|s| s.iter().copied()).collect();
            assert!(bytes.len() < 65_508, "{}", bytes.len());
            match call.segment.map(usize::from) {
                Some(size) if bytes.len() > size => {
                    let pieces = bytes.chunks(size).map(|piece| (to, piece.to_vec()));
                    self.left.extend(pieces);
                }
                _ => self.left.push((to, bytes)),
            }
        }
        Ok(call.groups.len())
    }

    fn send(&mut self, items: &[(SocketAddr, Vec<u8>)]) -> (Cuts, Vec<(usize, Lost)>) {
        let slices: Vec<IoSlice<'_>> = items.iter().map(|(_, b)| IoSlice::new(b)).collect();
        let batch = Batch {
            slices: &slices,
            to: &|index| items.get(index).map(|(to, _)| *to),
        };
        let mut lost = Vec::new();
        let call = |call: Call<'_, '_>| self.call(&call);
        let cuts = batch.send(false, &mut Vec::new(), call, |index, why| {
            lost.push((index, why));
        });
        (cuts, lost)
    }
}

/// Datagrams of these sizes, each of its own letter.
fn items(sizes: &[(u8, usize)]) -> Vec<(SocketAddr, Vec<u8>)> {
    let letters = (b'a'..=b'z').cycle();
    let pairs = sizes.iter().zip(letters);
    pairs
        .map(|(&(n, size), letter)| (peer(n), vec![letter; size]))
        .collect()
}

#[test]
fn neighbours_of_one_size_to_one_peer_are_handed_over_as_one() {
    let mut system = Fake::default();
    let items = items(&[(1, 50), (1, 50), (1, 20), (2, 50), (2, 50), (1, 50), (3, 7)]);
    assert_eq!(system.send(&items), (Cuts::Yes, vec![]));
    assert_eq!(system.calls, [vec![3, 2, 1, 1]], "one call");
    assert_eq!(system.left, items);
}

#[test]
fn what_is_longer_than_the_pieces_of_a_call_waits_for_the_next() {
    let mut system = Fake::default();
    let items = items(&[
        (1, 50),
        (1, 50),
        (2, 60),
        (1, 40),
        (1, 40),
        (2, 30),
        (2, 30),
    ]);
    assert_eq!(system.send(&items), (Cuts::Yes, vec![]));
    assert_eq!(system.calls, [vec![2], vec![1], vec![2], vec![2]]);
    assert_eq!(system.left, items);
}

#[test]
fn a_system_that_cuts_nothing_up_gets_each_datagram_by_itself() {
    let mut system = Fake {
        cuts_nothing: true,
        ..Fake::default()
    };
    let items = items(&[(1, 50), (1, 50), (1, 50), (2, 9)]);
    assert_eq!(system.send(&items), (Cuts::No, vec![]));
    assert_eq!(system.calls, [[1, 1, 1, 1]]);
    assert_eq!(system.left, items);
}

#[test]
fn of_a_group_that_cannot_leave_each_is_lost_and_nothing_else_is() {
    let mut system = Fake {
        bad: Some(peer(2)),
        ..Fake::default()
    };
    let items = items(&[(1, 50), (2, 50), (2, 50), (1, 40), (1, 40)]);
    let lost = |index| (index, Lost::Unsendable(Errno::EPERM));
    assert_eq!(system.send(&items), (Cuts::Yes, vec![lost(1), lost(2)]));
    assert_eq!(system.left, [&items[..1], &items[3..]].concat());
}

proptest! {
    #[test]
    fn whatever_is_sent_leaves_as_it_is_and_in_order(
        sizes in prop::collection::vec(
            (1..3_u8, prop_oneof![Just(0), Just(40), Just(41), Just(1_232), 1..1_400_usize, Just(65_000)]),
            0..=BATCH,
        ),
        cuts_nothing: bool,
    ) {
        let mut system = Fake { cuts_nothing, ..Fake::default() };
        let items = items(&sizes);
        prop_assert_eq!(system.send(&items).1, vec![]);
        prop_assert_eq!(system.left, items);
    }
}

#[test]
fn the_system_cuts_up_what_it_is_handed_as_one() {
    let from = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = to.local_addr().unwrap();
    let texts: Vec<String> = (0..BATCH).map(|n| format!("{n:0>1000}")).collect();
    let all = texts.iter().map(|t| (t.as_bytes(), target, ()));
    Sender::new().send(&from, all, |(), why| panic!("{why:?}"));
    let mut buffer = [0; 2_000];
    for text in &texts {
        let length = to.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], text.as_bytes());
    }
}

#[test]
fn one_bad_destination_does_not_discard_the_others() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let good = peer.local_addr().unwrap();
    let bad: SocketAddr = "[::1]:9".parse().unwrap();
    let huge = vec![b'x'; 65_600];
    let items = [
        (b"one".as_slice(), good, 1),
        (b"two".as_slice(), bad, 2),
        (huge.as_slice(), good, 3),
        (b"four".as_slice(), good, 4),
    ];
    let mut lost = Vec::new();
    Sender::new().send(&socket, items.into_iter(), |tag, why| lost.push((tag, why)));
    assert_eq!(lost.len(), 2);
    assert_eq!(lost[0], (3, Lost::Unsendable(Errno::EMSGSIZE)));
    assert_eq!(lost[1].0, 2, "each peer's together");
    let mut buffer = [0; 16];
    assert_eq!(peer.recv(&mut buffer).unwrap(), 3);
    assert_eq!(peer.recv(&mut buffer).unwrap(), 4);
    assert_eq!(&buffer[..4], b"four");
}

#[test]
fn a_datagram_that_comes_back_costs_no_later_one() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    errors::keep(&socket, socket.local_addr().unwrap()).unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_nonblocking(true).unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr();
    let (closed, open) = (closed.unwrap(), peer.local_addr().unwrap());
    let mut lost = Vec::new();
    let mut sender = Sender::new();
    for (n, to) in (0..40).zip([closed, open].into_iter().cycle()) {
        let item = std::iter::once((b"x".as_slice(), to, n));
        sender.send(&socket, item, |n, why| lost.push((n, why)));
    }
    assert_eq!(lost, []);
    let arrived = std::iter::from_fn(|| peer.recv(&mut [0; 8]).ok()).count();
    assert_eq!(arrived, 20);
}

#[test]
fn batches_larger_than_one_call_arrive_in_order() {
    let from = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = UdpSocket::bind("127.0.0.1:0").unwrap();
    to.set_nonblocking(true).unwrap();
    let texts: Vec<String> = (0..150).map(|n| n.to_string()).collect();
    let target = to.local_addr().unwrap();
    let mut lost = 0;
    Sender::new().send(
        &from,
        texts.iter().map(|t| (t.as_bytes(), target, ())),
        |(), _| lost += 1,
    );
    assert_eq!(lost, 0);
    let mut inbox = Inbox::new();
    let mut got = Vec::new();
    while let Ok(count) = inbox.receive(&to) {
        got.extend(inbox.datagrams(count).map(|(bytes, source)| {
            assert_eq!(source, from.local_addr().unwrap());
            String::from_utf8(bytes.to_vec()).unwrap()
        }));
    }
    assert_eq!(got, texts);
}
