//! What crossed the sockets: Bellhop's own view of every message and its decisions, in its order, and
//! beside it what the simulated peers wrote to and read from their sockets. A message counts as crossed
//! if both ends have seen the same bytes.

#[cfg(test)]
mod tests;

use crate::driver::Observer;
use bellhop_core::{
    event::Event,
    flow::{Destination, Flow},
};
use bellhop_wire::{Limits, Message, Owned, Start};
use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Who takes part, in the order of the ladder's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Party {
    /// A phone.
    Alice,
    /// The program.
    Bellhop,
    /// A phone.
    Bob,
    /// The PBX.
    Pbx,
}

/// The record of a run.
#[derive(Debug)]
pub(super) struct Trace {
    start: Instant,
    peers: Vec<(SocketAddr, Party)>,
    seen: Mutex<Seen>,
}

/// One message of the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// What begins with it.
    pub(super) scene: Option<String>,
    /// When, since the first message.
    pub(super) at: Duration,
    /// Who sent it.
    pub(super) from: Party,
    /// To whom.
    pub(super) to: Party,
    /// The method, or the status code.
    pub(super) label: String,
    /// What kind it is.
    pub(super) kind: Kind,
    /// The start line.
    pub(super) line: String,
    /// What Bellhop decided about it.
    pub(super) decisions: Vec<String>,
    /// Whether it was seen at both ends.
    pub(super) crossed: bool,
    /// Whether the same bytes went the same way before.
    pub(super) again: bool,
}

/// What kind a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request.
    Request,
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// All others.
    Refusal,
}

#[derive(Debug, Default)]
struct Seen {
    bellhop: Vec<Row>,
    /// What the peers wrote and read.
    peers: Vec<AtPeer>,
    /// The scene that the next message of a peer begins.
    scene: Option<String>,
}

#[derive(Debug)]
struct Row {
    at: Duration,
    from: Party,
    to: Party,
    message: Owned,
    decisions: Vec<String>,
}

#[derive(Debug)]
struct AtPeer {
    at: Duration,
    from: Party,
    to: Party,
    message: Owned,
    scene: Option<String>,
}

impl Party {
    /// All of them, from left to right.
    pub(super) const ALL: [Self; 4] = [Self::Alice, Self::Bellhop, Self::Bob, Self::Pbx];

    /// What stands above its column.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bellhop => "bellhop",
            Self::Bob => "bob",
            Self::Pbx => "pbx",
        }
    }
}

impl Trace {
    /// An empty record of what these peers and Bellhop will say to each other.
    pub(super) fn new(peers: Vec<(SocketAddr, Party)>) -> Self {
        Self {
            start: Instant::now(),
            peers,
            seen: Mutex::default(),
        }
    }

    /// The next message that a peer writes begins this scene.
    pub(super) fn scene(&self, title: &str) {
        self.seen().scene = Some(title.to_owned());
    }

    /// A peer is about to write a message to its socket.
    pub(super) fn written(&self, by: Party, message: &Owned) {
        self.at_peer(by, Party::Bellhop, message);
    }

    /// A peer has read a message from its socket.
    pub(super) fn read(&self, by: Party, message: &Owned) {
        self.at_peer(Party::Bellhop, by, message);
    }

    /// The steps in Bellhop's order; at the end what never reached it.
    pub(super) fn steps(&self) -> Vec<Step> {
        let seen = self.seen();
        let mut left: Vec<&AtPeer> = seen.peers.iter().collect();
        let mut steps: Vec<Step> = Vec::new();
        for (number, row) in seen.bellhop.iter().enumerate() {
            let crossing = row.crossing();
            let other_end = left.iter().position(|p| p.crossing() == crossing);
            let other_end = other_end.map(|at| left.remove(at));
            let mut earlier = seen.bellhop.iter().take(number);
            steps.push(Step {
                crossed: other_end.is_some(),
                again: earlier.any(|r| r.crossing() == crossing),
                scene: other_end.and_then(|p| p.scene.clone()),
                decisions: row.decisions.clone(),
                ..Step::of(row.at, (row.from, row.to), row.message.message())
            });
        }
        for peer in left {
            let mut known = seen.bellhop.iter();
            let again = known.any(|row| row.crossing() == peer.crossing());
            steps.push(Step {
                scene: peer.scene.clone(),
                again,
                ..Step::of(peer.at, (peer.from, peer.to), peer.message.message())
            });
        }
        let first = steps.iter().map(|step| step.at).min().unwrap_or_default();
        for step in &mut steps {
            step.at = step.at.saturating_sub(first);
        }
        steps
    }

