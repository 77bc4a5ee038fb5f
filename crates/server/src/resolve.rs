//! Names to addresses, with the system's resolver (A and AAAA), bounded in time.

use bellhop_core::flow::Transport;
use std::{net::SocketAddr, time::Duration};

/// The addresses of a host at a port (the transport's own if there is none), in the resolver's order,
/// each once; none if it has none, or the resolver does not answer in time.
pub(crate) async fn addresses(
    host: &str,
    port: Option<u16>,
    transport: Option<Transport>,
) -> Vec<SocketAddr> {
    let transport = transport.unwrap_or(Transport::Udp);
    let port = port.unwrap_or_else(|| transport.default_port());
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port))).await;
    let mut addresses = Vec::new();
    match found {
        Ok(Ok(found)) => {
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        Ok(Err(error)) => {
            tracing::debug!(target: "bellhop::resolve", host, %error, "not found");
        }
        Err(_) => tracing::warn!(target: "bellhop::resolve", host, "the resolver does not answer"),
    }
    addresses
}

/// Less than Timer B (RFC 3261 17.1.1.2), so that the caller still hears of it.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_in_any_spelling_need_no_name_server() {
        let expected: SocketAddr = "[::1]:5061".parse().unwrap();
        assert_eq!(
            addresses("[::1]", None, Some(Transport::Tls)).await,
            [expected]
        );
        let expected: SocketAddr = "127.0.0.1:5070".parse().unwrap();
        assert_eq!(addresses("127.0.0.1", Some(5070), None).await, [expected]);
    }
}
