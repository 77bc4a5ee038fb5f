//! The physical floor: a server that does nothing but receive a datagram and send one of
//! the same size back (its first bytes overwritten by a status line).

use crate::args::Cfg;
use crate::net::{RxBuf, Udp, set_buffers};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::net::UdpSocket;

const STATUS: &[u8] = b"SIP/2.0 200 OK\r\nX:";

pub(crate) fn run(cfg: &Cfg) -> io::Result<()> {
    if cfg.batch > 1 {
        return batched(cfg);
    }
    let sock = UdpSocket::bind(cfg.listen)?;
    set_buffers(&sock);
    let mut buf = [0; 65_536];
    loop {
        let (n, from) = sock.recv_from(&mut buf)?;
        if n > STATUS.len() {
            buf[..STATUS.len()].copy_from_slice(STATUS);
            sock.send_to(&buf[..n], from)?;
        }
    }
}

fn batched(cfg: &Cfg) -> io::Result<()> {
    let mut udp = Udp::bind(cfg.listen)?;
    let mut rx = RxBuf::default();
    loop {
        let mut entry = [PollFd::new(udp.fd(), PollFlags::POLLIN)];
        poll(&mut entry, PollTimeout::NONE)?;
        while udp.recv(0, &mut rx) > 0 {
            for i in 0..rx.items.len() {
                let (start, len, peer) = rx.items[i];
                if len > STATUS.len() {
                    rx.data[start..start + STATUS.len()].copy_from_slice(STATUS);
                    udp.send(peer.addr, &rx.data[start..start + len]);
                }
            }
            udp.flush();
        }
    }
}
