//! All stream connections: found by identity or by (transport, remote address), bounded in number and
//! by source. One connection for each peer is opened at a time, and messages queue on it meanwhile.

use super::{
    StreamLimits,
    budget::Budget,
    connection::{Closed, Connection},
};
use ahash::HashMap;
use bellhop_core::flow::{ConnectionId, ListenerId, Transport};
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The connections of the program.
#[derive(Debug)]
pub(crate) struct Table {
    connections: usize,
    per_source: usize,
    budget: Arc<Budget>,
    inner: Mutex<Inner>,
}

/// Why a connection was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its source holds too many.
    Source,
    /// All places are taken.
    Total,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    by_id: HashMap<ConnectionId, Arc<Connection>>,
    by_remote: HashMap<(Transport, SocketAddr), ConnectionId>,
    accepted: Places,
    sources: HashMap<IpAddr, Places>,
}

/// Accepted connections of one source, or of all.
#[derive(Debug, Default)]
struct Places {
    taken: usize,
    /// Those that had not delivered a message when last looked at, oldest first; some may be closed.
    fresh: VecDeque<ConnectionId>,
}

impl Table {
    /// An empty table within these bounds.
    pub(crate) fn new(limits: &StreamLimits) -> Self {
        Self {
            connections: limits.connections,
            per_source: limits.per_source,
            budget: Arc::new(Budget::new(limits.held)),
            inner: Mutex::default(),
        }
    }

    /// Takes a connection that a peer opened. When there is no place, the oldest one that never
    /// delivered a message (of the same source first) gives way.
    ///
    /// # Errors
    /// No place, and nobody to give way.
    pub(crate) fn accept(
        &self,
        transport: Transport,
        remote: SocketAddr,
        listener: ListenerId,
    ) -> Result<Arc<Connection>, Refused> {
        let mut inner = self.inner();
        let source = source(remote.ip());
        let full = |places: Option<&Places>, limit| places.is_some_and(|p| p.taken >= limit);
        if full(inner.sources.get(&source), self.per_source) && !inner.evict(Some(source)) {
            return Err(Refused::Source);
        }
        if full(Some(&inner.accepted), self.connections) && !inner.evict(None) {
            return Err(Refused::Total);
        }
        let connection = inner.insert(transport, remote, listener, true, &self.budget);
        inner.accepted.enter(connection.id());
        let places = inner.sources.entry(source).or_default();
        places.enter(connection.id());
        Ok(connection)
    }

    /// Gives back a place though there may be some left: the oldest connection that never delivered a
    /// message is closed. `false` if there is none.
    pub(crate) fn make_room(&self) -> bool {
        self.inner().evict(None)
    }

    /// The connection to a peer, and whether it is new, so that the caller must open it.
    pub(crate) fn dial(
        &self,
        transport: Transport,
        remote: SocketAddr,
        listener: ListenerId,
    ) -> (Arc<Connection>, bool) {
        let mut inner = self.inner();
        let known = inner.by_remote.get(&(transport, remote));
        if let Some(connection) = known.and_then(|id| inner.by_id.get(id)) {
            return (Arc::clone(connection), false);
        }
        let connection = inner.insert(transport, remote, listener, false, &self.budget);
        (connection, true)
    }

    /// The connection of that identity, if it lives.
    pub(crate) fn find(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        self.inner().by_id.get(&id).cloned()
    }

    /// Forgets a connection; whether it was still known.
    pub(crate) fn remove(&self, id: ConnectionId) -> bool {
        self.inner().remove(id)
    }

    /// All connections there are.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.inner().by_id.values().cloned().collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn insert(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        listener: ListenerId,
        accepted: bool,
        budget: &Arc<Budget>,
    ) -> Arc<Connection> {
        self.last = self.last.wrapping_add(1);
        let id = ConnectionId(self.last);
        let connection = Arc::new(Connection::new(
            id,
            transport,
            remote,
            listener,
            accepted,
            Arc::clone(budget),
        ));
        self.by_id.insert(id, Arc::clone(&connection));
        self.by_remote.insert((transport, remote), id);
        connection
    }

    fn remove(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.by_id.remove(&id) else {
            return false;
        };
        let flow = connection.flow();
        let key = (flow.transport, flow.remote);
        if self.by_remote.get(&key) == Some(&id) {
            self.by_remote.remove(&key);
        }
        if connection.accepted() {
            self.accepted.leave();
            let source = source(flow.remote.ip());
            if let Some(places) = self.sources.get_mut(&source) {
                places.leave();
                if places.taken == 0 {
                    self.sources.remove(&source);
                }
            }
        }
        true
    }

    /// Makes a place, of one source or of any, by closing the oldest connection without a message.
    fn evict(&mut self, of: Option<IpAddr>) -> bool {
        loop {
            let places = match of {
                Some(source) => self.sources.get_mut(&source),
                None => Some(&mut self.accepted),
            };
            let Some(id) = places.and_then(|p| p.fresh.pop_front()) else {
                return false;
            };
            let fresh = self.by_id.get(&id).filter(|c| !c.is_proven()).cloned();
            if let Some(connection) = fresh {
                connection.close(Closed::Evicted);
                return self.remove(id);
            }
        }
    }
}

