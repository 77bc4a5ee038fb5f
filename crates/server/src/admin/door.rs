//! The socket of the admin port and its connections, each bounded in what it may cost: so many at once, a
//! head of so many bytes within a few seconds, hardly a body, and answers that are read or cut off.

use super::{answer, guard, routes, state::State};
use crate::transport::bind::{Listen, Sockets};
use bellhop_core::flow::Transport;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time,
};

/// A bound port.
#[derive(Debug)]
pub(super) struct Door {
    local: SocketAddr,
    socket: std::net::TcpListener,
}

impl Door {
    /// Binds it.
    ///
    /// # Errors
    /// Why it cannot be had, for the operator.
    pub(super) fn bind(address: SocketAddr) -> Result<Self, String> {
        let listen = Listen {
            name: "admin".to_owned(),
            transport: Transport::Tcp,
            address,
        };
        let bound = listen.bind(1).map_err(|error| error.to_string())?;
        let local = bound.local;
        match bound.sockets {
            Sockets::Tcp(sockets, _) => sockets.into_iter().next(),
            Sockets::Udp(_) => None,
        }
        .map(|socket| Self { local, socket })
        .ok_or_else(|| format!("no socket on {address}"))
    }

    /// Where it is.
    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Answers on this runtime from now on.
    ///
    /// # Errors
    /// The runtime does not take the socket.
    pub(super) fn open(&self, state: &Arc<State>) -> Result<(), String> {
        let listener = self.socket.try_clone().and_then(TcpListener::from_std);
        let listener = listener.map_err(|error| format!("the admin port: {error}"))?;
        tokio::spawn(accept(listener, Arc::clone(state), Bounds::default()));
        Ok(())
    }
}

/// What connections may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// At once; more wait in the backlog.
    pub(super) connections: usize,
    /// From one request's end, or the connection's begin, to the end of the next one's head.
    pub(super) silence: Duration,
    /// For a body, which nobody needs.
    pub(super) body: Duration,
    /// For bytes of an answer that the client does not take.
    pub(super) unread: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 64,
            silence: Duration::from_secs(10),
            body: Duration::from_secs(5),
            unread: Duration::from_secs(20),
        }
    }
}

/// Takes connections for ever.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>, bounds: Bounds) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    serve(stream, state, bounds).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(target: "bellhop::admin", %error, "no connection");
                time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>, bounds: Bounds) {
    let socket = socket2::SockRef::from(&stream);
    let set = socket.set_tcp_user_timeout(Some(bounds.unread));
    let set = set.and_then(|()| socket.set_tcp_nodelay(true));
    if let Err(error) = set {
        tracing::debug!(target: "bellhop::admin", %error, "a connection without its bounds is closed");
        return;
    }
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(respond(&state, request, bounds).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.silence)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(target: "bellhop::admin", %error, "a connection ended");
    }
}

async fn respond(state: &State, request: Request<Incoming>, bounds: Bounds) -> answer::Answer {
    let (head, body) = request.into_parts();
    if let Err(refusal) = guard::admit(&head, state.token().as_deref()) {
        return *refusal;
    }
    match time::timeout(bounds.body, Limited::new(body, BODY).collect()).await {
        Ok(Ok(_)) => routes::answer(state, &head).await,
        Ok(Err(_)) => answer::closing(StatusCode::PAYLOAD_TOO_LARGE, "a body is not wanted here"),
        Err(_) => answer::closing(StatusCode::REQUEST_TIMEOUT, "the body does not come"),
    }
}

/// Bytes of a request's head, and of what is read ahead.
const HEAD: usize = 16 * 1024;
/// Bytes of a body.
const BODY: usize = 4 * 1024;
/// After an error in accepting, which may come again at once.
const PAUSE: Duration = Duration::from_millis(100);
