//! Datagrams in batches: one recvmmsg fills up to [`BATCH`], one sendmmsg empties as many.

use super::errors;
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg},
};
use std::{
    array,
    io::{self, IoSlice, IoSliceMut},
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::AsRawFd,
};

/// Datagrams taken or sent by one system call.
pub(crate) const BATCH: usize = 64;

/// Room for one batch of received datagrams. Belongs to one socket, so that the length of its
/// addresses never changes.
pub(crate) struct Inbox {
    buffer: Box<[u8]>,
    headers: MultiHeaders<SockaddrStorage>,
    received: [(usize, SocketAddr); BATCH],
}

impl Inbox {
    /// Room for one batch; the pages are touched only as datagrams need them.
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; BATCH.saturating_mul(SLOT)].into_boxed_slice(),
            headers: MultiHeaders::preallocate(BATCH, None),
            received: [(0, NOWHERE); BATCH],
        }
    }

    /// Takes what is there, up to a batch; returns how many.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there, and what the system reports.
    pub(crate) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        let mut slots = self.buffer.chunks_exact_mut(SLOT);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let messages = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        let mut count: usize = 0;
        for (message, slot) in messages.zip(&mut self.received) {
            *slot = (message.bytes, address(message.address));
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    /// The datagrams of the last batch.
    pub(crate) fn datagrams(&self, count: usize) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        self.received
            .iter()
            .take(count)
            .zip(self.buffer.chunks_exact(SLOT))
            .map(|(&(length, from), slot)| (slot.get(..length).unwrap_or(slot), from))
    }
}

/// Sends datagrams in batches, in order.
pub(crate) struct Sender {
    headers: MultiHeaders<SockaddrStorage>,
    addresses: Vec<Option<SockaddrStorage>>,
}

/// Why a datagram did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The send buffer or the interface's queue is full: as good as lost on the way, retransmission mends it.
    Busy,
    /// It cannot be sent to this address, or not at this size (EMSGSIZE).
    Unsendable(Errno),
}

impl Sender {
    /// A sender.
    pub(crate) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH, None),
            addresses: Vec::with_capacity(BATCH),
        }
    }

    /// Sends all items, each with its destination. `lost` hears of each that did not leave; the others
    /// are sent all the same.
    pub(crate) fn send<'b, T: Copy>(
        &mut self,
        socket: &impl AsRawFd,
        items: impl Iterator<Item = (&'b [u8], SocketAddr, T)>,
        mut lost: impl FnMut(T, Lost),
    ) {
        let mut items = items.peekable();
        while items.peek().is_some() {
            let mut slices = [[IoSlice::new(&[])]; BATCH];
            let mut tags = [None; BATCH];
            self.addresses.clear();
            for ((slice, tag), (bytes, to, t)) in
                slices.iter_mut().zip(&mut tags).zip(items.by_ref())
            {
                *slice = [IoSlice::new(bytes)];
                *tag = Some(t);
                self.addresses.push(Some(SockaddrStorage::from(to)));
            }
            self.send_batch(socket, &slices, |index, why| {
                if let Some(tag) = tags.get(index).copied().flatten() {
                    lost(tag, why);
                }
            });
        }
    }

    fn send_batch(
        &mut self,
        socket: &impl AsRawFd,
        slices: &[[IoSlice<'_>; 1]],
        mut lost: impl FnMut(usize, Lost),
    ) {
        let count = self.addresses.len();
        let mut at: usize = 0;
        let mut tries: usize = 0;
        while at < count {
            let (Some(rest), Some(addresses)) =
                (slices.get(at..count), self.addresses.get(at..count))
            else {
                return;
            };
            let sent = sendmmsg(
                socket.as_raw_fd(),
                &mut self.headers,
                rest,
                addresses,
                [],
                MsgFlags::MSG_DONTWAIT,
            )
            .map(Iterator::count);
            match sent {
                // A short count: the next call gives the error of the datagram that stopped this one.
                Ok(sent) => (at, tries) = (at.saturating_add(sent.max(1)), 0),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    (at..count).for_each(|index| lost(index, Lost::Busy));
                    return;
                }
                // The queue of this one's interface is full; others may leave by another.
                Err(Errno::ENOBUFS) => {
                    lost(at, Lost::Busy);
                    (at, tries) = (at.saturating_add(1), 0);
                }
                // It may be an earlier datagram's, and several may be reported one after another.
                Err(errno) if errors::is_earlier(errno) && tries < TRIES => {
                    tries = tries.saturating_add(1);
                }
                Err(errno) => {
                    lost(at, Lost::Unsendable(errno));
                    (at, tries) = (at.saturating_add(1), 0);
                }
            }
        }
    }
}

/// An address as the system gave it; the unspecified one if it gave none.
pub(super) fn address(from: Option<SockaddrStorage>) -> SocketAddr {
    let Some(from) = from else { return NOWHERE };
    if let Some(v4) = from.as_sockaddr_in() {
        SocketAddr::V4(SocketAddrV4::from(*v4))
    } else if let Some(v6) = from.as_sockaddr_in6() {
        SocketAddr::V6(SocketAddrV6::from(*v6))
    } else {
        NOWHERE
    }
}

/// More than a datagram can hold, so that none is ever cut.
const SLOT: usize = 65_536;
/// How often a datagram is tried again because the error may be another's.
const TRIES: usize = 4;
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

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
        assert_eq!(lost[0].0, 2);
        assert_eq!(lost[1], (3, Lost::Unsendable(Errno::EMSGSIZE)));
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

    #[test]
    fn ipv6_sources_are_read() {
        let from = UdpSocket::bind("[::1]:0").unwrap();
        let to = UdpSocket::bind("[::1]:0").unwrap();
        from.send_to(b"hi", to.local_addr().unwrap()).unwrap();
        let mut inbox = Inbox::new();
        assert_eq!(inbox.receive(&to).unwrap(), 1);
        let got: Vec<_> = inbox.datagrams(1).collect();
        assert_eq!(got, [(b"hi".as_slice(), from.local_addr().unwrap())]);
    }
}
