//! Listening sockets, and what to tell the operator when one cannot be had.

use super::errors;
use crate::holder::holder;
use bellhop_core::flow::Transport;
use nix::errno::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use std::{
    fmt, io,
    net::{SocketAddr, TcpListener, UdpSocket},
    time::Duration,
};

/// Where to listen.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    /// The listener's name in the configuration.
    pub(crate) name: String,
    /// UDP, TCP or WebSocket.
    pub(crate) transport: Transport,
    /// The address; port 0 takes a free one.
    pub(crate) address: SocketAddr,
}

/// A listener whose sockets are open.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The address with its real port.
    pub(crate) local: SocketAddr,
    /// The sockets.
    pub(crate) sockets: Sockets,
}

/// The sockets of one listener.
#[derive(Debug)]
pub(crate) enum Sockets {
    /// One for each worker; the kernel spreads peers over them.
    Udp(Vec<UdpSocket>),
    /// One for each worker; the kernel spreads connections over them. What is spoken over those: TCP or WebSocket.
    Tcp(Vec<TcpListener>, Transport),
}

/// A listener that cannot be had.
#[derive(Debug)]
pub(crate) struct BindError {
    listen: Listen,
    error: io::Error,
}

impl Listen {
    /// Opens the listener for so many workers.
    ///
    /// # Errors
    /// What the system refused; `Display` says what to do about it.
    pub(crate) fn bind(&self, workers: usize) -> Result<Bound, BindError> {
        let sockets = match self.transport {
            Transport::Udp => each(self.address, workers, udp_socket)
                .map(|(sockets, local)| (local, Sockets::Udp(sockets))),
            Transport::Tcp | Transport::Ws => each(self.address, workers, tcp_socket)
                .map(|(sockets, local)| (local, Sockets::Tcp(sockets, self.transport))),
            Transport::Tls | Transport::Wss => Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        match sockets {
            Ok((local, sockets)) => Ok(Bound { local, sockets }),
            Err(error) => Err(BindError {
                listen: self.clone(),
                error,
            }),
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listen, error } = self;
        write!(
            f,
            "cannot listen on {}:{} (listener \"{}\"): ",
            listen.transport.uri_token(),
            listen.address,
            listen.name
        )?;
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EADDRINUSE) => match holder(listen.transport, listen.address) {
                Some(holder) => write!(
                    f,
                    "the port is taken by {holder}; stop it or choose another port"
                ),
                None => f.write_str(
                    "the port is taken by another program; stop it or choose another port",
                ),
            },
            Some(Errno::EACCES | Errno::EPERM) => f.write_str(
                "not allowed; a port below 1024 needs root or CAP_NET_BIND_SERVICE, so choose a higher port",
            ),
            Some(Errno::EADDRNOTAVAIL) => f.write_str(
                "this machine has no such address; use one of its own, or 0.0.0.0 or [::] for all",
            ),
            Some(Errno::EAFNOSUPPORT) => {
                f.write_str("this machine has no such address family; IPv6 may be switched off")
            }
            Some(Errno::EMFILE | Errno::ENFILE) => {
                f.write_str("too many open files; raise the limit (ulimit -n)")
            }
            Some(other) => write!(f, "{}", other.desc()),
            None => write!(f, "{error}"),
        }
    }
}

/// Sets what every accepted or opened connection has: no delay, and a dead peer is noticed.
pub(crate) fn prepare_stream(stream: &tokio::net::TcpStream) -> io::Result<()> {
    let socket = socket2::SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(20))
        .with_retries(3);
    socket.set_tcp_keepalive(&keepalive)
}

/// One socket for each worker.
fn each<S: AsLocal>(
    address: SocketAddr,
    workers: usize,
    open: fn(SocketAddr, bool) -> io::Result<S>,
) -> io::Result<(Vec<S>, SocketAddr)> {
    // With SO_REUSEPORT a second program of the same user could share the port and take half of the
    // traffic in silence, and for port 0 the system itself may choose such a port: a socket without it
    // must be had first.
    let local = open(address, false)?.local()?;
    let sockets = (0..workers.max(1)).map(|_| open(local, true));
    let sockets = sockets.collect::<io::Result<Vec<S>>>()?;
    Ok((sockets, local))
}

trait AsLocal {
    fn local(&self) -> io::Result<SocketAddr>;
}

impl AsLocal for UdpSocket {
    fn local(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl AsLocal for TcpListener {
    fn local(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

fn udp_socket(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        // Else [::] would take 0.0.0.0 too, and IPv4 peers would show as mapped addresses.
        socket.set_only_v6(true)?;
    }
    // Without reports a peer that is gone shows by its silence: no reason not to listen.
    let _ = errors::keep(&socket, address);
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    // The system's limit (net.core.rmem_max) cuts these down without an error.
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

fn tcp_socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier run in TIME_WAIT do not hold the port.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    if shared {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

const SOCKET_BUFFER: usize = 8 * 1024 * 1024;
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(transport: Transport, address: &str) -> Listen {
        Listen {
            name: "phones".to_owned(),
            transport,
            address: address.parse().unwrap(),
        }
    }

    #[test]
    fn a_taken_udp_port_is_refused_though_workers_share_theirs() {
        let first = listen(Transport::Udp, "127.0.0.1:0").bind(3).unwrap();
        let error = listen(Transport::Udp, &first.local.to_string())
            .bind(3)
            .unwrap_err()
            .to_string();
        assert!(error.contains("the port is taken"), "{error}");
        assert!(error.contains(&format!("udp:{}", first.local)), "{error}");
        assert!(error.contains("\"phones\""), "{error}");
    }

    #[test]
    fn a_port_that_the_system_chooses_is_nobody_elses() {
        let listen = listen(Transport::Udp, "127.0.0.1:0");
        let bound: Vec<Bound> = (0..600).map(|_| listen.bind(1).unwrap()).collect();
        let ports: std::collections::BTreeSet<u16> = bound.iter().map(|b| b.local.port()).collect();
        assert_eq!(ports.len(), bound.len());
    }

    #[test]
    fn a_taken_tcp_port_is_refused() {
        let first = listen(Transport::Tcp, "127.0.0.1:0").bind(1).unwrap();
        let error = listen(Transport::Tcp, &first.local.to_string())
            .bind(1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("the port is taken"), "{error}");
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        let error = listen(Transport::Udp, "192.0.2.1:5060")
            .bind(1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no such address"), "{error}");
    }

    #[test]
    fn workers_share_one_udp_port() {
        let bound = listen(Transport::Udp, "127.0.0.1:0").bind(3).unwrap();
        let Sockets::Udp(sockets) = bound.sockets else {
            panic!("UDP sockets expected");
        };
        assert_eq!(sockets.len(), 3);
        assert!(
            sockets
                .iter()
                .all(|s| s.local_addr().unwrap() == bound.local)
        );
    }
}
