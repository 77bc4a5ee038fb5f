//! One face for both transports, and the wait between two rounds.

use crate::args::{Cfg, Wait};
use crate::net::{Peer, RxBuf, Udp};
use crate::tcp::Tcp;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

pub(crate) enum Link {
    Udp(Vec<Udp>),
    Tcp(Tcp),
}

impl Link {
    pub(crate) fn client(cfg: &Cfg) -> io::Result<Link> {
        if cfg.tcp {
            return Ok(Link::Tcp(Tcp::connect(cfg.server, cfg.sockets)?));
        }
        let bind = |i: u32| {
            let port = if cfg.port == 0 {
                0
            } else {
                cfg.port + i as u16
            };
            Udp::bind(SocketAddrV4::new(cfg.ip, port))
        };
        Ok(Link::Udp(
            (0..cfg.sockets.max(1))
                .map(bind)
                .collect::<io::Result<_>>()?,
        ))
    }

    pub(crate) fn answerer(cfg: &Cfg) -> io::Result<Link> {
        let local = SocketAddrV4::new(cfg.uas_ip, cfg.uas_port);
        Ok(if cfg.tcp {
            Link::Tcp(Tcp::listen(local)?)
        } else {
            Link::Udp(vec![Udp::bind(local)?])
        })
    }

    pub(crate) fn sockets(&self) -> u32 {
        match self {
            Link::Udp(v) => v.len() as u32,
            Link::Tcp(t) => t.count().max(1),
        }
    }

    pub(crate) fn local(&self, sock: u32) -> SocketAddrV4 {
        match self {
            Link::Udp(v) => v[sock as usize].local(),
            Link::Tcp(t) => t.local(),
        }
    }

    pub(crate) fn send(&mut self, to: Peer, bytes: &[u8]) {
        match self {
            Link::Udp(v) => v[to.sock as usize].send(to.addr, bytes),
            Link::Tcp(t) => t.send(to.sock, bytes),
        }
    }

    pub(crate) fn flush(&mut self) {
        match self {
            Link::Udp(v) => v.iter_mut().for_each(Udp::flush),
            Link::Tcp(t) => t.flush(),
        }
    }

    /// Receives a batch; `sock` names the UDP socket to look at.
    pub(crate) fn recv(&mut self, sock: u32, rx: &mut RxBuf) -> usize {
        match self {
            Link::Udp(v) => v[sock as usize].recv(sock, rx),
            Link::Tcp(t) => t.recv(rx),
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        match self {
            Link::Udp(v) => v.iter().map(|u| u.lost).sum(),
            Link::Tcp(t) => t.lost,
        }
    }

    /// Waits as configured: a fixed nap (the server never pays for waking this side),
    /// until readable, or not at all.
    pub(crate) fn wait(&self, how: Wait, nap: Duration) {
        match (how, self) {
            (Wait::Spin, _) => std::hint::spin_loop(),
            (Wait::Poll, Link::Udp(v)) => {
                let mut fds: Vec<_> = v
                    .iter()
                    .map(|u| PollFd::new(u.fd(), PollFlags::POLLIN))
                    .collect();
                let _ = ppoll(&mut fds, Some(TimeSpec::from(nap)), None);
            }
            _ => std::thread::sleep(nap),
        }
    }
}
