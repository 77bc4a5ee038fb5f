//! UDP sockets with batched sending and receiving.

use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

pub(crate) const BATCH: usize = 64;
const SLOT: usize = 16 * 1024;
const BUFFER_BYTES: usize = 16 << 20;
const NOWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// Where a message came from or goes to: a local socket (or connection) and an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    pub(crate) sock: u32,
    pub(crate) addr: SocketAddrV4,
}

/// Messages received by one call, in one buffer that is used again.
#[derive(Default)]
pub(crate) struct RxBuf {
    pub(crate) data: Vec<u8>,
    pub(crate) items: Vec<(usize, usize, Peer)>,
    headers: Option<MultiHeaders<SockaddrIn>>,
}

impl RxBuf {
    pub(crate) fn get(&self, i: usize) -> (&[u8], Peer) {
        let (start, len, peer) = self.items[i];
        (&self.data[start..start + len], peer)
    }
}

pub(crate) struct Udp {
    sock: UdpSocket,
    local: SocketAddrV4,
    arena: Vec<u8>,
    queue: Vec<(usize, usize)>,
    names: Vec<Option<SockaddrIn>>,
    headers: MultiHeaders<SockaddrIn>,
    pub(crate) lost: u64,
}

/// Large socket buffers: past the system's limit where that is allowed.
pub(crate) fn set_buffers(sock: &UdpSocket) {
    let _ = setsockopt(sock, sockopt::RcvBufForce, &BUFFER_BYTES)
        .or_else(|_| setsockopt(sock, sockopt::RcvBuf, &BUFFER_BYTES));
    let _ = setsockopt(sock, sockopt::SndBufForce, &BUFFER_BYTES)
        .or_else(|_| setsockopt(sock, sockopt::SndBuf, &BUFFER_BYTES));
}

impl Udp {
    pub(crate) fn bind(local: SocketAddrV4) -> io::Result<Udp> {
        let sock = UdpSocket::bind(local)?;
        sock.set_nonblocking(true)?;
        set_buffers(&sock);
        let local = match sock.local_addr()? {
            std::net::SocketAddr::V4(a) => a,
            std::net::SocketAddr::V6(_) => NOWHERE,
        };
        Ok(Udp {
            sock,
            local,
            arena: Vec::new(),
            queue: Vec::with_capacity(BATCH),
            names: Vec::with_capacity(BATCH),
            headers: MultiHeaders::preallocate(BATCH, None),
            lost: 0,
        })
    }

    pub(crate) fn local(&self) -> SocketAddrV4 {
        self.local
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.sock.as_fd()
    }

    /// Queues a datagram; it leaves with the next flush.
    pub(crate) fn send(&mut self, to: SocketAddrV4, bytes: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.queue.push((start, bytes.len()));
        self.names.push(Some(SockaddrIn::from(to)));
        if self.queue.len() >= BATCH {
            self.flush();
        }
    }

    pub(crate) fn flush(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        let count = self.queue.len();
        let slices: [[IoSlice<'_>; 1]; BATCH] = array::from_fn(|i| {
            let (start, len) = self.queue.get(i).copied().unwrap_or_default();
            [IoSlice::new(&self.arena[start..start + len])]
        });
        let (mut done, mut tries) = (0, 0);
        while done < count {
            let sent = sendmmsg(
                self.sock.as_raw_fd(),
                &mut self.headers,
                &slices[done..count],
                &self.names[done..count],
                [],
                MsgFlags::empty(),
            )
            .map_or(0, Iterator::count);
            done += sent;
            if sent == 0 {
                tries += 1;
                if tries > 20 {
                    self.lost += (count - done) as u64;
                    break;
                }
                std::thread::yield_now();
            }
        }
        self.queue.clear();
        self.names.clear();
        self.arena.clear();
    }

    /// Receives up to BATCH datagrams without waiting.
    pub(crate) fn recv(&mut self, index: u32, rx: &mut RxBuf) -> usize {
        if rx.data.len() != BATCH * SLOT {
            rx.data.resize(BATCH * SLOT, 0);
        }
        rx.items.clear();
        let headers = rx
            .headers
            .get_or_insert_with(|| MultiHeaders::preallocate(BATCH, None));
        let mut slots = rx.data.chunks_exact_mut(SLOT);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let fd = self.sock.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let Ok(messages) = recvmmsg(fd, headers, slices.iter_mut(), flags, None) else {
            return 0;
        };
        for (i, message) in messages.enumerate() {
            let addr = message.address.map_or(NOWHERE, SocketAddrV4::from);
            rx.items
                .push((i * SLOT, message.bytes, Peer { sock: index, addr }));
        }
        rx.items.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_there_and_back() {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let (mut a, mut b) = (Udp::bind(any).unwrap(), Udp::bind(any).unwrap());
        for i in 0..100u8 {
            a.send(b.local(), &[i; 100]);
        }
        a.flush();
        let mut rx = RxBuf::default();
        let mut seen = 0;
        while b.recv(0, &mut rx) > 0 {
            for i in 0..rx.items.len() {
                let (data, peer) = rx.get(i);
                assert_eq!((data, peer.addr), (&[seen as u8; 100][..], a.local()));
                seen += 1;
            }
        }
        assert_eq!((seen, a.lost), (100, 0));
    }
}
