//! The error queue of a UDP socket: datagrams of ours that the network reported as undelivered (ICMP,
//! RFC 3261 18.4).

use super::udp::address;
use nix::{
    errno::Errno,
    libc::{SO_EE_ORIGIN_LOCAL, sock_extended_err},
    sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
        sockopt::{Ipv4RecvErr, Ipv6RecvErr},
    },
};
use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd},
};

/// Has the system keep reports for a socket of this address's family. From then on every call on the
/// socket may give the error of a datagram that was sent earlier, see [`is_earlier`].
///
/// # Errors
/// What the system refused: not every sandbox knows this.
pub(crate) fn keep(socket: &impl AsFd, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => setsockopt(socket, Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(socket, Ipv6RecvErr, &true)?,
    }
    Ok(())
}

/// Whether an error of a socket may be the report about a datagram sent earlier: what Linux makes of ICMP.
/// Giving it uses it up.
pub(crate) fn is_earlier(errno: Errno) -> bool {
    is_unreachable(errno)
        || matches!(
            errno,
            Errno::EMSGSIZE | Errno::EOPNOTSUPP | Errno::ENONET | Errno::EPROTO
        )
}

/// Room for one report.
pub(crate) struct Errors {
    quote: [u8; QUOTE],
    control: [u8; CONTROL],
}

/// A datagram that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Where it was sent to.
    pub(crate) to: SocketAddr,
    /// Why it did not arrive.
    pub(crate) why: Errno,
    /// How much of its beginning is quoted.
    length: usize,
}

impl Errors {
    /// Room for one report.
    pub(crate) const fn new() -> Self {
        Self {
            quote: [0; QUOTE],
            control: [0; CONTROL],
        }
    }

    /// Takes the next report from the queue; `None`: one that says nothing about a next hop.
    ///
    /// # Errors
    /// `WouldBlock` when the queue is empty, and what the system reports.
    pub(crate) fn take(&mut self, socket: &impl AsRawFd) -> io::Result<Option<Report>> {
        let mut slices = [IoSliceMut::new(&mut self.quote)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut self.control),
            flags,
        )?;
        let why = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error),
            _ => None,
        });
        Ok(why.and_then(undelivered).map(|why| Report {
            to: address(message.address),
            why,
            length: message.bytes,
        }))
    }

    /// What the last report quotes of its datagram.
    pub(crate) fn quoted(&self, report: &Report) -> &[u8] {
        self.quote.get(..report.length).unwrap_or(&self.quote)
    }
}

/// Why the datagram of a report did not arrive and its copy will not either. A router whose next link is
/// too narrow (EMSGSIZE, RFC 1191) is heard by the system, which sends the copy in fragments: that one
/// arrives.
fn undelivered(error: sock_extended_err) -> Option<Errno> {
    let errno = i32::try_from(error.ee_errno).map_or(Errno::UnknownErrno, Errno::from_raw);
    let is_own = error.ee_origin == SO_EE_ORIGIN_LOCAL;
    (is_unreachable(errno) || is_own && errno == Errno::EMSGSIZE).then_some(errno)
}

/// Whether nothing is there: no host, no port, no protocol, or a firewall that says so.
fn is_unreachable(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ECONNREFUSED
            | Errno::EHOSTUNREACH
            | Errno::ENETUNREACH
            | Errno::EHOSTDOWN
            | Errno::ENOPROTOOPT
            | Errno::EACCES
    )
}

/// More than routers quote.
const QUOTE: usize = 2048;
/// More than one `sock_extended_err` with the address of who reported takes.
const CONTROL: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::UdpSocket, time::Duration};
    use tokio::{io::Interest, runtime, time};

    fn nobody(ip: &str) -> SocketAddr {
        UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap()
    }

    #[test]
    fn a_datagram_to_a_closed_port_comes_back_with_its_address_and_content() {
        for ip in ["127.0.0.1", "::1"] {
            let socket = UdpSocket::bind((ip, 0)).unwrap();
            keep(&socket, socket.local_addr().unwrap()).unwrap();
            let nobody = nobody(ip);
            socket.send_to(b"hello", nobody).unwrap();
            let mut errors = Errors::new();
            let report = errors.take(&socket).unwrap().unwrap();
            assert_eq!((report.to, report.why), (nobody, Errno::ECONNREFUSED));
            assert_eq!(errors.quoted(&report), b"hello");
            let empty = errors.take(&socket).unwrap_err();
            assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn a_narrow_link_is_no_failure_but_what_we_ourselves_cannot_send_is() {
        let report = |errno: Errno, ee_origin| sock_extended_err {
            ee_errno: u32::try_from(errno as i32).unwrap(),
            ee_origin,
            ee_type: 3,
            ee_code: 4,
            ee_pad: 0,
            ee_info: 1280,
            ee_data: 0,
        };
        let icmp = nix::libc::SO_EE_ORIGIN_ICMP;
        assert_eq!(undelivered(report(Errno::EMSGSIZE, icmp)), None);
        assert_eq!(
            undelivered(report(Errno::EMSGSIZE, SO_EE_ORIGIN_LOCAL)),
            Some(Errno::EMSGSIZE)
        );
        assert_eq!(
            undelivered(report(Errno::EHOSTUNREACH, icmp)),
            Some(Errno::EHOSTUNREACH)
        );
    }

    #[test]
    fn a_socket_whose_queue_is_read_is_ready_no_more() {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            keep(&socket, socket.local_addr().unwrap()).unwrap();
            let mut errors = Errors::new();
            let interest = Interest::READABLE | Interest::ERROR;
            for _ in 0..3 {
                socket.send_to(b"x", nobody("127.0.0.1")).await.unwrap();
                assert!(socket.ready(interest).await.unwrap().is_error());
                let mut take = || socket.try_io(Interest::ERROR, || errors.take(&socket));
                assert!(take().unwrap().is_some());
                assert_eq!(take().unwrap_err().kind(), io::ErrorKind::WouldBlock);
                let silence = Duration::from_millis(50);
                let again = time::timeout(silence, socket.ready(interest)).await;
                assert!(again.is_err(), "{again:?}");
            }
        });
    }
}
