//! Names to addresses, with the system's resolver (A and AAAA), bounded in time.

use crate::config::{Host, Target};
use bellhop_core::flow::Transport;
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

/// What the upstreams' names stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    known: BTreeMap<(String, u16), Vec<SocketAddr>>,
}

/// The addresses of a host at a port (the transport's own if there is none), in the resolver's order,
/// each once; none if it has none, or the resolver does not answer in time.
pub(crate) async fn addresses(
    host: &str,
    port: Option<u16>,
    transport: Option<Transport>,
) -> Vec<SocketAddr> {
    let transport = transport.unwrap_or(Transport::Udp);
    let port = port.unwrap_or_else(|| transport.default_port());
    look_up(host, port).await.unwrap_or_default()
}

impl Names {
    /// The addresses of a target's name; none if it is an address itself.
    pub(crate) fn of(&self, target: &Target) -> impl Iterator<Item = SocketAddr> {
        let known = key(target).and_then(|key| self.known.get(&key));
        known.map(Vec::as_slice).unwrap_or_default().iter().copied()
    }

    /// Whether a target's addresses are known.
    pub(crate) fn knows(&self, target: &Target) -> bool {
        key(target).is_none_or(|key| self.known.contains_key(&key))
    }

    /// Looks up the names of all targets, at the same time. A name that cannot be looked up now
    /// keeps the addresses it had; addresses in another order are no news.
    pub(crate) async fn refreshed(&self, targets: impl Iterator<Item = &Target>) -> Self {
        let mut asked = BTreeMap::new();
        for key in targets.filter_map(key) {
            asked.entry(key).or_insert_with_key(|(host, port)| {
                let (host, port) = (host.clone(), *port);
                tokio::spawn(async move { look_up(&host, port).await })
            });
        }
        let mut known = BTreeMap::new();
        for (key, answer) in asked {
            let before = self.known.get(&key);
            let found = answer.await.ok().flatten().filter(|f| !f.is_empty());
            let now = match (found, before) {
                (Some(found), Some(before)) if !same(&found, before) => Some(found),
                (Some(found), None) => Some(found),
                (_, before) => before.cloned(),
            };
            if now.as_ref() != before {
                let (host, port) = &key;
                tracing::info!(target: "bellhop::resolve", host, port, addresses = ?now.as_deref().unwrap_or_default(), "name looked up");
            } else if now.is_none() {
                let (host, _) = &key;
                tracing::warn!(target: "bellhop::resolve", host, "the upstream's name has no address; trying again");
            }
            if let Some(now) = now {
                known.insert(key, now);
            }
        }
        Self { known }
    }
}

async fn look_up(host: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, port))).await;
    match found {
        Ok(Ok(found)) => {
            let mut addresses = Vec::new();
            for address in found {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Some(addresses)
        }
        Ok(Err(error)) => {
            tracing::debug!(target: "bellhop::resolve", host, %error, "not found");
            None
        }
        Err(_) => {
            tracing::warn!(target: "bellhop::resolve", host, "the resolver does not answer");
            None
        }
    }
}

/// What has to be looked up for a target, if anything.
fn key(target: &Target) -> Option<(String, u16)> {
    match &target.host {
        Host::Name(name) => Some((name.clone(), target.port_or_default())),
        Host::Ip(_) => None,
    }
}

fn same(a: &[SocketAddr], b: &[SocketAddr]) -> bool {
    a.len() == b.len() && a.iter().all(|address| b.contains(address))
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

    #[tokio::test]
    async fn a_target_by_name_gets_its_addresses() {
        let target = Target::parse("sip:localhost:5070;transport=tcp").unwrap();
        let names = Names::default().refreshed([&target].into_iter()).await;
        let found: Vec<_> = names.of(&target).collect();
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|a| a.ip().is_loopback() && a.port() == 5070)
        );
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_looked_up_keeps_its_addresses() {
        let target = Target::parse("sip:no-such-host.invalid:5070").unwrap();
        let address: SocketAddr = "192.0.2.1:5070".parse().unwrap();
        let before = Names {
            known: [(("no-such-host.invalid".to_owned(), 5070), vec![address])].into(),
        };
        let after = before.refreshed([&target].into_iter()).await;
        assert_eq!(after, before);
        assert_eq!(after.of(&target).next(), Some(address));
        assert!(after.knows(&target));
        assert!(!Names::default().knows(&target));
    }
}
