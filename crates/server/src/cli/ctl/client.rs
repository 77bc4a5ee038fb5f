//! One request to an admin port and its answer, over plain HTTP: the port is on this machine, or behind
//! what brings TLS.

use crate::config::Admin;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{net::TcpStream, runtime, time::timeout};

/// Where the port is, and what it wants to see.
#[derive(Debug)]
pub(super) struct Client {
    /// `host:port`.
    authority: String,
    token: Option<HeaderValue>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The body.
    pub(super) text: String,
}

impl Client {
    /// The port of a configuration; one that is bound to all addresses is reached at loopback.
    ///
    /// # Errors
    /// The token cannot be sent.
    pub(super) fn of(admin: &Admin) -> Result<Self, String> {
        let ip = match admin.bind.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let token = admin.token.as_ref().map(|token| token.reveal().to_owned());
        Self::new(SocketAddr::new(ip, admin.bind.port()).to_string(), token)
    }

    /// The port at `http://HOST:PORT`.
    ///
    /// # Errors
    /// It is no such URL, or the token cannot be sent.
    pub(super) fn at(url: &str, token: Option<String>) -> Result<Self, String> {
        let rest = url.strip_prefix("http://");
        let authority = rest.map(|rest| rest.trim_end_matches('/'));
        let has_port = |a: &&str| {
            let port = a.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
            matches!(port, Some(Ok(_))) && !a.contains(['/', '@', '?', '#'])
        };
        let authority = authority.filter(has_port);
        let authority = authority
            .ok_or_else(|| format!("{url:?} is no admin port; allowed: http://HOST:PORT"))?;
        Self::new(authority.to_owned(), token)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn ask(&self, method: &str, path: &str) -> Result<Answer, String> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let authority = &self.authority;
        let answer = runtime.block_on(async { timeout(PATIENCE, self.talk(method, path)).await });
        match answer {
            Ok(answer) => answer.map_err(|why| format!("no answer from http://{authority}: {why}")),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                Err(format!(
                    "no answer from http://{authority} within {seconds} s"
                ))
            }
        }
    }

    async fn talk(&self, method: &str, path: &str) -> Result<Answer, String> {
        let connect = timeout(CONNECT, TcpStream::connect(&self.authority)).await;
        let stream = connect.map_err(|_| "nobody takes the connection".to_owned())?;
        let stream = stream.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Empty::<Bytes>::new());
        let request = request.map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(told)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, text })
    }

    fn new(authority: String, token: Option<String>) -> Result<Self, String> {
        let header = |token: String| {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            value.map_err(|_| "the token is not printable ASCII".to_owned())
        };
        Ok(Self {
            authority,
            token: token.map(header).transpose()?,
        })
    }
}

fn told(error: hyper::Error) -> String {
    error.to_string()
}

const CONNECT: Duration = Duration::from_secs(5);
/// A reload may compile plugins.
const PATIENCE: Duration = Duration::from_secs(180);
/// Bytes of an answer.
const MOST: usize = 64 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_url_of_a_port_is_one() {
        for good in [
            "http://127.0.0.1:8060",
            "http://[::1]:8060/",
            "http://localhost:1",
        ] {
            assert!(Client::at(good, None).is_ok(), "{good}");
        }
        for bad in [
            "127.0.0.1:8060",
            "https://127.0.0.1:8060",
            "http://127.0.0.1",
            "http://a:8060/status",
            "http://user@a:8060",
            "http://a:99999",
            "",
        ] {
            assert!(Client::at(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_on_all_addresses_is_asked_at_loopback() {
        let authority = |bind: &str| {
            let bind = bind.parse().unwrap();
            Client::of(&Admin { bind, token: None }).unwrap().authority
        };
        assert_eq!(authority("0.0.0.0:8060"), "127.0.0.1:8060");
        assert_eq!(authority("[::]:8060"), "[::1]:8060");
        assert_eq!(authority("192.0.2.1:8060"), "192.0.2.1:8060");
    }
}
