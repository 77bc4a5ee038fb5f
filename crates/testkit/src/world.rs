//! The world of one test: engines, the network between them and the peers, and the clock.

use crate::disk::Disk;
use crate::net::Net;
use crate::shards::Mail;
use crate::stream::{connection, place_of};
use crate::{Chance, Faults, Packet};
use bellhop_core::auth::{AuthConfig, Authenticator};
use bellhop_core::b2bua::CallRecord;
use bellhop_core::config::Config;
use bellhop_core::engine::{Engine, LookedUp, Shared};
use bellhop_core::event::Event;
use bellhop_core::flow::{Flow, ListenerId, Transport};
use bellhop_core::outbox::{LookUp, Outbox, Ticket};
use bellhop_core::policy::Policy;
use bellhop_core::push::Wake;
use bellhop_core::time::{Instant, Now};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A Bellhop in the world.
#[derive(Debug)]
pub struct Node {
    /// The engine.
    pub engine: Engine,
    /// What all its shards would share.
    pub shared: Shared,
    pub(crate) listeners: Vec<(Transport, SocketAddr)>,
    pub(crate) disk: Disk,
    /// What the location service was made with.
    pub(crate) seeds: [u64; 4],
    /// What it told the log.
    pub log: Vec<Event>,
    pub(crate) out: Outbox,
    /// Of the engines that are shards of one Bellhop: the number of the first, and how many there are.
    pub(crate) family: (usize, usize),
}

/// Everything a test has.
#[derive(Debug)]
pub struct World {
    /// What time it is.
    pub now: Now,
    /// The Bellhops.
    pub nodes: Vec<Node>,
    /// What the network does to datagrams.
    pub faults: Faults,
    /// Every packet that was sent, in order, lost ones too.
    pub trace: Vec<Packet>,
    net: Net,
    pub(crate) chance: Chance,
    inboxes: HashMap<SocketAddr, VecDeque<String>>,
    /// Addresses that take no connection.
    refusing: HashSet<SocketAddr>,
    /// Peers whose connection is cut and who have not come back.
    gone: HashSet<SocketAddr>,
    /// Names that the resolver knows.
    pub names: HashMap<String, Vec<SocketAddr>>,
    /// Names that the resolver was asked for, in order.
    pub asked: Vec<String>,
    /// Whether the resolver answers at all.
    pub resolver_answers: bool,
    /// Users that were to be looked up, which a test answers by [`World::looked_up`].
    pub sought: Vec<LookUp>,
    /// Phones that were to be woken.
    pub woken: Vec<Wake>,
    /// Calls of two legs that are over, in order.
    pub records: Vec<CallRecord>,
    pub(crate) mail: Mail,
}

