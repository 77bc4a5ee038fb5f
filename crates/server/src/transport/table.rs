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
    opened: usize,
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

type ById = HashMap<ConnectionId, Arc<Connection>>;

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    by_id: ById,
    by_remote: HashMap<(Transport, SocketAddr), ConnectionId>,
    /// How many there are of each transport, opened by the peer or not.
    kinds: HashMap<(Transport, bool), usize>,
    accepted: Places,
    sources: HashMap<IpAddr, Places>,
}

/// Accepted connections of one source, or of all.
#[derive(Debug, Default)]
struct Places {
    taken: usize,
    /// Those that had not delivered a message when last looked at, oldest first; some may be closed.
    fresh: VecDeque<ConnectionId>,
    /// Those that had, and were not welcome; the same.
    guests: VecDeque<ConnectionId>,
}

impl Table {
    /// An empty table within these bounds.
    pub(crate) fn new(limits: &StreamLimits) -> Self {
        Self {
            connections: limits.connections,
            per_source: limits.per_source,
            opened: limits.opened,
            budget: Arc::new(Budget::new(limits.held)),
            inner: Mutex::default(),
        }
    }

    /// Takes a connection that a peer opened. When there is no place, the oldest one that never
    /// delivered a message gives way, else the oldest one that we have only refused: of the same source
    /// if that holds too many. A stranger's messages buy no place for good.
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
        let Inner {
            by_id,
            accepted,
            sources,
            ..
        } = &mut *inner;
        accepted.enter(connection.id(), by_id);
        let places = sources.entry(source).or_default();
        places.enter(connection.id(), by_id);
        Ok(connection)
    }

    /// Gives back a place though there may be some left, as [`Table::accept`] does. `false` if there is
    /// nobody to give way.
    pub(crate) fn make_room(&self) -> bool {
        self.inner().evict(None)
    }

    /// The connection to a peer, and whether it is new, so that the caller must open it. `None`: there is
    /// none, and too many have been opened.
    pub(crate) fn dial(
        &self,
        transport: Transport,
        remote: SocketAddr,
        listener: ListenerId,
    ) -> Option<(Arc<Connection>, bool)> {
        let mut inner = self.inner();
        let known = inner.by_remote.get(&(transport, remote));
        if let Some(connection) = known.and_then(|id| inner.by_id.get(id)) {
            return Some((Arc::clone(connection), false));
        }
        let opened = inner.by_id.len().saturating_sub(inner.accepted.taken);
        if opened >= self.opened {
            return None;
        }
        let connection = inner.insert(transport, remote, listener, false, &self.budget);
        Some((connection, true))
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

    /// How many connections there are: accepted, and opened by us.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let inner = self.inner();
        let accepted = inner.accepted.taken;
        (accepted, inner.by_id.len().saturating_sub(accepted))
    }

    /// How many there are of a transport: accepted, and opened by us.
    pub(crate) fn counts_of(&self, transport: Transport) -> (usize, usize) {
        let inner = self.inner();
        let of = |accepted| inner.kinds.get(&(transport, accepted)).copied();
        (of(true).unwrap_or(0), of(false).unwrap_or(0))
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
        let kind = self.kinds.entry((transport, accepted)).or_default();
        *kind = kind.saturating_add(1);
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
        if let Some(kind) = self.kinds.get_mut(&(flow.transport, connection.accepted())) {
            *kind = kind.saturating_sub(1);
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

    /// Makes a place, of one source or of any.
    fn evict(&mut self, of: Option<IpAddr>) -> bool {
        let places = match of {
            Some(source) => self.sources.get_mut(&source),
            None => Some(&mut self.accepted),
        };
        let Some(connection) = places.and_then(|places| places.first_to_go(&self.by_id)) else {
            return false;
        };
        connection.close(Closed::Evicted);
        self.remove(connection.id())
    }
}

impl Places {
    fn enter(&mut self, id: ConnectionId, all: &ById) {
        self.taken = self.taken.saturating_add(1);
        // Closed ones are only found when a place is needed, so they are taken out when they could be
        // half of what is listed.
        let listed = self.fresh.len().saturating_add(self.guests.len());
        if listed >= self.taken.saturating_mul(2).max(64) {
            let may_go = |id: &ConnectionId| all.get(id).is_some_and(|c| !c.is_welcome());
            self.fresh.retain(may_go);
            self.guests.retain(may_go);
        }
        self.fresh.push_back(id);
    }

    fn leave(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// The oldest that never delivered a message, else the oldest that we have only refused.
    fn first_to_go(&mut self, all: &ById) -> Option<Arc<Connection>> {
        while let Some(id) = self.fresh.pop_front() {
            match all.get(&id) {
                Some(connection) if !connection.is_proven() => return Some(Arc::clone(connection)),
                Some(connection) if !connection.is_welcome() => self.guests.push_back(id),
                _ => {}
            }
        }
        while let Some(id) = self.guests.pop_front() {
            let guest = all.get(&id).filter(|c| !c.is_welcome());
            if let Some(connection) = guest {
                return Some(Arc::clone(connection));
            }
        }
        None
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
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
