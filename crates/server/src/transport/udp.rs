//! Datagrams as they come, in batches: one recvmmsg fills up to [`BATCH`].

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use std::{
    array,
    io::{self, IoSliceMut},
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
    /// How many are asked for: each place costs, filled or not.
    places: usize,
}

impl Inbox {
    /// Room for one batch; the pages are touched only as datagrams need them.
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; BATCH.saturating_mul(SLOT)].into_boxed_slice(),
            headers: MultiHeaders::preallocate(BATCH, None),
            received: [(0, NOWHERE); BATCH],
            places: FEWEST,
        }
    }

    /// Takes what is there, up to a batch, and up to twice as many as last time; returns how many.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there, and what the system reports.
    pub(crate) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        let mut slots = self.buffer.chunks_exact_mut(SLOT).take(self.places);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let messages = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut().take(self.places),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        let mut count: usize = 0;
        for (message, slot) in messages.zip(&mut self.received) {
            *slot = (message.bytes, address(message.address));
            count = count.saturating_add(1);
        }
        if count >= self.places {
            self.places = self.places.saturating_mul(2).min(BATCH);
        } else if count < self.places >> 2 {
            self.places = (self.places >> 1).max(FEWEST);
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
/// Places that are asked for after a quiet time.
const FEWEST: usize = 8;
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_burst_is_taken_in_ever_larger_batches_and_silence_makes_them_small_again() {
        let from = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |count: usize| {
            for _ in 0..count {
                from.send_to(b"hi", to.local_addr().unwrap()).unwrap();
            }
        };
        let mut inbox = Inbox::new();
        send(184);
        let taken: Vec<_> = std::iter::from_fn(|| inbox.receive(&to).ok()).collect();
        assert_eq!(taken, [8, 16, 32, 64, 64]);
        for _ in 0..4 {
            send(1);
            assert_eq!(inbox.receive(&to).unwrap(), 1);
        }
        send(9);
        assert_eq!(
            [inbox.receive(&to).unwrap(), inbox.receive(&to).unwrap()],
            [8, 1]
        );
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
