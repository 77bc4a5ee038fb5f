//! The network: packets on their way, with loss, duplication and reordering if asked for.

use crate::Chance;
use bellhop_core::flow::Transport;
use bellhop_core::time::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

/// What the network does to datagrams, in percent each. Streams arrive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Datagrams that vanish.
    pub loss: u64,
    /// Datagrams that arrive twice.
    pub duplication: u64,
    /// Datagrams that arrive up to 60 ms late.
    pub reordering: u64,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// How it travels.
    pub transport: Transport,
    /// Whence.
    pub from: SocketAddr,
    /// Whither.
    pub to: SocketAddr,
    /// One message.
    pub bytes: Vec<u8>,
}

/// Packets in flight, in the order they arrive.
#[derive(Debug, Default)]
pub(crate) struct Net {
    flying: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    packets: Vec<Option<Packet>>,
    sequence: u64,
}

impl Net {
    pub(crate) fn send(
        &mut self,
        now: Instant,
        packet: Packet,
        faults: Faults,
        chance: &mut Chance,
    ) {
        let is_datagram = !packet.transport.is_reliable();
        if is_datagram && chance.happens(faults.loss) {
            return;
        }
        if is_datagram && chance.happens(faults.duplication) {
            self.launch(now, packet.clone(), Duration::from_millis(chance.below(60)));
        }
        let late = if is_datagram && chance.happens(faults.reordering) {
            chance.below(60)
        } else {
            0
        };
        self.launch(now, packet, Duration::from_millis(late));
    }

    /// When the next packet arrives.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.flying.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn arrive(&mut self, now: Instant) -> Option<Packet> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, _, slot)) = self.flying.pop()?;
        self.packets.get_mut(slot)?.take()
    }

    fn launch(&mut self, now: Instant, packet: Packet, late: Duration) {
        self.sequence = self.sequence.saturating_add(1);
        let at = now.after(LATENCY).after(late);
        self.flying
            .push(Reverse((at, self.sequence, self.packets.len())));
        self.packets.push(Some(packet));
    }
}

/// One way.
const LATENCY: Duration = Duration::from_millis(1);