    fn at_peer(&self, from: Party, to: Party, message: &Owned) {
        let at = self.start.elapsed();
        let mut seen = self.seen();
        let scene = if to == Party::Bellhop {
            seen.scene.take()
        } else {
            None
        };
        seen.peers.push(AtPeer {
            at,
            from,
            to,
            message: message.clone(),
            scene,
        });
    }

    fn at_bellhop(&self, peer: SocketAddr, bytes: &[u8], is_from_peer: bool) {
        let at = self.start.elapsed();
        let Some(peer) = self.party(peer) else { return };
        let Ok(message) = Owned::parse(bytes, &Limits::default()) else {
            return;
        };
        let (from, to) = if is_from_peer {
            (peer, Party::Bellhop)
        } else {
            (Party::Bellhop, peer)
        };
        self.seen().bellhop.push(Row {
            at,
            from,
            to,
            message,
            decisions: Vec::new(),
        });
    }

    fn party(&self, address: SocketAddr) -> Option<Party> {
        let known = self.peers.iter().find(|(at, _)| *at == address);
        known.map(|(_, party)| *party)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Trace {
    fn received(&self, flow: &Flow, bytes: &[u8]) {
        self.at_bellhop(flow.remote, bytes, true);
    }

    fn sent(&self, to: &Destination, bytes: &[u8]) {
        self.at_bellhop(to.remote(), bytes, false);
    }

    /// A decision belongs to the last message of its Call-ID and method that came from there.
    fn event(&self, event: &Event) {
        let Some(from) = self.party(event.flow.remote) else {
            return;
        };
        let mut seen = self.seen();
        let row = seen.bellhop.iter_mut().rev().find(|row| {
            let message = row.message.message();
            row.from == from
                && message.call_id() == event.call_id.as_slice()
                && message.status().is_none_or(|s| s == event.status)
                && message
                    .cseq()
                    .is_ok_and(|(_, m)| m.as_bytes() == event.method.as_slice())
        });
        if let Some(row) = row {
            row.decisions.push(event.decision.to_string());
        }
    }
}

impl Row {
    fn crossing(&self) -> Crossing<'_> {
        (self.from, self.to, self.message.message().bytes())
    }
}

impl AtPeer {
    fn crossing(&self) -> Crossing<'_> {
        (self.from, self.to, self.message.message().bytes())
    }
}

/// From whom to whom, and what: two ends that have these alike have seen the same.
type Crossing<'m> = (Party, Party, &'m [u8]);

impl Step {
    fn of(at: Duration, (from, to): (Party, Party), message: Message<'_>) -> Self {
        let (label, kind) = match message.start() {
            Start::Request { method, .. } => (printable(method.as_bytes()), Kind::Request),
            Start::Response { status, .. } => {
                let kind = match status {
                    100..=199 => Kind::Provisional,
                    200..=299 => Kind::Success,
                    _ => Kind::Refusal,
                };
                (status.to_string(), kind)
            }
        };
        let line = message.bytes().split(|b| matches!(b, b'\r' | b'\n')).next();
        Self {
            scene: None,
            at,
            from,
            to,
            label,
            kind,
            line: printable(line.unwrap_or_default()),
            decisions: Vec::new(),
            crossed: false,
            again: false,
        }
    }
}

fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