impl World {
    /// An empty world; the same seed gives the same run.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Now {
                instant: Instant::from_micros(1_000_000),
                unix: Duration::from_secs(1_800_000_000),
            },
            nodes: Vec::new(),
            faults: Faults::default(),
            trace: Vec::new(),
            net: Net::default(),
            chance: Chance::new(seed),
            inboxes: HashMap::new(),
            refusing: HashSet::new(),
            gone: HashSet::new(),
            names: HashMap::new(),
            asked: Vec::new(),
            resolver_answers: true,
            sought: Vec::new(),
            woken: Vec::new(),
            records: Vec::new(),
            mail: Mail::default(),
        }
    }

    /// Starts a Bellhop. Gives its number.
    pub fn start(&mut self, config: Config, auth: AuthConfig) -> usize {
        self.start_shard(0, config, auth)
    }

    /// Swaps a node's configuration.
    pub fn reconfigure(&mut self, node: usize, config: Config, auth: AuthConfig) {
        if let Some(node) = self.nodes.get_mut(node) {
            let (secret, replay) = (&node.shared.secret, &node.shared.replay);
            let auth = Authenticator::new(auth, Arc::clone(secret), Arc::clone(replay));
            node.listeners = listeners_of(&config);
            node.engine.reconfigure(Arc::new(config), Arc::new(auth));
        }
    }

    /// Has a policy asked by a node.
    pub fn set_policy(&mut self, node: usize, policy: Box<dyn Policy>) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.engine.set_policy(policy);
        }
    }

    /// Tells a node that an answer of its policy is there.
    pub fn consulted(&mut self, node: usize, ticket: Ticket) {
        if let Some(asking) = self.nodes.get_mut(node) {
            asking.engine.consulted(self.now, ticket, &mut asking.out);
        }
        self.drain_node(node);
    }

    /// Tells a node what became of a look-up.
    pub fn looked_up(&mut self, node: usize, ticket: Ticket, found: LookedUp) {
        if let Some(asking) = self.nodes.get_mut(node) {
            asking
                .engine
                .looked_up(self.now, ticket, found, &mut asking.out);
        }
        self.drain_node(node);
    }

    /// Sends a message from a peer's address.
    pub fn send(&mut self, transport: Transport, from: SocketAddr, to: SocketAddr, message: &str) {
        self.send_bytes(transport, from, to, message.as_bytes().to_vec());
    }

    /// As [`World::send`], of any bytes.
    pub fn send_bytes(
        &mut self,
        transport: Transport,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    ) {
        self.launch(Packet {
            transport,
            from,
            to,
            bytes,
        });
    }

    /// Makes an address refuse connections from now on, or take them again.
    pub fn refuse(&mut self, address: SocketAddr, refuses: bool) {
        if refuses {
            self.refusing.insert(address);
        } else {
            self.refusing.remove(&address);
        }
    }

    /// Tells a node that this datagram did not arrive, as the network would by ICMP. Whether it ended a
    /// branch.
    pub fn bounce(&mut self, node: usize, bytes: &[u8]) -> bool {
        let Some(bounced) = self.nodes.get_mut(node) else {
            return false;
        };
        let was_live = bounced
            .engine
            .unreachable(self.now, bytes, &mut bounced.out);
        self.drain_node(node);
        was_live
    }

    /// Cuts a stream between a peer and all Bellhops.
    pub fn cut(&mut self, peer: SocketAddr) {
        self.gone.insert(peer);
        for node in &mut self.nodes {
            node.engine
                .connection_closed(self.now, connection(peer), &mut node.out);
        }
    }

    /// The next message that reached an address; time passes until there is one, a minute at most.
    pub fn expect(&mut self, address: SocketAddr) -> Option<String> {
        self.expect_within(address, Duration::from_secs(60))
    }

    /// As [`World::expect`] with a limit.
    pub fn expect_within(&mut self, address: SocketAddr, limit: Duration) -> Option<String> {
        let end = self.now.instant.after(limit);
        loop {
            if let Some(message) = self.inboxes.get_mut(&address).and_then(VecDeque::pop_front) {
                return Some(message);
            }
            if !self.step(end) {
                return None;
            }
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.instant.after(time);
        while self.step(end) {}
        self.set_clock(end);
    }

    /// Everything that is waiting at an address, without letting time pass.
    pub fn drain(&mut self, address: SocketAddr) -> Vec<String> {
        self.inboxes
            .get_mut(&address)
            .map(|inbox| inbox.drain(..).collect())
            .unwrap_or_default()
    }

    /// Goes to the next event and serves it; false if there is none until `end`.
    fn step(&mut self, end: Instant) -> bool {
        let timeouts = self.nodes.iter().filter_map(|n| n.engine.next_timeout());
        let disks = self.nodes.iter().filter_map(|n| n.disk.next());
        let Some(at) = timeouts
            .chain(disks)
            .chain(self.net.next())
            .chain(self.mail.next())
            .min()
            .filter(|at| *at <= end)
        else {
            return false;
        };
        self.set_clock(at.max(self.now.instant));
        while let Some(packet) = self.net.arrive(self.now.instant) {
            self.deliver(packet);
        }
        self.hand_out();
        for index in 0..self.nodes.len() {
            self.serve_disk(index);
            if let Some(node) = self.nodes.get_mut(index)
                && node
                    .engine
                    .next_timeout()
                    .is_some_and(|t| t <= self.now.instant)
            {
                node.engine.handle_timeout(self.now, &mut node.out);
                self.drain_node(index);
            }
        }
        true
    }

    fn set_clock(&mut self, at: Instant) {
        self.now.unix = self.now.unix.saturating_add(at.since(self.now.instant));
        self.now.instant = at;
    }

    fn deliver(&mut self, packet: Packet) {
        let found = self.nodes.iter_mut().enumerate().find_map(|(index, node)| {
            let own = |l: &(Transport, SocketAddr)| l.1 == packet.to && l.0 == packet.transport;
            // An answer over a connection that the node opened comes back to the node's own port.
            let listener = node.listeners.iter().position(own)?;
            Some((index, ListenerId(u16::try_from(listener).ok()?)))
        });
        let Some((index, listener)) = found else {
            let text = String::from_utf8_lossy(&packet.bytes).into_owned();
            self.inboxes.entry(packet.to).or_default().push_back(text);
            return;
        };
        let connection = packet
            .transport
            .is_reliable()
            .then(|| connection(packet.from));
        let flow = Flow {
            listener,
            transport: packet.transport,
            remote: packet.from,
            connection,
        };
        let index = self.shard_for(index, &packet.bytes);
        if let Some(node) = self.nodes.get_mut(index) {
            node.engine
                .receive(self.now, flow, &packet.bytes, &mut node.out);
            self.drain_node(index);
        }
    }

    pub(crate) fn drain_node(&mut self, index: usize) {
        loop {
            let Some(node) = self.nodes.get_mut(index) else {
                return;
            };
            let mut out = std::mem::take(&mut node.out);
            node.log.append(&mut out.events);
            self.sought.append(&mut out.lookups);
            self.woken.append(&mut out.wakes);
            self.records.append(&mut out.records);
            let is_done = out.transmits.is_empty()
                && out.resolves.is_empty()
                && out.persists.is_empty()
                && out.demands.is_empty()
                && out.outcomes.is_empty()
                && out.notes.is_empty();
            if is_done {
                return;
            }
            node.disk.take(self.now, out.persists.drain(..));
            self.between_shards(index, &mut out);
            let Some(node) = self.nodes.get_mut(index) else {
                return;
            };
            for transmit in &out.transmits {
                let transport = transmit.to.transport();
                let (to, is_refused) = place_of(&transmit.to, &self.gone, &self.refusing);
                let from = node
                    .listeners
                    .get(usize::from(transmit.to.listener().0))
                    .map(|l| l.1);
                let Some(from) = from else { continue };
                if let (true, Some(token)) = (is_refused, transmit.token) {
                    node.engine.transmit_failed(self.now, token, &mut node.out);
                } else if !is_refused {
                    let packet = Packet {
                        transport,
                        from,
                        to,
                        bytes: out.message(transmit).to_vec(),
                    };
                    self.trace.push(packet.clone());
                    self.net
                        .send(self.now.instant, packet, self.faults, &mut self.chance);
                }
            }
            let asked = out.resolves.iter().map(|resolve| resolve.host.clone());
            self.asked.extend(asked);
            for resolve in out.resolves.iter().filter(|_| self.resolver_answers) {
                let port = resolve.port.unwrap_or(5060);
                let known = self.names.get(&resolve.host).cloned().unwrap_or_default();
                let transport = resolve.transport.unwrap_or(Transport::Udp);
                let places: Vec<_> = known
                    .iter()
                    .map(|a| (transport, SocketAddr::new(a.ip(), port)))
                    .collect();
                node.engine
                    .resolved(self.now, resolve.ticket, &places, &mut node.out);
            }
        }
    }

    fn launch(&mut self, packet: Packet) {
        self.gone.remove(&packet.from);
        self.trace.push(packet.clone());
        self.net
            .send(self.now.instant, packet, self.faults, &mut self.chance);
    }
}

pub(crate) fn listeners_of(config: &Config) -> Vec<(Transport, SocketAddr)> {
    let listeners = config.listeners.iter();
    listeners.map(|l| (l.transport, l.local)).collect()
}
