//! TCP connections: accepted, for SIP or for a WebSocket, and opened.

use super::{
    connection::{Closed, Connection},
    stream::serve,
    table::Refused,
};
use crate::driver::{Problem, Worker, problem};
use bellhop_core::flow::{ListenerId, Transport};
use std::{io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::spawn_local,
    time::{sleep, timeout},
};

/// Accepts connections for ever, for this transport.
pub(crate) async fn accept(
    worker: Rc<Worker>,
    listener: TcpListener,
    (id, transport): (ListenerId, Transport),
) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => welcome(&worker, stream, remote, (id, transport)),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // No descriptors or memory: those that are served go on, newcomers wait in the backlog
                // until a place is free, or somebody without a message gives his.
                problem(Problem::Accept(error));
                let pause = match worker.table.make_room() {
                    true => BETWEEN_EVICTIONS,
                    false => ACCEPT_PAUSE,
                };
                sleep(pause).await;
            }
        }
    }
}

/// Opens a connection that has a place in the table, and serves it.
pub(crate) async fn open(worker: Rc<Worker>, connection: Arc<Connection>) {
    let flow = connection.flow();
    if flow.transport != Transport::Tcp {
        let why = format!("no {} connections yet", flow.transport.via_token());
        worker.gone(&connection, Closed::Failed(why));
        return;
    }
    let local = worker.locals.get(usize::from(flow.listener.0)).copied();
    let opened = timeout(worker.limits.connect, connect(flow.remote, local)).await;
    let why = match opened {
        Ok(Ok(stream)) => {
            worker.counters.opened.one();
            serve(worker, connection, stream, None).await;
            return;
        }
        Ok(Err(error)) => Closed::Failed(error.to_string()),
        Err(_) => Closed::Deadline("not opened in time"),
    };
    problem(Problem::Connect(flow.remote, why.to_string()));
    worker.gone(&connection, why);
}

fn welcome(
    worker: &Rc<Worker>,
    stream: TcpStream,
    remote: SocketAddr,
    (listener, transport): (ListenerId, Transport),
) {
    match worker.table.accept(transport, remote, listener) {
        Ok(connection) => {
            let rules = match transport {
                Transport::Ws => worker.rules(listener),
                _ => None,
            };
            match rules {
                Some(_) => worker.counters.opened_web.one(),
                None => worker.counters.opened.one(),
            }
            spawn_local(serve(Rc::clone(worker), connection, stream, rules));
        }
        Err(refused) => {
            worker.counters.refused.one();
            let why = match refused {
                Refused::Source => "too many connections from its address",
                Refused::Total => "too many connections",
            };
            problem(Problem::Refused(remote, why));
        }
    }
}

async fn connect(remote: SocketAddr, local: Option<SocketAddr>) -> io::Result<TcpStream> {
    let socket = match remote {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A peer may know us by the address of the listener, so connect from there where that can work; the
    // port is any free one, for the listener's own may be in TIME_WAIT towards this peer.
    if let Some(local) = local
        && local.is_ipv4() == remote.is_ipv4()
        && !local.ip().is_unspecified()
        && local.ip().is_loopback() == remote.ip().is_loopback()
    {
        socket.bind(SocketAddr::new(local.ip(), 0))?;
    }
    socket.connect(remote).await
}

/// Whether accept(2) speaks of the one connection that it was to return (its manual's ERROR HANDLING).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::WouldBlock
    )
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const BETWEEN_EVICTIONS: Duration = Duration::from_millis(1);