impl Places {
    fn enter(&mut self, id: ConnectionId) {
        self.taken = self.taken.saturating_add(1);
        // Closed ones are only found when a place is needed; forget the oldest entries before the list
        // outgrows what it describes. Those keep their place until they close by themselves.
        let bound = self.taken.saturating_mul(2).max(64);
        while self.fresh.len() >= bound {
            self.fresh.pop_front();
        }
        self.fresh.push_back(id);
    }

    fn leave(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }
}

/// What counts as one source: an IPv4 address, or an IPv6 /64, which one host can fill.
fn source(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TCP: Transport = Transport::Tcp;
    const PHONES: ListenerId = ListenerId(0);

    fn table(connections: usize, per_source: usize) -> Table {
        Table::new(&StreamLimits {
            connections,
            per_source,
            ..StreamLimits::default()
        })
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_is_dialled_once_and_found_again() {
        let table = table(10, 10);
        let (first, new) = table.dial(TCP, at("192.0.2.1:5060"), PHONES);
        assert!(new);
        let (again, new) = table.dial(TCP, at("192.0.2.1:5060"), PHONES);
        assert!(!new);
        assert_eq!(first.id(), again.id());
        assert!(table.remove(first.id()));
        assert!(!table.remove(first.id()));
        let (other, new) = table.dial(TCP, at("192.0.2.1:5060"), PHONES);
        assert!(new);
        assert_ne!(first.id(), other.id());
    }

    #[test]
    fn an_accepted_connection_is_used_for_its_own_address() {
        let table = table(10, 10);
        let accepted = table.accept(TCP, at("192.0.2.1:40000"), PHONES).unwrap();
        let (found, new) = table.dial(TCP, at("192.0.2.1:40000"), PHONES);
        assert!(!new);
        assert_eq!(found.id(), accepted.id());
    }

    #[test]
    fn the_oldest_connection_without_a_message_gives_way() {
        let table = table(10, 2);
        let first = table.accept(TCP, at("192.0.2.1:1"), PHONES).unwrap();
        let second = table.accept(TCP, at("192.0.2.1:2"), PHONES).unwrap();
        first.prove();
        let third = table.accept(TCP, at("192.0.2.1:3"), PHONES).unwrap();
        assert!(table.find(first.id()).is_some());
        assert!(table.find(second.id()).is_none());
        assert_eq!(second.take(&mut Vec::new()), Err(Closed::Evicted));
        third.prove();
        let refused = table.accept(TCP, at("192.0.2.1:4"), PHONES);
        assert_eq!(refused.unwrap_err(), Refused::Source);
        assert!(table.accept(TCP, at("192.0.2.2:4"), PHONES).is_ok());
    }

    #[test]
    fn the_total_is_bounded() {
        let table = table(2, 10);
        for n in 1..=2 {
            let c = table.accept(TCP, at(&format!("192.0.2.{n}:1")), PHONES);
            c.unwrap().prove();
        }
        let refused = table.accept(TCP, at("192.0.2.3:1"), PHONES);
        assert_eq!(refused.unwrap_err(), Refused::Total);
        table.remove(table.all()[0].id());
        assert!(table.accept(TCP, at("192.0.2.3:1"), PHONES).is_ok());
    }

    #[test]
    fn room_is_made_of_connections_without_a_message_only() {
        let table = table(10, 10);
        let proven = table.accept(TCP, at("192.0.2.1:1"), PHONES).unwrap();
        proven.prove();
        let fresh = table.accept(TCP, at("192.0.2.1:2"), PHONES).unwrap();
        assert!(table.make_room());
        assert!(table.find(fresh.id()).is_none());
        assert!(!table.make_room());
        assert!(table.find(proven.id()).is_some());
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        let table = table(10, 1);
        let first = table.accept(TCP, at("[2001:db8::1]:1"), PHONES).unwrap();
        first.prove();
        assert!(table.accept(TCP, at("[2001:db8::2]:1"), PHONES).is_err());
        assert!(table.accept(TCP, at("[2001:db8:0:1::1]:1"), PHONES).is_ok());
    }
}
