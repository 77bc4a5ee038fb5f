//! What carries a scripted phone's messages.

use crate::lane::Transport;
use crate::websocket::{CLOSE, WebSocket};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

#[derive(Debug)]
pub(super) enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Web(WebSocket),
}

impl Link {
    pub(super) fn open(local: SocketAddr, remote: SocketAddr, transport: Transport) -> Self {
        match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(local).expect("the phone's address");
                socket.connect(remote).expect("Bellhop's address");
                socket.set_read_timeout(Some(LOOK)).expect("a timeout");
                Self::Udp(socket)
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(remote).expect("a connection to Bellhop");
                stream.set_read_timeout(Some(LOOK)).expect("a timeout");
                Self::Tcp(stream)
            }
        }
    }

    /// Opens another connection to there, where there is one to be opened.
    pub(super) fn open_again(&mut self, remote: SocketAddr) -> bool {
        match self {
            Self::Udp(_) => return false,
            Self::Tcp(_) => *self = Self::open(remote, remote, Transport::Tcp),
            Self::Web(_) => *self = Self::Web(WebSocket::open(remote)),
        }
        true
    }

    pub(super) fn local(&self) -> SocketAddr {
        let local = match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(stream) => stream.local_addr(),
            Self::Web(web) => Ok(web.local()),
        };
        local.expect("its own address")
    }

    /// As Via says it.
    pub(super) fn carried(&self) -> &'static str {
        match self {
            Self::Udp(_) => "UDP",
            Self::Tcp(_) => "TCP",
            Self::Web(_) => "WS",
        }
    }

    pub(super) fn never_wait(&self) {
        let done = match self {
            Self::Udp(socket) => socket.set_nonblocking(true),
            Self::Tcp(stream) => stream.set_nonblocking(true),
            Self::Web(web) => {
                web.never_wait();
                Ok(())
            }
        };
        done.expect("a socket that does not wait");
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Self::Udp(socket) => socket.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
            Self::Web(web) => web.as_fd(),
        }
    }

    /// As much as one look brings, of a WebSocket one message; 0 at the end.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.recv(buffer),
            Self::Tcp(stream) => stream.read(buffer),
            Self::Web(web) => match web.frame() {
                Some(frame) if frame.first == CLOSE => Ok(0),
                Some(frame) => {
                    buffer[..frame.data.len()].copy_from_slice(&frame.data);
                    Ok(frame.data.len())
                }
                None if web.is_over() => Ok(0),
                None => Err(ErrorKind::WouldBlock.into()),
            },
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(bytes).map(|_| ()),
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Web(web) => {
                web.send(bytes);
                Ok(())
            }
        }
    }
}

const LOOK: Duration = Duration::from_millis(20);
