//! TCP connections, framed by Content-Length.

use crate::net::{Peer, RxBuf};
use crate::sip;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};

struct Conn {
    stream: TcpStream,
    peer: SocketAddrV4,
    input: Vec<u8>,
    output: Vec<u8>,
    open: bool,
}

/// Client connections, or a listener with what it accepted.
pub(crate) struct Tcp {
    listener: Option<TcpListener>,
    conns: Vec<Conn>,
    local: SocketAddrV4,
    next: usize,
    pub(crate) lost: u64,
}

fn v4(a: io::Result<SocketAddr>) -> SocketAddrV4 {
    match a {
        Ok(SocketAddr::V4(a)) => a,
        _ => SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0),
    }
}

fn conn(stream: TcpStream) -> io::Result<Conn> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let peer = v4(stream.peer_addr());
    Ok(Conn {
        stream,
        peer,
        input: Vec::new(),
        output: Vec::new(),
        open: true,
    })
}

impl Tcp {
    pub(crate) fn connect(server: SocketAddrV4, count: u32) -> io::Result<Tcp> {
        let conns = (0..count.max(1))
            .map(|_| conn(TcpStream::connect(server)?))
            .collect::<io::Result<Vec<_>>>()?;
        let local = v4(conns[0].stream.local_addr());
        Ok(Tcp {
            listener: None,
            conns,
            local,
            next: 0,
            lost: 0,
        })
    }

    pub(crate) fn listen(local: SocketAddrV4) -> io::Result<Tcp> {
        let listener = TcpListener::bind(local)?;
        listener.set_nonblocking(true)?;
        let local = v4(listener.local_addr());
        Ok(Tcp {
            listener: Some(listener),
            conns: Vec::new(),
            local,
            next: 0,
            lost: 0,
        })
    }

    pub(crate) fn local(&self) -> SocketAddrV4 {
        self.local
    }

    pub(crate) fn count(&self) -> u32 {
        self.conns.len() as u32
    }

    pub(crate) fn send(&mut self, index: u32, bytes: &[u8]) {
        match self.conns.get_mut(index as usize) {
            Some(c) if c.open => c.output.extend_from_slice(bytes),
            _ => self.lost += 1,
        }
    }

    pub(crate) fn flush(&mut self) {
        for c in &mut self.conns {
            while !c.output.is_empty() && c.open {
                match c.stream.write(&c.output) {
                    Ok(n) if n > 0 => drop(c.output.drain(..n)),
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    _ => c.open = false,
                }
            }
        }
    }

    /// Whole messages of the next connection that has some.
    pub(crate) fn recv(&mut self, rx: &mut RxBuf) -> usize {
        rx.items.clear();
        rx.data.clear();
        if let Some(l) = &self.listener {
            while let Ok((s, _)) = l.accept() {
                self.conns.extend(conn(s));
            }
        }
        let mut chunk = [0; 64 * 1024];
        for _ in 0..self.conns.len() {
            self.next = (self.next + 1) % self.conns.len();
            let index = self.next as u32;
            let c = &mut self.conns[self.next];
            if !c.open {
                continue;
            }
            match c.stream.read(&mut chunk) {
                Ok(n) if n > 0 => c.input.extend_from_slice(&chunk[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    continue;
                }
                _ => c.open = false,
            }
            let mut at = 0;
            loop {
                while c.input[at..].starts_with(b"\r\n") {
                    at += 2;
                }
                let Some(len) = sip::frame_len(&c.input[at..]).filter(|l| at + l <= c.input.len())
                else {
                    break;
                };
                rx.items.push((
                    rx.data.len(),
                    len,
                    Peer {
                        sock: index,
                        addr: c.peer,
                    },
                ));
                rx.data.extend_from_slice(&c.input[at..at + len]);
                at += len;
            }
            c.input.drain(..at);
            if !rx.items.is_empty() {
                break;
            }
        }
        rx.items.len()
    }
}
