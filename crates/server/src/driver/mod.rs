//! Moves bytes and time between the sockets and the shards of the core: W worker threads, each with its
//! own runtime and its own UDP sockets; a message is handled to its end by the worker that read it, under
//! the lock of the shard its Call-ID belongs to, and no shard is held over I/O.

mod answers;
mod clock;
mod pulse;
mod refuse;
mod report;
mod send;
mod shard;
mod start;
#[cfg(test)]
mod tests;
mod traffic;
mod turn;
mod worker;

pub(crate) use answers::{Answer, Answers, Heard};
pub(crate) use clock::{Clock, OsEntropy};
pub(crate) use pulse::{Live, Pulse};
pub(crate) use report::{Problem, problem};
pub(crate) use shard::{Core, Shard, Shards};
pub(crate) use start::{Driver, Parts};
pub(crate) use traffic::{Sum, Traffic};
pub(crate) use turn::Turn;
pub(crate) use worker::{WebRules, Worker};

use bellhop_core::{
    event::Event,
    flow::{Destination, Flow},
};

/// Sees every message and event as it passes, on the worker's thread: for ladders, traces, metrics.
pub(crate) trait Observer: Send + Sync {
    /// A message came in.
    fn received(&self, flow: &Flow, bytes: &[u8]) {
        let _ = (flow, bytes);
    }

    /// A message goes out.
    fn sent(&self, to: &Destination, bytes: &[u8]) {
        let _ = (to, bytes);
    }

    /// The core decided something.
    fn event(&self, event: &Event) {
        let _ = event;
    }
}
